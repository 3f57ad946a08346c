"""The store: bytes by name under one root, written as whole files only.

A store is a folder, a network mount or a bucket URI (whatever pyarrow.fs opens). Nothing in it is
ever unpickled.
"""

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

from pyarrow import fs

from model.errors import InputError
from model.fsync import flush, flush_folder
from orchestrator.store.paths import Paths, temporary

# Raise it when an older maskgrid could misread what this one writes.
SCHEMA = 1
_SECRET = re.compile(r"//[^/@:]*:[^@]*@")  # user:secret@, and a secret may have slashes
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class StoreError(OSError):
    """The store cannot be read or written: it is full, gone, or closed to us."""


class Store:
    """Bytes by name under one root; a reader sees a whole file or none.

    Args:
        uri: a folder, or a URI such as `s3://bucket/prefix`.

    Raises:
        InputError: the URI is not understood.
    """

    def __init__(self, uri: str) -> None:
        if _SECRET.search(uri):
            raise InputError(
                f"store {_SECRET.sub('//***@', uri)}: Ray records the URI, and credentials in "
                "it too; give them as environment variables, a profile or a role"
            )
        self.uri = uri if "://" in uri else str(Path(uri).expanduser().resolve())
        try:
            self._fs, self._root = fs.FileSystem.from_uri(self.uri)
        except (OSError, ValueError) as error:
            raise InputError(f"store {uri!r}: {error}; give a folder or a bucket URI") from None
        self.name = self.uri.partition("?")[0]
        """For messages."""
        self.is_local = isinstance(self._fs, fs.LocalFileSystem)

    def prepare(self) -> None:
        """Create the store if need be and prove that it can be written.

        Raises:
            InputError: it cannot be written, or a newer maskgrid wrote it.
        """
        self.check()
        try:
            self.write_json(Paths.schema, {"schema": SCHEMA})
        except OSError as error:
            raise InputError(str(error)) from None

    def check(self, existing: bool = False) -> None:
        """Refuse a store of a newer schema, and, if asked to, one that is not there.

        Raises:
            InputError: it cannot be read, a newer maskgrid wrote it, or there is none.
        """
        try:
            found = self.read_json(Paths.schema)
        except (OSError, ValueError) as error:
            raise InputError(f"store {self.name}: cannot be read: {error}") from None
        if found is None and existing:
            raise InputError(f"store {self.name}: no store found; `maskgrid run` creates one")
        schema = (found or {}).get("schema", SCHEMA)
        if not isinstance(schema, int) or schema > SCHEMA:
            raise InputError(
                f"store {self.name}: written with schema {schema}; this maskgrid reads up to "
                f"{SCHEMA}; use a newer maskgrid or another --store"
            )

    def probe(self) -> None:
        """Make sure that the store is still there and takes what it is given.

        Raises:
            StoreError: it does not.
        """
        if self.read(Paths.schema) is None:
            raise StoreError(f"store {self.name} is gone")
        self.write(Paths.probe, bytes(4096))
        self.delete(Paths.probe)

    def read(self, name: str) -> bytes | None:
        """The file's bytes, or None where there is no such file.

        Raises:
            StoreError: the store does not answer.
        """
        try:
            with self._fs.open_input_stream(self._path(name)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._error("read", name, error) from None

    def write(self, name: str, content: bytes, flushed: bool = True) -> None:
        """Replace the file in one move; on a local disk it is flushed before and after.

        Args:
            flushed: False where it need not outlive a power cut: a flush takes milliseconds.

        Raises:
            StoreError: it cannot be written; what was there before is still there.
        """
        path = self._path(name)
        try:
            if self.is_local:
                _write_local(Path(path), content, flushed)
                return
            with self._fs.open_output_stream(path) as stream:  # object stores publish on close
                stream.write(content)
        except OSError as error:
            raise self._error("write", name, error) from None

    def create_json(self, name: str, content: dict[str, Any]) -> bool | None:
        """Write a file that is not there yet, unflushed; False where it is, or another was quicker.

        None, with nothing written, where the store cannot tell who was first: a bucket, or a folder
        without hard links.
        """
        if not self.is_local:
            return None
        part = temporary(name)
        self.write_json(part, content, flushed=False)
        try:
            os.link(self._path(part), self._path(name))
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno in _NO_LINKS:
                return None
            raise self._error("write", name, error) from None
        finally:
            self.delete(part)
        return True

    def read_json(self, name: str) -> dict[str, Any] | None:
        """The file as a JSON object, or None where there is no such file.

        Raises:
            ValueError: the file is not a JSON object.
        """
        content = self.read(name)
        if content is None:
            return None
        parsed = json.loads(content)
        if not isinstance(parsed, dict):
            raise ValueError(f"{name}: not a JSON object")
        return parsed

    def write_json(self, name: str, content: dict[str, Any], flushed: bool = True) -> None:
        """Write a JSON object for humans to read too; see `write`."""
        self.write(name, (json.dumps(content, indent=2) + "\n").encode(), flushed)

    def names(self, folder: str) -> list[str]:
        """Names of the files directly in a folder, sorted; empty where there is no such folder.

        Raises:
            StoreError: the store does not answer.
        """
        names = (info.base_name for info in self._listed(folder, recursive=False))
        return sorted(name for name in names if not name.startswith("."))

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of every file below a folder, hidden ones too, by its name in the store.

        Raises:
            StoreError: the store does not answer.
        """
        infos = self._listed(folder, recursive=True)
        files = (info for info in infos if info.type == fs.FileType.File)
        return {info.path[len(self._path("")) :]: info.size for info in files}

    def _listed(self, folder: str, recursive: bool) -> list[fs.FileInfo]:
        selector = fs.FileSelector(self._path(folder), allow_not_found=True, recursive=recursive)
        try:
            infos: list[fs.FileInfo] = self._fs.get_file_info(selector)
        except OSError as error:
            raise self._error("list", folder, error) from None
        return infos

    def delete_folder(self, name: str) -> None:
        """Remove a folder with all that lies in it, if it is there.

        Raises:
            StoreError: it cannot be removed.
        """
        try:
            self._fs.delete_dir(self._path(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._error("delete", name, error) from None

    def delete(self, name: str) -> None:
        """Remove a file if it is there.

        Raises:
            StoreError: it cannot be removed.
        """
        try:
            self._fs.delete_file(self._path(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._error("delete", name, error) from None

    def join(self, name: str) -> str:
        """The full path or URI of a name, as Ray wants it."""
        # A bucket's options follow a question mark; in a folder's name it is a letter like any.
        place, mark, options = self.uri.partition("?" if "://" in self.uri else "\0")
        return f"{place.rstrip('/')}/{name}{mark}{options}"

    def _error(self, what: str, name: str, error: OSError) -> StoreError:
        reason = error.strerror or " ".join(str(error).split())
        return StoreError(f"store {self.name}: cannot {what} {name}: {reason}")

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"


def _write_local(path: Path, content: bytes, flushed: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(temporary(path.name))
    try:
        with part.open("wb") as stream:
            stream.write(content)
            if flushed:
                flush(stream)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    if flushed:
        flush_folder(path.parent)
