"""Parts of the sweep that need no cluster: restarts in process, and passing epochs on to Tune."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from checkout import ROOT
from minute_epoch import ROW

from orchestrator.plan.board import Board
from orchestrator.run.executors import with_restarts
from orchestrator.run.trainable import new_epochs
from orchestrator.run.tuner import tune_columns
from orchestrator.store.checkpoints import SavedCheckpoint
from orchestrator.store.ledger import Ledger
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store
from orchestrator.study.file import read_study
from orchestrator.study.graph import build_graph
from orchestrator.study.space import expand_space
from studies import StudyWriter


class Flaky:
    """Fails the first times it is called."""

    def __init__(self, failures: int) -> None:
        self.left, self.calls = failures, 0

    def __call__(self) -> None:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise OSError("the disk looked away")


def test_a_passing_failure_is_tried_again() -> None:
    flaky = Flaky(failures=2)
    with_restarts(flaky, restarts=2)
    assert flaky.calls == 3


def test_a_lasting_failure_ends_with_its_own_error() -> None:
    flaky = Flaky(failures=9)
    with pytest.raises(OSError, match="the disk looked away"):
        with_restarts(flaky, restarts=1)
    # Once, and one restart.
    assert flaky.calls == 2


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Store(str(tmp_path / "store")))


def test_epochs_of_this_run_are_passed_on_once(ledger: Ledger) -> None:
    ended = threading.Event()
    ended.set()
    ledger.save_epoch("k", [ROW, ROW, ROW], SavedCheckpoint(3, b"w", b"o"))
    # One epoch was told by an earlier run.
    told = list(new_epochs(ledger, "k", 1, ended))
    assert [row["epoch"] for row in told] == [ROW.epoch] * 2
    assert all(row["trial_key"] == "k" for row in told)


def test_rows_that_cannot_be_read_are_not_passed_on_and_stop_nothing(ledger: Ledger) -> None:
    ended = threading.Event()
    ended.set()
    ledger.store.write(Paths.epochs("k"), b"no parquet")
    assert list(new_epochs(ledger, "k", 0, ended)) == []


def test_labels_show_the_first_cell_of_a_trial(write_study: StudyWriter) -> None:
    study = read_study(write_study(arms=[{"name": "again", "set": {"patch_size": 2}}]))
    graph = build_graph(study, expand_space(study))
    shown = tune_columns(study, Board(graph))
    assert shown.keys() == graph.trials.keys()
    # Primitives alone, so that Tune's tables and folders stay readable.
    assert all(isinstance(v, str | int | float) for one in shown.values() for v in one.values())
    again = next(asked for asked in graph.cells if asked.cell.name == "again")
    assert shown[str(again.trials["pretrain"])]["patch_size"] == 2


DEVICE_LOST = """
import sys, torch
from orchestrator.run import worker
from orchestrator.store.ledger import Ledger
from orchestrator.store.store import Store
from orchestrator.study.graph import TrialSpec
from tests.support.jobs import job_of
from tests.support.tiny_trials import finetune

def fail(*_):
    raise torch.AcceleratorError("an illegal memory access was encountered")

spec = TrialSpec(key="finetune-000000000000", recipe=finetune())
Ledger(Store(sys.argv[1])).write_spec(spec)
worker.fit = fail
worker._images = lambda *_: None
try:
    worker.train_inline(job_of(sys.argv[1], spec.key))
finally:
    print("another try in this process")
"""


def test_a_process_whose_device_failed_trains_nothing_more(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DEVICE_LOST, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "an illegal memory access" in done.stderr
    assert "another try" not in done.stdout
    # Nothing is said about the trial: it goes on in a new process.
    assert Ledger(Store(str(tmp_path))).outcome("finetune-000000000000") is None
