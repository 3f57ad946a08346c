"""Records of version 1, written by hand as maskgrid wrote them, read in the columns of today."""

import json
from typing import Any

import pyarrow as pa
import pytest

from model.errors import InputError
from orchestrator.store.schemas import CELLS, EPOCHS, TRIALS, from_parquet, to_parquet

PRETRAIN, FINETUNE, BASE = "pretrain-00000000000a", "finetune-00000000000b", "finetune-00000000000c"


def written(rows: list[dict[str, Any]], version: str = "1", **types: pa.DataType) -> bytes:
    """Rows as a file of an older version; columns that are all null need a type."""
    table = pa.Table.from_pylist(rows)
    for name, kind in types.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(kind))
    return to_parquet(table.replace_schema_metadata({"maskgrid.records": version}))


def trial(key: str, parent: str | None) -> dict[str, Any]:
    kind = key.partition("-")[0]
    return {
        "trial_key": key, "kind": kind, "parent_key": parent, "state": "done", "reason": None,
        "seed": 3, "epochs": 2, "epochs_done": 2, "train_seconds": 1.5, "wall_seconds": 2.5,
        "restarts": 0, "finished_at": "2026-01-01", "recipe": json.dumps({"kind": kind, "seed": 3}),
        "provenance": None,
    }  # fmt: skip


def test_trials_have_a_task_and_their_parent_as_input() -> None:
    content = written(
        [trial(PRETRAIN, None), trial(FINETUNE, PRETRAIN), trial(BASE, None)],
        reason=pa.string(), provenance=pa.string(),
    )  # fmt: skip
    table = from_parquet(content, TRIALS)
    assert table.schema.equals(TRIALS, check_metadata=True)
    rows = table.to_pylist()
    assert [(row["trial_key"], row["task"], dict(row["inputs"])) for row in rows] == [
        (PRETRAIN, "restore", {}),
        (FINETUNE, "classify", {"weights": PRETRAIN}),
        (BASE, "classify", {}),
    ]
    # The recipe says it in today's word too, and nothing else of it has changed.
    assert [json.loads(row["recipe"]) for row in rows] == [
        {"task": task, "seed": 3} for task in ("restore", "classify", "classify")
    ]
    assert {(row["state"], row["seed"], row["wall_seconds"]) for row in rows} == {("done", 3, 2.5)}
    # What nobody counted then is unknown.
    assert {row["val_images"] for row in rows} == {None}


def test_cells_have_a_row_for_each_stage() -> None:
    cell = {
        "cell": "baseline",
        "seed": 0,
        "values": "{}",
        "pretrain_key": None,
        "finetune_key": BASE,
    }
    arm = {"cell": "two", "seed": 0, "values": '{"patch_size": 2}', "pretrain_key": PRETRAIN, "finetune_key": FINETUNE}  # fmt: skip
    table = from_parquet(written([cell, arm]), CELLS)
    assert table.schema.equals(CELLS, check_metadata=True)
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("baseline", 0, "{}", "finetune", BASE),
        ("two", 0, '{"patch_size": 2}', "pretrain", PRETRAIN),
        ("two", 0, '{"patch_size": 2}', "finetune", FINETUNE),
    ]


def test_epochs_are_as_they_were() -> None:
    row = {
        "trial_key": BASE, "epoch": 1, "step": 4, "learning_rate": 0.1, "train_loss": 0.5,
        "train_accuracy": 0.5, "dev_loss": 0.5, "dev_accuracy": 0.5, "val_loss": 0.25,
        "val_accuracy": 0.75, "train_images": 12, "train_seconds": 1.5, "eval_seconds": 0.5,
    }  # fmt: skip
    assert from_parquet(written([row]), EPOCHS).to_pylist() == [row | {"measures": None}]


def test_a_study_without_cells_had_none() -> None:
    names = ("cell", "values", "pretrain_key", "finetune_key")
    columns = {name: pa.array([], pa.string()) for name in names}
    table = pa.table({**columns, "seed": pa.array([], pa.int64())})
    content = to_parquet(table.replace_schema_metadata({"maskgrid.records": "1"}))
    found = from_parquet(content, CELLS)
    assert (found.num_rows, found.schema) == (0, CELLS)


@pytest.mark.parametrize("change", [{"kind": "guess"}, {"recipe": "{"}, {"recipe": "{}"}])
def test_a_damaged_record_is_refused(change: dict[str, str]) -> None:
    content = written([trial(FINETUNE, PRETRAIN) | change])
    with pytest.raises(InputError, match="damaged record of version 1"):
        from_parquet(content, TRIALS)
