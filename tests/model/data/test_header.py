"""Files that end in zeros, and fingerprints that change only for images that a rule touches."""

import hashlib
import json
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import (
    encode,
    jpeg,
    png_of_bits,
    tiff_of_bits,
    tiny_imagenet_files,
    write_folder,
    write_zip,
)
from PIL import Image

from model.config.images import ImageFolder, TinyImageNet
from model.data.decode import decode
from model.data.files import FolderFiles
from model.data.header import ZERO_TAIL
from model.data.load import load, resolve
from model.data.pixels import DecodeError
from model.errors import InputError

TRANSPARENT = (b"tRNS", b"\0\5")
WHITE_IS_ZERO = tiff_of_bits(bytes(range(16)), 0, [16])
UNTOUCHED = {
    "jpeg": jpeg(1),
    # Some cameras fill a file up after its end.
    "padded jpeg": jpeg(1) + bytes(5000),
    "png": encode(Image.new("RGB", (8, 8), (1, 2, 3))),
    "padded png": png_of_bits(0, 8, bytes(8)) + bytes(5000),
    "png 16": png_of_bits(0, 16, bytes(16)),
    "png grey 8, transparent": png_of_bits(0, 8, bytes(8), TRANSPARENT),
    "png grey 4, solid": png_of_bits(0, 4, bytes(4)),
    "tiff 16": tiff_of_bits(bytes(16), 1, [16]),
    "tiff 8, white is 0": tiff_of_bits(bytes(8), 0, [8]),
    "tiff rgb": tiff_of_bits(bytes(24), 2, [8] * 3),
    "black bmp": encode(Image.new("RGB", (40, 40)), "BMP"),
    "black ppm": encode(Image.new("RGB", (40, 40)), "PPM"),
    "flat webp": encode(Image.new("RGB", (900, 900)), "WEBP"),
}
TOUCHED = {
    "tiff 16, white is 0": (WHITE_IS_ZERO, "grey TIFF 2"),
    "tiff 16 beyond a megabyte": (WHITE_IS_ZERO, "grey TIFF 2"),
    "tiff 12": (tiff_of_bits(bytes(12), 1, [12]), "grey TIFF 2"),
    "tiff 32": (tiff_of_bits(bytes(32), 1, [32]), "grey TIFF 2"),
    "tiff signed": (tiff_of_bits(bytes(8), 1, [8], tags={339: [2]}), "grey TIFF 2"),
    "png grey 4, transparent": (png_of_bits(0, 4, bytes(4), TRANSPARENT), "transparent PNG 2"),
    "png grey 16, transparent": (png_of_bits(0, 16, bytes(16), TRANSPARENT), "transparent PNG 2"),
    "jpeg without its end": (jpeg(1)[:600] + bytes(500), "zero tail 2"),
}


