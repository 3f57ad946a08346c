"""Disks that fill up, files that were cut or forged: what a trial goes on from."""

import errno
import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jobs import job_of
from tiny_trials import CPU, Stopped, before_each_step, finetune, images_of, results, stop_before

from model.errors import InputError
from model.training.fit import fit
from orchestrator.run import worker
from orchestrator.run.ledger_context import AsyncWriter, LedgerContext
from orchestrator.store import store as module
from orchestrator.store.ledger import DamagedError, Ledger
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store, StoreError
from orchestrator.study.graph import TrialSpec, trial_key

RECIPE = finetune()
KEY = trial_key(RECIPE, {})
SPEC = TrialSpec(key=KEY, recipe=RECIPE)
EPOCHS, STEPS = 3, 4


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger that knows the trial; its data are the tests' own."""
    found = Ledger(Store(str(tmp_path)))
    found.store.prepare()
    found.write_spec(SPEC)
    return found


@pytest.fixture(autouse=True)
def own_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_images", lambda trial, job: images_of())


def train(ledger: Ledger) -> None:
    """What a worker does with a trial, to its recorded end."""
    context = LedgerContext.open(SPEC, ledger, CPU)
    worker.train_trial(context, job_of(ledger.store.uri, KEY))


def checksum(ledger: Ledger) -> str | None:
    outcome = ledger.outcome(KEY)
    assert outcome is not None
    assert outcome.state == "done"
    assert [row.epoch for row in ledger.rows(KEY)] == list(range(1, EPOCHS + 1))
    return outcome.weights_sha256


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    store = Store(str(tmp_path_factory.mktemp("store")))
    Ledger(store).write_spec(SPEC)
    context = LedgerContext.open(SPEC, Ledger(store), CPU)
    weights = fit(RECIPE, images_of(), context).weights
    content = worker.safetensors.torch.save(weights)
    return hashlib.sha256(content).hexdigest(), results(Ledger(store).rows(KEY))


