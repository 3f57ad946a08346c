"""Augmented images, kept for the next trial of the process that sees the same ones.

Augmentation is a function of (images, policy, seed, epoch, sample): trials that differ in their
masks, or in what they learn, see the same augmented images.
"""

from collections.abc import Callable, Hashable

from torch import Tensor

_LIMIT = 256 * 2**20


class AugmentedCache:
    """The parts of one stream of augmented images, up to a limit.

    Nothing is dropped to make room: trials walk through a stream from its beginning, so what comes
    first is what the next one needs first.

    Args:
        limit: bytes to keep.
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._stream: Hashable = None
        self._kept: dict[Hashable, Tensor] = {}

    def get(self, stream: Hashable, part: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """A part of a stream, made unless it is kept. The caller must not change it.

        Args:
            stream: all that the stream's images depend on; a new one replaces the one before.
            part: names some of its images.
            make: makes them.
        """
        if stream != self._stream:
            self._stream, self._kept = stream, {}
        if part not in self._kept:
            images = make()
            if self._used + images.nbytes > self._limit:
                return images
            self._kept[part] = images
        return self._kept[part]

    @property
    def _used(self) -> int:
        return sum(tensor.nbytes for tensor in self._kept.values())
