"""Facts in the bytes of an image file that Pillow ignores but its pixels depend on.

An image that one of these rules touches has the rule's name and version in the fingerprint. When a
rule changes, its version goes up, and all other images keep their fingerprints and caches.
"""

import re
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

GREY_TIFF = "grey TIFF 2"
TRANSPARENT_PNG = "transparent PNG 2"
ZERO_TAIL = "zero tail 2"

_PNG, _JPEG, _TIFF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", (b"II", b"MM")
_PNG_END = b"IEND\xaeB`\x82"
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""The next marker of a JPEG: within compressed data, ff00 and restarts are not markers."""
_ZERO_TAIL_OF_WEBP = 256
"""Bytes. A flat image may end in some zeros; WebP has no end marker that would tell."""


@dataclass(frozen=True)
class Header:
    """How the stored numbers become light; the defaults are what Pillow assumes."""

    rule: str | None = None
    """Rule that touches the image, with its version; None for most images."""
    refusal: str | None = None
    """Reason why the image is not decoded."""
    white: int = 65535
    """Stored value of white in a grey image of more than 8 bits."""
    white_is_zero: bool = False
    """Whether 0 is white and `white` is black, where Pillow does not invert by itself."""
    key_scale: float = 1.0
    """Factor from a PNG's transparent value to the values of its decoded pixels."""


def read_header(file: BinaryIO, head: bytes, tail: bytes) -> Header:
    """Read what the decoding of an image file depends on besides Pillow.

    Args:
        file: the file, seekable; read from only where `head` and `tail` are not enough.
        head: its first bytes, at least 64 KiB or all.
        tail: its last two bytes.
    """
    if tail == b"\0\0" and (refusal := _cut_off(file, head)):
        return Header(ZERO_TAIL, refusal)
    if head.startswith(_PNG):
        return _of_png(head)
    if head.startswith(_TIFF):
        return _of_tiff(tiff_tags(file))
    return Header()


def _of_png(head: bytes) -> Header:
    bits, colour = head[24:25], head[25:26]
    if bits in (b"\1", b"\x08") or colour not in (b"\0", b"\2"):
        return Header()
    if b"tRNS" not in head[: head.find(b"IDAT")]:
        return Header()
    # Pillow leaves the value as it is stored, but scales 2 and 4 bits up and 16-bit colour down.
    scale = {b"\2": 85.0, b"\4": 17.0, b"\x10": 1.0 if colour == b"\0" else 1 / 256}
    return Header(TRANSPARENT_PNG, key_scale=scale.get(bits, 1.0))


def _of_tiff(tags: dict[int, int | None]) -> Header:
    bits, photometric, samples, sample_format = (tags[tag] for tag in (258, 262, 277, 339))
    if samples != 1:
        return Header()
    if sample_format == 2:
        return Header(GREY_TIFF, "its numbers are signed, whose black and white are not defined")
    if bits == 32 and sample_format != 3:
        return Header(GREY_TIFF, "its numbers are 32-bit integers, whose white is not defined")
    if bits == 12:
        return Header(GREY_TIFF, white=4095)
    if bits == 16 and photometric == 0:
        return Header(GREY_TIFF, white_is_zero=True)
    return Header()


def tiff_tags(file: BinaryIO) -> dict[int, int | None]:
    """First values of the tags of a TIFF's first image that describe its samples.

    Returns:
        BitsPerSample (258), PhotometricInterpretation (262), SamplesPerPixel (277) and SampleFormat
        (339), with the defaults of TIFF 6.0; None where the value is not in the tag itself.
    """
    tags: dict[int, int | None] = {258: 1, 262: None, 277: 1, 339: 1}
    with suppress(struct.error):  # cut short: Pillow says so
        _update_tags(tags, file)
    return tags


def _update_tags(tags: dict[int, int | None], file: BinaryIO) -> None:
    file.seek(0)
    head = file.read(16)
    order = "<" if head.startswith(b"II") else ">"
    # BigTIFF has offsets and counts of 8 bytes.
    is_big = 43 in head[2:4]
    at, number, width = (8, "Q", 8) if is_big else (4, "I", 4)
    file.seek(struct.unpack_from(order + number, head, at)[0])
    (count,) = struct.unpack(order + ("Q" if is_big else "H"), file.read(8 if is_big else 2))
    entry = struct.Struct(f"{order}HH{number}{width}s")
    entries = file.read(min(count, 4096) * entry.size)
    for tag, kind, length, value in entry.iter_unpack(entries):
        if tag in tags and kind == 3:
            fits = 2 * length <= width
            tags[tag] = struct.unpack_from(order + "H", value)[0] if fits else None


def _cut_off(file: BinaryIO, head: bytes) -> str | None:
    """Reason why a file that ends in zeros is not whole; None if it is, or if that is unknown."""
    is_webp = head[8:12] == b"WEBP"
    if not (is_webp or head.startswith((_JPEG, _PNG))):
        return None  # zeros may be black pixels
    file.seek(0)
    data = file.read()
    zeros = len(data) - len(data.rstrip(b"\0"))
    if is_webp:
        is_whole = zeros < _ZERO_TAIL_OF_WEBP
    else:
        is_whole = _has_end_of_jpeg(data) if head.startswith(_JPEG) else _PNG_END in data
    if is_whole:
        return None
    return f"its last {zeros} bytes are zeros and its end is missing (a broken download?)"


def _has_end_of_jpeg(data: bytes) -> bool:
    """Whether the segments of a JPEG reach its end marker; bytes after that do not matter."""
    at = 2
    while marker := _MARKER.search(data, at):
        if marker[1] == b"\xd9":
            return True
        length = data[marker.end() : marker.end() + 2]
        at = marker.end() + int.from_bytes(length)
    return False
