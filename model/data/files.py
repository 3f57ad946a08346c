"""Read-only access to the files of a folder or a zip through one interface.

Nothing is ever extracted: a member of a zip is read into memory, so its name cannot lead outside.
"""

import io
import os
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple, Protocol

from model.data.formats import JPEG_SUFFIXES
from model.data.header import read_header
from model.data.unreadable import unreadable
from model.errors import InputError

MAX_FILE_BYTES = 256 * 2**20
"""A larger file is refused unread: a small zip may claim members of any size."""

_CHUNK = 2**20
"""Bytes of a file that are read at once."""
_BATCH = 64
"""Files that a thread reads before it asks for more: to hand out each would take as long."""


class Content(NamedTuple):
    """The content of an image file, as far as it is known without decoding it."""

    size: int
    """Bytes."""
    crc32: int
    rule: str | None = None
    """Decoding rule of `model.data.header` that touches the image."""


class Files(Protocol):
    """The files below one root. Names are relative to it, with `/` between the parts."""

    path: Path
    """The root as the user knows it, for messages."""

    def folders(self, folder: str) -> list[str]:
        """Sorted names of the visible folders directly in `folder`; '' is the root."""

    def files(self, folder: str) -> list[str]:
        """Sorted names of the visible files directly in `folder`."""

    def contents(self, names: Sequence[str]) -> list[Content]:
        """Content of each image file. Raises InputError naming all that cannot be read."""

    def read(self, name: str) -> bytes:
        """The whole file. Raises InputError naming it when it cannot be read."""

    def close(self) -> None:
        """Close what is held open."""


def thread_count() -> int:
    """Number of threads worth starting for work that releases the GIL."""
    return min(8, os.cpu_count() or 1)


def _is_hidden(name: str) -> bool:
    # __MACOSX and ._name are what macOS adds to zips.
    return name.startswith((".", "__MACOSX"))


def _file_name(entry: os.DirEntry[str]) -> str | None:
    # Opening a pipe would block. A broken link is kept: reading it reports it.
    is_file = entry.is_file() or (entry.is_symlink() and not entry.is_dir())
    return entry.name if is_file else None


def _all_readable(path: Path, results: Sequence[Content | str]) -> list[Content]:
    """The contents, unless one of them is the reason why there is none."""
    if reasons := [result for result in results if isinstance(result, str)]:
        raise unreadable(path, reasons, len(results))
    return [result for result in results if isinstance(result, Content)]


