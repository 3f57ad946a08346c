"""The ledger: what a kill, a full disk or a bad sector leave of a trial."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_entries import DONE, FAILED, checkpoint, rows

from model.config.recipe import RestoreRecipe
from model.errors import InputError
from orchestrator.store.checkpoints import SavedCheckpoint
from orchestrator.store.ledger import DamagedError, Ledger
from orchestrator.store.naive_fills import NAIVE_FILLS
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store
from orchestrator.study.graph import TrialSpec
from studies import TINY

KEY = "pretrain-0123456789ab"
PARTS = ("json", "safetensors", "pt")
# By `printf final | sha256sum`.
FINAL_SHA256 = "2443630b4620165c8b173e7265e17526fe2787ae594364dd6d839ad58f2fc007"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger that lies on no disk."""
    return Ledger(Store(f"fsspec+memory://{tmp_path}"))


def train(ledger: Ledger, epochs: int) -> None:
    for epoch in range(1, epochs + 1):
        ledger.save_epoch(KEY, rows(epoch), checkpoint(epoch))


def kept(ledger: Ledger) -> list[str]:
    return ledger.store.names(Paths.checkpoints(KEY))


def trial(**change: Any) -> TrialSpec:
    fields = {"data": TINY["data"], "model": TINY["model"], "train": TINY["pretrain"]} | change
    return TrialSpec(key=KEY, recipe=RestoreRecipe.model_validate(fields))


# --- rows and checkpoints ---------------------------------------------------------------------


def test_a_trial_that_never_began_has_nothing(ledger: Ledger) -> None:
    # Nothing to go on from, and no error.
    assert ledger.rows(KEY) == []
    assert ledger.latest_checkpoint(KEY) is None
    assert ledger.outcome(KEY) is None
    assert ledger.notes(KEY) == []


def test_rows_and_the_newest_checkpoint_come_back_as_they_were(ledger: Ledger) -> None:
    train(ledger, 3)
    # All rows, and the bytes of the last epoch.
    assert ledger.rows(KEY) == rows(3)
    assert ledger.latest_checkpoint(KEY) == checkpoint(3)


def test_two_checkpoints_are_kept(ledger: Ledger) -> None:
    train(ledger, 5)
    # One to go on from, one in case it is damaged.
    assert kept(ledger) == sorted(f"{epoch:05d}.{part}" for epoch in (4, 5) for part in PARTS)


def test_saving_an_epoch_again_replaces_it(ledger: Ledger) -> None:
    train(ledger, 3)
    ledger.save_epoch(KEY, rows(2), SavedCheckpoint(2, b"other", b"one"))
    # A trial that went on from an older checkpoint has the rows of that road alone.
    assert ledger.rows(KEY) == rows(2)
    assert ledger.store.read(Paths.checkpoint(KEY, 2, "safetensors")) == b"other"


DAMAGE = (
    None, b"", b"weights", b"weights 4", b"{", b"[]", b"{}", b'{"sha256": {}}',
    b'{"sha256": null}', b'{"sha256": ["safetensors", "pt"]}', b'{"sha256": {"pt": "x"}}',
)  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_passed_over(
    ledger: Ledger, part: str, damage: bytes | None
) -> None:
    train(ledger, 3)
    name = Paths.checkpoint(KEY, 3, part)
    ledger.store.delete(name)
    if damage is not None:
        ledger.store.write(name, damage)
    # Cut short, swapped, emptied or gone: the one before is whole.
    assert ledger.latest_checkpoint(KEY) == checkpoint(2)
    ledger.store.write(Paths.checkpoint(KEY, 2, "pt"), b"?")
    # With that one damaged too, the trial begins anew.
    assert ledger.latest_checkpoint(KEY) is None


@settings(deadline=None, max_examples=60)
@given(place=st.integers(0, 11), bit=st.integers(0, 7), part=st.sampled_from(PARTS[1:]))
def test_one_flipped_bit_is_noticed(place: int, bit: int, part: str) -> None:
    ledger = Ledger(Store("fsspec+memory://flipped-bit"))
    train(ledger, 2)
    name = Paths.checkpoint(KEY, 2, part)
    content = bytearray(ledger.store.read(name) or b"")
    content[place % len(content)] ^= 1 << bit
    ledger.store.write(name, bytes(content))
    # A network trained on from such weights would end elsewhere, and nobody would know.
    assert ledger.latest_checkpoint(KEY) == checkpoint(1)


