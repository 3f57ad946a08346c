"""From a data configuration to its images: `resolve` finds and fingerprints, `load` decodes."""

import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.config.images import DataConfig, ImageFolder, SyntheticImages, TinyImageNet
from model.data import folder, tiny_imagenet
from model.data.cache import Source, load_or_build
from model.data.decode import DecodeError, decode
from model.data.files import Files, FolderFiles, open_files, thread_count
from model.data.image_set import ImageSet
from model.data.listing import Entry, Listing
from model.data.synthetic import SyntheticSource
from model.errors import InputError

_BLOCK = 512
"""Images decoded before they are written: 6 MiB at 64 pixels."""


def resolve(config: DataConfig) -> DataConfig:
    """Finds the images and fills in the fingerprint of their content; decodes none.

    Raises:
        InputError: the images are missing, incomplete or laid out otherwise, a class is unknown or
            without images, or `config.fingerprint` is set and the images are no longer those.
    """
    with _open(config) as source:
        return config.model_copy(update={"fingerprint": source.fingerprint})


def load(config: DataConfig, cache: Path) -> ImageSet:
    """The decoded images, from `cache` or, the first time, decoded into it.

    Several processes may call it at once: one decodes, the others wait. With a fingerprint and a
    cache that holds it, the images' own path is not looked at.

    Raises:
        InputError: as `resolve`; images do not decode; the cache cannot be written.
    """
    fingerprint = config.fingerprint or resolve(config).fingerprint
    assert fingerprint is not None
    return load_or_build(cache.expanduser(), fingerprint, partial(_open, config))


def unread(config: DataConfig) -> str | None:
    """Images in the study's folder that nothing will read, on one line; None if there are none."""
    if not isinstance(config, ImageFolder):
        return None
    try:
        return folder.unread(FolderFiles(config.path.expanduser()), config)
    except (OSError, InputError):
        return None  # `resolve` says what is wrong


class _FileSource:
    """Images of files, decoded in threads."""

    def __init__(self, files: Files, listing: Listing, image_size: int) -> None:
        label = {name: index for index, name in enumerate(listing.class_names)}
        found = [entry.found for entry in listing.entries]
        self._files, self._entries = files, listing.entries
        self.class_names = listing.class_names
        self.labels = np.array([label[image.class_name] for image in found], dtype=np.int64)
        self.is_val = np.array([image.is_val for image in found], dtype=np.bool_)
        self.image_size = image_size
        self.fingerprint = listing.fingerprint(image_size)

    def blocks(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Raises InputError after the last image: how many do not decode, and the first of them."""
        failures: list[str] = []
        with ThreadPoolExecutor(thread_count()) as pool:
            for start in range(0, len(self._entries), _BLOCK):
                decoded = list(pool.map(self._decode, self._entries[start : start + _BLOCK]))
                failures += [result for result in decoded if isinstance(result, str)]
                if not failures:
                    yield np.stack([result for result in decoded if not isinstance(result, str)])
        if failures:
            raise InputError(self._sum_up(failures))

    def _decode(self, entry: Entry) -> npt.NDArray[np.uint8] | str:
        """(3, S, S), or why there is none."""
        try:
            data = self._files.read(entry.found.file)
            # Else the pixels would not be those of the fingerprint.
            if zlib.crc32(data) != entry.checksum.crc32:
                return f"{entry.found.file} changed while it was read"
            return decode(data, self.image_size)
        except DecodeError as error:
            return f"{entry.found.file}: {error}"
        except InputError as error:
            return str(error)

    def _sum_up(self, failures: list[str]) -> str:
        shown = "; ".join(" ".join(failure.split()) for failure in failures[:3])
        rest = "; ..." if len(failures) > 3 else ""
        total = len(self._entries)
        return f"{self._files.path}: {len(failures)} of {total} images do not decode: {shown}{rest}"


@contextmanager
def _open(config: DataConfig) -> Iterator[Source]:
    """The images of a configuration. Raises InputError as `resolve` does."""
    with ExitStack() as stack:
        if isinstance(config, SyntheticImages):
            source: Source = SyntheticSource(config)
        else:
            source = stack.enter_context(_open_path(config))
        if config.fingerprint not in (None, source.fingerprint):
            raise InputError(
                f"the images of {_name(config)} changed: their fingerprint is "
                f"{source.fingerprint}, not {config.fingerprint}"
            )
        yield source


@contextmanager
def _open_path(config: TinyImageNet | ImageFolder) -> Iterator[_FileSource]:
    path = config.path.expanduser()
    with ExitStack() as stack:
        try:
            files = FolderFiles(path) if isinstance(config, ImageFolder) else open_files(path)
            stack.callback(files.close)
            listing = _list(files, config)
        except OSError as error:
            raise InputError(f"cannot read {error.filename or path}: {error.strerror}") from error
        # Outside of the try: an error of whoever uses the images is not one of reading the path.
        yield _FileSource(files, listing, config.image_size)


def _list(files: Files, config: TinyImageNet | ImageFolder) -> Listing:
    if isinstance(config, ImageFolder):
        return folder.list_images(files, config)
    return tiny_imagenet.list_images(files, config.classes)


def _name(config: DataConfig) -> str:
    return "the synthetic set" if isinstance(config, SyntheticImages) else str(config.path)
