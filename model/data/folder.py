"""Any folder of images: `train/<class>/*` with `val/<class>/*`, or `<class>/*` alone."""

from collections.abc import Iterator, Sequence

from model.config.images import ImageFolder
from model.data.files import Files
from model.data.formats import is_image
from model.data.keyed_random import order
from model.data.layout import likely_cause, require_two_classes
from model.data.listing import ImageFile, Listing, make_listing, pick_classes
from model.data.skipped import describe_skipped
from model.data.words import continued, shorten
from model.errors import InputError


def list_images(files: Files, config: ImageFolder) -> Listing:
    """List the images of the picked classes; other files are noted.

    Without a `val` folder, `config.val_fraction` of each class is held out for validation, drawn
    with `config.split_seed`.

    Raises:
        InputError: a class is unknown, without images, or too small to hold any out.
    """
    folders = files.folders("")
    splits: tuple[str, ...] = ("",)
    if {"train", "val"} <= set(folders):
        splits, classes = ("train", "val"), _classes_of_splits(files, config)
    elif "train" in folders and files.folders("train"):
        raise InputError(
            f"{files.path} has a train but no val folder; "
            f"give path {files.path / 'train'} to hold out val_fraction of it"
        )
    elif not folders:
        raise InputError(f"{files.path}: no class folders{likely_cause(files)}")
    else:
        classes = pick_classes(folders, config.classes, files.path)
    if config.classes is None:
        require_two_classes(files.path, classes, likely_cause(files, splits[0]))
    places = [(name, f"{split}/{name}".lstrip("/")) for split in splits for name in classes]
    notes = describe_skipped(files, places, above=splits)
    if len(splits) > 1:
        images = [image for split in splits for image in _of_split(files, split, classes)]
    else:
        images = [image for name in classes for image in _hold_out(files, name, config, notes)]
    return make_listing(files, classes, images, notes)


def _classes_of_splits(files: Files, config: ImageFolder) -> tuple[str, ...]:
    classes = files.folders("train")
    if config.classes is None and (extra := sorted(set(files.folders("val")) - set(classes))):
        raise InputError(f"{files.path / 'val'} has {shorten(extra, 'class')} unknown to train")
    return pick_classes(classes, config.classes, files.path / "train")


def _of_split(files: Files, split: str, classes: tuple[str, ...]) -> Iterator[ImageFile]:
    for name in classes:
        for image in filter(is_image, files.files(f"{split}/{name}")):
            yield ImageFile(name, split == "val", image, f"{split}/{name}/{image}")


def _hold_out(
    files: Files, name: str, config: ImageFolder, notes: Sequence[str]
) -> Iterator[ImageFile]:
    images = list(filter(is_image, files.files(name)))
    if len(images) < 2:
        raise InputError(
            f"{files.path}: class {name} has {len(images)} images; "
            "at least 2 are needed to hold one out for validation" + continued(notes)
        )
    count = min(max(1, round(len(images) * config.val_fraction)), len(images) - 1)
    # The key names the class: other classes beside it do not change its draw.
    held_out = set(order(("val", config.split_seed, name), len(images))[:count].tolist())
    for index, image in enumerate(images):
        yield ImageFile(name, index in held_out, image, f"{name}/{image}")
