"""Reading an exported folder: what is wrong with it is said, in one line."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from torchvision.transforms import v2

from model.config.masking import MaskConfig
from model.config.network import ModelConfig
from model.data.decode import decode
from model.errors import InputError
from model.pretrained import ExportConfig, build, load

NETWORK = ModelConfig(channels=(4, 8), features=8, embed=8, heads=2, blocks=1, ffn=16)
PRETRAIN = ExportConfig(task="restore", image_size=16, model=NETWORK, mask=MaskConfig(ratio=0.5))
FINETUNE = ExportConfig(task="classify", image_size=16, model=NETWORK, num_classes=3)


def write(folder: Path, config: ExportConfig) -> Path:
    (folder / "config.json").write_text(config.model_dump_json())
    weights = {name: value + 1 for name, value in build(config).state_dict().items()}
    safetensors.torch.save_file(weights, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("config", [PRETRAIN, FINETUNE], ids=["pretrain", "finetune"])
def test_weights_are_those_of_the_file(tmp_path: Path, config: ExportConfig) -> None:
    trained = load(write(tmp_path, config))
    assert trained.config == config
    assert not trained.network.training
    for name, value in build(config).state_dict().items():
        assert torch.equal(trained.network.state_dict()[name], value + 1)


@pytest.mark.parametrize("mode", ["bernoulli", "exact", "block", "uvcgan2"])
def test_every_mask_of_a_pretraining_can_be_drawn(tmp_path: Path, mode: str) -> None:
    config = PRETRAIN.model_copy(
        update={"mask": MaskConfig.model_validate({"mode": mode, "ratio": 0.5})}
    )
    images = torch.rand(64, 3, 16, 16)
    masked, shown = load(write(tmp_path, config)).masked(images, seed=3)
    assert torch.equal(masked, images * shown)
    assert shown.float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_a_classifier_restores_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="classify"):
        load(write(tmp_path, FINETUNE)).masked(torch.rand(1, 3, 16, 16))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json: cannot be read: No such file"):
        load(tmp_path)
    (write(tmp_path, FINETUNE) / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"model\.safetensors: no readable weights"):
        load(tmp_path)


def test_cut_weights_are_no_weights(tmp_path: Path) -> None:
    path = write(tmp_path, FINETUNE) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="no readable weights"):
        load(tmp_path)


def test_weights_of_another_network_do_not_fit(tmp_path: Path) -> None:
    other = FINETUNE.model_copy(update={"num_classes": 4})
    (write(tmp_path, FINETUNE) / "config.json").write_text(other.model_dump_json())
    with pytest.raises(InputError, match=r"does not fit config\.json: .*size mismatch"):
        load(tmp_path)


def test_an_unknown_field_is_named(tmp_path: Path) -> None:
    config = json.loads(FINETUNE.model_dump_json()) | {"licence": "x"}
    (write(tmp_path, FINETUNE) / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"config\.json: licence: "):
        load(tmp_path)


# --- pictures ---------------------------------------------------------------------------------


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Noise of every value."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, bands), np.uint8)
    return Image.fromarray(pixels if bands > 1 else pixels[:, :, 0], mode)


def as_png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def decoded(image: Image.Image) -> torch.Tensor:
    """The pixels that training would see of the image's file."""
    return torch.from_numpy(decode(as_png(image), 16).pixels) / 255


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA"])
@pytest.mark.parametrize("size", [(16, 16), (40, 23), (23, 40), (9, 9), (61, 60)])
def test_pictures_become_the_decoders_pixels(
    tmp_path: Path, mode: str, size: tuple[int, int]
) -> None:
    trained, image = load(write(tmp_path, FINETUNE)), picture(*size, mode)
    expected = decoded(image)[None]
    assert torch.equal(trained.preprocess(image), expected)
    # As a file too, by its path.
    (tmp_path / "picture.png").write_bytes(as_png(image))
    assert torch.equal(trained.preprocess(tmp_path / "picture.png"), expected)
    assert torch.equal(trained.preprocess(str(tmp_path / "picture.png")), expected)


def test_tensors_are_pictures_too(tmp_path: Path) -> None:
    trained = load(write(tmp_path, FINETUNE))
    pixels = torch.from_numpy(np.stack([np.asarray(picture(30, 20)), np.asarray(picture(30, 20))]))
    batch = pixels.permute(0, 3, 1, 2)
    expected = decoded(picture(30, 20)).expand(2, -1, -1, -1)
    assert torch.equal(trained.preprocess(batch), expected)
    assert torch.equal(trained.preprocess(batch[0]), expected[:1])


def test_torchvision_agrees_on_the_pixels(tmp_path: Path) -> None:
    trained = load(write(tmp_path, FINETUNE))
    for width, height in ((40, 23), (23, 40), (61, 60)):
        image, short = picture(width, height), min(width, height)
        corner = (height - short) // 2, (width - short) // 2
        cut = v2.functional.crop(image, *corner, short, short)
        small = v2.functional.resize(cut, [16, 16], v2.InterpolationMode.BICUBIC)
        pixels = v2.functional.pil_to_tensor(small)
        assert torch.equal(trained.preprocess(image)[0] * 255, pixels.float())


def test_pictures_are_turned_upright(tmp_path: Path) -> None:
    trained, upright = load(write(tmp_path, FINETUNE)), picture(20, 30)
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[0x0112] = 6  # to be shown turned right by a quarter
    assert torch.equal(trained.preprocess(turned), trained.preprocess(upright))


def test_predictions_are_the_networks_outputs_for_all_pictures(tmp_path: Path) -> None:
    trained, images = load(write(tmp_path, FINETUNE)), [picture(40, 23), picture(20, 20)]
    logits = trained.predict(images)
    with torch.inference_mode():
        expected = trained.network(torch.stack([decoded(image) for image in images]))
    assert logits.shape == (2, 3)
    torch.testing.assert_close(logits, expected)


def test_a_network_that_restores_predicts_from_behind_its_masks(tmp_path: Path) -> None:
    trained, image = load(write(tmp_path, PRETRAIN)), picture(40, 23)
    masked, _ = trained.masked(decoded(image)[None], seed=3)
    torch.testing.assert_close(trained.predict(image, seed=3), trained.outputs(masked))


def test_outputs_are_in_the_precision_of_the_measurements(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("fp32", "bf16")]
    for folder in folders:
        folder.mkdir()
        write(folder, FINETUNE.model_copy(update={"precision": folder.name}))
    exact, rounded = (load(folder).predict(picture(16, 16)) for folder in folders)
    assert exact.dtype == rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(exact, rounded, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (torch.rand(3, 9, 9), r"torch\.float32 of shape \(3, 9, 9\): give uint8"),
        (torch.zeros(1, 1, 9, 9, dtype=torch.uint8), r"of shape \(1, 1, 9, 9\): give uint8"),
        (Path("nowhere.png"), r"nowhere\.png: cannot be read: No such file"),
    ],
)
def test_what_is_not_a_picture_is_named(tmp_path: Path, images: object, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        load(write(tmp_path, FINETUNE)).predict(images)


def test_an_export_from_before_says_as_much_as_it_did(tmp_path: Path) -> None:
    folder = write(tmp_path, FINETUNE)
    config = json.loads((folder / "config.json").read_text())
    del config["preprocessing"], config["precision"]
    (folder / "config.json").write_text(json.dumps(config))
    assert load(folder).config == FINETUNE
