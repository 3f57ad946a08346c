"""Likely causes where a folder does not hold one folder of images for each of several classes."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from model.data.files import Files
from model.data.formats import may_be_image
from model.data.words import number, shorten
from model.errors import InputError

_SORT = "sort the images into one folder for each class"
_TABLES = (".csv", ".tsv", ".xlsx", ".parquet", ".json", ".jsonl")


def require_two_classes(path: Path, classes: Sequence[str], cause: str) -> None:
    """Refuse images of one class: any network would be right about all of them.

    Args:
        cause: the likely one, to go on the message's line; see `likely_cause`.

    Raises:
        InputError: there is one class.
    """
    if len(classes) == 1:
        raise InputError(f"{path}: there is one class, {classes[0]}: nothing to classify{cause}")


def likely_cause(files: Files, root: str = "") -> str:
    """Continue a message on a folder with too few classes: what it holds instead, and the fix.

    Empty where nothing in it explains that.
    """
    folders = [f"{root}/{name}".lstrip("/") for name in files.folders(root)]
    for folder in folders:
        inner = [n for n in files.folders(folder) if _has_images(files, f"{folder}/{n}")]
        if inner:
            have = f"{files.path / folder} has {shorten(inner, 'folder')} with images"
            return f"; {have}: is the path one level too high?"
    if tables := list(_tables(files, [root, *folders])):
        return f"; labels in {shorten(tables, 'file')} are not read: {_SORT}"
    if images := sum(map(may_be_image, files.files(root))):
        return f"; {number(images, 'image')} directly in it: {_SORT}, or name the folder above"
    return ""


def _has_images(files: Files, folder: str) -> bool:
    return any(map(may_be_image, files.files(folder)))


def _tables(files: Files, folders: Iterable[str]) -> Iterable[str]:
    for folder in folders:
        for name in files.files(folder):
            if PurePosixPath(name).suffix.lower() in _TABLES:
                yield f"{folder}/{name}".lstrip("/")
