"""Decoded images that were damaged on disk are decoded anew, never trained on."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from image_files import png_of_bits, tiny_imagenet_files, write_folder, write_zip

from model.config.images import ImageFolder, TinyImageNet
from model.data import checksums
from model.data.image_set import ImageSet
from model.data.load import load, resolve
from model.errors import InputError

Damage = Callable[[bytearray], None]


@pytest.fixture
def config(tmp_path: Path) -> TinyImageNet:
    path = write_zip(tmp_path / "set.zip", tiny_imagenet_files())
    return TinyImageNet(source="tiny-imagenet", path=path, image_size=16)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def new_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forgets which files were checked, as a process that has just begun."""
    return lambda: monkeypatch.setattr(checksums, "_verified", set())


def folder_of(images: ImageSet, cache: Path) -> Path:
    return cache / images.fingerprint


def damage(file: Path, how: Damage) -> None:
    """Changes bytes of a file as a disk does: neither its size nor its times."""
    times = file.stat()
    data = bytearray(file.read_bytes())
    how(data)
    file.write_bytes(data)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def zero_the_middle(data: bytearray) -> None:
    quarter = len(data) // 4
    data[quarter : 3 * quarter] = bytes(2 * quarter)


def flip_the_last_bit(data: bytearray) -> None:
    data[-1] ^= 1


def swap_two_images(data: bytearray) -> None:
    size = 3 * 16 * 16
    data[-size:], data[-2 * size : -size] = data[-2 * size : -size], data[-size:]


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "is_val.npy"])
@pytest.mark.parametrize("how", [zero_the_middle, flip_the_last_bit])
def test_damaged_arrays_are_decoded_anew(
    config: TinyImageNet, cache: Path, new_process: Callable[[], None], name: str, how: Damage
) -> None:
    first = load(config, cache)
    expected = [array.copy() for array in (first.images, first.labels, first.is_val)]
    damage(folder_of(first, cache) / name, how)
    new_process()
    again = load(config, cache)
    for array, right in zip((again.images, again.labels, again.is_val), expected, strict=True):
        np.testing.assert_array_equal(array, right)
    assert again.notes == (
        f"the decoded images in {folder_of(first, cache)} were damaged and have been decoded anew",
    )
    # Said once, by whoever decoded them.
    new_process()
    assert load(config, cache).notes == ()


def test_images_in_each_other_s_places_are_damage(
    config: TinyImageNet, cache: Path, new_process: Callable[[], None]
) -> None:
    first = load(config, cache)
    expected = first.images.copy()
    damage(folder_of(first, cache) / "images.npy", swap_two_images)
    new_process()
    np.testing.assert_array_equal(load(config, cache).images, expected)


def test_a_damaged_class_name_is_decoded_anew(config: TinyImageNet, cache: Path) -> None:
    first = load(config, cache)
    about = folder_of(first, cache) / "set.json"
    about.write_text(about.read_text().replace("n01", "n11"))
    # Still well-formed, and even so not believed.
    assert load(config, cache).class_names == ("n01", "n02", "n03")


def test_damage_without_the_source_is_an_error_that_says_so(
    config: TinyImageNet, cache: Path, new_process: Callable[[], None]
) -> None:
    resolved = resolve(config)
    first = load(resolved, cache)
    damage(folder_of(first, cache) / "images.npy", flip_the_last_bit)
    config.path.unlink()
    new_process()
    with pytest.raises(InputError, match=r"the decoded images in .* are damaged, .*does not exist"):
        load(resolved, cache)


def test_a_file_is_read_once_in_a_process(
    config: TinyImageNet,
    cache: Path,
    new_process: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads: list[str] = []
    crc32_of = checksums.crc32_of

    def counting(path: Path) -> int:
        reads.append(path.name)
        return crc32_of(path)

    monkeypatch.setattr(checksums, "crc32_of", counting)
    first = load(config, cache)
    # Its own writing needs no check.
    assert reads == []
    new_process()
    load(config, cache), load(config, cache)
    assert sorted(reads) == ["images.npy", "is_val.npy", "labels.npy"]
    # Whoever touches a file makes it another one.
    os.utime(folder_of(first, cache) / "images.npy")
    load(config, cache)
    assert len(reads) == 4


def test_a_set_without_checksums_keeps_its_pixels_and_gets_them(
    config: TinyImageNet, cache: Path, new_process: Callable[[], None]
) -> None:
    first = load(config, cache)
    folder = folder_of(first, cache)
    # As versions before this one wrote it.
    (folder / "set.json").write_text(json.dumps({"class_names": first.class_names}))
    inode = (folder / "images.npy").stat().st_ino
    new_process()
    assert load(config, cache).class_names == first.class_names
    assert (folder / "images.npy").stat().st_ino == inode
    # From now on damage is seen.
    damage(folder / "images.npy", flip_the_last_bit)
    new_process()
    assert "damaged" in load(config, cache).notes[0]


def test_notes_on_pixels_are_kept_with_them(
    tmp_path: Path, cache: Path, new_process: Callable[[], None]
) -> None:
    dark, light = (np.full(8, level, ">u2").tobytes() for level in (4095, 60000))
    files = {
        f"{kind}/{index}.png": png_of_bits(0, 16, light) for kind in "ab" for index in range(3)
    }
    files |= {"a/0.png": png_of_bits(0, 16, dark), "b/2.png": png_of_bits(0, 16, dark)}
    config = ImageFolder(source="folder", path=write_folder(tmp_path / "set", files), image_size=8)
    note = (
        "2 images (a/0.png, b/2.png) of 16 bits without a value above 4095, thus nearly black: "
        "12-bit values? Multiply them by 16"
    )
    assert load(config, cache).notes == (note,)
    new_process()
    assert load(config, cache).notes == (note,)
