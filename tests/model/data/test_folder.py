"""Any folder of images, split by its folders or by a seeded draw."""

import os
from pathlib import Path
from typing import Any

import pytest
from image_files import jpeg, write_folder

from model.config.images import ImageFolder
from model.data.files import FolderFiles
from model.data.folder import list_images
from model.data.listing import Listing
from model.errors import InputError


def listing_of(path: Path, **fields: Any) -> Listing:
    config = ImageFolder(source="folder", path=path, **fields)
    return list_images(FolderFiles(path), config)


def images(*folders: str, count: int = 2) -> dict[str, bytes]:
    """`count` images in each folder."""
    return {
        f"{folder}/{index}.png": f"{folder} {index}".encode()
        for folder in folders
        for index in range(count)
    }


def held_out(listing: Listing, class_name: str | None = None) -> set[str]:
    return {
        entry.image.file
        for entry in listing.entries
        if entry.image.is_val and class_name in (None, entry.image.class_name)
    }


def test_train_and_val_folders_are_the_split(tmp_path: Path) -> None:
    files = images("train/b", "train/a", "val/a", "val/b", "test/a")
    listing = listing_of(write_folder(tmp_path, files))
    assert listing.class_names == ("a", "b")
    assert held_out(listing) == {"val/a/0.png", "val/a/1.png", "val/b/0.png", "val/b/1.png"}
    # 4 + 4 images: nothing of another folder.
    assert len(listing.entries) == 8


@pytest.mark.parametrize(
    ("count", "fraction", "expected"), [(20, 0.25, 5), (3, 0.01, 1), (2, 0.99, 1), (10, 0.1, 1)]
)
def test_fraction_is_held_out_of_each_class(
    tmp_path: Path, count: int, fraction: float, expected: int
) -> None:
    listing = listing_of(
        write_folder(tmp_path, images("a", "b", count=count)), val_fraction=fraction
    )
    # At least one image is held out, and at least one is left to train on.
    assert len(held_out(listing, "a")) == len(held_out(listing, "b")) == expected
    assert len(listing.entries) == 2 * count


def test_draw_follows_the_seed_and_the_class_only(tmp_path: Path) -> None:
    path = write_folder(tmp_path, images("a", "b", count=30))
    both, again, alone = listing_of(path), listing_of(path), listing_of(path, classes=("b",))
    assert held_out(both) == held_out(again)
    assert held_out(both, "b") == held_out(alone)
    assert held_out(both) != held_out(listing_of(path, split_seed=1))
    # The draw is part of the fingerprint: other validation images are another data set.
    assert both.fingerprint(8) != listing_of(path, split_seed=1).fingerprint(8)


def test_common_images_count_and_other_files_do_not(tmp_path: Path) -> None:
    names = ["a.JPG", "b.jpeg", "c.PNG", "d.webp", "e.tif", "f.bmp", "g.gif", "h.ppm"]
    others = ["notes.txt", "labels.csv", ".hidden.png", "Thumbs.db"]
    files = {f"{folder}/{name}": b"x" for folder in ("cat", "dog") for name in names + others}
    listing = listing_of(write_folder(tmp_path, files | {"readme.md": b"", ".cache/x.png": b""}))
    cats = [entry.image.name for entry in listing.entries if entry.image.class_name == "cat"]
    assert sorted(cats) == names
    assert listing.class_names == ("cat", "dog")


def test_picked_classes_keep_their_order(tmp_path: Path) -> None:
    path = write_folder(tmp_path, images("a", "b", "c"))
    assert listing_of(path, classes=("c", "a")).class_names == ("c", "a")


@pytest.mark.parametrize(
    ("files", "fields", "message"),
    [
        ({}, {}, "no class folders"),
        (images("a") | {"b/notes.txt": b""}, {}, "class b has 0 images"),
        (images("a") | images("b", count=1), {}, "class b has 1 images"),
        (images("a"), {"classes": ("a", "dog")}, "no class dog; choices: class a"),
        (images("train/a", "train/b", "val/a"), {}, "no validation images of class b"),
        (images("train/a", "val/a", "val/b"), {}, "val has class b unknown to train"),
        (images("train/a", "train/b"), {}, "train but no val folder; give path .*train"),
    ],
    ids=["empty", "no-images", "one-image", "unknown", "no-val", "val-only", "train-only"],
)
def test_wrong_folders_are_named(
    tmp_path: Path, files: dict[str, bytes], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        listing_of(write_folder(tmp_path, files), **fields)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_that_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file.jpg").write_bytes(jpeg(0))
    with pytest.raises(InputError, match=r"file\.jpg is not a folder"):
        FolderFiles(tmp_path / "file.jpg")
    with pytest.raises(InputError, match="nowhere does not exist"):
        FolderFiles(tmp_path / "nowhere")


def test_a_name_that_no_record_could_hold_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"r\xe9d")).mkdir()
    with pytest.raises(InputError, match=r"folder 'r.*dce9d': its name is not readable text"):
        FolderFiles(tmp_path).folders("")


def test_a_pipe_is_not_an_image_and_a_broken_link_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    (tmp_path / "a" / "link.jpg").symlink_to("nowhere")
    files = FolderFiles(tmp_path)
    assert files.files("a") == ["link.jpg"]
    with pytest.raises(InputError, match=r"a/link\.jpg cannot be read"):
        files.read("a/link.jpg")
