"""Tiny ImageNet in its official layout, as a folder or a zip.

    wnids.txt                            one WordNet id a line
    train/<wnid>/images/<name>.JPEG
    val/images/<name>.JPEG
    val/val_annotations.txt              <name> TAB <wnid> TAB box

The root may be nested one level, as in the official zip. `test` is ignored: it has no labels.
"""

from collections.abc import Iterator

from model.data.files import Files
from model.data.formats import is_image
from model.data.listing import ImageFile, Listing, make_listing, pick_classes
from model.data.skipped import describe_skipped
from model.data.words import shorten
from model.errors import InputError
from model.plain_text import decode_text


def list_images(files: Files, classes: tuple[str, ...] | None = None) -> Listing:
    """List the training and validation images of the picked classes.

    Args:
        classes: WordNet ids in label order; None takes all of wnids.txt, sorted.

    Raises:
        InputError: the layout differs, an annotated image is missing or not annotated, a
            class is unknown or without images.
    """
    root = _find_root(files)
    wnids = [word for line in _lines(files, f"{root}wnids.txt") for word in line.split()]
    picked = pick_classes(wnids, classes, files.path)
    images = [*_training(files, root, picked), *_validation(files, root, set(picked))]
    places = [(wnid, f"{root}train/{wnid}/images") for wnid in picked]
    return make_listing(files, picked, images, describe_skipped(files, places))


def _find_root(files: Files) -> str:
    """Return '' or 'folder/', whichever holds wnids.txt."""
    roots = ["", *(f"{folder}/" for folder in files.folders(""))]
    for root in roots:
        if "wnids.txt" in files.files(root.rstrip("/")):
            return root
    raise InputError(
        f"{files.path} is not Tiny ImageNet: no wnids.txt in it or in a folder directly below"
    )


def _lines(files: Files, name: str) -> list[str]:
    folder, _, base = name.rpartition("/")
    if base not in files.files(folder):
        raise InputError(f"{files.path} is not Tiny ImageNet, or not all of it: no {name}")
    try:
        return decode_text(files.read(name)).splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{files.path}: {name} is not plain text") from error


def _training(files: Files, root: str, classes: tuple[str, ...]) -> Iterator[ImageFile]:
    for wnid in classes:
        folder = f"{root}train/{wnid}/images"
        for name in filter(is_image, files.files(folder)):
            yield ImageFile(wnid, False, name, f"{folder}/{name}")


def _validation(files: Files, root: str, classes: set[str]) -> Iterator[ImageFile]:
    table = f"{root}val/val_annotations.txt"
    rows = [line.strip().split("\t") for line in _lines(files, table) if line.strip()]
    if short := [row for row in rows if len(row) < 2]:
        raise InputError(f"{files.path}: a line of {table} has no class: {short[0][0]}")
    wnid_of = {row[0]: row[1] for row in rows}
    folder = f"{root}val/images"
    present = set(filter(is_image, files.files(folder)))
    if missing := sorted(wnid_of.keys() - present):
        raise InputError(f"{files.path}: {folder} lacks {shorten(missing, 'image')}")
    if unlabelled := sorted(present - wnid_of.keys()):
        raise InputError(f"{files.path}: {table} lacks {shorten(unlabelled, 'image')} of {folder}")
    for name, wnid in wnid_of.items():
        if wnid in classes:
            yield ImageFile(wnid, True, name, f"{folder}/{name}")
