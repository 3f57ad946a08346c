"""Any folder of images: `train/<class>/*` with `val/<class>/*`, or `<class>/*` alone."""

from collections.abc import Iterator

from model.config.images import ImageFolder
from model.data.files import Files
from model.data.keyed_random import order
from model.data.listing import ImageFile, Listing, is_image, make_listing, pick_classes, shorten
from model.errors import InputError


def list_images(files: Files, config: ImageFolder) -> Listing:
    """List the images of the picked classes; other files are ignored.

    Without a `val` folder, `config.val_fraction` of each class is held out for validation, drawn
    with `config.split_seed`.

    Raises:
        InputError: a class is unknown, without images, or too small to hold any out.
    """
    folders = files.folders("")
    if {"train", "val"} <= set(folders):
        return _list_split(files, config)
    if "train" in folders and files.folders("train"):
        raise InputError(
            f"{files.path} has a train but no val folder; "
            f"give path {files.path / 'train'} to hold out val_fraction of it"
        )
    picked = pick_classes(folders, config.classes, files.path)
    images = [image for name in picked for image in _hold_out(files, name, config)]
    return make_listing(files, picked, images)


def unread(files: Files, config: ImageFolder) -> str | None:
    """Describe images that are one folder too deep, on one line; None if there are none."""
    parts = ("train", "val") if {"train", "val"} <= set(files.folders("")) else ("",)
    too_deep: dict[str, list[int]] = {}
    for part in parts:
        for name in config.classes or files.folders(part):
            place = f"{part}/{name}".lstrip("/")
            below = [len(_images(files, f"{place}/{inner}")) for inner in files.folders(place)]
            if any(below):
                too_deep[name] = too_deep.get(name, []) + list(filter(None, below))
    return _describe(too_deep) if too_deep else None


def _describe(too_deep: dict[str, list[int]]) -> str:
    """Number of images in each class's subfolders -> one line."""
    counts = [count for below in too_deep.values() for count in below]
    folders, verb = "1 subfolder", "is"
    if len(counts) > 1:
        folders, verb = f"{len(counts)} subfolders", "are"
    images = "1 image" if sum(counts) == 1 else f"{sum(counts)} images"
    return f"{shorten(list(too_deep), 'class')}: {folders} with {images} {verb} not read"


def _images(files: Files, folder: str) -> list[str]:
    return [name for name in files.files(folder) if is_image(name)]


def _list_split(files: Files, config: ImageFolder) -> Listing:
    classes = files.folders("train")
    if config.classes is None and (extra := sorted(set(files.folders("val")) - set(classes))):
        raise InputError(f"{files.path / 'val'} has {shorten(extra, 'class')} unknown to train")
    picked = pick_classes(classes, config.classes, files.path / "train")
    images = [
        ImageFile(name, split == "val", image, f"{split}/{name}/{image}")
        for split in ("train", "val")
        for name in picked
        for image in _images(files, f"{split}/{name}")
    ]
    return make_listing(files, picked, images)


def _hold_out(files: Files, name: str, config: ImageFolder) -> Iterator[ImageFile]:
    images = _images(files, name)
    if len(images) < 2:
        raise InputError(
            f"{files.path}: class {name} has {len(images)} images; "
            "at least 2 are needed to hold one out for validation"
        )
    count = min(max(1, round(len(images) * config.val_fraction)), len(images) - 1)
    # The key names the class: other classes beside it do not change its draw.
    held_out = set(order(("val", config.split_seed, name), len(images))[:count].tolist())
    for index, image in enumerate(images):
        yield ImageFile(name, index in held_out, image, f"{name}/{image}")
