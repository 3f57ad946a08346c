"""Who may train a trial: one living run, however many ask and however they end."""

import datetime
import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store import leases
from orchestrator.store.leases import Leases, is_held
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store

KEY = "pretrain-0123456789ab"


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path) if request.param == "folder" else f"fsspec+memory://{tmp_path}")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock of whoever looks on by some seconds."""
    now = [1000.0]
    monkeypatch.setattr(leases.time, "monotonic", lambda: now[0])

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


def note(**change: Any) -> dict[str, Any]:
    """The note of a run on another machine."""
    at = datetime.datetime.now(datetime.UTC).isoformat()
    return {
        "owner": "x",
        "machine": "another",
        "pid": 1,
        "started": "1",
        "beat": 0,
        "at": at,
    } | change


def write(store: Store, number: int = 1, **change: Any) -> None:
    store.write_json(f"{Paths.leases(KEY)}/{number:04d}.json", note(**change))


def names(store: Store) -> list[str]:
    return store.names(Paths.leases(KEY))


def held_by(store: Store) -> str:
    """The one lease there is."""
    (name,) = names(store)
    return f"{Paths.leases(KEY)}/{name}"


def test_one_of_two_runs_gets_it_until_it_lets_go(store: Store) -> None:
    ours, theirs = Leases(store), Leases(store)
    assert ours.take(KEY)
    assert not theirs.take(KEY)
    assert is_held(store, KEY)
    # One who never had it cannot let go of it.
    theirs.drop(KEY)
    assert not theirs.take(KEY)
    ours.drop(KEY)
    assert not is_held(store, KEY)
    assert theirs.take(KEY)
    # What is over leaves nothing behind.
    assert len(names(store)) == 1
    theirs.drop(KEY)
    assert names(store) == []


def test_of_many_who_find_a_dead_holder_one_takes_over(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    write(store, 7, at="2020-01-01T00:00:00+00:00")
    start, won = threading.Barrier(16, timeout=60), []

    def ask() -> None:
        run = Leases(store)
        start.wait()
        if run.take(KEY):
            won.append(run)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert names(store) == ["0008.json"]


class Together(Store):
    """Of a bucket's kind: two who ask at the same time both find nothing there."""

    both = threading.Barrier(2, timeout=20)

    def names(self, folder: str) -> list[str]:
        found = super().names(folder)
        if not found:
            self.both.wait()
        return found


@pytest.mark.parametrize("linkless", [False, True])
def test_a_store_that_cannot_say_who_was_first_never_gives_a_trial_to_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linkless: bool
) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)

    def ask(run: Leases, won: list[Leases]) -> None:
        if run.take(KEY):
            won.append(run)

    uri = str(tmp_path) if linkless else f"fsspec+memory://{tmp_path}"
    for _ in range(20):
        store, won = Together(uri), list[Leases]()
        runs = [Leases(store), Leases(store)]
        threads = [threading.Thread(target=ask, args=(run, won)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) <= 1
        assert len(names(Store(uri))) == len(won)
        for run in won:
            run.drop(KEY)
    # One alone gets it, and then no other does.
    assert Leases(Store(uri)).take(KEY)
    assert not Leases(Store(uri)).take(KEY)


def test_a_holder_whose_process_is_gone_is_dead_at_once(store: Store) -> None:
    program = (
        "import sys\nfrom orchestrator.store.leases import Leases\nfrom orchestrator.store.store import Store\n"
        "print(Leases(Store(sys.argv[1])).take(sys.argv[2]))"
    )
    if not store.is_local:  # memory is not shared with another process
        pytest.skip("a memory store is of one process")
    command = [sys.executable, "-c", program, store.uri, KEY]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == "True"
    assert not is_held(store, KEY)
    assert Leases(store).take(KEY)


def test_a_process_number_given_out_again_is_not_the_holder(store: Store) -> None:
    ours = Leases(store)
    assert ours.take(KEY)
    content = store.read_json(held_by(store))
    assert content is not None
    assert content["pid"] == os.getpid()
    store.write_json(held_by(store), content | {"started": "1"})
    assert Leases(store).take(KEY)


def test_a_far_holder_that_renews_is_alive_and_one_that_does_not_is_dead(
    store: Store, clock: Callable[[float], None]
) -> None:
    write(store)
    ours = Leases(store)
    for beat in range(1, 5):
        # However long it is watched: it is alive while its note changes.
        assert not ours.take(KEY)
        clock(leases.DEAD_AFTER - 1)
        write(store, beat=beat)
    assert not ours.take(KEY)
    clock(leases.DEAD_AFTER + 1)
    assert ours.take(KEY)


def test_clocks_that_differ_a_little_do_no_harm(
    store: Store, clock: Callable[[float], None]
) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=300)
    write(store, at=past.isoformat())
    ours = Leases(store)
    # Five minutes may be the other machine's clock: what counts is whether the note changes here.
    assert not ours.take(KEY)
    clock(leases.DEAD_AFTER + 1)
    assert ours.take(KEY)


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b"{}", b'{"at": 5}', b'{"pid": "x"}'])
def test_a_note_that_is_none_holds_nothing(store: Store, content: bytes) -> None:
    store.write(f"{Paths.leases(KEY)}/0001.json", content)
    assert not is_held(store, KEY)
    assert Leases(store).take(KEY)


def test_what_is_held_is_renewed_and_let_go_of_at_the_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEWED_EVERY", 0.01)
    written = threading.Semaphore(0)
    write_json = Store.write_json

    def count(self: Store, name: str, content: dict[str, Any], flushed: bool) -> None:
        write_json(self, name, content, flushed)
        written.release()

    ours = Leases(store)
    with ours.renewed():
        assert ours.take(KEY)
        monkeypatch.setattr(Store, "write_json", count)
        for _ in range(3):
            assert written.acquire(timeout=10)
        found = store.read_json(held_by(store))
        assert found is not None
        assert found["beat"] >= 1
        assert found["owner"] == ours.owner
    assert names(store) == []


def test_a_note_names_neither_host_nor_user(store: Store) -> None:
    Leases(store).take(KEY)
    text = json.dumps(store.read_json(held_by(store)))
    assert os.uname().nodename not in text
    assert str(Path.home()) not in text
