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
    first is what the next one asks for first.

    Args:
        limit: bytes to keep.
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._stream: Hashable = None
        self._kept: dict[Hashable, Tensor] = {}

    def get(self, stream: Hashable, part: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """A part of a stream, made if it is not kept; not to be changed.

        Args:
            stream: all that the stream's images depend on; another one takes this one's place.
            part: which images of it.
        """
        if stream != self._stream:
            self._stream, self._kept = stream, {}
        if part not in self._kept:
            made = make()
            if self._used + made.nbytes > self._limit:
                return made
            self._kept[part] = made
        return self._kept[part]

    @property
    def _used(self) -> int:
        return sum(tensor.nbytes for tensor in self._kept.values())
