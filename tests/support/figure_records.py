"""Records of a whole study made by hand, each number a function of its place, for the figures."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from hand_records import EPOCH, TASKS, TRIAL, asked_for
from matplotlib.figure import Figure

from orchestrator.report.figures.all_figures import drawings
from orchestrator.report.figures.style import Drawing, styled
from orchestrator.report.records.collect import Records
from orchestrator.report.tables.fill import fill_table
from orchestrator.store.schemas import CELLS, EPOCHS, SAMPLES, TRIALS, table_of
from orchestrator.study.recipes import spellings
from orchestrator.study.spec import StudySpec

Cell = tuple[str, dict[str, Any]]
Ended = tuple[str, int]
BASE: Cell = ("baseline", {})
EPOCHS_ASKED = 6
RECIPE = json.dumps({"data": {"source": "synthetic", "num_classes": 5, "val_per_class": 9}})


def cell(**values: Any) -> Cell:
    return spellings(values)[0], values


GRID = [cell(patch_size=size, mask_ratio=ratio) for size in (2, 4, 8) for ratio in (0.2, 0.4, 0.6)]


def done(*_: Any) -> Ended:
    return "done", EPOCHS_ASKED


def number(name: str, seed: int, stage: str, epoch: int) -> float:
    """Any number in [0, 1) that no other place has."""
    place = sum(ord(letter) * (31**step % 997) for step, letter in enumerate(f"{name}{stage}"))
    return (place * 7 + seed * 131 + epoch * 17) % 1009 / 1009


def recorded(
    cells: Iterable[Cell],
    seeds: Iterable[int] = (0,),
    ended: Callable[[str, int, str], Ended] = done,
    stages: Mapping[str, str] = TASKS,
) -> Records:
    """Records of cells; `ended` says from name, seed and stage how far a trial came.

    Args:
        stages: task of each stage; the last starts from the first, the others from nothing.
    """
    trials, epochs, asked = [], [], []
    for name, values in cells:
        for seed in seeds:
            keys = {stage: f"{task}-{stage}-{name}-{seed}" for stage, task in stages.items()}
            if name.startswith("baseline"):
                keys = dict([*keys.items()][-1:])
            first, last = next(iter(keys)), [*keys][-1]
            for stage, key in keys.items():
                state, rows = ended(name, seed, stage)
                inputs = {"weights": keys[first]} if first != stage == last else {}
                trials.append(_trial(key, stages[stage], state, seed, rows) | {"inputs": inputs})
                found = [number(name, seed, stage, row + 1) for row in range(rows)]
                epochs += [_epoch(key, stages[stage], *row) for row in enumerate(found, 1)]
            asked += asked_for(name, seed, values, keys)
    return Records(table_of(TRIALS, trials), table_of(EPOCHS, epochs), table_of(CELLS, asked))


def _trial(key: str, task: str, state: str, seed: int, rows: int) -> dict[str, Any]:
    known = task == "restore" and state == "done"
    fills = {"zero_fill": 0.3, "mean_fill": 0.2, "gaussian_fill": 0.1} if known else {}
    return {
        **TRIAL, "trial_key": key, "task": task, "state": state, "seed": seed,
        "recipe": RECIPE, "epochs": EPOCHS_ASKED, "epochs_done": rows, **fills,
    }  # fmt: skip


def _epoch(key: str, task: str, epoch: int, found: float) -> dict[str, Any]:
    accuracy = {"val_accuracy": found, "train_accuracy": found} if task == "classify" else {}
    return {
        **EPOCH, "trial_key": key, "epoch": epoch, "learning_rate": 0.01 * epoch,
        "val_loss": 1 - found, "train_loss": 2 - found, **accuracy,
    }  # fmt: skip


def samples(records: Records, side: int = 8, of: int = 2) -> pa.Table:
    """Random pictures of every restore trial that is done; originals are the same for all."""
    rows = []
    for trial in records.trials.to_pylist():
        if (trial["task"], trial["state"]) != ("restore", "done"):
            continue
        for sample in range(of):
            original = np.random.default_rng(sample).integers(0, 256, (side, side, 3), np.uint8)
            shift = sum(map(ord, trial["trial_key"])) % 251 + sample
            rows.append({
                "trial_key": trial["trial_key"], "sample": sample, "label": "a", "side": side,
                "original": original.tobytes(), "masked": (original + np.uint8(shift)).tobytes(),
                "restored": (original ^ np.uint8(shift)).tobytes(),
            })  # fmt: skip
    return table_of(SAMPLES, rows)


def study(**change: Any) -> StudySpec:
    return StudySpec.model_validate_json(json.dumps({"name": "study", **change}), strict=True)


def drawn(
    spec: StudySpec, records: Records, pictures: pa.Table | None = None
) -> dict[str, Drawing]:
    """The study's figures by name."""
    filled = [fill_table(table, records) for table in spec.tables]
    found = drawings(spec, records, filled, pictures)
    return {drawing.name: replace(drawing, draw=_styled(drawing)) for drawing in found}


def _styled(drawing: Drawing) -> Callable[[], Figure]:
    def draw() -> Figure:
        with styled():
            return drawing.draw()

    return draw
