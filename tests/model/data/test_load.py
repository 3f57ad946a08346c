"""Resolving, decoding once, and a cache that is whole or not there."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import zipfile
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import jpeg, tiny_imagenet_files, write_folder, write_zip

from model.config.images import DataConfig, ImageFolder, SyntheticImages, TinyImageNet
from model.data import load as module
from model.data.decode import Decoded, decode
from model.data.load import load, resolve
from model.errors import InputError

NUM_IMAGES = 18  # of `tiny_imagenet_files`


def tiny(path: Path, **fields: Any) -> TinyImageNet:
    return TinyImageNet(source="tiny-imagenet", path=path, image_size=16, **fields)


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    return write_zip(tmp_path / "set.zip", tiny_imagenet_files(), "tiny-imagenet-200/")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every image that is decoded."""
    calls: list[int] = []

    def counting(data: bytes, side: int) -> Decoded:
        calls.append(len(data))
        return decode(data, side)

    monkeypatch.setattr(module, "decode", counting)
    return calls


def test_images_labels_and_validation(tmp_path: Path, zipped: Path) -> None:
    images = load(tiny(zipped), tmp_path / "cache")
    files = tiny_imagenet_files()
    assert images.images.shape == (NUM_IMAGES, 3, 16, 16)
    assert images.class_names == ("n01", "n02", "n03")
    # Rows 4 to 7 are the training images of the second class.
    expected = decode(files["train/n02/images/n02_1.JPEG"], 16).pixels
    np.testing.assert_array_equal(images.images[5], expected)
    assert images.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [0, 0, 1, 1, 2, 2]
    assert images.is_val.tolist() == [False] * 12 + [True] * 6
    assert images.fingerprint == resolve(tiny(zipped)).fingerprint


def test_arrays_are_mapped_and_read_only(tmp_path: Path) -> None:
    images = load(SyntheticImages(num_classes=2), tmp_path)
    assert isinstance(images.images, np.memmap)
    for array in (images.images, images.labels, images.is_val):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_decodes_once(tmp_path: Path, zipped: Path, decoded: list[int]) -> None:
    first = load(tiny(zipped), tmp_path / "cache")
    again = load(tiny(zipped), tmp_path / "cache")
    assert len(decoded) == NUM_IMAGES
    np.testing.assert_array_equal(first.images, again.images)


@pytest.mark.parametrize(
    "config",
    [
        SyntheticImages(num_classes=3, train_per_class=4, val_per_class=2, image_size=16),
        ImageFolder(source="folder", path=Path("pictures"), image_size=16),
    ],
    ids=["synthetic", "folder"],
)
def test_other_sources_load_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: DataConfig
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"{kind}/{index}.jpg" for kind in "abc" for index in range(6)]
    write_folder(Path("pictures"), {name: jpeg(seed) for seed, name in enumerate(names)})
    images = load(resolve(config), tmp_path / "cache")
    assert images.images.shape == (18, 3, 16, 16)
    assert np.bincount(images.labels).tolist() == [6, 6, 6]
    assert 0 < images.is_val.sum() < 18
    # Every row was written: no image is left blank.
    assert (images.images.reshape(18, -1).std(1) > 1).all()


def test_cache_is_enough_without_the_source(tmp_path: Path, zipped: Path) -> None:
    config = resolve(tiny(zipped))
    before = load(config, tmp_path / "cache")
    zipped.unlink()
    np.testing.assert_array_equal(load(config, tmp_path / "cache").images, before.images)
    # Without the cache the missing source is an error.
    with pytest.raises(InputError, match="does not exist"):
        load(config, tmp_path / "other")


def test_changed_images_are_not_mistaken_for_the_fingerprinted_ones(tmp_path: Path) -> None:
    files = tiny_imagenet_files()
    path = write_folder(tmp_path / "set", files)
    config = resolve(tiny(path))
    write_folder(path, {"train/n01/images/n01_0.JPEG": jpeg(999)})
    for attempt in (lambda: resolve(config), lambda: load(config, tmp_path / "cache")):
        with pytest.raises(InputError, match=f"images of {path} changed.*not {config.fingerprint}"):
            attempt()


def test_image_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_folder(tmp_path / "set", tiny_imagenet_files())
    config = resolve(tiny(path))
    list_images = module._list

    def list_then_change(*arguments: Any) -> Any:
        listing = list_images(*arguments)
        write_folder(path, {"train/n01/images/n01_0.JPEG": jpeg(999)})
        return listing

    monkeypatch.setattr(module, "_list", list_then_change)
    with pytest.raises(InputError, match=r"n01_0\.JPEG changed while it was read"):
        load(config, tmp_path / "cache")


def test_a_fingerprint_is_hex_digits_not_a_path() -> None:
    with pytest.raises(InputError, match="is not 32 hex digits"):
        load(SyntheticImages(fingerprint="../../elsewhere"), Path("unused"))


def test_a_few_unreadable_images_are_all_named_in_the_message(tmp_path: Path) -> None:
    files = tiny_imagenet_files()
    names = sorted(name for name in files if name.endswith(".JPEG") and "train" in name)
    for name, data in zip(names, (b"", b"<html>", b"GIF89a", b"\xff\xd8\xff"), strict=False):
        files[name] = data
    path = write_folder(tmp_path / "set", files)
    with pytest.raises(InputError) as caught:
        load(tiny(path), tmp_path / "cache")
    message = str(caught.value)
    assert "4 of 18 images cannot be read" in message
    assert "train/n01/images/n01_0.JPEG: the file is empty" in message
    assert all(name in message for name in names[:4]) and "\n" not in message
    # Nothing half-written stays.
    assert [file.suffix for file in (tmp_path / "cache").iterdir()] == [".lock"]


