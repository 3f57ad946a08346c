"""Deleting a trial: nothing but its own files, and safe to be killed at any moment."""

import inspect
from contextlib import suppress
from pathlib import Path

import pytest
from file_tree import files
from hand_ledger import lay, lease, planned

from orchestrator.plan.plan import Plan
from orchestrator.store.ledger import Ledger
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store
from orchestrator.store.trial_files import delete_trial, deletion_rank
from studies import StudyWriter


@pytest.fixture
def plan(write_study: StudyWriter) -> Plan:
    return planned(write_study())


class DyingStore(Store):
    """Dies before its n-th deletion, as a killed process does."""

    left = 0

    def delete(self, name: str) -> None:
        self._live()
        super().delete(name)

    def delete_folder(self, name: str) -> None:
        self._live()
        super().delete_folder(name)

    def _live(self) -> None:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1


def assert_no_better_than_it_is(ledger: Ledger, key: str) -> None:
    if outcome := ledger.outcome(key):
        # What counts as ended is whole.
        assert outcome.state == "failed" or ledger.has_weights(key)
        assert len(ledger.rows(key)) == 2
        assert ledger.spec(key).key == key
    if checkpoint := ledger.latest_checkpoint(key):
        # What can be gone on from has its rows.
        assert len(ledger.rows(key)) >= checkpoint.epoch


@pytest.mark.parametrize("state", ["done", "failed", "unfinished"])
def test_a_kill_at_any_moment_leaves_no_trial_that_looks_whole(plan: Plan, state: str) -> None:
    key = next(iter(plan.graph.trials))
    for survived in range(100):
        lay(plan.ledger, plan.graph, key, state)
        lease(plan.ledger, key, age=1000)
        dying = DyingStore(plan.ledger.store.uri)
        dying.left = survived
        with suppress(KeyboardInterrupt):
            delete_trial(dying, key)
        assert_no_better_than_it_is(plan.ledger, key)
        if survived:
            # The first thing that goes is what makes a trial count.
            assert plan.ledger.outcome(key) is None
        # The same deletion again finishes what was begun.
        assert delete_trial(plan.ledger.store, key) == []
        assert plan.ledger.store.sizes(Paths.trial(key)) == {}
        if dying.left:
            break
    # One death before each file of a trial, and one before its folder.
    assert survived > {"done": 6, "failed": 10, "unfinished": 9}[state]
    assert not Path(plan.ledger.store.uri, Paths.trial(key)).exists()


def test_a_trial_deleted_half_way_is_trained_from_its_start(plan: Plan) -> None:
    key = next(iter(plan.graph.trials))
    lay(plan.ledger, plan.graph, key)
    dying = DyingStore(plan.ledger.store.uri)
    dying.left = 1
    with pytest.raises(KeyboardInterrupt):
        delete_trial(dying, key)
    # Its weights still lie there, and nobody takes them for those of a trial that is done.
    assert plan.ledger.store.read(Paths.weights(key))
    assert not plan.ledger.has_weights(key)
    assert plan.ledger.latest_checkpoint(key) is None


UNKNOWN = ("notes.txt", "checkpoints/best.pt", "attempts/0001.json.bak", "outcome.json~", ".hidden")


def test_files_that_maskgrid_did_not_write_stay(plan: Plan) -> None:
    key, neighbour, *_ = plan.graph.trials
    store = plan.ledger.store
    for one in (key, neighbour):
        lay(plan.ledger, plan.graph, one)
    names = [f"{Paths.trial(key)}/{name}" for name in UNKNOWN]
    for name in [*names, "trials/readme.txt", "mine/a.txt"]:
        store.write(name, b"mine")
    before = files(Path(store.uri))
    # They are told, and they alone are left of the trial.
    assert delete_trial(store, key) == sorted(names)
    gone = {name for name in before if name.startswith(Paths.trial(key))} - set(names)
    assert files(Path(store.uri)) == before - gone


def test_what_writes_that_were_cut_off_left_goes_too(plan: Plan) -> None:
    key = next(iter(plan.graph.trials))
    store = plan.ledger.store
    for name in (".spec.json.0123abcd.part", "checkpoints/.00003.pt.0123abcd.part",
                 "lease/.0001.json.0123abcd"):  # fmt: skip
        store.write(f"{Paths.trial(key)}/{name}", b"half")
    assert delete_trial(store, key) == []
    assert files(Path(store.uri)) == set()


def test_every_file_that_a_trial_can_have_is_known() -> None:
    key = "pretrain-0123456789ab"
    makers = [
        maker
        for name, maker in inspect.getmembers(Paths, callable)
        if not name.startswith("_") and list(inspect.signature(maker).parameters) == ["key"]
    ]
    inner = [maker(key).removeprefix(f"{Paths.trial(key)}/") for maker in makers]
    found = [name for name in inner if "." in name]
    # A file with a new name has to be given its place in the order of deletion.
    assert len(found) >= 5
    assert [name for name in found if deletion_rank(name) is None] == []
    folders = {name for name in inner if "." not in name} - {Paths.trial(key)}
    assert folders == {"attempts", "checkpoints", "lease"}
