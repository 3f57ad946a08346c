"""Files that are not read, and images that are in the set twice: reported before anything runs."""

from collections.abc import Callable
from pathlib import Path

import pytest
from image_files import jpeg, tiny_imagenet_files, write_folder, write_zip

from model.config.images import ImageFolder, TinyImageNet
from model.data import formats
from model.data.load import resolve, survey
from model.errors import InputError

Files = dict[str, bytes]


def images(*folders: str, count: int = 2, suffix: str = "png") -> Files:
    """`count` images in each folder, no two of them alike."""
    return {
        f"{folder}/{index}.{suffix}": f"{folder} {index}.{suffix}".encode()
        for folder in folders
        for index in range(count)
    }


def notes(path: Path, files: Files) -> list[str]:
    return list(survey(ImageFolder(source="folder", path=write_folder(path, files)))[1])


AB, SPLIT = images("a", "b"), images("train/a", "train/b", "val/a", "val/b")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (AB, []),
        (SPLIT, []),
        (AB | images("a", count=3, suffix="svg"), ["class a: 3 files .svg are not read"]),
        (
            AB | images("a", "b", suffix="CR2") | {"b/photo": b"x", "a/x.Npy": b"x"},
            [
                "class b: 1 file without suffix is not read",
                "2 classes (a, b): 4 files .cr2 are not read",
                "class a: 1 file .npy is not read",
            ],
        ),
        (SPLIT | images("val/a", suffix="jp2"), ["class a: 2 files .jp2 are not read"]),
        # Labels, boxes and what desktops leave are not images.
        (AB | {"a/labels.csv": b"", "a/1.xml": b"", "a/Thumbs.db": b"", "a/.DS_Store": b""}, []),
        (AB | images("a/deep", count=12), ["class a: 1 subfolder with 12 images is not read"]),
        (
            AB | images("a/x", "a/y", "b/x", "c"),
            ["2 classes (a, b): 3 subfolders with 6 images are not read"],
        ),
        (SPLIT | images("train/a/x"), ["class a: 1 subfolder with 2 images is not read"]),
        (AB | {"a/notes/x.txt": b""}, []),
        (AB | {"x.png": b"", "readme.txt": b""}, ["image x.png beside the class folders is not read"]),
        (
            SPLIT | images("val", count=7) | {"train/x.heic": b""},
            [
                "image x.heic in train beside the class folders is not read",
                "7 images (0.png, 1.png, 2.png, 3.png, 4.png, ...) in val beside the class folders "
                "are not read",
            ],
        ),
    ],
)  # fmt: skip
def test_what_is_not_read_is_reported(tmp_path: Path, files: Files, expected: list[str]) -> None:
    assert notes(tmp_path, files) == expected


def test_an_error_of_missing_images_says_what_is_there_instead(tmp_path: Path) -> None:
    for name, files, message in (
        ("deep", images("a/2019", "b/2019", count=9), "class a has 0 images; .*2 subfolders with 18"),
        ("svg", images("a") | images("b", suffix="svg"), "class b has 0 images; .*2 files .svg are"),
        ("split", SPLIT | images("val/c/x") | images("train/c/x"), "no training images of class c; class c: 2 sub"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message) as caught:
            notes(tmp_path / name, files)
        assert "\n" not in str(caught.value)


def test_a_missing_reader_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_reads_heif", lambda: False)
    monkeypatch.setattr(formats, "_reads_avif", lambda: False)
    files = AB | images("a", suffix="HEIC", count=1) | images("b", suffix="avif")
    assert notes(tmp_path, files) == [
        "class b: 2 files .avif are not read",
        "class a: 1 file .heic is not read; to read them: pip install pillow-heif",
    ]


def test_files_of_a_zip_that_are_not_read(tmp_path: Path) -> None:
    files = tiny_imagenet_files() | {
        "train/n01/images/n01_9.heif.bak": b"",
        "train/n02/images/y": b"",
    }
    path = write_zip(tmp_path / "set.zip", files)
    assert survey(TinyImageNet(source="tiny-imagenet", path=path))[1] == (
        "class n02: 1 file without suffix is not read",
        "class n01: 1 file .bak is not read",
    )


def test_the_same_image_in_training_and_validation_is_reported(tmp_path: Path) -> None:
    files = {name: jpeg(seed) for seed, name in enumerate(SPLIT)}
    # Under another name, and one of them twice.
    files["val/a/copy.png"] = files["val/a/again.png"] = files["train/a/0.png"]
    files["val/b/1.png"] = files["train/b/0.png"]
    assert notes(tmp_path / "leak", files) == [
        "3 of 6 validation images are training images too (same size and checksum): "
        "val/a/again.png = train/a/0.png, val/a/copy.png = train/a/0.png, "
        "val/b/1.png = train/b/0.png"
    ]
    # Twice in one split is a weight, not a leak.
    files = {name: jpeg(seed) for seed, name in enumerate(SPLIT)}
    files["train/a/0.png"] = files["train/a/1.png"]
    assert notes(tmp_path / "twice", files) == []


def test_the_same_image_under_two_labels_is_reported(tmp_path: Path) -> None:
    files = {name: jpeg(seed) for seed, name in enumerate(images("a", "b", "c", count=9))}
    alone = notes(tmp_path / "alone", files)
    for index in range(2, 7):
        files[f"b/{index}.png"] = files[f"a/{index}.png"]
    lines = [line for line in notes(tmp_path / "two", files) if "labels" in line]
    assert alone == []
    assert lines == [
        "5 images have two labels (same size and checksum): a/2.png = b/2.png, "
        "a/3.png = b/3.png, a/4.png = b/4.png, ..."
    ]


def test_files_of_equal_size_are_told_apart_by_their_checksums(tmp_path: Path) -> None:
    files = {name: index.to_bytes(4) for index, name in enumerate(SPLIT)}
    assert notes(tmp_path, files) == []


def test_the_images_that_count_do_not_depend_on_what_is_not_read(tmp_path: Path) -> None:
    def fingerprint(path: Path, files: Files) -> str | None:
        return resolve(ImageFolder(source="folder", path=write_folder(path, files))).fingerprint

    more = AB | images("a/deep", "b", suffix="svg") | {"x.png": b"", "a/photo": b""}
    assert fingerprint(tmp_path / "more", more) == fingerprint(tmp_path / "alone", AB)


def suffixes(reads: Callable[[str], bool]) -> list[str]:
    return [
        suffix for suffix in ("jfif", "JFIF", "avif", "heic", "heif", "svg") if reads(f"x.{suffix}")
    ]


def test_jfif_is_jpeg_and_other_suffixes_are_read_where_pillow_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert suffixes(formats.is_image)[:2] == ["jfif", "JFIF"]
    monkeypatch.setattr(formats, "_reads_heif", lambda: True)
    monkeypatch.setattr(formats, "_reads_avif", lambda: True)
    assert suffixes(formats.is_image) == ["jfif", "JFIF", "avif", "heic", "heif"]
    monkeypatch.setattr(formats, "_reads_heif", lambda: False)
    assert suffixes(formats.is_image) == ["jfif", "JFIF", "avif"]
    assert suffixes(formats.may_be_image) == ["jfif", "JFIF", "avif", "heic", "heif"]
