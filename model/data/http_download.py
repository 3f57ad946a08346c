"""A file over HTTP into `<name>.part`, resumed after breaks, by the standard library alone."""

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.errors import InputError

Progress = Callable[[int, int | None], None]
"""Called with (bytes so far, total bytes or None)."""

TIMEOUT_S = 30.0
"""Silence after which a connection counts as broken."""
MAX_STALLS = 5
"""Connections in a row that bring nothing new before giving up."""
PAUSE_S = 0.5
"""Wait before the next connection; it doubles with every stall."""

_CHUNK = 2**18
_BREAKS = (OSError, http.client.HTTPException)
_WORTH_RETRYING = (408, 425, 429, 500, 502, 503, 504)


class _Broken(Exception):
    """A connection ended before the file did."""


@dataclass(frozen=True)
class _Version:
    """The version of the file that the part belongs to; kept beside it."""

    url: str
    validator: str | None
    """Value for If-Range: a strong ETag, else the date of the last change."""
    size: int | None
    """Size of the whole file in bytes."""


def download(url: str, part: Path, progress: Progress) -> None:
    """Download all of `url` to `part`, resuming where an earlier call ended.

    Raises:
        InputError: refused by the server, or too many connections in a row brought nothing new;
            the bytes that arrived are kept.
        OSError: the part cannot be written.
    """
    furthest, stalls = 0, 0
    while True:
        try:
            return _connect(url, part, progress)
        except _Broken as error:
            reached = _size(part)
            stalls = 0 if reached > furthest else stalls + 1
            furthest = max(furthest, reached)
            if stalls == MAX_STALLS:
                raise InputError(
                    f"{url}: {MAX_STALLS} connections in a row brought nothing beyond byte "
                    f"{furthest}: {error}"
                ) from error
        time.sleep(PAUSE_S * 2**stalls)


def discard(part: Path) -> None:
    """Remove a part and its sidecar file, where they exist."""
    part.unlink(missing_ok=True)
    _sidecar(part).unlink(missing_ok=True)


def _connect(url: str, part: Path, progress: Progress) -> None:
    """Download over one connection. Raises _Broken when it ends before the file."""
    version = _read_sidecar(part, url)
    offset = _size(part) if version else 0
    if version and version.size == offset:
        return
    with _response(_request(url, version, offset), part) as response:
        if response.status == 200:
            # A fresh start, a server without ranges, or another file by now.
            version, offset = _version(url, response), 0
            _sidecar(part).write_text(json.dumps(asdict(version)), "utf-8")
        elif version is None or not _continues(response, version, offset):
            discard(part)
            raise _Broken("the file changed on the server")
        _receive(response, part, offset, version.size, progress)


def _request(url: str, version: _Version | None, offset: int) -> urllib.request.Request:
    headers = {"User-Agent": "maskgrid"}
    if version and offset:
        headers["Range"] = f"bytes={offset}-"
        if version.validator:
            headers["If-Range"] = version.validator
    return urllib.request.Request(url, headers=headers)


def _response(request: urllib.request.Request, part: Path) -> Any:
    """Return a response with bytes: status 200 or 206."""
    try:
        response = _opener().open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            discard(part)
        elif error.code not in _WORTH_RETRYING:
            raise InputError(f"{request.full_url} answers {error.code} {error.reason}") from error
        raise _Broken(f"the server answers {error.code} {error.reason}") from error
    except _BREAKS as error:
        raise _Broken(str(error)) from error
    if response.status not in (200, 206):
        response.close()
        raise InputError(f"{request.full_url} answers {response.status} {response.reason}")
    return response


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener for http and https only: urllib's own would follow a redirect to ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _version(url: str, response: http.client.HTTPResponse) -> _Version:
    etag = response.headers.get("ETag", "")
    # A weak ETag promises the same meaning, not the same bytes.
    strong = etag if etag.startswith('"') else None
    length = response.headers.get("Content-Length", "")
    size = int(length) if length.isdecimal() else None
    return _Version(url, strong or response.headers.get("Last-Modified"), size)


def _continues(response: http.client.HTTPResponse, version: _Version, offset: int) -> bool:
    """Whether a 206 continues the known version at `offset`."""
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    return span is not None and span.groups() == (str(offset), str(version.size))


def _receive(
    response: http.client.HTTPResponse,
    part: Path,
    offset: int,
    size: int | None,
    progress: Progress,
) -> None:
    progress(offset, size)
    with part.open("ab" if offset else "wb") as file:
        while data := _read(response):
            file.write(data)
            offset += len(data)
            progress(offset, size)
    if size is not None and offset < size:
        raise _Broken(f"{offset} of {size} bytes arrived")


def _read(response: http.client.HTTPResponse) -> bytes:
    """Return what has arrived, at most a chunk. Apart: a write error is not a broken connection."""
    try:
        return response.read1(_CHUNK)
    except _BREAKS as error:
        raise _Broken(str(error) or type(error).__name__) from error


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _sidecar(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_sidecar(part: Path, url: str) -> _Version | None:
    """Return the version that the part belongs to; None if unknown or of another URL."""
    try:
        version = _Version(**json.loads(_sidecar(part).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return version if version.url == url else None
