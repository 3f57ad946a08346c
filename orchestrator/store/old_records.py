"""Records of version 1, from before studies were graphs, in the columns of today."""

import json
from typing import Any

import pyarrow as pa

from model.config.recipe import TASK_OF_KIND

_KEPT = ("cell", "seed", "values")


def upgraded(table: pa.Table) -> pa.Table:
    """A table of version 1 with the columns of version 2; others of its columns stay.

    Then a study had two stages, which were the kinds of trial, and a trial at most one parent.
    """
    if "parent_key" in table.column_names:
        return _trials(table)
    return _cells(table) if "finetune_key" in table.column_names else table


def _trials(table: pa.Table) -> pa.Table:
    tasks = pa.array([TASK_OF_KIND[kind] for kind in table["kind"].to_pylist()], pa.string())
    parents = table["parent_key"].to_pylist()
    inputs = [{"weights": parent} if parent else {} for parent in parents]
    recipes = pa.array(map(_recipe, table["recipe"].to_pylist()), pa.string())
    table = table.set_column(table.schema.get_field_index("recipe"), "recipe", recipes)
    kind = pa.map_(pa.string(), pa.string())
    columns = {"task": tasks, "inputs": pa.array(map(_pairs, inputs), kind)}
    for name, values in columns.items():
        table = table.append_column(name, values)
    return table.drop_columns(["kind", "parent_key"])


def _recipe(text: str) -> str:
    recipe: dict[str, Any] = json.loads(text)
    recipe["task"] = TASK_OF_KIND[recipe.pop("kind")]
    return json.dumps(recipe, sort_keys=True)


def _pairs(mapping: dict[str, str]) -> list[tuple[str, str]]:
    return list(mapping.items())


def _cells(table: pa.Table) -> pa.Table:
    rows = [
        {**{name: row[name] for name in _KEPT}, "stage": stage, "trial_key": key}
        for row in table.to_pylist()
        for stage in TASK_OF_KIND
        if (key := row[f"{stage}_key"])
    ]
    kept = [table.schema.field(name) for name in _KEPT]
    added = [pa.field(name, pa.string()) for name in ("stage", "trial_key")]
    return pa.Table.from_pylist(rows, schema=pa.schema(kept + added))
