"""What the paper's claims are tested on: losses by patch size, cells and their twins."""

import json
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.report.collect import Records
from orchestrator.report.statistics import ALPHA, holm, paired
from orchestrator.report.tables import Filled, Value, label


@dataclass(frozen=True)
class Blocks:
    """Losses by patch size, all else equal: one block a mask ratio and seed."""

    sizes: tuple[int, ...]
    """Patch sizes in pixels, ascending."""
    settings: tuple[tuple[str, tuple[tuple[float, ...], ...]], ...]
    """(mask ratio as printed, a block a seed: losses in order of size). A ratio comes again for
    each value of what else the study varies; seeds that lack a size are left out."""

    @property
    def complete(self) -> list[tuple[float, ...]]:
        """Every block."""
        return [block for _, blocks in self.settings for block in blocks]

    @property
    def rises(self) -> list[float]:
        """Change of the mean over seeds at each step from one size to the next."""
        return [statistics.fmean(changes) for _, changes in self._steps()]

    def confirmed_falls(self) -> list[str]:
        """Steps at which seeds confirm that the loss falls (paired t, Holm over all steps)."""
        steps = [(name, paired(changes)) for name, changes in self._steps() if len(changes) > 1]
        adjusted = holm([found.p for _, found in steps])
        return [
            name
            for (name, found), p in zip(steps, adjusted, strict=True)
            if found.mean < 0 and p is not None and p < ALPHA
        ]

    def _steps(self) -> Iterator[tuple[str, list[float]]]:
        for setting, blocks in self.settings:
            for index in range(len(self.sizes) - 1 if blocks else 0):
                below, above = self.sizes[index : index + 2]
                changes = [block[index + 1] - block[index] for block in blocks]
                yield f"{setting}, {below}x{below} to {above}x{above}", changes


def loss_blocks(filled: Filled, records: Records) -> Blocks | None:
    """The losses of a pretraining table by patch size; None if the study has one size alone.

    Equal trials that several cells ask for count once; plain autoencoders have no patches.
    """
    losses = _by_trial(filled, records)
    asked: dict[str, dict[int, dict[int, float | None]]] = {}
    for trial in records.trials.to_pylist():
        if trial["trial_key"] in losses:
            setting, size = _setting(json.loads(trial["recipe"]))
            if size is not None:
                seeds = asked.setdefault(setting, {}).setdefault(trial["seed"], {})
                seeds[size] = losses[trial["trial_key"]]
    sizes = sorted({size for seeds in asked.values() for row in seeds.values() for size in row})
    if len(sizes) < 2:
        return None
    settings = [(_ratio(name), tuple(_whole(seeds, sizes))) for name, seeds in asked.items()]
    return Blocks(tuple(sizes), tuple(settings))


def masked_pairs(filled: Filled, records: Records) -> list[tuple[Value, Value]]:
    """(cell, the same finetuning alone) for each cell whose pretraining restored hidden patches."""
    modes = {
        row["trial_key"]: _mask(json.loads(row["recipe"])).get("mode", "bernoulli")
        for row in records.trials.to_pylist()
    }
    by_name = {value.cell: value for value in filled.values}
    return [
        (value, by_name[value.scratch])
        for value in filled.values
        if value.scratch and all(modes[parent] != "none" for parent in value.parents.values())
    ]


def _by_trial(filled: Filled, records: Records) -> dict[str, float | None]:
    """Pretrain trial -> its loss, None where it has none."""
    by_name = {value.cell: value for value in filled.values}
    return {
        cell["pretrain_key"]: by_name[cell["cell"]].by_seed.get(cell["seed"])
        for cell in records.cells.to_pylist()
        if cell["pretrain_key"]
    }


def _whole(seeds: Mapping[int, Mapping[int, float | None]], sizes: list[int]) -> Iterator[Any]:
    for row in seeds.values():
        block = tuple(row.get(size) for size in sizes)
        if None not in block:
            yield block


def _mask(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return dict(recipe.get("train", {}).get("mask", {}))


def _ratio(setting: str) -> str:
    return label("mask_ratio", _mask(json.loads(setting)).get("ratio", "unknown ratio"))


def _setting(recipe: dict[str, Any]) -> tuple[str, int | None]:
    """The recipe without seed and patch size, as JSON, and the patch size."""
    mask = _mask(recipe)
    size = None if mask.get("mode") == "none" else mask.pop("patch_size", None)
    rest = {**recipe, "seed": None, "train": {**recipe.get("train", {}), "mask": mask}}
    return json.dumps(rest, sort_keys=True), size
