"""Files beside and below the images of a data set that are not read, in words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from model.data.files import Files
from model.data.formats import HEIF_SUFFIXES, is_image, may_be_image
from model.data.words import number, shorten

# Labels, boxes and what desktops leave: nobody takes these for images.
_NOT_IMAGES = {
    *(".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md", ".html", ".htm"),
    *(".ini", ".db", ".log", ".py", ".sh"),
}
_HINTS = {suffix: "; to read them: pip install pillow-heif" for suffix in HEIF_SUFFIXES}


def describe_skipped(
    files: Files, places: Iterable[tuple[str, str]], above: Sequence[str] = ()
) -> list[str]:
    """Describe files that a person may take for images of the data set but that are not read.

    Args:
        places: (class, folder of its images); a class may have several.
        above: folders whose subfolders are the classes: images directly in them have no class.

    Returns:
        One line for each suffix, one for images a folder too deep, one for each folder `above`.
    """
    by_suffix: dict[str, Counter[str]] = {}
    too_deep: dict[str, list[int]] = {}
    for name, folder in places:
        for suffix in _skipped_suffixes(files.files(folder)):
            by_suffix.setdefault(suffix, Counter())[name] += 1
        inner = (files.files(f"{folder}/{below}") for below in files.folders(folder))
        if counts := list(filter(None, (sum(map(is_image, names)) for names in inner))):
            too_deep.setdefault(name, []).extend(counts)
    lines = [_of_suffix(suffix, by_suffix[suffix]) for suffix in sorted(by_suffix)]
    lines += [_of_subfolders(too_deep)] if too_deep else []
    return lines + [line for folder in above for line in _beside_classes(files, folder)]


def _skipped_suffixes(names: Iterable[str]) -> list[str]:
    suffixes = (PurePosixPath(name).suffix.lower() for name in names if not is_image(name))
    return [suffix for suffix in suffixes if suffix not in _NOT_IMAGES]


def _of_suffix(suffix: str, counts: Counter[str]) -> str:
    """Number of skipped files of a suffix in each class -> one line."""
    total = counts.total()
    kind = suffix or "without suffix"
    line = f"{shorten(list(counts), 'class')}: {number(total, 'file')} {kind} {_not_read(total)}"
    return line + _HINTS.get(suffix, "")


def _of_subfolders(too_deep: dict[str, list[int]]) -> str:
    """Number of images in each class's subfolders -> one line."""
    counts = [count for below in too_deep.values() for count in below]
    folders, images = number(len(counts), "subfolder"), number(sum(counts), "image")
    classes = shorten(list(too_deep), "class")
    return f"{classes}: {folders} with {images} {_not_read(len(counts))}"


def _beside_classes(files: Files, folder: str) -> list[str]:
    names = [name for name in files.files(folder) if may_be_image(name)]
    if not names:
        return []
    where = f" in {folder}" if folder else ""
    return [f"{shorten(names, 'image')}{where} beside the class folders {_not_read(len(names))}"]


def _not_read(count: int) -> str:
    return "is not read" if count == 1 else "are not read"
