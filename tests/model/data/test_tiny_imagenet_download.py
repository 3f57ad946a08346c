"""Fetching Tiny ImageNet from servers that break off, ignore ranges and lie."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from image_files import tiny_imagenet_files, write_zip
from lying_server import Behaviour, serve

from model.data import http_download, tiny_imagenet_download
from model.data.tiny_imagenet_download import FILE_NAME, fetch_tiny_imagenet
from model.errors import InputError

HTML = b"<!DOCTYPE html><title>Moved</title>"


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    """A small Tiny ImageNet zip."""
    return write_zip(
        tmp_path / "made.zip", tiny_imagenet_files(), "tiny-imagenet-200/"
    ).read_bytes()


@pytest.fixture
def server(archive: bytes, monkeypatch: pytest.MonkeyPatch) -> Behaviour:
    monkeypatch.setattr(http_download, "PAUSE_S", 0.0)
    monkeypatch.setattr(http_download, "_CHUNK", 1000)
    return Behaviour(archive)


@pytest.fixture
def url(server: Behaviour) -> Iterator[str]:
    with serve(server) as url:
        yield url


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder"


def silent(done: int, total: int | None) -> None:
    """No progress is shown."""


def files_in(to: Path) -> list[str]:
    """Visible files of the target folder."""
    return sorted(file.name for file in to.iterdir() if not file.name.startswith("."))


def test_downloads_and_reports_progress(server: Behaviour, url: str, to: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch_tiny_imagenet(url, to, lambda *numbers: seen.append(numbers))
    assert path == to / FILE_NAME
    assert path.read_bytes() == server.body
    # From nothing to all, never backwards.
    assert seen[0] == (0, len(server.body)) and seen[-1] == (len(server.body), len(server.body))
    assert seen == sorted(seen) and len(seen) > 3
    # Neither the part nor what is known of it is left.
    assert files_in(to) == [FILE_NAME]


def test_goes_on_after_breaks(server: Behaviour, url: str, to: Path) -> None:
    server.breaks = [1500, 2500]
    assert fetch_tiny_imagenet(url, to, silent).read_bytes() == server.body
    # Each connection asks for what is missing, and for no more.
    assert server.ranges == [None, "bytes=1500-", "bytes=4000-"]


def test_later_call_goes_on_where_the_first_gave_up(server: Behaviour, url: str, to: Path) -> None:
    server.breaks = [1500, *[0] * http_download.MAX_STALLS]
    with pytest.raises(
        InputError, match="5 connections in a row brought nothing beyond byte 1500: 1500 of"
    ):
        fetch_tiny_imagenet(url, to, silent)
    assert (to / f"{FILE_NAME}.part").stat().st_size == 1500
    server.breaks, server.ranges = [], []
    seen: list[int] = []
    path = fetch_tiny_imagenet(url, to, lambda done, total: seen.append(done))
    assert path.read_bytes() == server.body
    assert server.ranges == ["bytes=1500-"]
    # The bar begins where the first call ended.
    assert seen[0] == 1500


def test_breaks_that_bring_something_do_not_count(server: Behaviour, url: str, to: Path) -> None:
    server.breaks = [400] * (3 * http_download.MAX_STALLS)
    assert fetch_tiny_imagenet(url, to, silent).read_bytes() == server.body
    assert len(server.ranges) == 3 * http_download.MAX_STALLS + 1


def test_server_without_ranges_starts_anew(server: Behaviour, url: str, to: Path) -> None:
    server.breaks, server.knows_ranges = [1500], False
    assert fetch_tiny_imagenet(url, to, silent).read_bytes() == server.body
    # It was asked for the rest and sent the whole.
    assert server.ranges == [None, "bytes=1500-"]


@pytest.mark.parametrize("etag", ['"v1"', None], ids=["etag", "no-etag"])
def test_file_that_changes_in_between_starts_anew(
    server: Behaviour, url: str, to: Path, tmp_path: Path, etag: str | None
) -> None:
    server.etag, server.breaks = etag, [1500, *[0] * http_download.MAX_STALLS]
    with pytest.raises(InputError, match="5 connections in a row"):
        fetch_tiny_imagenet(url, to, silent)
    server.body = write_zip(tmp_path / "v2.zip", tiny_imagenet_files(num_val=3)).read_bytes()
    server.etag = '"v2"' if etag else None
    server.breaks, server.ranges = [], []
    assert fetch_tiny_imagenet(url, to, silent).read_bytes() == server.body
    # With an ETag the server sees it at once; without one the size gives it away.
    assert server.ranges == ["bytes=1500-"] + ([] if etag else [None])


def test_part_of_another_url_is_not_gone_on_with(server: Behaviour, url: str, to: Path) -> None:
    server.breaks = [1500, *[0] * http_download.MAX_STALLS]
    with pytest.raises(InputError, match="5 connections in a row"):
        fetch_tiny_imagenet(url, to, silent)
    server.ranges = []
    fetch_tiny_imagenet(url + "?mirror", to, silent)
    assert server.ranges == [None]


def test_length_that_is_too_large_is_given_up(server: Behaviour, url: str, to: Path) -> None:
    server.claimed = len(server.body) + 100
    with pytest.raises(InputError, match="5 connections in a row"):
        fetch_tiny_imagenet(url, to, silent)
    # The file is not taken for whole.
    assert FILE_NAME not in files_in(to)
    server.claimed = None
    # And the part does not stand in the way of an honest server.
    assert fetch_tiny_imagenet(url, to, silent).read_bytes() == server.body


def test_length_that_is_too_small_is_no_zip(server: Behaviour, url: str, to: Path) -> None:
    server.claimed = len(server.body) - 100
    with pytest.raises(InputError, match=r"discarded: .* is not a zip, or its end is missing"):
        fetch_tiny_imagenet(url, to, silent)
    assert files_in(to) == []


def test_without_a_length_it_is_read_to_its_end(server: Behaviour, url: str, to: Path) -> None:
    server.chunked = True
    assert fetch_tiny_imagenet(url, to, silent).read_bytes() == server.body


def test_web_page_in_its_place(server: Behaviour, url: str, to: Path) -> None:
    archive, server.body = server.body, HTML
    with pytest.raises(
        InputError, match=r"discarded: .* is not a zip: it begins with b'<!DOCTYPE "
    ):
        fetch_tiny_imagenet(url, to, silent)
    # The next call starts anew.
    assert files_in(to) == []
    server.body, server.ranges = archive, []
    fetch_tiny_imagenet(url, to, silent)
    assert server.ranges == [None]


def test_damaged_and_foreign_zips_are_refused(
    server: Behaviour, url: str, to: Path, tmp_path: Path
) -> None:
    damaged = bytearray(server.body)
    damaged[damaged.index(b"images/n02_1.JPEG") + 200] ^= 0xFF
    server.body = bytes(damaged)
    with pytest.raises(InputError, match=r"is damaged: .*n02_1\.JPEG: Bad CRC-32"):
        fetch_tiny_imagenet(url, to, silent)
    server.body = write_zip(tmp_path / "other.zip", {"cats/1.jpg": b"x"}).read_bytes()
    with pytest.raises(InputError, match=r"not Tiny ImageNet: no wnids\.txt"):
        fetch_tiny_imagenet(url, to, silent)
    assert files_in(to) == []


@pytest.mark.parametrize("status", [404, 403, 204])
def test_refusal_is_final(server: Behaviour, url: str, to: Path, status: int) -> None:
    server.status = [status] * 9
    with pytest.raises(InputError, match=f"answers {status}"):
        fetch_tiny_imagenet(url, to, silent)
    assert len(server.ranges) == 1


def test_busy_server_is_asked_again(server: Behaviour, url: str, to: Path) -> None:
    server.status = [503, 500, 429]
    assert fetch_tiny_imagenet(url, to, silent).read_bytes() == server.body
    assert len(server.ranges) == 4


def test_server_that_is_not_there(server: Behaviour, url: str, to: Path) -> None:
    # Port 9 of this machine is "discard", which nobody runs.
    with pytest.raises(InputError, match="nothing beyond byte 0"):
        fetch_tiny_imagenet("http://127.0.0.1:9/set.zip", to, silent)


@pytest.mark.parametrize(
    "source", ["ftp://host/set.zip", "file:///etc/passwd", "http:///x", "s3://b"]
)
def test_other_schemes_are_refused(to: Path, source: str) -> None:
    with pytest.raises(InputError, match=r"is neither an http\(s\) URL nor a path"):
        fetch_tiny_imagenet(source, to, silent)


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_redirection_to_another_scheme_is_not_followed(
    server: Behaviour, url: str, to: Path, target: str
) -> None:
    server.redirect = target
    with pytest.raises(InputError, match=r"302|unknown url type"):
        fetch_tiny_imagenet(url, to, silent)
    assert files_in(to) == []


def test_file_is_copied_and_verified(archive: bytes, to: Path, tmp_path: Path) -> None:
    path = fetch_tiny_imagenet(str(tmp_path / "made.zip"), to, silent)
    assert path.read_bytes() == archive
    assert files_in(to) == [FILE_NAME]
    (tmp_path / "bad.zip").write_bytes(HTML)
    with pytest.raises(InputError, match="is not a zip"):
        fetch_tiny_imagenet(str(tmp_path / "bad.zip"), tmp_path / "other", silent)
    with pytest.raises(InputError, match="is not a file"):
        fetch_tiny_imagenet(str(tmp_path / "nowhere.zip"), tmp_path / "other", silent)


def test_file_that_is_there_is_kept(server: Behaviour, url: str, to: Path) -> None:
    path = fetch_tiny_imagenet(url, to, silent)
    server.ranges = []
    assert fetch_tiny_imagenet(url, to, silent) == path
    assert server.ranges == []
    path.write_bytes(HTML)
    # A wrong one is neither used nor overwritten: it may be something else of the user's.
    with pytest.raises(InputError, match=r"is not a zip: .*; move the file away"):
        fetch_tiny_imagenet(url, to, silent)
    assert path.read_bytes() == HTML


def test_official_file_must_have_its_md5(
    server: Behaviour, url: str, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny_imagenet_download, "OFFICIAL_URL", url)
    with pytest.raises(InputError, match=r"not the official file: MD5 [0-9a-f]{32}, not 90528d7c"):
        fetch_tiny_imagenet(None, to, silent)
    assert files_in(to) == []


def test_target_that_cannot_be_written(archive: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot fetch .*made.zip to .*File exists"):
        fetch_tiny_imagenet(str(tmp_path / "made.zip"), tmp_path / "made.zip", silent)
