"""The results folder, and the published numbers that stand in it."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import figure_records as hand
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from matplotlib.figure import Figure
from pydantic import ValidationError

from model.errors import InputError
from orchestrator.plan.board import board_of
from orchestrator.report.formats.documents import to_latex, to_markdown
from orchestrator.report.formats.parquet_csv import to_arrow, to_csv
from orchestrator.report.records.collect import Records, collect
from orchestrator.report.tables.published import TABLES
from orchestrator.report.write import prepare, write_results
from orchestrator.store.ledger import Ledger
from orchestrator.store.schemas import CELLS, EPOCHS, SAMPLES, TRIALS, from_parquet
from orchestrator.store.store import Store
from orchestrator.study.file import read_study
from orchestrator.study.graph import build_graph
from orchestrator.study.recipes import arm_cells
from orchestrator.study.spec import StudySpec
from orchestrator.study.tables import TABLE_1
from studies import TINY, merged

HOME = "/home/somebody/pictures"
COMPLETE = {
    "study.yaml", "trials.parquet", "epochs.parquet", "cells.parquet",
    *(f"table_{n}.{ending}" for n in (1, 2) for ending in ("parquet", "csv", "md", "tex")),
    "comparisons.parquet", "verdicts.parquet", "verdicts.md", "report.html",
}  # fmt: skip


def study(**change: Any) -> StudySpec:
    return StudySpec.model_validate_json(json.dumps(merged(TINY, change)), strict=True)


def records(spec: StudySpec) -> Records:
    """Those of a study that has not begun."""
    ledger = Ledger(Store("fsspec+memory://nothing-yet"))
    return collect(board_of(build_graph(spec, arm_cells(spec)), ledger), ledger)


def files(folder: Path) -> dict[str, str]:
    """Checksums by name, hidden files included."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


# --- the folder -------------------------------------------------------------------------------


def test_the_folder_is_complete_and_nothing_else(tmp_path: Path) -> None:
    write_results(study(), records(study()), tmp_path / "new" / "results")
    # Records, tables as data and as text, and the study; no part of a file.
    assert files(tmp_path / "new" / "results").keys() == COMPLETE


def test_written_twice_it_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    for name in ("one", "other", "one"):
        write_results(study(), records(study()), tmp_path / name)
    # Results in git change only when a result does.
    assert files(tmp_path / "one") == files(tmp_path / "other")


def test_the_files_hold_what_was_collected(tmp_path: Path) -> None:
    found = records(study())
    write_results(study(), found, tmp_path)
    # The three records, types and units included.
    for name, table, schema in (
        ("trials", found.trials, TRIALS), ("epochs", found.epochs, EPOCHS),
        ("cells", found.cells, CELLS),
    ):  # fmt: skip
        read_back = from_parquet((tmp_path / f"{name}.parquet").read_bytes(), schema)
        assert read_back.equals(table, check_metadata=True)


def test_pictures_and_figures_stand_beside_the_tables(tmp_path: Path) -> None:
    found = hand.recorded([hand.BASE, hand.GRID[0]])
    pictures = hand.samples(found)
    write_results(study(), replace(found, samples=pictures), tmp_path)
    names = files(tmp_path).keys() - COMPLETE
    # The pictures as data, and every figure in both formats.
    read_back = from_parquet((tmp_path / "samples.parquet").read_bytes(), SAMPLES)
    assert read_back.equals(pictures, check_metadata=True)
    assert names - {"samples.parquet"} == {
        f"{name}.{kind}" for name in hand.drawn(study(), found, pictures) for kind in ("svg", "png")
    }


@pytest.mark.parametrize(
    "name",
    # In one order in every process, by which two of them share the tests out.
    sorted(
        {file.rpartition(".")[0] for file in COMPLETE | {"samples.parquet"}}
        - {"table_1", "table_2"}
    ),
)
def test_no_table_may_replace_another_file(name: str) -> None:
    # All other files that are written: a table of such a name would destroy the records.
    with pytest.raises(ValidationError, match=f"the results folder has its own {name}"):
        TABLE_1.model_validate({**TABLE_1.model_dump(), "name": name})