class FolderFiles:
    """The files of a folder on disk. Symbolic links are followed."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            state = "is not a folder" if path.exists() else "does not exist"
            raise InputError(f"data path {path} {state}")
        self.path = path
        self._scanned: dict[str, tuple[list[str], list[str]]] = {}

    def _scan(self, folder: str) -> tuple[list[str], list[str]]:
        """Sorted names of folders and of files directly in `folder`; read from disk once."""
        if folder not in self._scanned:
            root = self.path / folder
            with os.scandir(root) if root.is_dir() else nullcontext(()) as entries:
                visible = [entry for entry in entries if not _is_hidden(entry.name)]
            folders = sorted(entry.name for entry in visible if entry.is_dir())
            self._scanned[folder] = folders, sorted(filter(None, map(_file_name, visible)))
        return self._scanned[folder]

    def folders(self, folder: str) -> list[str]:
        names = self._scan(folder)[0]
        for name in names:
            if not name.isprintable():  # not UTF-8, for example: no record could hold it
                shown = name.encode(errors="backslashreplace").decode()
                raise InputError(f"{self.path}: folder {shown!r}: its name is not readable text")
        return names

    def files(self, folder: str) -> list[str]:
        return self._scan(folder)[1]

    def contents(self, names: Sequence[str]) -> list[Content]:
        batches = [names[start : start + _BATCH] for start in range(0, len(names), _BATCH)]
        with ThreadPoolExecutor(thread_count()) as pool:
            results = [result for batch in pool.map(self._batch, batches) for result in batch]
        return _all_readable(self.path, results)

    def _batch(self, names: Sequence[str]) -> list[Content | str]:
        return [self._content(name) for name in names]

    def _content(self, name: str) -> Content | str:
        """The content, or the reason why it cannot be read."""
        try:
            return self._read_content(name)
        except OSError as error:
            return f"{name}: {error.strerror}"

    def _read_content(self, name: str) -> Content:
        with (self.path / name).open("rb", buffering=0) as file:
            # No more room than the file needs: many small files are read at once.
            room = min(max(os.fstat(file.fileno()).st_size + 1, 4096), _CHUNK)
            head = file.read(room)
            size, crc, tail = len(head), zlib.crc32(head), head[-2:]
            while chunk := file.read(room):
                size, crc, tail = size + len(chunk), zlib.crc32(chunk, crc), (tail + chunk)[-2:]
            return Content(size, crc, read_header(file, head, tail).rule)

    def read(self, name: str) -> bytes:
        file = self.path / name
        try:
            if file.stat().st_size > MAX_FILE_BYTES:
                raise InputError(f"{name} is larger than {MAX_FILE_BYTES} bytes")
            return file.read_bytes()
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror}") from error

    def close(self) -> None:
        pass


class ZipFiles:
    """The files of a zip, read in memory. Safe to read from several threads."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(f"data path {path} does not exist")
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise InputError(
                f"{path} is not a zip, or its end is missing (a broken download?): {error}"
            ) from error
        self.path = path
        self._members = {m.filename: m for m in self._zip.infolist() if not m.is_dir()}
        self._files: defaultdict[str, set[str]] = defaultdict(set)
        self._folders: defaultdict[str, set[str]] = defaultdict(set)
        for name in self._members:
            self._file_under_parents(name)

    def _file_under_parents(self, name: str) -> None:
        folder, _, base = name.rpartition("/")
        self._files[folder].add(base)
        while folder and base not in self._folders[folder]:
            parent, _, base = folder.rpartition("/")
            if base in self._folders[parent]:
                return
            self._folders[parent].add(base)
            folder = parent

    def folders(self, folder: str) -> list[str]:
        return sorted(name for name in self._folders.get(folder, ()) if not _is_hidden(name))

    def files(self, folder: str) -> list[str]:
        return sorted(name for name in self._files.get(folder, ()) if not _is_hidden(name))

    def contents(self, names: Sequence[str]) -> list[Content]:
        return _all_readable(self.path, [self._content(name) for name in names])

    def _content(self, name: str) -> Content | str:
        """The content, or the reason why it cannot be read."""
        member = self._members[name]
        if name.lower().endswith(JPEG_SUFFIXES):
            # Not read: no rule but that of a broken file touches a JPEG, and decoding applies it.
            return Content(member.file_size, member.CRC)
        try:
            data = self.read(name)
        except InputError as error:
            return str(error)
        rule = read_header(io.BytesIO(data), data, data[-2:]).rule
        return Content(member.file_size, member.CRC, rule)

    def read(self, name: str) -> bytes:
        member = self._members[name]
        if member.file_size > MAX_FILE_BYTES:
            raise InputError(f"{name} is larger than {MAX_FILE_BYTES} bytes")
        try:
            return self._zip.read(member)
        # RuntimeError: encrypted. NotImplementedError: an unknown compression.
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
            raise InputError(f"{name} cannot be read from the zip: {error}") from error

    def first_broken(self) -> str | None:
        """Name the first member that does not unpack to its CRC-32, and why; None if all do."""
        for name, member in self._members.items():
            try:
                # In pieces: a member may claim any size.
                with self._zip.open(member) as file:
                    while file.read(2**20):
                        pass
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
                return f"{name}: {error}"
        return None

    def close(self) -> None:
        self._zip.close()


def open_files(path: Path) -> FolderFiles | ZipFiles:
    """Open the folder or zip at `path`. Raises InputError when it is neither."""
    return FolderFiles(path) if path.is_dir() else ZipFiles(path)
