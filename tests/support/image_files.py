"""Small image files and data sets in the layouts that the project reads."""

import io
import zipfile
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
