"""Results folders read back, and a report made from one without a store."""

import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from checkout import ROOT
from command_line import call

from orchestrator.report.records.results_folder import is_results, records_of, study_of

CONTROLS = ROOT / "results" / "controls"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of committed results with nothing but study and records."""
    for name in ("study.yaml", "trials.parquet", "epochs.parquet", "cells.parquet"):
        shutil.copy(CONTROLS / name, tmp_path / name)
    return tmp_path


def test_a_report_is_made_again_from_the_records_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "report", str(folder)) == 0
    assert "55.9% ± 4.1%" in capsys.readouterr().out
    for name in ("table_2.md", "table_2.tex", "table_2.csv", "verdicts.md"):
        assert (folder / name).read_bytes() == (CONTROLS / name).read_bytes()
    # The records say what they said, in the columns of today.
    assert pq.read_schema(folder / "epochs.parquet").metadata[b"maskgrid.records"] == b"2"
    ours, theirs = records_of(folder), records_of(CONTROLS)
    for name in ("trials", "epochs", "cells"):
        assert getattr(ours, name).equals(getattr(theirs, name), check_metadata=True)


def test_a_study_file_is_no_results_folder(folder: Path) -> None:
    assert is_results(folder)
    assert not is_results(folder / "study.yaml")
    assert not is_results(folder.parent)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("epochs.parquet", None, r"epochs\.parquet: "),
        ("epochs.parquet", b"PAR1", r"epochs\.parquet: not a readable Parquet"),
        ("study.yaml", None, r"study\.yaml: no readable study"),
        ("study.yaml", b"[1", r"study\.yaml: no readable study"),
        ("study.yaml", b"name: x\ndata: {source: tape, path: x}\n", r"study\.yaml: data"),
    ],
)
def test_what_is_missing_or_damaged_is_named(
    folder: Path,
    name: str,
    content: bytes | None,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert call(monkeypatch, "report", str(folder)) == 2
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert re.search(told, printed.err)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_study_is_the_one_that_was_written() -> None:
    study = study_of(CONTROLS)
    assert study.name == "controls"
    assert len(study.arms) == 7
    records = records_of(CONTROLS)
    assert records.trials.num_rows == 33
    assert records.stages == {"pretrain": "restore", "finetune": "classify"}
