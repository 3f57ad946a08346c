"""torchvision's AutoAugment for a whole batch, drawn for each image on its own.

torchvision's transform draws one sub-policy for everything it is given, so applied to a batch it
treats all images alike. Here each image has its own draw; images that need the same operation
are gathered, go through torchvision's batched kernel once, and are put back. The pixels are those
of torchvision applied to one image at a time.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from model.augment.equalize import equalize
from model.augment.geometric import GEOMETRIC_OPS, apply_geometric
from model.augment.sharpness import sharpen
from model.config.training import AugmentConfig
from model.device import to_device
from model.rng import Stream, uniform

_CHUNK_CPU = 1024  # images at a time: groups large enough to pay for a call, yet in the cache
_CHUNK_GPU = 4096  # a chunk costs hundreds of kernel launches whatever its size
_BINS = 10  # magnitude levels (Cubuk et al., arXiv 1805.09501, section 4)
_GREY = 128  # of the code beside Cubuk et al.; torchvision itself fills with black
_NOTHING = 0  # code of "leave the image as it is"


class _Operation(NamedTuple):
    name: str
    """torchvision's name."""
    magnitude: float
    """In the operation's own unit, signed."""


class _Policy(NamedTuple):
    transform: Any
    """torchvision's transform, which applies an operation by name."""
    operations: tuple[_Operation, ...]
    """Operation of code 1, 2, ..."""
    chances: Tensor
    """(25, 2) float64: how often each of a sub-policy's two operations is applied."""
    codes: Tensor
    """(25, 2, 2) int64: code of each operation with its magnitude as given, and negated."""


def augment(
    images: Tensor, config: AugmentConfig, seed: int, epoch: int, sample_ids: Tensor
) -> Tensor:
    """Augment each image by its own draw, a function of (seed, epoch, sample).

    The policy is AutoAugment's for ImageNet (Cubuk et al. 2019, arXiv 1805.09501) as torchvision's
    tensor kernels have it: nearest sampling, black or grey fill. Where `config.flip` is set, half
    of the images are mirrored after it.

    Args:
        images: (N, 3, S, S) uint8; left unchanged.
        sample_ids: (N,) int64, indices of images in their whole set. Keep them on the CPU: which
            images form a group is worked out there.

    Returns:
        (N, 3, S, S) uint8 on the device of `images`; `images` itself where nothing is to be done.

    Raises:
        TypeError: the images are not uint8. On floats several operations mean something else.
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"augment needs uint8 images, not {images.dtype}")
    sample_ids = sample_ids.cpu()
    if config.policy != "none":
        policy = _imagenet(config.policy)
        images = _autoaugment(images, policy, _draw(policy, seed, epoch, sample_ids))
    if config.flip:
        mirrored = uniform(seed, Stream.FLIP, epoch, sample_ids, 1) < 0.5  # (N, 1)
        chosen = to_device(mirrored, images.device)[:, :, None, None]
        images = torch.where(chosen, images.flip(-1), images)
    return images


def _draw(policy: _Policy, seed: int, epoch: int, sample_ids: Tensor) -> Tensor:
    """Codes of the two operations of each sample: (N,) -> (N, 2) int64."""
    numbers = uniform(seed, Stream.AUGMENT, epoch, sample_ids, 5)  # sub-policy, 2 coins, 2 signs
    chosen = (numbers[:, 0] * len(policy.chances)).long()
    applied = numbers[:, 1:3] <= policy.chances[chosen]
    negated = (numbers[:, 3:5] <= 0.5).long()
    codes = policy.codes[chosen].gather(2, negated[:, :, None]).squeeze(2)
    return codes.where(applied, _NOTHING)


def _autoaugment(images: Tensor, policy: _Policy, codes: Tensor) -> Tensor:
    """(N, 3, S, S) uint8, (N, 2) codes on the CPU -> a new tensor like `images`."""
    result = images.clone(memory_format=torch.contiguous_format)
    chunk = _CHUNK_GPU if images.is_cuda else _CHUNK_CPU
    pairs = zip(torch.split(result, chunk), torch.split(codes, chunk), strict=True)
    for part, part_codes in pairs:
        for stage in (0, 1):
            _apply(part, policy, part_codes[:, stage])
    return result


def _apply(images: Tensor, policy: _Policy, codes: Tensor) -> None:
    """One operation for each image, in place: (N, 3, S, S), (N,) codes on the CPU."""
    transform = policy.transform
    kernel = transform._apply_image_or_video_transform
    for code, index in _groups(codes, images):
        name, magnitude = policy.operations[code - 1]
        # Both calls are faster on a CPU than indexing with brackets.
        group = images.index_select(0, index)
        # The first where torchvision is slow, the others where it makes the host wait for a GPU.
        if name == "Equalize" and images.device.type == "cpu":
            group = equalize(group)
        elif name in GEOMETRIC_OPS:
            group = apply_geometric(group, transform, name, magnitude)
        elif name == "Sharpness":
            group = sharpen(group, 1 + magnitude)
        else:
            group = kernel(group, name, magnitude, transform.interpolation, transform._fill)
        _words(images).index_copy_(0, index, _words(group.contiguous()))


def _words(images: Tensor) -> Tensor:
    """The same memory in eights of bytes, which move eight times as fast.

    (N, 3, S, S) contiguous -> (N, words of an image).
    """
    rows = images.flatten(1)
    return rows if rows.shape[1] % 8 else rows.view(torch.int64)


def _groups(codes: Tensor, images: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Each code that occurs, with the positions of its images, on the images' device."""
    order = codes.argsort(stable=True)
    counts = codes.bincount().tolist()
    # One copy moves the positions of all groups.
    for code, index in enumerate(torch.split(to_device(order, images.device), counts)):
        if code != _NOTHING and len(index):
            yield code, index


@cache
def _imagenet(name: str) -> _Policy:
    """torchvision's own table of the ImageNet policy, its operations numbered."""
    from torchvision.transforms import v2  # costs seconds

    fill = _GREY if name == "autoaugment-grey" else None
    transform = v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET, v2.InterpolationMode.NEAREST, fill)
    numbers: dict[_Operation, int] = {}
    chances, codes = [], []
    for pair in transform._policies:
        chances.append([chance for _, chance, _ in pair])
        signed = [_both_signs(transform, name, level) for name, _, level in pair]
        codes.append([[numbers.setdefault(one, len(numbers) + 1) for one in two] for two in signed])
    table = torch.tensor(chances, dtype=torch.float64)
    return _Policy(transform, tuple(numbers), table, torch.tensor(codes))


def _both_signs(transform: Any, name: str, level: int | None) -> tuple[_Operation, _Operation]:
    """An operation as given and negated; twice the same where its magnitude has no sign."""
    magnitudes, signed = transform._AUGMENTATION_SPACE[name]
    # No operation of the ImageNet policy depends on the image's size.
    magnitude = 0.0 if level is None else float(magnitudes(_BINS, 1, 1)[level])
    return _Operation(name, magnitude), _Operation(name, -magnitude if signed else magnitude)