def test_many_unreadable_images_are_listed_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "_BLOCK", 4)
    broken = {f"{kind}/{index:02d}.jpg": b"<html>" for kind in "ab" for index in range(9)}
    whole = {f"{kind}/{index}.png": jpeg(index) for kind in "ab" for index in range(9, 12)}
    path = write_folder(tmp_path / "set", broken | whole)
    with pytest.raises(
        InputError, match=r"18 of 24 images cannot be read: (.*; ){5}\.\.\. "
    ) as caught:
        load(ImageFolder(source="folder", path=path), tmp_path / "cache")
    (listed,) = tmp_path.glob("maskgrid-unreadable-*.txt")
    assert f"(all of them in {listed})" in str(caught.value)
    # Every one of them, from every block of decoding, with its reason.
    lines = listed.read_text().splitlines()
    assert sorted(line.split(": ")[0] for line in lines) == sorted(broken)
    assert all("not an image in a known format" in line for line in lines)


def test_files_whose_reading_fails_are_named_before_anything_is_decoded(tmp_path: Path) -> None:
    names = [f"{kind}/{index}.jpg" for kind in "ab" for index in range(3)]
    path = write_folder(tmp_path / "set", {name: jpeg(seed) for seed, name in enumerate(names)})
    for name in names[1:3]:
        (path / name).unlink()
        # It opens, but a read from its beginning is an input/output error, as of a bad sector.
        (path / name).symlink_to("/proc/self/mem")
    expected = r"2 of 6 images cannot be read: a/1\.jpg: Input/output error; a/2\.jpg: Input/output"
    with pytest.raises(InputError, match=expected):
        resolve(ImageFolder(source="folder", path=path))


def test_damaged_member_of_a_zip_is_named(tmp_path: Path, zipped: Path) -> None:
    with zipfile.ZipFile(zipped) as archive:
        member = archive.getinfo("tiny-imagenet-200/train/n02/images/n02_0.JPEG")
    data = bytearray(zipped.read_bytes())
    data[member.header_offset + 200] ^= 0xFF
    zipped.write_bytes(data)
    # The directory of the zip is sound: only reading the member shows the damage.
    with pytest.raises(InputError, match=r"1 of 18 .*n02_0\.JPEG cannot be read.*CRC"):
        load(tiny(zipped), tmp_path / "cache")


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "is_val.npy", "set.json"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "missing"])
def test_damaged_cache_is_decoded_anew(
    tmp_path: Path, zipped: Path, decoded: list[int], name: str, damage: str
) -> None:
    first = load(tiny(zipped), tmp_path / "cache")
    expected = first.images.copy()
    file = tmp_path / "cache" / first.fingerprint / name
    if damage == "missing":
        file.unlink()
    else:
        os.truncate(file, file.stat().st_size - 1 if damage == "truncated" else 0)
    again = load(tiny(zipped), tmp_path / "cache")
    np.testing.assert_array_equal(again.images, expected)
    assert len(decoded) == 2 * NUM_IMAGES


def test_half_written_cache_is_never_used(tmp_path: Path, zipped: Path) -> None:
    script = (
        "import os, sys, pathlib\n"
        "from model.config.images import TinyImageNet\n"
        "from model.data import load\n"
        "load._BLOCK = 4\n"
        "blocks = load._FileSource.blocks\n"
        "def die(self):\n"
        "    for number, block in enumerate(blocks(self)):\n"
        "        yield block\n"
        "        if number == 2: os._exit(9)\n"
        "load._FileSource.blocks = die\n"
        "config = TinyImageNet(source='tiny-imagenet', path=sys.argv[1], image_size=16)\n"
        "load.load(config, pathlib.Path(sys.argv[2]))\n"
    )
    cache = tmp_path / "cache"
    command = [sys.executable, "-c", script, zipped, cache]
    died = subprocess.run(command, check=False, timeout=300)
    # It died in the middle of writing, as a killed process does: without cleaning up.
    assert died.returncode == 9
    assert [file.name for file in cache.glob("*.part/*")] == ["images.npy"]
    images = load(tiny(zipped), cache)
    assert (images.images.reshape(NUM_IMAGES, -1).std(1) > 1).all()
    # The leftovers of the killed process are gone.
    assert not list(cache.glob("*.part"))


def test_cache_that_cannot_be_written(tmp_path: Path, zipped: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(InputError, match="cannot write the image cache"):
        load(tiny(zipped), tmp_path / "cache")


def load_and_count(barrier: Barrier, path: Path, cache: Path, log: Path) -> None:
    """A process of its own: starts with the others and logs every image that it decodes."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def logging(data: bytes, side: int) -> Decoded:
        os.write(descriptor, b".")
        return decode(data, side)

    module.decode = logging  # type: ignore[attr-defined]
    barrier.wait(timeout=300)
    images = load(tiny(path), cache)
    os.close(descriptor)
    assert images.images.shape == (NUM_IMAGES, 3, 16, 16)


def test_processes_that_start_at_once_decode_once(tmp_path: Path, zipped: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, log = context.Barrier(4), tmp_path / "log"
    arguments = (barrier, zipped, tmp_path / "cache", log)
    processes = [
        context.Process(target=load_and_count, args=arguments, daemon=True) for _ in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=300)
    assert [process.exitcode for process in processes] == [0] * 4
    # Each image was decoded by one of the four.
    assert log.stat().st_size == NUM_IMAGES
    # One set and its lock.
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_data_needs_no_torch() -> None:
    script = "import sys, model.data.load, model.data.tiny_imagenet_download; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=300).returncode == 0