def failing(write: int) -> Callable[[Path, bytes, bool], None]:
    """Writes that fail from the given one on, counted from 0: the disk is full, and stays so."""
    whole, left = module._write_local, [write]

    def write_local(path: Path, content: bytes, flushed: bool) -> None:
        if left[0] <= 0:
            # What had room is on the disk, under a name that nobody reads.
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f".{path.name}.cut.part").write_bytes(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= 1
        whole(path, content, flushed)

    return write_local


@pytest.mark.parametrize("write", range(15))
def test_a_disk_that_fills_up_at_any_write_costs_at_most_an_epoch(
    ledger: Ledger, write: int, monkeypatch: pytest.MonkeyPatch, undisturbed: Any
) -> None:
    # A note of the start, three epochs of four files, weights and outcome: fifteen writes.
    with monkeypatch.context() as patch:
        patch.setattr(module, "_write_local", failing(write))
        with pytest.raises(StoreError, match=r"cannot write trials/.*: No space left on device"):
            train(ledger)
    # It is no verdict on the trial.
    assert ledger.outcome(KEY) is None
    kept = len(ledger.peek_rows(KEY))
    train(ledger)
    assert checksum(ledger) == undisturbed[0]
    assert results(ledger.rows(KEY)) == undisturbed[1]
    # An epoch whose rows were written was trained again only if its checkpoint was not.
    began = ledger.notes(KEY)[-1]["from_epoch"] if write else 0
    assert kept - began <= 1


def stop_in_the_third_epoch(ledger: Ledger) -> None:
    with pytest.raises(Stopped), before_each_step(stop_before(2 * STEPS + 1)):
        train(ledger)


def path_of(ledger: Ledger, epoch: int, part: str) -> Path:
    return Path(ledger.store.uri) / Paths.checkpoint(KEY, epoch, part)


def damage_by_cutting(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def damage_by_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("part", ["safetensors", "pt", "json"])
@pytest.mark.parametrize("damage", [damage_by_cutting, damage_by_a_bit, Path.unlink])
def test_a_damaged_checkpoint_is_noted_and_the_one_before_is_used(
    ledger: Ledger, part: str, damage: Callable[[Path], None], undisturbed: Any
) -> None:
    stop_in_the_third_epoch(ledger)
    damage(path_of(ledger, 2, part))
    train(ledger)
    note = ledger.notes(KEY)[-1]
    assert note["from_epoch"] == 1
    # Without its commit there is no checkpoint of that epoch, so none that is damaged.
    assert note["damaged"] == ([] if (part, damage) == ("json", Path.unlink) else [2])
    assert checksum(ledger) == undisturbed[0]


class _Bomb:
    """What a pickle can do to those who trust it."""

    def __reduce__(self) -> Any:
        return (os.mkdir, ("unpickled",))


def test_a_forged_checkpoint_runs_no_code(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    stop_in_the_third_epoch(ledger)
    forged = pickle.dumps(_Bomb())
    path_of(ledger, 2, "pt").write_bytes(forged)
    sums = ledger.store.read_json(Paths.checkpoint(KEY, 2, "json"))
    assert sums is not None
    sums["sha256"]["pt"] = hashlib.sha256(forged).hexdigest()
    ledger.store.write_json(Paths.checkpoint(KEY, 2, "json"), sums)
    # The checksums hold, yet nothing of it is executed: it is no checkpoint.
    train(ledger)
    assert not (tmp_path / "unpickled").exists()
    assert ledger.notes(KEY)[-1]["damaged"] == [2]
    assert checksum(ledger) == undisturbed[0]


def test_damaged_rows_cost_the_epochs_but_not_the_trial(ledger: Ledger, undisturbed: Any) -> None:
    stop_in_the_third_epoch(ledger)
    damage_by_cutting(Path(ledger.store.uri) / Paths.epochs(KEY))
    train(ledger)
    assert ledger.notes(KEY)[-1]["from_epoch"] == 0
    assert results(ledger.rows(KEY)) == undisturbed[1]


def test_a_store_that_does_not_answer_once_costs_no_epoch(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_in_the_third_epoch(ledger)
    read = Store.read

    def fail_once(store: Store, name: str) -> bytes | None:
        if name == Paths.epochs(KEY):
            monkeypatch.setattr(Store, "read", read)
            raise StoreError(f"cannot read {name}: Input/output error")
        return read(store, name)

    monkeypatch.setattr(Store, "read", fail_once)
    with pytest.raises(StoreError, match="Input/output error"):
        train(ledger)
    train(ledger)
    assert ledger.notes(KEY)[-1]["from_epoch"] == 2
    assert ledger.notes(KEY)[-1]["damaged"] == []


def test_a_store_that_is_gone_is_not_filled_anew(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = AsyncWriter.submit

    def lose_and_submit(writer: AsyncWriter, write: Callable[[], None]) -> None:
        writer.flush()
        if ledger.latest_checkpoint(KEY):
            Path(ledger.store.uri).rename(Path(ledger.store.uri).with_name("away"))
        whole(writer, write)

    monkeypatch.setattr(AsyncWriter, "submit", lose_and_submit)
    with pytest.raises(StoreError, match=r"spec\.json is gone"):
        train(ledger)
    # An unmounted disk leaves an empty folder: what is written there would be lost.
    assert not (Path(ledger.store.uri) / "trials").exists()


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200), name=st.sampled_from([
    Paths.spec(KEY), Paths.epochs(KEY), Paths.outcome(KEY), Paths.naive_fill_losses(KEY),
    Paths.weights(KEY), f"{Paths.attempts(KEY)}/0001.json", f"{Paths.leases(KEY)}/0001.json",
    *(Paths.checkpoint(KEY, 2, part) for part in ("json", "safetensors", "pt")),
]))  # fmt: skip
def test_whatever_lies_in_a_store_gets_an_error_of_ours_or_none(
    ledger: Ledger, name: str, content: bytes
) -> None:
    ledger.store.write(name, content)
    for read in (
        ledger.spec, ledger.outcome, ledger.rows, ledger.peek_rows, ledger.notes,
        ledger.naive_fill_losses, ledger.latest_checkpoint, ledger.weights, ledger.has_weights,
    ):  # fmt: skip
        try:
            read(KEY)
        except (InputError, DamagedError, StoreError) as error:
            assert "\n" not in str(error).strip()
