"""Data that the paper's claims are tested on: losses by patch size, cells and their controls."""

import json
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.report.records.collect import Records
from orchestrator.report.records.rows import TrialRecord
from orchestrator.report.tables.axes import label
from orchestrator.report.tables.fill import FilledTable, Value
from orchestrator.report.tables.statistics import ALPHA, holm, paired


@dataclass(frozen=True)
class ControlValues:
    """Losses by patch size at one mask ratio, all else equal."""

    ratio: str
    """As printed. It comes again for each value of what else the study varies."""
    sizes: tuple[int, ...]
    """Patch sizes in pixels that the study asks for here, ascending; two or more."""
    by_seed: Mapping[int, tuple[float, ...]]
    """Losses in order of size; seeds that lack one are left out."""


@dataclass(frozen=True)
class Blocks:
    """Losses by patch size, in every setting that the study compares sizes in."""

    settings: tuple[ControlValues, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Patch sizes in pixels that any setting has, ascending."""
        return tuple(sorted({size for setting in self.settings for size in setting.sizes}))

    @property
    def by_seed(self) -> list[tuple[float, ...]]:
        """One block a seed: the mean loss of each size over the settings that have every size.

        Settings of one seed are no blocks of their own: their masks are nested and they share
        initialisation and order, so that their noise goes together (correlations of 0.4 to 0.8
        were measured between mask ratios).
        """
        full = [setting.by_seed for setting in self.settings if setting.sizes == self.sizes]
        seeds = sorted({seed for blocks in full for seed in blocks})
        losses = [[blocks[seed] for blocks in full if seed in blocks] for seed in seeds]
        return [tuple(map(statistics.fmean, zip(*rows, strict=True))) for rows in losses]

    @property
    def rises(self) -> list[float]:
        """Change of the mean over seeds at each step from one size to the next."""
        return [statistics.fmean(changes) for _, changes in self._steps()]

    @property
    def all_known(self) -> bool:
        """Whether every setting has a seed with all its sizes."""
        return all(setting.by_seed for setting in self.settings)

    def confirmed_falls(self) -> list[str]:
        """Steps at which seeds confirm that the loss falls (paired t, Holm over all steps)."""
        steps = [(name, paired(changes)) for name, changes in self._steps() if len(changes) > 1]
        adjusted = holm([difference.p for _, difference in steps])
        return [
            name
            for (name, difference), p in zip(steps, adjusted, strict=True)
            if difference.mean < 0 and p is not None and p < ALPHA
        ]

    def _steps(self) -> Iterator[tuple[str, list[float]]]:
        for setting in self.settings:
            for index in range(len(setting.sizes) - 1 if setting.by_seed else 0):
                below, above = setting.sizes[index : index + 2]
                changes = [block[index + 1] - block[index] for block in setting.by_seed.values()]
                yield f"{setting.ratio}, {below}x{below} to {above}x{above}", changes


def loss_blocks(filled: FilledTable, records: Records) -> Blocks | None:
    """The losses of a pretraining table by patch size; None if the study has no two sizes.

    Equal trials of several cells count once; plain autoencoders have no patches. A setting with
    one size alone, such as a control of another initialisation, says nothing about sizes and is
    left out; one with two sizes but no results stays.
    """
    losses = _by_trial(filled, records)
    by_setting: dict[str, dict[int, dict[int, float | None]]] = {}
    for key, trial in records.trial_rows.items():
        if key in losses:
            setting, size = _setting(trial)
            if size is not None:
                seeds = by_setting.setdefault(setting, {}).setdefault(trial.seed, {})
                seeds[size] = losses[key]
    settings = [_of_sizes(name, seeds) for name, seeds in by_setting.items()]
    several = tuple(setting for setting in settings if len(setting.sizes) > 1)
    return Blocks(several) if several else None


def masked_pairs(filled: FilledTable, records: Records) -> list[tuple[Value, Value]]:
    """(cell, the same finetuning alone) for each cell whose pretraining restored hidden patches.

    Cells with a teacher are left out: what they gain may be the teacher's.
    """
    trials, stage = records.trial_rows, filled.table.stage
    asked = (cell for cell in records.cell_rows if stage in cell.trials)
    taught = {cell.name for cell in asked if "teacher" in trials[cell.trials[stage]].inputs}
    by_name = {value.cell: value for value in filled.values}
    return [
        (value, by_name[value.scratch])
        for value in filled.values
        if value.scratch
        and value.parents
        and value.cell not in taught
        and all(trials[key].mask.get("mode", "none") != "none" for key in value.parents.values())
    ]


def _by_trial(filled: FilledTable, records: Records) -> dict[str, float | None]:
    """Pretrain trial -> its loss, None where it has none."""
    by_name, stage = {value.cell: value for value in filled.values}, filled.table.stage
    return {
        cell.trials[stage]: by_name[cell.name].by_seed.get(cell.seed)
        for cell in records.cell_rows
        if stage in cell.trials
    }


def _of_sizes(name: str, seeds: Mapping[int, Mapping[int, float | None]]) -> ControlValues:
    sizes = sorted({size for row in seeds.values() for size in row})
    by_seed = {}
    for seed, row in seeds.items():
        block = [loss for size in sizes if (loss := row.get(size)) is not None]
        if len(block) == len(sizes):
            by_seed[seed] = tuple(block)
    return ControlValues(_ratio(name), tuple(sizes), by_seed)


def _ratio(setting: str) -> str:
    return label("mask_ratio", json.loads(setting)["train"]["mask"].get("ratio", "unknown ratio"))


def _setting(trial: TrialRecord) -> tuple[str, int | None]:
    """The recipe without seed and patch size, as JSON, and the patch size."""
    recipe, mask = trial.recipe, trial.mask
    size = None if mask.get("mode") == "none" else mask.pop("patch_size", None)
    rest = {**recipe, "seed": None, "train": {**recipe.get("train", {}), "mask": mask}}
    return json.dumps(rest, sort_keys=True), size
