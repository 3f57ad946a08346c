"""Reading an exported folder: what is wrong with it is said, in one line."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from model.config.masking import MaskConfig
from model.config.network import ModelConfig
from model.errors import InputError
from model.pretrained import ExportConfig, build, load

NETWORK = ModelConfig(channels=(4, 8), features=8, embed=8, heads=2, blocks=1, ffn=16)
PRETRAIN = ExportConfig(kind="pretrain", image_size=16, model=NETWORK, mask=MaskConfig(ratio=0.5))
FINETUNE = ExportConfig(kind="finetune", image_size=16, model=NETWORK, num_classes=3)


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
    with pytest.raises(InputError, match="finetune"):
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
