from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from model.analysis import naive_fills as module
from model.analysis.naive_fills import fill_losses, fill_losses_of_recipe, inpaint, sigma
from model.config.images import SyntheticImages
from model.config.masking import MaskConfig
from model.config.network import ModelConfig
from model.config.recipe import RestoreRecipe
from model.config.training import RestoreConfig
from model.data.image_set import split
from model.data.load import load
from model.masking.masks import visible
from model.objectives.objectives import Batch, Reconstruction
from model.rng import Key, Stream


def _shown(num: int, side: int, patch: int = 4, ratio: float = 0.4) -> Tensor:
    key = Key(0, Stream.VALIDATION_MASK, 0)
    return visible(MaskConfig(patch_size=patch, ratio=ratio), side, key, torch.arange(num))


def _smooth(num: int, side: int) -> Tensor:
    """uint8 colour gradients: neighbours resemble each other, as in photographs."""
    coarse = torch.rand(num, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 255
    return torch.nn.functional.interpolate(coarse, side, mode="bilinear").to(torch.uint8)


def _slow(image: npt.NDArray[np.float64], shown: npt.NDArray[np.bool_], width: float) -> Tensor:
    """Every hidden pixel as the mean of all visible ones, weighted by distance."""
    result = image.copy()
    rows, columns = np.nonzero(shown)
    for row, column in np.argwhere(~shown):
        far = (rows - row) ** 2 + (columns - column) ** 2
        weight = np.exp(-far / (2 * width**2))
        result[:, row, column] = (image[:, rows, columns] * weight).sum(axis=1) / weight.sum()
    return torch.from_numpy(result)


@pytest.mark.parametrize("patch", [2, 4, 8])
def test_inpainting_equals_the_slow_version(patch):
    images, shown = _smooth(3, 16).double() / 255, _shown(3, 16, patch)
    expected = [
        _slow(image.numpy(), seen[0].numpy(), sigma(patch))
        for image, seen in zip(images, shown, strict=True)
    ]
    torch.testing.assert_close(
        inpaint(images, shown, patch), torch.stack(expected), rtol=1e-5, atol=0
    )


def test_errors_equal_those_counted_by_hand():
    images, shown = _smooth(5, 16), _shown(5, 16)
    found = fill_losses(images, shown, 4)
    scaled, seen = images.double().numpy() / 255, shown.expand_as(images).numpy()
    # Hidden pixels become black: their own values are the error, over all pixels.
    assert found["zero"] == pytest.approx((scaled * ~seen).mean(), rel=1e-5)
    centre = [
        [scaled[n, c][seen[n, c]].mean() * np.ones((16, 16)) for c in range(3)] for n in range(5)
    ]
    assert found["mean"] == pytest.approx((abs(scaled - np.array(centre)) * ~seen).mean(), rel=1e-5)
    inpainted = inpaint(images / 255, shown, 4).numpy()
    assert found["gaussian"] == pytest.approx(abs(inpainted - scaled).mean(), rel=1e-4)


def test_over_hidden_pixels_an_image_with_none_has_no_part() -> None:
    images = torch.randint(1, 256, (3, 3, 16, 16), dtype=torch.uint8)
    shown = torch.ones(3, 1, 16, 16, dtype=torch.bool)
    shown[0, :, :8, :8] = False
    shown[1, :, 0, 0] = False
    # Black costs a pixel its own light: the mean light of the 64 + 1 hidden pixels, channel by
    # channel, whatever the third image is.
    hidden = [*images[0, :, :8, :8].flatten().tolist(), *images[1, :, 0, 0].tolist()]
    expected = sum(hidden) / len(hidden) / 255
    assert len(hidden) == 3 * 65
    masked = fill_losses(images, shown, 8, "masked")
    assert masked["zero"] == pytest.approx(expected, rel=1e-6)
    # Of all pixels the same errors are a share.
    whole = fill_losses(images, shown, 8, "all")
    for name in ("zero", "mean", "gaussian"):
        assert whole[name] == pytest.approx(masked[name] * 65 / (3 * 256), rel=1e-6)


def test_no_hidden_pixel_has_no_mean() -> None:
    everything = torch.ones(2, 1, 16, 16, dtype=torch.bool)
    with pytest.raises(ValueError, match="no hidden pixel"):
        fill_losses(_smooth(2, 16), everything, 4, "masked")


@pytest.mark.parametrize("patch", [2, 4, 8])
def test_better_restorations_score_better(patch):
    found = fill_losses(_smooth(40, 64), _shown(40, 64, patch), patch)
    # On smooth images each step uses more of what is visible.
    assert found["gaussian"] < found["mean"] < found["zero"]
    # Black instead of the mid-grey of these images, in 40 % of the pixels.
    assert found["zero"] == pytest.approx(0.4 * 0.5, rel=0.1)


def test_larger_patches_and_ratios_are_harder():
    images = _smooth(40, 64)
    found = [
        [fill_losses(images, _shown(40, 64, p, r), p)["gaussian"] for r in (0.2, 0.4, 0.6)]
        for p in (2, 4, 8)
    ]
    # As in table 1 of Terentiev & Ivanenko (2024), along both axes.
    assert (np.diff(found, axis=0) > 0).all()
    assert (np.diff(found, axis=1) > 0).all()


def test_nothing_hidden_is_no_error():
    everything = torch.ones(2, 1, 16, 16, dtype=torch.bool)
    assert set(fill_losses(_smooth(2, 16), everything, 4).values()) == {0}


def test_images_of_one_colour_are_restored():
    images = torch.full((2, 3, 16, 16), 90, dtype=torch.uint8)
    found = fill_losses(images, _shown(2, 16), 4)
    assert found["mean"] == pytest.approx(0, abs=1e-6)
    assert found["gaussian"] == pytest.approx(0, abs=1e-6)


def test_pixels_out_of_reach_get_the_mean_colour():
    images = torch.rand(1, 3, 64, 64)
    corner = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    corner[..., 0, :2] = True
    restored = inpaint(images, corner, 2)
    # The far corner is 62 standard deviations away.
    torch.testing.assert_close(restored[0, :, 63, 63], images[0, :, 0, :2].mean(dim=1))
    assert restored.isfinite().all()
    # Without a single visible pixel there is no colour either.
    assert inpaint(images, torch.zeros_like(corner), 2).count_nonzero() == 0


def test_chunks_change_no_number(monkeypatch):
    images, shown = _smooth(7, 16), _shown(7, 16)
    whole = fill_losses(images, shown, 4)
    monkeypatch.setattr(module, "_CHUNK", 3)
    assert fill_losses(images, shown, 4) == pytest.approx(whole, rel=1e-6)


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="no images"):
        fill_losses(_smooth(1, 16)[:0], _shown(1, 16)[:0], 4)