class KilledStore(Store):
    """Dies before its n-th write, as a killed process does."""

    left = 0

    def write(self, name: str, content: bytes, flushed: bool = True) -> None:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        super().write(name, content, flushed)


@pytest.mark.parametrize("written", range(5))
def test_a_kill_between_any_two_writes_loses_no_epoch(tmp_path: Path, written: int) -> None:
    train(Ledger(Store(str(tmp_path))), 2)
    store = KilledStore(str(tmp_path))
    store.left = written
    with pytest.raises(KeyboardInterrupt) if written < 4 else nullcontext():
        Ledger(store).save_epoch(KEY, rows(3), checkpoint(3))
    found = Ledger(Store(str(tmp_path)))
    epoch = 3 if written == 4 else 2
    # The old checkpoint until the last of four writes, the new one from then on, and its rows.
    assert found.latest_checkpoint(KEY) == checkpoint(epoch)
    assert found.rows(KEY)[:epoch] == rows(epoch)


def test_rows_that_cannot_be_read_are_an_error(ledger: Ledger) -> None:
    ledger.store.write(Paths.epochs(KEY), b"PAR1 and no more")
    with pytest.raises(InputError, match="not a readable Parquet record"):
        ledger.rows(KEY)


# --- the end ----------------------------------------------------------------------------------


def test_success_leaves_weights_and_outcome_alone(ledger: Ledger) -> None:
    train(ledger, 2)
    ledger.finish(KEY, b"final", DONE)
    # The outcome is as given, with the checksum added.
    assert ledger.outcome(KEY) == DONE.model_copy(update={"weights_sha256": FINAL_SHA256})
    assert (ledger.weights(KEY), DONE.failure) == (b"final", None)
    # The rows stay, the checkpoints are nobody's any more.
    assert ledger.rows(KEY) == rows(2)
    assert kept(ledger) == []


@pytest.mark.parametrize("damage", [b"", b"fina", b"Final", b"final "])
def test_changed_weights_are_never_handed_to_a_child(ledger: Ledger, damage: bytes) -> None:
    ledger.finish(KEY, b"final", DONE)
    ledger.store.write(Paths.weights(KEY), damage)
    with pytest.raises(DamagedError, match=f"{KEY}: .* is not what was written"):
        ledger.weights(KEY)


def test_weights_that_are_not_there_are_named(ledger: Ledger) -> None:
    with pytest.raises(DamagedError, match=f"{KEY} is not done"):
        ledger.weights(KEY)
    ledger.fail(KEY, FAILED)
    # A failed parent has no weights, even if some lie there.
    ledger.store.write(Paths.weights(KEY), b"final")
    with pytest.raises(DamagedError, match=f"{KEY} is not done"):
        ledger.weights(KEY)
    # A done parent's may have been deleted by someone.
    ledger.finish(KEY, b"final", DONE)
    ledger.store.delete(Paths.weights(KEY))
    with pytest.raises(DamagedError, match=r"weights\.safetensors is gone from "):
        ledger.weights(KEY)


@pytest.mark.parametrize("content", [b"", b'{"state": "do', b"{}", b"[]", b'{"state": "lost"}'])
def test_an_outcome_that_cannot_be_read_is_none(ledger: Ledger, content: bytes) -> None:
    train(ledger, 1)
    ledger.store.write(Paths.outcome(KEY), content)
    # The trial goes on from its checkpoint instead of ending the study.
    assert ledger.outcome(KEY) is None
    assert ledger.latest_checkpoint(KEY) == checkpoint(1)


def test_a_failure_can_be_forgotten_and_its_training_goes_on(ledger: Ledger) -> None:
    train(ledger, 2)
    ledger.fail(KEY, FAILED)
    # The reason is the one that was given.
    assert ledger.outcome(KEY) == FAILED
    assert FAILED.failure == "Diverged: loss nan"
    # An empty reason must not read as success.
    assert FAILED.model_copy(update={"reason": ""}).failure
    ledger.forget_outcome(KEY)
    ledger.forget_outcome(KEY)
    # No outcome, and the checkpoint is still there.
    assert ledger.outcome(KEY) is None
    assert ledger.latest_checkpoint(KEY) == checkpoint(2)