def test_figures_of_what_an_edit_took_out_are_removed_and_nobody_elses(tmp_path: Path) -> None:
    old, new = hand.recorded([hand.BASE, hand.GRID[0]]), records(study())
    write_results(study(), replace(old, samples=hand.samples(old)), tmp_path)
    before = files(tmp_path)
    assert "loss_pretrain.svg" in before
    # Somebody's own, even under a name that one of ours could have.
    Figure().savefig(tmp_path / "loss_mine.png")
    Figure().savefig(tmp_path / "loss_mine.svg")
    (tmp_path / "figure_9_cat.png").write_bytes((tmp_path / "loss_pretrain.png").read_bytes())
    (tmp_path / "heatmap_table_9.svg").write_text("<svg><title>T</title></svg>")
    (tmp_path / "heatmap_table_9.png").write_bytes(b"no picture")
    foreign = files(tmp_path).keys() - before.keys()
    write_results(study(), new, tmp_path)
    assert files(tmp_path).keys() == COMPLETE | foreign | {"samples.parquet"}


def test_each_table_is_returned_as_it_was_written(tmp_path: Path) -> None:
    tables = [
        {"name": "mine", "title": "Mine", "stage": "finetune", "metric": "val_accuracy"},
        {"name": "other", "title": "Other", "stage": "pretrain", "metric": "val_loss"},
    ]
    written = write_results(study(tables=tables), records(study(tables=tables)), tmp_path)
    # In the study's order, under the study's names.
    assert [table.name for table in written.tables] == ["mine", "other"]
    for table in written.tables:
        name, data = table.name, to_arrow(table.filled)
        assert pq.read_table(tmp_path / f"{name}.parquet").equals(data)
        assert (tmp_path / f"{name}.md").read_text() == to_markdown(table)
        assert (tmp_path / f"{name}.tex").read_text() == to_latex(table)
        assert (tmp_path / f"{name}.csv").read_text() == to_csv(data)


def test_the_study_can_be_read_again_from_its_results(tmp_path: Path) -> None:
    spec = study(arms=[{"name": "z", "set": {"model.init": "he"}}], seeds=[3, 4])
    write_results(spec, records(spec), tmp_path)
    # Whoever finds a results folder can run its study.
    assert read_study(tmp_path / "study.yaml") == spec
    # As it was written: defaults are not spelled out.
    assert "betas" not in (tmp_path / "study.yaml").read_text()


def test_a_study_of_default_images_can_be_read_again(tmp_path: Path) -> None:
    default = StudySpec(name="default")
    # As planning does it: the images are found and their fingerprint filled in.
    found = default.data.model_copy(update={"fingerprint": "ab"})
    spec = default.model_copy(update={"data": found})
    write_results(spec, records(spec), tmp_path)
    # The kind of images is told even where the study left it to the default.
    assert read_study(tmp_path / "study.yaml").data == found


def test_no_file_tells_where_the_images_lay(tmp_path: Path) -> None:
    data = {
        "source": "folder", "path": HOME, "num_classes": None, "val_per_class": None,
        "fingerprint": "ab",
    }  # fmt: skip
    write_results(study(data=data), records(study(data=data)), tmp_path)
    for path in tmp_path.iterdir():
        text = path.read_bytes()
        if path.suffix == ".parquet":  # compressed on disk
            text = repr(pq.read_table(path).to_pylist()).encode()
        assert b"somebody" not in text, path.name
    # Which images they were is told.
    assert yaml.safe_load((tmp_path / "study.yaml").read_text())["data"]["fingerprint"] == "ab"


def test_preparing_proves_the_folder_and_leaves_no_trace(tmp_path: Path) -> None:
    prepare(tmp_path / "results")
    # Before a study of days, not after it.
    assert files(tmp_path / "results") == {}
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"results .*file/results: cannot be written: "):
        prepare(tmp_path / "file" / "results")


def test_a_full_disk_leaves_the_results_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(study(), records(study()), tmp_path)
    before = files(tmp_path)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_results(study(seeds=[9]), records(study(seeds=[9])), tmp_path)
    # Nobody reads half a file, nor finds the litter of one.
    assert files(tmp_path) == before


# --- the paper --------------------------------------------------------------------------------

PAPER = {
    "terentiev-2024/table-1": "2 .0178 .0309 .0445 4 .0185 .0344 .0521 8 .0224 .0403 .0646",
    "terentiev-2024/table-2": "2 44.6 44.1 44.6 4 44.7 43.2 43.6 8 43.1 44.3 44.1",
}


@pytest.mark.parametrize("name", PAPER)
def test_published_values_are_the_papers(name: str) -> None:
    numbers = np.array(PAPER[name].split(), float).reshape(3, 4)
    scale = 1 if name.endswith("1") else 100
    expected = {
        (int(row[0]), ratio): value / scale
        for row in numbers
        for ratio, value in zip((0.2, 0.4, 0.6), row[1:], strict=True)
    }
    assert TABLES[name].cells == pytest.approx(expected, abs=1e-12)
    # Only the classification has a base model: 40 %.
    assert TABLES[name].baseline == (None if scale == 1 else 0.40)
