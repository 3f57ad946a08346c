"""What stands in results/ is what its own records say, from a clean commit, and nothing else."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from checkout import ROOT

from orchestrator.report.records.results_folder import records_of, study_of
from orchestrator.report.write import write_results

RESULTS = ROOT / "results"


@pytest.fixture(params=["controls", "tiny10"])  # a checkout may hold results of its own beside them
def folder(request: pytest.FixtureRequest) -> Path:
    return RESULTS / str(request.param)


def drawn(names: set[str]) -> set[str]:
    return {name for name in names if name.endswith((".svg", ".png"))}


def text(path: Path) -> str:
    """A file without the pictures in it."""
    return re.sub(r'"data:image[^"]*"', '""', path.read_text())


def assert_same_data(ours: Path, theirs: Path) -> None:
    """Equal but for the last digits, in which versions of scipy may differ."""
    found, expected = pq.read_table(ours), pq.read_table(theirs)
    assert found.schema.equals(expected.schema, check_metadata=True)
    for mine, other in zip(found.to_pylist(), expected.to_pylist(), strict=True):
        assert mine == pytest.approx(other)


@pytest.mark.long
def test_every_file_is_made_again_from_the_records_alone(folder: Path, tmp_path: Path) -> None:
    write_results(study_of(folder), records_of(folder), tmp_path)
    kept = {path.name for path in folder.iterdir()}
    made = {path.name for path in tmp_path.iterdir()}
    # Nothing stands there that is not made from them, and nothing that is made is left out.
    assert {name for name in kept - drawn(kept) if not name.startswith("README")} == made - drawn(
        made
    )
    # Figures are kept all or none; their bytes are those of one version of matplotlib.
    assert drawn(kept) in (set(), drawn(made))
    the_records = {"trials.parquet", "epochs.parquet", "cells.parquet", "samples.parquet"}
    for name in sorted(made - drawn(made) - the_records):
        if name.endswith(".parquet"):
            assert_same_data(tmp_path / name, folder / name)
        else:
            assert text(tmp_path / name) == text(folder / name), name


def test_every_trial_ended_and_came_from_a_clean_commit(folder: Path) -> None:
    for trial in records_of(folder).trials.to_pylist():
        assert trial["state"] == "done"
        assert trial["epochs_done"] == trial["epochs"]
        provenance = json.loads(trial["provenance"])
        assert provenance["dirty"] is False
        assert len(provenance["commit"]) == 40


def test_no_place_on_a_machine_is_recorded(folder: Path) -> None:
    for trial in records_of(folder).trials.to_pylist():
        assert "path" not in json.loads(trial["recipe"])["data"]


def test_on_real_images_black_costs_what_it_should() -> None:
    table = pq.read_table(RESULTS / "tiny10" / "table_1.parquet").to_pylist()
    # All-pixel L1 of a black fill is the ratio times the mean brightness, about 0.45 on Tiny
    # ImageNet's validation images: 0.09, 0.18 and 0.27 at 20, 40 and 60 %.
    for value in table:
        ratio = float(value["column"].removesuffix(" %")) / 100
        assert value["zero_fill"] == pytest.approx(0.45 * ratio, rel=0.08)


def test_tiny10_learns() -> None:
    results = RESULTS / "tiny10"
    for value in pq.read_table(results / "table_1.parquet").to_pylist():
        # Restoring is learned: better than filling with the mean colour, in every cell.
        assert value["mean"] < 0.9 * value["mean_fill"]
    for value in pq.read_table(results / "table_2.parquet").to_pylist():
        # Chance is 10 %, and its deviation on 500 images 1.3 points.
        assert value["mean"] > 0.3


def test_the_table_of_faults_is_what_was_kept_and_none_did_harm() -> None:
    kept = json.loads((RESULTS / "chaos" / "faults.json").read_text())
    assert len(kept["faults"]) >= 15
    for fault in kept["faults"]:
        assert fault["survived"] and fault["equal"] and not fault["trained_twice"], fault
        assert fault["epochs_repeated"] <= 1
        assert fault["provenance"]["dirty"] is False
    # docs/faults.md shows the same rows.
    shown = (RESULTS.parent / "docs" / "faults.md").read_text()
    assert (RESULTS / "chaos" / "faults.md").read_text() in shown
