"""The store: whole files under one root, wherever that is."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from file_tree import files
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InputError
from orchestrator.store.paths import Paths
from orchestrator.store.store import SCHEMA, Store, StoreError

ROOTS = ("folder", "file-uri", "memory")


@pytest.fixture(params=ROOTS)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """One place of each kind; the last one is no disk at all."""
    return {
        "folder": str(tmp_path / "store"),
        "file-uri": (tmp_path / "store").as_uri(),
        "memory": f"fsspec+memory://{tmp_path}",
    }[request.param]


# --- anywhere ---------------------------------------------------------------------------------


def test_what_was_written_is_read_by_any_other_store_at_the_same_place(root: str) -> None:
    Store(root).write("a/b/c.bin", b"one")
    Store(root).write("a/b/c.bin", b"\x00two\xff")
    # The second content in place of the first, by another object, as by another process.
    assert Store(root).read("a/b/c.bin") == b"\x00two\xff"


def test_what_is_missing_is_no_error(root: str) -> None:
    store = Store(root)
    # Not even the store itself is there.
    assert store.read("a/b") is None
    assert store.read_json("a/b") is None
    assert store.names("a") == []
    store.delete("a/b")
    store.write("a/b", b"x")
    store.delete("a/b")
    # And gone is what was deleted.
    assert store.read("a/b") is None
    assert store.names("a") == []


def test_names_are_those_of_one_folder_in_order(root: str) -> None:
    store = Store(root)
    for name in ("k/10.json", "k/9.json", "k/.10.json.1f.part", "k2/1.json"):
        store.write(name, b"x")
    # Neither the neighbour's, nor hidden ones such as those of a write that was cut off.
    assert store.names("k") == ["10.json", "9.json"]


def test_json_is_an_object_or_an_error(root: str) -> None:
    store = Store(root)
    store.write_json("good.json", {"a": [1, None, "ü"]})
    # What came in comes out.
    assert store.read_json("good.json") == {"a": [1, None, "ü"]}
    for bad in (b"", b"{", b"[1]", b"\xff"):
        store.write("bad.json", bad)
        with pytest.raises(ValueError):
            store.read_json("bad.json")


def test_preparing_creates_the_store_and_may_be_repeated(root: str) -> None:
    Store(root).check()
    Store(root).prepare()
    Store(root).prepare()
    # The schema's number is what a later maskgrid looks for.
    assert Store(root).read_json(Paths.schema) == {"schema": SCHEMA}


@pytest.mark.parametrize("schema", [SCHEMA + 1, "2", None, 1.5])
def test_a_store_of_a_newer_maskgrid_is_refused_and_left_alone(root: str, schema: object) -> None:
    store = Store(root)
    store.write_json(Paths.schema, {"schema": schema, "more": 1})
    for step in (store.check, store.prepare):
        with pytest.raises(InputError, match=f"schema {schema}; .*up to {SCHEMA}; use a newer"):
            step()
    # Its own note stands as it was.
    assert store.read_json(Paths.schema) == {"schema": schema, "more": 1}


def test_a_store_with_a_damaged_note_is_refused(root: str) -> None:
    Store(root).write(Paths.schema, b"{")
    with pytest.raises(InputError, match="cannot be read"):
        Store(root).check()


# --- on a disk --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a b", "a#b", "a%20b", "a?b", "a'b\"", "a\nb", "ü", "a:b", "~x"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    Store(str(tmp_path / name)).write("k/x", b"1")
    # It lies where the user said, and Ray is told the same place.
    assert (tmp_path / name / "k" / "x").read_bytes() == b"1"
    assert Store(str(tmp_path / name)).join("k") == str(tmp_path / name / "k")


def test_a_relative_store_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store("here")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.write("x", b"1")
    # Workers run in other folders than the one the command was typed in.
    assert files(tmp_path) == {"here/x"}
    assert store.uri == str(tmp_path / "here")


def test_a_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Store("~/store").uri == str(tmp_path / "store")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_write_that_fails_leaves_what_was_there_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, old: bytes | None
) -> None:
    store = Store(str(tmp_path))
    if old is not None:
        store.write("k/x", old)

    def fail(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=os.strerror(code)):
        store.write("k/x", b"new and longer")
    # A full disk is found out before the old file is touched.
    assert store.read("k/x") == old
    assert files(tmp_path) == ({"k/x"} if old is not None else set())


def test_a_reader_in_the_middle_of_a_file_goes_on_reading_that_file(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write("x", b"first" * 1000)
    with (tmp_path / "x").open("rb") as stream:
        begun = stream.read(5)
        store.write("x", b"second")
        # The file was replaced, never changed in place.
        assert begun + stream.read() == b"first" * 1000
    assert store.read("x") == b"second"


def test_a_store_that_cannot_be_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    # A folder below a file cannot even be looked into.
    with pytest.raises(InputError, match=r"store .*file/store: cannot be read: "):
        Store(str(tmp_path / "file" / "store")).prepare()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux' /proc")
def test_a_store_that_cannot_be_written_is_told() -> None:
    # Nobody may make a folder there, root included.
    with pytest.raises(InputError, match=r"store /proc/store: cannot write maskgrid\.json: "):
        Store("/proc/store").prepare()


@pytest.mark.parametrize("uri", ["bogus://x", "http://a/b", "file://relative", "s3:///no-bucket"])
def test_an_address_that_is_not_understood_names_itself(uri: str) -> None:
    with pytest.raises(InputError) as caught:
        Store(uri)
    # One line: what was given, why not, what would do.
    message = str(caught.value)
    assert message.startswith(f"store {uri!r}: ")
    assert message.endswith("; give a folder or a bucket URI")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("uri", "joined"),
    [
        ("file:///tmp/a", "file:///tmp/a/tune"),
        ("file:///tmp/a/", "file:///tmp/a/tune"),
        ("s3://bucket/a?region=eu-north-1", "s3://bucket/a/tune?region=eu-north-1"),
    ],
)
def test_a_name_is_joined_to_the_path_of_a_uri(uri: str, joined: str) -> None:
    # A bucket's options stay options.
    assert Store(uri).join("tune") == joined


# --- file names -------------------------------------------------------------------------------

KEYS = st.from_regex(r"\A(pretrain|finetune)-[0-9a-f]{12}\Z")


@given(keys=st.sets(KEYS, min_size=2, max_size=4), epochs=st.sets(st.integers(1, 99_999)))
def test_no_two_files_have_one_name(keys: set[str], epochs: set[int]) -> None:
    kinds = (Paths.spec, Paths.epochs, Paths.outcome, Paths.weights, Paths.attempts)
    parts = ("json", "safetensors", "pt")
    names = [kind(key) for kind in kinds for key in keys]
    names += [Paths.checkpoint(key, n, part) for key in keys for n in epochs for part in parts]
    # Trials, epochs and parts never meet, and none takes the place of the store's own note.
    assert len({*names, Paths.schema}) == len(names) + 1
    # Everything of a trial lies in its own folder, checkpoints in one of theirs.
    for key in keys:
        own = [name for name in names if name.startswith(f"{Paths.trial(key)}/")]
        assert len(own) == len(kinds) + len(parts) * len(epochs)


@given(epochs=st.lists(st.integers(1, 99_999), unique=True))
def test_checkpoints_sort_by_name_as_by_number(epochs: list[int]) -> None:
    names = [Paths.checkpoint("k", epoch, "json") for epoch in sorted(epochs)]
    # A person who lists the folder sees the newest last.
    assert names == sorted(names)


@pytest.mark.parametrize("secret", ["SECRET", "SEC/RET+x", "SEC:RET"])
def test_credentials_in_a_uri_are_refused_and_not_named(secret: str) -> None:
    # A store's address ends in Ray's records, where everybody who sees the dashboard sees it.
    with pytest.raises(
        InputError, match=r"store s3://\*\*\*@bucket/studies.*: .*environment"
    ) as told:
        Store(f"s3://KEY:{secret}@bucket/studies?region=eu-west-1")
    assert "RET" not in str(told.value)
    assert "KEY" not in str(told.value)


def test_options_of_a_uri_are_not_part_of_its_name() -> None:
    assert Store("s3://bucket/studies?region=eu-west-1").name == "s3://bucket/studies"


@pytest.mark.parametrize("ask", [Store.names, Store.sizes])
def test_a_listing_that_fails_is_the_stores_error(
    tmp_path: Path, ask: Callable[[Store, str], object]
) -> None:
    store = Store(str(tmp_path))
    (tmp_path / "trials").write_text("a file in a folder's place")
    with pytest.raises(StoreError, match="cannot list trials: "):
        ask(store, "trials")
