"""Masks of the public UVCGANv2 code: bit for bit, whoever asks for which of them, and when."""

import numpy as np
import pytest
import torch
from checkout import GOLDEN
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_trials import CPU, IMAGES, finetune, images_of, pretrain
from torch import Tensor

from model.config.masking import MaskConfig
from model.data.image_set import split
from model.masking.uvcgan2_stream import StreamedMasks
from model.objectives.objectives import Reconstruction, build_objective
from model.training.batches import BatchLoader

_GOLDEN = np.load(GOLDEN / "uvcgan2_masks_seed0.npz")
_CONFIG = MaskConfig(mode="uvcgan2", patch_size=4, ratio=0.5)
_RECIPE = pretrain(mask=_CONFIG)


def _one_by_one(count: int) -> Tensor:
    """The first masks of the stream, drawn as that code draws them: batch after batch of one."""
    generator = torch.Generator().manual_seed(0)
    grids = [torch.rand((1, 4, 4), generator=generator) > 0.5 for _ in range(count)]
    return torch.cat(grids).repeat_interleave(4, 1).repeat_interleave(4, 2)[:, None]


@pytest.mark.parametrize("name", _GOLDEN.files)
def test_equal_those_of_uvcgan2(name: str) -> None:
    config = MaskConfig(patch_size=int(name[1]), ratio=int(name[4:]) / 100, mode="uvcgan2")
    stream = StreamedMasks(config, 64)
    masks = torch.stack([stream.at(torch.arange(start, start + 4)) for start in (0, 4)])
    # Two successive batches of four, as that code drew them.
    size = config.patch_size
    assert np.array_equal(masks[:, :, 0, ::size, ::size].numpy(), _GOLDEN[name])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sets(st.integers(0, 40), min_size=1), min_size=1, max_size=5))
def test_a_place_has_one_mask_in_whatever_order_it_is_asked_for(asked: list[set[int]]) -> None:
    stream, expected = StreamedMasks(_CONFIG, 16), _one_by_one(41)
    for places in asked:
        ordered = torch.tensor(sorted(places))
        assert torch.equal(stream.at(ordered), expected[ordered])


def test_skipping_in_pieces_loses_no_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.masking.uvcgan2_stream._SKIPPED_AT_ONCE", 7)
    assert torch.equal(StreamedMasks(_CONFIG, 16).at(torch.tensor([40])), _one_by_one(41)[40:])


def test_an_uneven_patch_is_refused() -> None:
    with pytest.raises(ValueError, match="patch_size 4 does not divide the 18-pixel image"):
        StreamedMasks(_CONFIG, 18)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_run_takes_them_in_turn_from_epoch_to_epoch(workers: int) -> None:
    samples = split(images_of(), IMAGES).train
    expected = _one_by_one(2 * len(samples))
    for rank in range(workers):
        loader = BatchLoader(images_of(), _RECIPE, rank, workers, CPU)
        objective = build_objective(_RECIPE, 2)
        assert isinstance(objective, Reconstruction)
        for epoch in (1, 2):
            for step, part in enumerate(loader.training(samples, epoch)):
                # Place in the run: whole epochs, whole batches of three, every `workers`-th image.
                start = (epoch - 1) * len(samples) + step * 3
                batch = range(start, min(start + 3, epoch * len(samples)))
                places = list(batch)[rank::workers] or [start]
                assert torch.equal(objective.shown(part.batch), expected[places])


def test_each_pass_of_held_out_images_starts_the_stream_anew() -> None:
    samples = split(images_of(), IMAGES).val
    loader = BatchLoader(images_of(), _RECIPE, 0, 1, CPU)
    objective = build_objective(_RECIPE, 2)
    assert isinstance(objective, Reconstruction)
    # Training in between does not move it.
    for _ in range(2):
        (part,) = loader.held_out(samples)
        assert torch.equal(objective.shown(part.batch), _one_by_one(len(samples)))
        objective.shown(next(loader.training(samples, 1)).batch)


def test_places_count_every_image_that_was_trained_on_before() -> None:
    loader = BatchLoader(images_of(), finetune(), 0, 2, CPU)
    places = [part.batch.positions.tolist() for part in loader.training(np.arange(5), 3)]
    # Ten images went before, in two epochs of five; batches of three, every second image.
    assert places == [[10, 12], [13]]