def test_what_another_run_has_finished_stays_as_it_ended(ledger: Ledger) -> None:
    train(ledger, 3)
    ledger.finish(KEY, b"final", DONE)
    ended = ledger.outcome(KEY)
    # A slower run that trains the same trial is at an earlier epoch, then fails.
    ledger.save_epoch(KEY, rows(2), checkpoint(2))
    ledger.fail(KEY, FAILED)
    ledger.finish(KEY, b"other", DONE)
    assert (ledger.outcome(KEY), ledger.rows(KEY), kept(ledger)) == (ended, rows(3), [])
    assert ledger.weights(KEY) == b"final"
    # Nor is it forgotten by a run that had seen it fail before.
    ledger.forget_outcome(KEY, seen=FAILED)
    assert ledger.outcome(KEY) == ended
    ledger.forget_outcome(KEY, seen=ended)
    assert ledger.outcome(KEY) is None


def test_an_attempt_that_began_anew_keeps_its_own_checkpoints(ledger: Ledger) -> None:
    train(ledger, 40)
    # Those of epochs 39 and 40 could not be used, and must not crowd out the new ones.
    train(ledger, 3)
    assert ledger.latest_checkpoint(KEY) == checkpoint(3)
    assert kept(ledger) == sorted(f"{epoch:05d}.{part}" for epoch in (2, 3) for part in PARTS)


# --- starts and specs -------------------------------------------------------------------------


def test_starts_are_counted_and_the_first_is_remembered(ledger: Ledger) -> None:
    numbers = [ledger.begin_attempt(KEY, {"started_at": f"day {day}"}) for day in range(1, 12)]
    # Each start has the next number. By name they sort as by number, past nine as well.
    assert numbers == list(range(1, 12))
    assert ledger.attempts(KEY) == [f"{number:04d}.json" for number in numbers]
    assert ledger.notes(KEY)[0] == {"started_at": "day 1"}
    ledger.store.write(f"{Paths.attempts(KEY)}/0001.json", b"{")
    # A note that is lost costs a time, not a training.
    assert ledger.notes(KEY)[0] == {}


def test_fills_over_other_pixels_than_the_loss_are_not_shown(ledger: Ledger) -> None:
    losses = {"zero_fill": 0.3, "mean_fill": 0.2, "gaussian_fill": 0.1, "hidden_share": 0.4}
    ledger.save_naive_fill_losses(KEY, "masked", losses)
    assert ledger.naive_fill_losses(KEY, "masked") == losses
    assert ledger.naive_fill_losses(KEY, "all") == {}
    # Before there were two kinds, they were over all pixels, whatever the loss was over.
    old = {name: losses[name] for name in NAIVE_FILLS}
    ledger.store.write_json(Paths.naive_fill_losses(KEY), old)
    assert ledger.naive_fill_losses(KEY, "all") == old
    assert ledger.naive_fill_losses(KEY, "masked") == {}


def test_a_spec_from_before_there_were_tasks_is_read(ledger: Ledger) -> None:
    spec = trial().model_copy(update={"inputs": {"weights": "pretrain-1"}})
    content = spec.model_dump(mode="json")
    content["recipe"]["kind"] = {"restore": "pretrain"}[content["recipe"].pop("task")]
    ledger.store.write_json(Paths.spec(spec.key), content | {"parent": "pretrain-1"})
    assert ledger.spec(spec.key) == spec


def test_a_spec_comes_back_equal_and_may_be_written_anew(ledger: Ledger) -> None:
    # The images of an unfinished trial may have moved between two runs.
    for place in ("/here", "/there"):
        spec = trial(data={"source": "folder", "path": place, "image_size": 16})
        ledger.write_spec(spec)
        assert ledger.spec(KEY) == spec


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"key": "x", "recipe": {}}'])
def test_a_spec_that_cannot_be_read_names_its_trial(ledger: Ledger, content: bytes | None) -> None:
    if content is not None:
        ledger.store.write(Paths.spec(KEY), content)
    with pytest.raises(DamagedError, match=f"trial {KEY}: "):
        ledger.spec(KEY)
