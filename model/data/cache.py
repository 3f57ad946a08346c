"""Decoded images on disk: one folder for each fingerprint, written once, mapped by every trial.

<cache>/<fingerprint>/images.npy, labels.npy, is_val.npy, set.json
<cache>/<fingerprint>.lock       held by the process that decodes
<cache>/<fingerprint>.part/      a set that is being written; never read
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from model.data.image_set import ImageSet
from model.data.listing import FINGERPRINT_DIGITS
from model.errors import InputError
from model.fsync import flush, flush_folder


class Source(Protocol):
    """Images that can be made or decoded, row by row."""

    fingerprint: str
    class_names: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    """(N,)"""
    is_val: npt.NDArray[np.bool_]
    """(N,)"""
    image_size: int
    notes: tuple[str, ...]
    """What a person should know of the images, a line each."""

    def blocks(self) -> Iterator[npt.NDArray[np.uint8]]:
        """The images in row order, a few hundred at a time: (n, 3, S, S) uint8."""


def load_or_build(
    cache: Path, fingerprint: str, open_source: Callable[[], AbstractContextManager[Source]]
) -> ImageSet:
    """Return the cached set; the source is opened and decoded only where it is missing or damaged.

    Raises:
        InputError: the cache cannot be written; whatever opening or decoding the source raises.
    """
    if not re.fullmatch(f"[0-9a-f]{{{FINGERPRINT_DIGITS}}}", fingerprint):
        raise InputError(
            f"data.fingerprint {fingerprint!r} is not {FINGERPRINT_DIGITS} hex digits; leave it out"
        )
    folder = cache / fingerprint
    if (cached := _read(folder, fingerprint)) is not None:
        return cached
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{fingerprint}.lock"):
            # Another process may have decoded while this one waited.
            if (cached := _read(folder, fingerprint)) is not None:
                return cached
            with open_source() as source:
                _build(folder, source)
    except OSError as error:
        raise InputError(f"cannot write the image cache {cache}: {error}") from error
    built = _read(folder, fingerprint)
    assert built is not None, f"{folder} does not read back"
    return built


def _read(folder: Path, fingerprint: str) -> ImageSet | None:
    """The set in `folder`; None if it is not there or not whole."""
    try:
        about = json.loads((folder / "set.json").read_text("utf-8"))
        # numpy refuses a file that is shorter than its header says.
        images = np.load(folder / "images.npy", mmap_mode="r")
        labels, is_val = np.load(folder / "labels.npy"), np.load(folder / "is_val.npy")
        class_names = tuple(about["class_names"])
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    labels.setflags(write=False)
    is_val.setflags(write=False)
    return ImageSet(images, labels, is_val, class_names, fingerprint)


def _build(folder: Path, source: Source) -> None:
    """Write beside the folder, then rename: a reader sees all of a set or nothing."""
    part = folder.with_name(f"{folder.name}.part")
    # Left by a crash: whoever holds the lock is the only one writing.
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        _write_set(part, source)
        if folder.exists():
            # Damaged. Processes that mapped it keep their pages.
            shutil.rmtree(folder)
        part.replace(folder)
        flush_folder(folder.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_set(folder: Path, source: Source) -> None:
    with (folder / "images.npy").open("wb") as file:
        _write_images(file, source)
        flush(file)
    for name, array in (("labels.npy", source.labels), ("is_val.npy", source.is_val)):
        with (folder / name).open("wb") as file:
            np.save(file, array)
            flush(file)
    with (folder / "set.json").open("wb") as file:
        file.write(json.dumps({"class_names": source.class_names}).encode("utf-8"))
        flush(file)
    flush_folder(folder)


def _write_images(file: BinaryIO, source: Source) -> None:
    # Written, not mapped: a full disk then is an error and not a bus error.
    side = source.image_size
    shape = (len(source.labels), 3, side, side)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for block in source.blocks():
        file.write(np.ascontiguousarray(block).data)


def cached_class_names(cache: Path, fingerprint: str | None) -> tuple[str, ...] | None:
    """The classes of a cached set in label order; None where the cache does not hold it."""
    cached = _read(cache / fingerprint, fingerprint) if fingerprint else None
    return cached.class_names if cached else None
