"""Downloading Tiny ImageNet: resumed after a break, and kept only once it is verified."""

import hashlib
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from model.data import tiny_imagenet
from model.data.files import ZipFiles
from model.data.http_download import Progress, discard, download
from model.errors import InputError

OFFICIAL_URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
OFFICIAL_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"
FILE_NAME = "tiny-imagenet-200.zip"


def fetch_tiny_imagenet(source: str | None, to: Path, progress: Progress) -> Path:
    """Fetch Tiny ImageNet to `<to>/tiny-imagenet-200.zip`.

    A verified file that exists already is kept. The bytes of a broken download stay in
    `tiny-imagenet-200.zip.part`, and the next call resumes from them.

    Args:
        source: http(s) URL or path of the zip; None takes the official URL, whose MD5 is checked.
        to: folder, made if it is missing.
        progress: called with (bytes so far, total bytes or None).

    Returns:
        Path of the verified zip.

    Raises:
        InputError: the source cannot be reached or read, or is not Tiny ImageNet.
    """
    final = to / FILE_NAME
    source = source or OFFICIAL_URL
    md5 = OFFICIAL_MD5 if source == OFFICIAL_URL else None
    try:
        to.mkdir(parents=True, exist_ok=True)
        with FileLock(to / f".{FILE_NAME}.lock"):
            if final.exists():
                _check_present(final, md5)
            else:
                _fetch(source, final, md5, progress)
    except OSError as error:
        raise InputError(f"cannot fetch {source} to {to}: {error}") from error
    return final


def _check_present(final: Path, md5: str | None) -> None:
    try:
        _verify(final, md5)
    except InputError as error:
        raise InputError(f"{error}; move the file away to fetch it anew") from error


def _fetch(source: str, final: Path, md5: str | None, progress: Progress) -> None:
    part = final.with_name(f"{FILE_NAME}.part")
    if "://" in source:
        _check_url(source)
        download(source, part, progress)
    else:
        discard(part)
        _copy(Path(source).expanduser(), part, progress)
    try:
        _verify(part, md5)
    except InputError as error:
        discard(part)
        raise InputError(f"the download from {source} was discarded: {error}") from error
    part.replace(final)
    discard(part)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InputError(f"source {url} is not a URL: {error}") from error
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise InputError(f"source {url} is neither an http(s) URL nor a path")


def _copy(source: Path, part: Path, progress: Progress) -> None:
    if not source.is_file():
        raise InputError(f"source {source} is not a file")
    shutil.copyfile(source, part)
    progress(part.stat().st_size, part.stat().st_size)


def _verify(path: Path, md5: str | None) -> None:
    """Raise InputError unless `path` is an intact zip in Tiny ImageNet's layout, with that MD5."""
    with path.open("rb") as file:
        start = file.read(15)
        if not start.startswith(b"PK"):
            raise InputError(f"{path.name} is not a zip: it begins with {start!r}")
        file.seek(0)
        if md5 and (actual := hashlib.file_digest(file, "md5").hexdigest()) != md5:
            raise InputError(f"{path.name} is not the official file: MD5 {actual}, not {md5}")
    files = ZipFiles(path)
    try:
        tiny_imagenet.list_images(files)
        if broken := files.first_broken():
            raise InputError(f"{path.name} is damaged: {broken}")
    finally:
        files.close()
