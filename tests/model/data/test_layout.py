"""Folders that are not one folder of images for each of several classes, and why."""

from pathlib import Path

import pytest
from image_files import write_folder

from model.config.images import ImageFolder, TinyImageNet
from model.data.load import resolve
from model.errors import InputError

SORT = "sort the images into one folder for each class"


def refusal(root: Path, *names: str, classes: tuple[str, ...] | None = None) -> str:
    write_folder(root, {name: name.encode() for name in names})
    with pytest.raises(InputError) as caught:
        resolve(ImageFolder(source="folder", path=root, classes=classes))
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{root}: ")


def one_class(name: str) -> str:
    return f"there is one class, {name}: nothing to classify"


def test_a_path_one_level_too_high_is_told(tmp_path: Path) -> None:
    names = [f"flowers/{kind}/{i}.jpg" for kind in ("rose", "tulip") for i in range(3)]
    expected = f"{tmp_path}/flowers has 2 folders (rose, tulip) with images: "
    assert refusal(tmp_path, *names) == (
        f"{one_class('flowers')}; {expected}is the path one level too high?"
    )


def test_a_folder_beside_a_table_of_labels_is_told(tmp_path: Path) -> None:
    names = [f"images/{i}.png" for i in range(4)]
    # All images in one folder would be trained on as one class, to 100 %.
    assert refusal(tmp_path / "a", *names, "labels.csv") == (
        f"{one_class('images')}; labels in file labels.csv are not read: {SORT}"
    )
    assert refusal(tmp_path / "b", *names, "images/meta.JSONL", "images/_labels.tsv") == (
        f"{one_class('images')}; labels in 2 files (images/_labels.tsv, images/meta.JSONL) "
        f"are not read: {SORT}"
    )
    # The same with a split, whose tables lie beside or above the images.
    split = ("train/all/1.png", "train/all/2.png", "val/all/1.png", "train/labels.csv")
    assert "labels in file train/labels.csv are not read" in refusal(tmp_path / "c", *split)


def test_images_without_folders_are_told(tmp_path: Path) -> None:
    assert refusal(tmp_path, "1.png", "2.JPG", "3.heic") == (
        f"no class folders; 3 images directly in it: {SORT}, or name the folder above"
    )


def test_one_class_without_another_cause_is_said_plainly(tmp_path: Path) -> None:
    assert refusal(tmp_path, "rose/1.png", "rose/2.png") == one_class("rose")
    names = ("rose/1.png", "rose/2.png", "tulip/1.png", "tulip/2.png")
    picked = refusal(tmp_path, *names, classes=("rose",))
    assert picked == f"{one_class('rose')}; data.classes names no other"


def test_tiny_imagenet_of_one_class_is_refused_too(tmp_path: Path) -> None:
    files = {
        "wnids.txt": b"n1\n", "train/n1/images/0.JPEG": b"x", "val/images/0.JPEG": b"y",
        "val/val_annotations.txt": b"0.JPEG\tn1\n",
    }  # fmt: skip
    with pytest.raises(InputError, match=r"there is one class, n1: nothing to classify$"):
        resolve(TinyImageNet(source="tiny-imagenet", path=write_folder(tmp_path, files)))
