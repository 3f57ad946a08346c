"""The images of a data set, and the fingerprint of their content."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from model.data.decode import DECODER_VERSION
from model.data.files import Content, Files
from model.data.words import continued, shorten
from model.errors import InputError

FINGERPRINT_DIGITS = 32


class ImageFile(NamedTuple):
    """An image by its name and place; its bytes have not been read."""

    class_name: str
    is_val: bool
    name: str
    """Name within class and split: the same in a folder and a zip."""
    file: str
    """Path below the root of the files. Not part of the fingerprint."""


class Entry(NamedTuple):
    """One image of a data set."""

    image: ImageFile
    content: Content


@dataclass(frozen=True)
class Listing:
    """The images of a data set in the order of its rows: training first, then by class and name."""

    class_names: tuple[str, ...]
    """In label order."""
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    """What a person should know of the images, a line each."""

    def fingerprint(self, image_size: int) -> str:
        """32 hex digits over everything that decides the decoded rows; not over paths and dates."""
        rows = [
            # A rule is there only where one touches the image, so that all others are as before.
            [*image[:3], *(content if content.rule else content[:2])]
            for image, content in self.entries
        ]
        return digest([DECODER_VERSION, image_size, list(self.class_names), rows])


def digest(content: Sequence[object]) -> str:
    """32 hex digits of the content's canonical JSON."""
    text = json.dumps(content, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:FINGERPRINT_DIGITS]


def make_listing(
    files: Files,
    class_names: tuple[str, ...],
    images: Iterable[ImageFile],
    notes: Sequence[str] = (),
) -> Listing:
    """Add the contents and sort. Raises InputError for a class without images in either split."""
    label = {name: index for index, name in enumerate(class_names)}
    ordered = sorted(images, key=lambda image: (image.is_val, label[image.class_name], image.name))
    counts = Counter((image.class_name, image.is_val) for image in ordered)
    for is_val, split in ((False, "training"), (True, "validation")):
        if empty := [name for name in class_names if not counts[name, is_val]]:
            classes = shorten(empty, "class")
            raise InputError(f"{files.path} has no {split} images of {classes}{continued(notes)}")
    contents = files.contents([image.file for image in ordered])
    return Listing(class_names, tuple(map(Entry, ordered, contents)), tuple(notes))


def pick_classes(
    available: Sequence[str], requested: tuple[str, ...] | None, path: Path
) -> tuple[str, ...]:
    """Return the requested classes in label order; None takes all, sorted.

    Raises:
        InputError: a requested class does not exist or is named twice, or there are none at all.
    """
    picked = tuple(sorted(available)) if requested is None else requested
    if not picked:
        raise InputError(f"{path}: no classes" + (" picked" if requested is not None else " found"))
    if unknown := [name for name in picked if name not in set(available)]:
        choices = shorten(sorted(available), "class")
        raise InputError(f"{path} has no {shorten(unknown, 'class')}; choices: {choices}")
    if len(set(picked)) < len(picked):
        twice = next(name for name, count in Counter(picked).items() if count > 1)
        raise InputError(f"data.classes names {twice} more than once")
    return picked
