"""The short set of faults; `make chaos` injects them all and keeps what it finds."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chaos import faults
from chaos.faults import Fault
from chaos.injection import FaultResult, Undisturbed, inject, undisturbed
from chaos.report import KeptTable
from chaos.study_under_test import StudyUnderTest

# One worker: both executors then write the very same bytes.
INLINE = {"executor": "inline", "max_concurrent": 1}
TRAIN = {"executor": "train", "max_concurrent": 1}
# A baseline, one pretraining and its child.
SMALL = {"space": {"patch_size": {"grid": [4]}, "mask_ratio": {"grid": [0.5]}}}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(
        StudyUnderTest(tmp_path_factory.mktemp("chaos") / "undisturbed", INLINE, change=SMALL)
    )


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.parametrize(
    ("runtime", "fault"),
    [
        (INLINE, faults.driver),
        (INLINE, faults.terminate),
        (INLINE, faults.second_run),
        (TRAIN, faults.worker),
        (TRAIN, faults.terminate_group),
    ],
    ids=["driver killed", "terminated", "two runs", "worker killed", "group terminated"],
)
def test_a_fault_costs_time_and_nothing_else(
    runtime: dict[str, object], fault: Fault, expected: Undisturbed, tmp_path: Path
) -> None:
    arena = StudyUnderTest(tmp_path / "disturbed", runtime, change=SMALL)
    verdict = inject(fault, arena, expected, "test")
    # Every trial done, tables and weights of the same bytes, at most the epoch in flight again.
    assert verdict.good, (verdict, arena.log()[-3000:])
    if fault in (faults.terminate, faults.terminate_group):
        log = arena.log()
        # It said that it stops, what it kept, and how to go on.
        assert "stopping in good order" in log
        assert f"kept: {arena.keys[faults.PRETRAIN]}: " in log
        assert "to go on: maskgrid run " in log
        assert "Traceback" not in log


def test_a_row_is_kept_as_soon_as_it_is_there_in_the_place_of_the_earlier_one(
    tmp_path: Path,
) -> None:
    order = [("a", "here"), ("b", "here"), ("b", "there")]
    there = FaultResult("b", "there", True, True, 0, 0, 1.0)
    KeptTable(tmp_path, order).keep(there)
    table = KeptTable(tmp_path, order)  # of a later run, which goes on with what is missing
    assert table.has("b", "there")
    assert not table.has("b", "here")
    table.keep(replace(there, fault="a", where="here"))
    table.keep(replace(there, seconds_lost=7.0))
    rows = json.loads((tmp_path / "faults.json").read_text())["faults"]
    assert [(row["fault"], row["seconds_lost"]) for row in rows] == [("a", 1.0), ("b", 7.0)]
    assert all({"at", "commit", "dirty", "versions"} <= row["provenance"].keys() for row in rows)
    shown = (tmp_path / "faults.md").read_text().splitlines()[2:]
    assert [line.split(" | ")[1] for line in shown] == ["here", "there"]


def test_only_time_and_one_epoch_may_be_lost() -> None:
    fine = FaultResult("x", "test", True, True, 0, 1, 9.0)
    assert fine.good
    for loss in (
        {"survived": False}, {"equal": False}, {"trained_twice": 1}, {"epochs_repeated": 2},
    ):  # fmt: skip
        assert not replace(fine, **loss).good