def fingerprint_before(content: dict[str, bytes], rules: dict[str, str]) -> str:
    """The fingerprint of a folder with that in `a` and `b`, by the rule it has always had."""
    rows: list[list[Any]] = []
    for is_val, class_name, name in product((False, True), "ab", sorted(content)):
        data = content[name]
        rule = [rules[name]] if name in rules else []
        rows.append([class_name, is_val, name, len(data), zlib.crc32(data), *rule])
    text = json.dumps([1, 16, ["a", "b"], rows], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def fingerprint(path: Path, content: dict[str, bytes]) -> str | None:
    places = product(("train", "val"), "ab", content.items())
    files = {f"{split}/{class_name}/{name}": data for split, class_name, (name, data) in places}
    config = ImageFolder(source="folder", path=write_folder(path, files), image_size=16)
    return resolve(config).fingerprint


def test_images_that_no_rule_touches_keep_their_fingerprint(tmp_path: Path) -> None:
    content = {f"{name}.png": data for name, data in UNTOUCHED.items()}
    assert fingerprint(tmp_path, content) == fingerprint_before(content, {})


@pytest.mark.parametrize("name", TOUCHED)
def test_a_rule_and_its_version_are_in_the_fingerprint(tmp_path: Path, name: str) -> None:
    data, rule = TOUCHED[name]
    if "megabyte" in name:
        # The tags stand behind the pixels: not in the part of the file that is read first.
        data = encode(Image.fromarray(np.zeros((1000, 1000), np.uint16)), "TIFF")
        data = data.replace(b"\x06\x01\x03\0\1\0\0\0\1\0", b"\x06\x01\x03\0\1\0\0\0\0\0")
    content = {"touched.png": data, "ordinary.png": jpeg(2)}
    assert fingerprint(tmp_path, content) == fingerprint_before(content, {"touched.png": rule})


def test_a_rule_touches_members_of_a_zip_too(tmp_path: Path) -> None:
    files = tiny_imagenet_files()
    for name in [name for name in files if name.endswith("_0.JPEG") and "train" in name]:
        files[name.replace("JPEG", "tif")] = WHITE_IS_ZERO
        del files[name]
    paths = (write_zip(tmp_path / "set.zip", files), write_folder(tmp_path / "set", files))
    configs = [TinyImageNet(source="tiny-imagenet", path=path) for path in paths]
    assert resolve(configs[0]).fingerprint == resolve(configs[1]).fingerprint
    # Their names say nothing of what they are, and to read each of a large set would take too long.
    files["train/n01/images/n01_9.JPEG"] = WHITE_IS_ZERO
    config = TinyImageNet(source="tiny-imagenet", path=write_zip(tmp_path / "named.zip", files))
    with pytest.raises(InputError, match=r"1 of .*n01_9.JPEG is not a JPEG, as its name says"):
        load(config, tmp_path / "cache")


@pytest.mark.parametrize("size", [1, 2, 2**20 - 1, 2**20, 2**20 + 1, 2**20 + 2, 3 * 2**20])
def test_size_checksum_and_tail_of_files_read_in_pieces(tmp_path: Path, size: int) -> None:
    data = b"\xff\xd8\xff" + np.random.default_rng(0).bytes(size) + b"\0\0"
    (tmp_path / "file.jpg").write_bytes(
        data := data[-size:] if size < 3 else data[: size - 2] + b"\0\0"
    )
    (content,) = FolderFiles(tmp_path).contents(["file.jpg"])
    assert content[:2] == (len(data), zlib.crc32(data))
    assert content.rule == (ZERO_TAIL if size > 2 else None)


def photo(kind: str, **options: Any) -> bytes:
    random = np.random.default_rng(0).normal(128, 40, (96, 96, 3)).clip(0, 255)
    return encode(Image.fromarray(random.astype(np.uint8)), kind, **options)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {}), ("JPEG", {"progressive": True, "quality": 95}), ("PNG", {}), ("WEBP", {})],
    ids=["jpeg", "progressive", "png", "webp"],
)
def test_a_download_into_a_preallocated_file_is_refused(
    kind: str, options: dict[str, Any], share: float
) -> None:
    whole = photo(kind, **options)
    arrived = whole[: int(share * len(whole))].rstrip(b"\0")
    with pytest.raises(DecodeError, match=r"its last \d+ bytes are zeros and its end is missing"):
        decode(arrived.ljust(len(whole), b"\0"), 16)


@pytest.mark.parametrize("name", UNTOUCHED)
def test_zeros_after_the_end_or_in_the_pixels_are_read(name: str) -> None:
    decode(UNTOUCHED[name], 16)


def test_the_end_of_a_thumbnail_is_not_that_of_the_picture() -> None:
    whole = photo("JPEG")
    segment = b"\xff\xe1" + (len(jpeg(3)) + 2).to_bytes(2) + jpeg(3)
    cut = whole[:2] + segment + whole[2 : len(whole) // 2]
    with pytest.raises(DecodeError, match="its end is missing"):
        decode(cut + bytes(3000), 16)
