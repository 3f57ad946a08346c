"""Leases: of several runs on one store, one trains a trial while the others wait for its result.

A lease is a small file that its holder renews; the file's name is a number, and only one run can
create the next number. Where a store has no such promise to give, as buckets have not, the name is
the holder's too: of two who see each other both take it back and try again. A holder that died is
found out in one of two ways: on the same machine its process is gone; elsewhere its file stays as
it is for a while, by the clock of who looks. A lease saves work, it guards nothing: two runs that
train the same trial write the same bytes.
"""

import datetime
import hashlib
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.store.paths import Paths, lease_number
from orchestrator.store.store import Store, StoreError

RENEWED_EVERY = 5.0  # seconds
DEAD_AFTER = 30.0  # seconds without renewal
_LONG_DEAD = 600.0  # seconds that no two machines' clocks differ by


@dataclass
class Leases:
    """The leases of one run; a thread renews them for as long as `renewed` lasts."""

    store: Store
    owner: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _held: dict[str, str] = field(default_factory=dict)  # trial key -> file name
    _seen: dict[str, tuple[dict[str, Any], float]] = field(default_factory=dict)
    _beats: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str) -> bool:
        """Whether this run now holds the trial: it does not while another living run does."""
        folder = Paths.leases(key)
        names = self.store.names(folder)
        if any(self._alive(f"{folder}/{name}") for name in names):
            return False
        number = lease_number(names[-1]) + 1 if names else 1
        name = self._claim(key, number, names)
        if name is None:
            return False  # another run was quicker
        with self._lock:
            self._held[key] = name
        for old in names:
            self.store.delete(f"{folder}/{old}")
        return True

    def _claim(self, key: str, number: int, dead: list[str]) -> str | None:
        """The name of a new lease if this run alone has it, else None.

        Args:
            number: the new lease's.
            dead: files of the trial's dead leases.
        """
        name = Paths.lease(key, number)
        created = self.store.create_json(name, self._note())
        if created is not None:
            return name if created else None
        # The store cannot say who was first: whoever sees another's claim takes its own back.
        name = Paths.lease(key, number, self.owner)
        self.store.write_json(name, self._note(), flushed=False)
        folder, _, file = name.rpartition("/")
        if set(self.store.names(folder)) - set(dead) == {file}:
            return name
        self.store.delete(name)
        return None

    def holder(self, key: str) -> str:
        """Who holds a trial, in words, as far as one look can tell."""
        folder = Paths.leases(key)
        notes = (_read(self.store, f"{folder}/{name}") for name in self.store.names(folder))
        note = next((note for note in notes if note and note.get("owner") != self.owner), {})
        if _dead_or_alive_here(note) is not None:
            return f"process {note.get('pid')} on this machine"
        return "a run on another machine"

    def drop(self, key: str) -> None:
        """Let go of a trial that ended here."""
        with self._lock:
            name = self._held.pop(key, None)
            if name:
                self.store.delete(name)

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew what is held for as long as the context lasts, then let go of it."""
        ended = threading.Event()
        thread = threading.Thread(target=self._renew, args=(ended,), name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            for key in list(self._held):
                self.drop(key)

    def _renew(self, ended: threading.Event) -> None:
        while not ended.wait(RENEWED_EVERY):
            self._beats += 1
            with self._lock:
                for name in self._held.values():
                    try:
                        self.store.write_json(name, self._note(), flushed=False)
                    except StoreError:
                        continue  # a full disk: the next renewal may go through

    def _note(self) -> dict[str, Any]:
        process = {"machine": _machine(), "pid": os.getpid(), "started": _started(os.getpid())}
        return {"owner": self.owner, **process, "beat": self._beats, "at": _now().isoformat()}

    def _alive(self, name: str) -> bool:
        note = _read(self.store, name)
        if note is None:
            return False
        here = _dead_or_alive_here(note)
        if here is not None:
            return here
        if _age(note) > _LONG_DEAD:
            return False
        before, since = self._seen.get(name, ({}, 0.0))
        if before != note:
            self._seen[name] = (note, time.monotonic())
            return True
        return time.monotonic() - since < DEAD_AFTER


def is_held(store: Store, key: str) -> bool:
    """Whether some run trains a trial, as far as one look can tell."""
    folder = Paths.leases(key)
    return any(_looks_held(_read(store, f"{folder}/{name}")) for name in store.names(folder))


def _looks_held(note: dict[str, Any] | None) -> bool:
    if note is None:
        return False
    here = _dead_or_alive_here(note)
    return _age(note) < 2 * DEAD_AFTER if here is None else here


def _read(store: Store, name: str) -> dict[str, Any] | None:
    try:
        return store.read_json(name)
    except ValueError:
        return None


def _dead_or_alive_here(note: dict[str, Any]) -> bool | None:
    """Whether the holder's process is there; None if it runs on another machine."""
    if _machine() is None or note.get("machine") != _machine():
        return None
    pid = note.get("pid")
    return isinstance(pid, int) and _started(pid) == note.get("started") is not None


def _age(note: dict[str, Any]) -> float:
    """Seconds since the last renewal, by this machine's clock; endless if the note is no note."""
    try:
        return abs((_now() - datetime.datetime.fromisoformat(note["at"])).total_seconds())
    except (KeyError, TypeError, ValueError):
        return float("inf")


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@cache
def _machine() -> str | None:
    """This boot of this machine, or of this container, without its name; None if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None
    return hashlib.sha256((boot + processes).encode()).hexdigest()[:16]


def _started(pid: int) -> str | None:
    """When a process of this machine started, in clock ticks: numbers are given out again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]
