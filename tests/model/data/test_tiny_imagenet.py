"""Tiny ImageNet as a folder and as a zip: the same images, and one line for what is wrong."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from image_files import WNIDS, jpeg, tiny_imagenet_files, write_folder, write_zip

from model.data.files import Files, open_files
from model.data.listing import Listing
from model.data.tiny_imagenet import list_images
from model.errors import InputError

Files_ = dict[str, bytes]
ANNOTATIONS = "val/val_annotations.txt"


@contextmanager
def opened(path: Path) -> Iterator[Files]:
    with closing(open_files(path)) as files:
        yield files


def listing_of(path: Path, classes: tuple[str, ...] | None = None) -> Listing:
    with opened(path) as files:
        return list_images(files, classes)


def test_lists_training_then_validation_by_class_and_name(tmp_path: Path) -> None:
    listing = listing_of(write_folder(tmp_path, tiny_imagenet_files(num_train=2, num_val=1)))
    assert listing.class_names == ("n01", "n02", "n03")
    files = [entry.image.file for entry in listing.entries]
    # Neither the boxes nor the test folder are in it.
    assert files == [
        "train/n01/images/n01_0.JPEG",
        "train/n01/images/n01_1.JPEG",
        "train/n02/images/n02_0.JPEG",
        "train/n02/images/n02_1.JPEG",
        "train/n03/images/n03_0.JPEG",
        "train/n03/images/n03_1.JPEG",
        "val/images/val_10.JPEG",
        "val/images/val_20.JPEG",
        "val/images/val_00.JPEG",
    ]
    assert [entry.image.is_val for entry in listing.entries] == [False] * 6 + [True] * 3


@pytest.mark.parametrize("classes", [None, ("n02", "n03")])
def test_folder_and_zip_have_one_fingerprint(
    tmp_path: Path, classes: tuple[str, ...] | None
) -> None:
    files = tiny_imagenet_files()
    paths = [
        write_folder(tmp_path / "flat", files),
        write_folder(tmp_path / "outer" / "tiny-imagenet-200", files).parent,
        write_zip(tmp_path / "flat.zip", files),
        write_zip(tmp_path / "nested.zip", files, "tiny-imagenet-200/"),
    ]
    assert len({listing_of(path, classes).fingerprint(16) for path in paths}) == 1


def test_picked_classes_of_a_larger_set_are_a_smaller_set(tmp_path: Path) -> None:
    files = tiny_imagenet_files()
    small = {
        name: data for name, data in files.items() if "n03" not in name and "val_0" not in name
    }
    small["wnids.txt"] = b"n01\nn02\n"
    rows = files[ANNOTATIONS].decode().splitlines()
    small[ANNOTATIONS] = "\n".join(row for row in rows if "n03" not in row).encode()
    whole = listing_of(write_zip(tmp_path / "whole.zip", files), ("n01", "n02"))
    part = listing_of(write_zip(tmp_path / "part.zip", small))
    assert whole.fingerprint(16) == part.fingerprint(16)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_list_files_of_any_editor_are_read(tmp_path: Path, encoding: str, line_end: str) -> None:
    files = tiny_imagenet_files()
    plain = listing_of(write_zip(tmp_path / "plain.zip", files))
    for name in ("wnids.txt", ANNOTATIONS):
        # An empty line and spaces at the ends are not names either.
        lines = ["", *(f"{line} " for line in files[name].decode().splitlines()), ""]
        files[name] = line_end.join(lines).encode(encoding)
    assert listing_of(write_zip(tmp_path / "other.zip", files)) == plain


def test_fingerprint_follows_content_order_and_size(tmp_path: Path) -> None:
    files = tiny_imagenet_files()
    base = listing_of(write_zip(tmp_path / "base.zip", files))
    other = dict(files, **{"train/n01/images/n01_0.JPEG": jpeg(999)})
    prints = {
        base.fingerprint(16),
        base.fingerprint(32),
        listing_of(tmp_path / "base.zip", WNIDS).fingerprint(16),
        listing_of(write_zip(tmp_path / "other.zip", other)).fingerprint(16),
    }
    # Another size, another label order, another image: four different sets.
    assert len(prints) == 4


def without(*starts: str) -> Callable[[Files_], Files_]:
    return lambda files: {name: files[name] for name in files if not name.startswith(starts)}


def with_(name: str, data: bytes) -> Callable[[Files_], Files_]:
    return lambda files: {**files, name: data}


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("wnids.txt"), "not Tiny ImageNet: no wnids.txt"),
        (with_("wnids.txt", b""), "no classes found"),
        (with_("wnids.txt", b"\xff\xfe\x00"), "wnids.txt is not plain text"),
        (with_("wnids.txt", b"n01 n02 n03 n04"), "no training images of class n04"),
        (without("train/n02/images/"), "no training images of class n02"),
        (without("train/"), r"no training images of 3 classes \(n01, n02, n03\)"),
        (without(ANNOTATIONS), "no val/val_annotations.txt"),
        (with_(ANNOTATIONS, b"val_00.JPEG"), "a line of .* has no class: val_00.JPEG"),
        (with_(ANNOTATIONS, b"val_00.JPEG\tn03\n"), r"lacks 5 images \(val_01.JPEG, "),
        (without("val/images/val_1"), r"val/images lacks 2 images \(val_10.JPEG, val_11.JPEG\)"),
        (without("val/images/val_11"), "val/images lacks image val_11.JPEG"),
    ],
)
def test_wrong_layouts_are_named(
    tmp_path: Path, kind: str, change: Callable[[Files_], Files_], message: str
) -> None:
    files = change(tiny_imagenet_files())
    path = tmp_path / "set"
    path = write_folder(path, files) if kind == "folder" else write_zip(path, files)
    with pytest.raises(InputError, match=message) as caught:
        listing_of(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("n01", "n09"), r"no class n09; choices: 3 classes \(n01, n02, n03\)"),
        (("n01", "n01"), "names n01 more than once"),
        ((), "no classes picked"),
    ],
)
def test_wrong_classes_are_named(tmp_path: Path, classes: tuple[str, ...], message: str) -> None:
    path = write_zip(tmp_path / "set.zip", tiny_imagenet_files())
    with pytest.raises(InputError, match=message):
        listing_of(path, classes)


def test_a_path_that_is_not_a_zip_or_does_not_exist(tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "whole.zip", tiny_imagenet_files()).read_bytes()
    for data in (b"", b"<html>", whole[: len(whole) // 2]):
        path = tmp_path / "broken.zip"
        path.write_bytes(data)
        # Also a zip that a broken download cut short.
        with pytest.raises(InputError, match=r"broken\.zip is not a zip"):
            listing_of(path)
    with pytest.raises(InputError, match="does not exist"):
        listing_of(tmp_path / "nowhere")


def test_names_of_a_zip_do_not_lead_outside(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "secret.JPEG").write_bytes(jpeg(1))
    files = tiny_imagenet_files()
    files["../evil.txt"] = b"evil"
    files["/train/n01/images/absolute.JPEG"] = jpeg(2)
    path = write_zip(tmp_path / "inner.zip", files)
    names = {entry.image.name for entry in listing_of(path).entries}
    # Only members below the root are listed, and nothing is written anywhere.
    assert not names & {"secret.JPEG", "absolute.JPEG"}
    assert not list(tmp_path.rglob("*evil*"))


def test_files_that_macos_adds_to_a_zip_are_ignored(tmp_path: Path) -> None:
    files = tiny_imagenet_files()
    clean = listing_of(write_zip(tmp_path / "clean.zip", files, "tiny/"))
    path = write_zip(tmp_path / "mac.zip", files, "tiny/")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/tiny/._wnids.txt", b"?")
        archive.writestr("tiny/train/n01/images/._n01_0.JPEG", b"?")
    assert listing_of(path) == clean