@pytest.mark.parametrize("mode", ["bernoulli", "uvcgan2"])
def test_a_trials_yardsticks_use_the_masks_it_was_validated_with(
    tmp_path: Path, mode: Literal["bernoulli", "uvcgan2"]
) -> None:
    data = SyntheticImages(image_size=16, num_classes=2, train_per_class=2, val_per_class=4)
    recipe = RestoreRecipe(
        seed=3,
        data=data,
        train=RestoreConfig(mask=MaskConfig(mode=mode)),
        model=ModelConfig(channels=(4,), features=4, embed=4, heads=1, blocks=1, ffn=4),
    )
    image_set = load(data, tmp_path)
    rows = torch.from_numpy(split(image_set, data).val)
    images = torch.from_numpy(image_set.images[rows.numpy()]).float() / 255
    numbers = torch.arange(len(rows))
    batch = Batch(images, numbers, rows, None, numbers)
    objective = Reconstruction(recipe, 2)
    masked = objective.masked(batch, objective.shown(batch))
    # Black is what the network itself is shown: the loss of giving it back unchanged.
    expected = float((masked - images).abs().mean())
    fills = fill_losses_of_recipe(recipe, image_set)
    assert fills.losses["zero"] == pytest.approx(expected, rel=1e-5)
    # Every pixel of these images has some light, so that a hidden one is one that changed.
    hidden = (masked != images).any(dim=1).double().mean()
    assert fills.hidden_share == pytest.approx(float(hidden), abs=1e-6)
