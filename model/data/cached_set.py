"""One decoded set on disk: images.npy, labels.npy, is_val.npy; set.json has their checksums."""

import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from model.data.checksums import ChecksumWriter, crc32_of, is_intact, trust
from model.data.image_set import ImageSet
from model.fsync import flush, flush_folder

_ARRAYS = ("images.npy", "labels.npy", "is_val.npy")


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
    """What a person should know of the files, a line each."""

    def blocks(self) -> Iterator[npt.NDArray[np.uint8]]:
        """The images in row order, a few hundred at a time: (n, 3, S, S) uint8."""

    def pixel_notes(self) -> tuple[str, ...]:
        """What a person should know of the pixels; complete once all blocks are decoded."""


class CachedSet(NamedTuple):
    """A set as it is on disk; its pixels may be damaged."""

    image_set: ImageSet
    about: dict[str, Any]
    """Content of set.json."""


def read_set(folder: Path, fingerprint: str) -> CachedSet | None:
    """The set in `folder`, its images mapped; None if it is not there or not whole."""
    try:
        about = json.loads((folder / "set.json").read_text("utf-8"))
        if about.get("checksum", checksum := _checksum(about)) != checksum:
            return None
        # numpy refuses a file that is shorter than its header says.
        images = np.load(folder / "images.npy", mmap_mode="r")
        labels, is_val = np.load(folder / "labels.npy"), np.load(folder / "is_val.npy")
        class_names, notes = tuple(about["class_names"]), tuple(about.get("notes", ()))
    except Exception:  # numpy's reader raises almost anything on a damaged header
        return None
    labels.setflags(write=False)
    is_val.setflags(write=False)
    return CachedSet(ImageSet(images, labels, is_val, class_names, fingerprint, notes), about)


def has_its_pixels(folder: Path, about: dict[str, Any]) -> bool:
    """Whether all arrays have the bytes that were written; each is read once in a process."""
    if "checksums" not in about:
        return _adopt(folder, about)
    return all(is_intact(folder / name, crc) for name, crc in about["checksums"].items())


def write_set(folder: Path, source: Source) -> None:
    """Decode the source into a new folder."""
    checksums = {}
    for name, write in zip(_ARRAYS, (_write_images, _write_labels, _write_is_val), strict=True):
        with (folder / name).open("wb") as file:
            writer = ChecksumWriter(file)
            write(writer, source)
            flush(file)
        checksums[name] = writer.crc32
    notes = list(source.pixel_notes())
    _write_about(
        folder, {"class_names": source.class_names, "notes": notes, "checksums": checksums}
    )
    flush_folder(folder)


def trust_set(folder: Path) -> None:
    """Count a set as checked: this process has just written it."""
    for name in _ARRAYS:
        trust(folder / name)


def _adopt(folder: Path, about: dict[str, Any]) -> bool:
    """A set of a version that kept no checksums gets them now; False if it cannot be read."""
    try:
        checksums = {name: crc32_of(folder / name) for name in _ARRAYS}
    except OSError:
        return False
    with suppress(OSError):  # a cache that others own stays without
        _write_about(folder, {**about, "checksums": checksums})
    trust_set(folder)
    return True


def _checksum(about: dict[str, Any]) -> int:
    """CRC-32 of what set.json says, without the checksum itself."""
    content = {key: value for key, value in about.items() if key != "checksum"}
    return zlib.crc32(json.dumps(content, sort_keys=True).encode("ascii"))


def _write_about(folder: Path, about: dict[str, Any]) -> None:
    part = folder / "set.json.part"
    with part.open("wb") as file:
        file.write(json.dumps({**about, "checksum": _checksum(about)}).encode("ascii"))
        flush(file)
    part.replace(folder / "set.json")


def _write_images(file: ChecksumWriter, source: Source) -> None:
    # Written, not mapped: a full disk then is an error and not a bus error.
    side = source.image_size
    shape = (len(source.labels), 3, side, side)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for block in source.blocks():
        file.write(np.ascontiguousarray(block).data)


def _write_labels(file: ChecksumWriter, source: Source) -> None:
    np.save(file, source.labels)


def _write_is_val(file: ChecksumWriter, source: Source) -> None:
    np.save(file, source.is_val)
