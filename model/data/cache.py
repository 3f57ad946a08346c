"""Decoded images on disk: one folder for each fingerprint, written once, mapped by every trial.

<cache>/<fingerprint>/images.npy, labels.npy, is_val.npy, set.json
<cache>/<fingerprint>.lock       held by the process that decodes
<cache>/<fingerprint>.part/      a set that is being written; never read
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from model.data.cached_set import Source, has_its_pixels, read_set, trust_set, write_set
from model.data.image_set import ImageSet
from model.data.listing import FINGERPRINT_DIGITS
from model.errors import InputError
from model.fsync import flush_folder


def load_or_build(
    cache: Path, fingerprint: str, open_source: Callable[[], AbstractContextManager[Source]]
) -> ImageSet:
    """Return the cached set; the source is opened and decoded only where it is missing or damaged.

    The first time in a process the arrays are read and compared with their checksums.

    Raises:
        InputError: the cache cannot be written; whatever opening or decoding the source raises.
    """
    if not re.fullmatch(f"[0-9a-f]{{{FINGERPRINT_DIGITS}}}", fingerprint):
        raise InputError(
            f"data.fingerprint {fingerprint!r} is not {FINGERPRINT_DIGITS} hex digits; leave it out"
        )
    folder = cache / fingerprint
    if (cached := _read_intact(folder, fingerprint)) is not None:
        return cached
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{fingerprint}.lock"):
            # Another process may have decoded while this one waited.
            if (cached := _read_intact(folder, fingerprint)) is not None:
                return cached
            is_damaged = folder.exists()
            with _opened(open_source, folder, is_damaged) as source:
                _build(folder, source)
    except OSError as error:
        raise InputError(f"cannot write the image cache {cache}: {error}") from error
    return _read_new(folder, fingerprint, is_damaged)


@contextmanager
def _opened(
    open_source: Callable[[], AbstractContextManager[Source]], folder: Path, is_damaged: bool
) -> Iterator[Source]:
    """The source. An error in opening it says if only a damaged cache made it necessary."""
    with ExitStack() as stack:
        try:
            source = stack.enter_context(open_source())
        except InputError as error:
            if not is_damaged:
                raise
            reason = f"the decoded images in {folder} are damaged, and to decode them anew: {error}"
            raise InputError(reason) from error
        yield source


def _read_intact(folder: Path, fingerprint: str) -> ImageSet | None:
    """The set in `folder`; None if it is not there, not whole, or has other bytes than written."""
    cached = read_set(folder, fingerprint)
    return cached.image_set if cached and has_its_pixels(folder, cached.about) else None


def _read_new(folder: Path, fingerprint: str, was_damaged: bool) -> ImageSet:
    """The set that this process has just written."""
    cached = read_set(folder, fingerprint)
    assert cached is not None, f"{folder} does not read back"
    trust_set(folder)
    if not was_damaged:
        return cached.image_set
    note = f"the decoded images in {folder} were damaged and have been decoded anew"
    return replace(cached.image_set, notes=(note, *cached.image_set.notes))


def _build(folder: Path, source: Source) -> None:
    """Write beside the folder, then rename: a reader sees all of a set or nothing."""
    part = folder.with_name(f"{folder.name}.part")
    # Left by a crash: whoever holds the lock is the only one writing.
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        write_set(part, source)
        if folder.exists():
            # Damaged. Processes that mapped it keep their pages.
            shutil.rmtree(folder)
        part.replace(folder)
        flush_folder(folder.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def cached_class_names(cache: Path, fingerprint: str | None) -> tuple[str, ...] | None:
    """The classes of a cached set in label order; None where the cache does not hold it."""
    cached = read_set(cache / fingerprint, fingerprint) if fingerprint else None
    return cached.image_set.class_names if cached else None
