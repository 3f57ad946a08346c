"""What reaches a device is what was sent."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model import device as module
from model.device import copy_to_device, to_device, use_ieee

CPU = torch.device("cpu")


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_images_are_copied_slice_by_slice(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLICE", 4)
    images = np.random.default_rng(0).integers(0, 256, (9, 3, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")[:count]
    # Fewer than a slice, whole slices, and a rest; from a map that cannot be written to.
    assert torch.equal(copy_to_device(mapped, CPU), torch.from_numpy(images[:count]))


def test_a_column_arrives_as_it_is() -> None:
    pairs = torch.arange(6).view(3, 2)
    assert to_device(pairs[:, 1], CPU).tolist() == [1, 3, 5]


def test_single_precision_is_not_rounded_to_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    use_ieee(CPU)
    assert torch.backends.cudnn.allow_tf32
    use_ieee(torch.device("cuda"))
    assert not torch.backends.cudnn.allow_tf32
    # Nor are matrix products, by PyTorch's default; reading the two ways of setting it is allowed.
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.gpu
def test_a_gpu_gets_the_same() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    pairs = torch.arange(6).view(3, 2)
    assert to_device(pairs[:, 1], torch.device("cuda")).tolist() == [1, 3, 5]
