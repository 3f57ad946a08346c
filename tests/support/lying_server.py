"""A local HTTP server that breaks off, ignores ranges and lies, as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """What the server does; tests change it between and during requests."""

    body: bytes
    etag: str | None = '"v1"'
    breaks: list[int] = field(default_factory=list)
    """Bytes after which each of the first connections breaks off."""
    knows_ranges: bool = True
    claimed: int | None = None
    """Content-Length in place of the true one."""
    chunked: bool = False
    """Sends no Content-Length."""
    status: list[int] = field(default_factory=list)
    """Statuses of the first answers in place of 200."""
    redirect: str | None = None
    ranges: list[str | None] = field(default_factory=list)
    """Range header of each request."""


class _Handler(BaseHTTPRequestHandler):
    """Serves `server.behaviour` under every name."""

    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        told: Behaviour = self.server.behaviour  # type: ignore[attr-defined]
        told.ranges.append(self.headers["Range"])
        if told.redirect:
            return self._answer(302, {"Location": told.redirect})
        if told.status:
            return self._answer(told.status.pop(0), {})
        start = self._start(told)
        if start and start >= len(told.body):
            return self._answer(416, {"Content-Range": f"bytes */{len(told.body)}"})
        total = told.claimed or len(told.body)
        headers = {"ETag": told.etag} if told.etag else {}
        if not told.chunked:
            headers["Content-Length"] = str(total - start)
        if start:
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        self._answer(206 if start else 200, headers)
        rest = told.body[start:]
        self.wfile.write(rest[: told.breaks.pop(0)] if told.breaks else rest)

    def _start(self, told: Behaviour) -> int:
        wanted = self.headers["Range"]
        same = self.headers["If-Range"] in (None, told.etag)
        return int(wanted[6:-1]) if wanted and told.knows_ranges and same else 0

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serve(told: Behaviour) -> Iterator[str]:
    """Serves in a thread and gives the URL of a zip."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.behaviour = told  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/set.zip"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
