"""Small image files and data sets in the layouts that the project reads."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WNIDS = ("n03", "n01", "n02")
"""In the order of wnids.txt, which is not the sorted one."""


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The image as a file's bytes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def jpeg(seed: int, side: int = 16) -> bytes:
    """A noisy JPEG; other seeds give other pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return encode(Image.fromarray(pixels), "JPEG")


def tiny_imagenet_files(num_train: int = 4, num_val: int = 2) -> dict[str, bytes]:
    """Names and bytes of a set in Tiny ImageNet's layout with the classes WNIDS."""
    files = {"wnids.txt": "\n".join(WNIDS).encode()}
    rows = []
    for label, wnid in enumerate(WNIDS):
        files[f"train/{wnid}/{wnid}_boxes.txt"] = b"not an image"
        for index in range(num_train):
            files[f"train/{wnid}/images/{wnid}_{index}.JPEG"] = jpeg(100 * label + index)
        for index in range(num_val):
            name = f"val_{label}{index}.JPEG"
            files[f"val/images/{name}"] = jpeg(100 * label + 50 + index)
            rows.append(f"{name}\t{wnid}\t0\t0\t15\t15")
    files["val/val_annotations.txt"] = "\n".join(rows).encode()
    files["test/images/test_0.JPEG"] = b"no label, never read"
    return files


def write_folder(root: Path, files: dict[str, bytes]) -> Path:
    """Writes the files below `root` and returns it."""
    for name, data in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return root


def write_zip(path: Path, files: dict[str, bytes], prefix: str = "") -> Path:
    """Writes the files into a zip, below `prefix`, and returns its path."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(prefix + name, data)
    return path


def png_of_bits(colour: int, bits: int, row: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """An 8 x 8 PNG of equal rows, by the specification alone.

    Args:
        colour: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA.
        chunks: (type, body) of chunks between header and pixels.
    """
    header = struct.pack(">IIBBBBB", 8, 8, bits, colour, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * 8)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def tiff_of_bits(row: bytes, photometric: int, bits: list[int], **fields: Any) -> bytes:
    """An 8 x 8 uncompressed TIFF of equal rows, by the specification alone.

    Args:
        photometric: 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr, 8 Lab.
        bits: of each sample.
        fields: `order` ("<" or ">"), `big` for BigTIFF, `tags` {number: values of 16 bits}.
    """
    order, is_big = fields.get("order", "<"), fields.get("big", False)
    number, width = ("Q", 8) if is_big else ("I", 4)
    start = 16 if is_big else 8
    tags = {256: [8], 257: [8], 258: bits, 259: [1], 262: [photometric], 273: [start],
            277: [len(bits)], 278: [8], 279: [len(row) * 8], **fields.get("tags", {})}  # fmt: skip
    size = len(tags) * (4 + 2 * width) + (16 if is_big else 6)
    entries, after = b"", b""
    for tag, values in sorted(tags.items()):
        value = struct.pack(f"{order}{len(values)}H", *values)
        if len(value) > width:
            place = start + len(row) * 8 + size + len(after)
            after, value = after + value, struct.pack(order + number, place)
        entries += struct.pack(f"{order}HH{number}", tag, 3, len(values)) + value.ljust(
            width, b"\0"
        )
    place = start + len(row) * 8
    head = struct.pack(f"{order}HHHQ", 43, 8, 0, place) if is_big else struct.pack(f"{order}HI", 42, place)  # fmt: skip
    count = struct.pack(f"{order}{'Q' if is_big else 'H'}", len(tags))
    end = struct.pack(order + number, 0)
    return (b"II" if order == "<" else b"MM") + head + row * 8 + count + entries + end + after
