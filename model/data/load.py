"""Images of a data configuration: `resolve` finds and fingerprints them, `load` decodes them."""

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
from model.data.cache import load_or_build
from model.data.cached_set import Source
from model.data.decode import decode
from model.data.duplicates import describe_duplicates
from model.data.files import Files, FolderFiles, open_files, thread_count
from model.data.image_set import ImageSet
from model.data.layout import require_two_classes
from model.data.listing import Entry, Listing
from model.data.pixels import DecodeError
from model.data.synthetic import SyntheticSource
from model.data.unreadable import unreadable
from model.data.words import shorten
from model.errors import InputError

_BLOCK = 512
"""Images decoded before they are written: 6 MiB at 64 pixels."""


def survey(config: DataConfig) -> tuple[DataConfig, tuple[str, ...]]:
    """Find the images, as `resolve` does.

    Returns:
        The configuration with the fingerprint, and what a person should know of the images, a line
        each: files that are not read, images in both splits or with two labels.
    """
    with _open(config) as source:
        return config.model_copy(update={"fingerprint": source.fingerprint}), source.notes


def resolve(config: DataConfig) -> DataConfig:
    """Find the images and fill in the fingerprint of their content; decodes none.

    Raises:
        InputError: the images are missing, incomplete or laid out differently, a class is unknown
            or without images, or `config.fingerprint` is set and the images have another one.
    """
    return survey(config)[0]


def load(config: DataConfig, cache: Path) -> ImageSet:
    """Return the decoded images from `cache`; the first time, decode them into it.

    Several processes may call it at once: one decodes, the others wait. With a fingerprint and a
    cache that holds it, the path of the images is not accessed.

    Raises:
        InputError: as `resolve`; images do not decode; the cache cannot be written.
    """
    fingerprint = config.fingerprint or resolve(config).fingerprint
    assert fingerprint is not None
    return load_or_build(cache.expanduser(), fingerprint, partial(_open, config))


class _FileSource:
    """Images of files, decoded in threads."""

    def __init__(self, files: Files, listing: Listing, image_size: int) -> None:
        label = {name: index for index, name in enumerate(listing.class_names)}
        images = [entry.image for entry in listing.entries]
        self._files, self._entries = files, listing.entries
        self.class_names = listing.class_names
        self.labels = np.array([label[image.class_name] for image in images], dtype=np.int64)
        self.is_val = np.array([image.is_val for image in images], dtype=np.bool_)
        self.image_size = image_size
        self.fingerprint = listing.fingerprint(image_size)
        self.notes = (*listing.notes, *describe_duplicates(listing.entries))
        self._looking_12_bit: list[str] = []

    def blocks(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield blocks. Raises InputError after the last image, naming those that do not decode."""
        failures: list[str] = []
        with ThreadPoolExecutor(thread_count()) as pool:
            for start in range(0, len(self._entries), _BLOCK):
                decoded = list(pool.map(self._decode, self._entries[start : start + _BLOCK]))
                failures += [result for result in decoded if isinstance(result, str)]
                if not failures:
                    yield np.stack([result for result in decoded if not isinstance(result, str)])
        if failures:
            raise unreadable(self._files.path, failures, len(self._entries))

    def pixel_notes(self) -> tuple[str, ...]:
        """Images that come out nearly black; complete once all blocks are decoded."""
        if not self._looking_12_bit:
            return ()
        names = shorten(sorted(self._looking_12_bit), "image")
        return (
            f"{names} of 16 bits without a value above 4095, thus nearly black: 12-bit values? "
            "Multiply them by 16",
        )

    def _decode(self, entry: Entry) -> npt.NDArray[np.uint8] | str:
        """Decoded image (3, S, S), or the reason why it does not decode."""
        try:
            data = self._files.read(entry.image.file)
            # Otherwise the pixels would not match the fingerprint.
            if zlib.crc32(data) != entry.content.crc32:
                return f"{entry.image.file} changed while it was read"
            decoded = decode(data, self.image_size)
            if decoded.rule != entry.content.rule:
                # Members of a zip are not looked into where their names say JPEG.
                return f"{entry.image.file} is not a JPEG, as its name says; rename it"
            if decoded.looks_12_bit:
                self._looking_12_bit.append(entry.image.file)
            return decoded.pixels
        except DecodeError as error:
            return f"{entry.image.file}: {error}"
        except InputError as error:
            return str(error)


@contextmanager
def _open(config: DataConfig) -> Iterator[Source]:
    """Open the images of a configuration. Raises InputError as `resolve` does."""
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
            alone = "; data.classes names no other" if config.classes else ""
            require_two_classes(path, listing.class_names, alone)
        except OSError as error:
            raise InputError(f"cannot read {error.filename or path}: {error.strerror}") from error
        # Outside the try: an error in the caller is not an error of reading the path.
        yield _FileSource(files, listing, config.image_size)


def _list(files: Files, config: TinyImageNet | ImageFolder) -> Listing:
    if isinstance(config, ImageFolder):
        return folder.list_images(files, config)
    return tiny_imagenet.list_images(files, config.classes)


def _name(config: DataConfig) -> str:
    return "the synthetic set" if isinstance(config, SyntheticImages) else str(config.path)
