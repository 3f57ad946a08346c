"""The rows of a study's records as typed objects."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from orchestrator.store.naive_fills import NAIVE_FILLS
from orchestrator.study.axes import Scalar
from orchestrator.study.recipes import Cell


@dataclass(frozen=True)
class TrialRecord:
    """One trial, as far as tables and figures read it."""

    key: str
    task: str
    """`restore` or `classify`."""
    inputs: Mapping[str, str]
    """Role -> key."""
    state: str
    seed: int
    val_images: int | None
    """Validation images, where the trial counted them."""
    naive_fill_losses: Mapping[str, float]
    """The same loss of fills that learn nothing; empty where it was not worked out."""
    recipe_json: str
    num_classes: int | None = None
    """Classes of the images, where the trial counted them."""
    largest_class_share: float | None = None
    """Share of the validation images in their most frequent class, where the trial counted it."""

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The whole recipe, every default spelled out."""
        recipe: dict[str, Any] = json.loads(self.recipe_json)
        return recipe

    @property
    def loss_region(self) -> str | None:
        """Pixels that its loss is over, `all` or `masked`; None where it has none."""
        region: str | None = self.recipe.get("train", {}).get("loss_region")
        return region

    @cached_property
    def images(self) -> str:
        """The recipe's images, as JSON."""
        return json.dumps(self.recipe.get("data", {}), sort_keys=True)

    @property
    def mask(self) -> dict[str, Any]:
        """The recipe's mask; empty where it has none."""
        return dict(self.recipe.get("train", {}).get("mask", {}))


@dataclass(frozen=True)
class CellRecord:
    """The trials of one cell at one seed."""

    name: str
    seed: int
    values: Mapping[str, Scalar]
    """Fields that the cell changes, by axis or path, and their values."""
    trials: Mapping[str, str]
    """Stage -> trial key; only the stages that the cell has."""

    @property
    def in_grid(self) -> bool:
        """Whether it is a point of the search space; baseline and arms are not."""
        return Cell(self.name, self.values).in_grid


def trial_records(trials: pa.Table) -> dict[str, TrialRecord]:
    """Trial key -> its record, in the table's order."""
    return {row["trial_key"]: _trial(row) for row in trials.to_pylist()}


def _trial(row: dict[str, Any]) -> TrialRecord:
    fills = {name: row[name] for name in NAIVE_FILLS if row[name] is not None}
    origin = json.loads(row["provenance"] or "{}")
    return TrialRecord(
        key=row["trial_key"],
        task=row["task"],
        inputs=dict(row["inputs"]),
        state=row["state"],
        seed=row["seed"],
        val_images=row["val_images"],
        naive_fill_losses=fills,
        recipe_json=row["recipe"],
        num_classes=origin.get("num_classes"),
        largest_class_share=origin.get("largest_class_share"),
    )


def cell_records(cells: pa.Table) -> tuple[CellRecord, ...]:
    """One record for each cell and seed, in the table's order, which has a row for each stage."""
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in cells.to_pylist():
        rows.setdefault((row["cell"], row["seed"]), []).append(row)
    return tuple(
        CellRecord(
            name=name,
            seed=seed,
            values=json.loads(stages[0]["values"]),
            trials={row["stage"]: row["trial_key"] for row in stages},
        )
        for (name, seed), stages in rows.items()
    )
