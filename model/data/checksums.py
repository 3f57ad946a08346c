"""Checksums of a cached set: decoded pixels that were damaged on disk are never trained on."""

import zlib
from pathlib import Path
from typing import BinaryIO

_PIECE = 2**22
"""Bytes read at once."""

_verified: set[tuple[Path, int, int]] = set()
"""Files whose bytes this process has checked: path, inode, time of the last change (ns)."""


class ChecksumWriter:
    """A file to write to that keeps the CRC-32 of what was written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.crc32 = 0

    def write(self, data: bytes | memoryview) -> int:
        """Write all of the data."""
        self.crc32 = zlib.crc32(data, self.crc32)
        return self._file.write(data)


def crc32_of(path: Path) -> int:
    """CRC-32 of a file, at about the speed of reading it. Raises OSError if that fails."""
    crc, piece = 0, bytearray(_PIECE)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(piece):
            crc = zlib.crc32(memoryview(piece)[:count], crc)
    return crc


def is_intact(path: Path, crc32: int) -> bool:
    """Whether a file has the bytes that were written; it is read once in the life of a process."""
    try:
        if _key(path) in _verified:
            return True
        intact = crc32_of(path) == crc32
    except OSError:  # a bad sector
        return False
    if intact:
        trust(path)
    return intact


def trust(path: Path) -> None:
    """Count a file as checked: this process has just written or read it."""
    _verified.add(_key(path))


def _key(path: Path) -> tuple[Path, int, int]:
    status = path.stat()
    return path, status.st_ino, status.st_mtime_ns
