"""Records made by hand, so that a test knows what a table must say."""

import json
from typing import Any

from orchestrator.report.records.collect import Records
from orchestrator.store.schemas import CELLS, EPOCHS, TRIALS, table_of
from orchestrator.study.recipes import spellings

TRIAL: dict[str, Any] = {
    "kind": "finetune", "state": "done", "seed": 0, "epochs": 1, "epochs_done": 1,
    "train_seconds": 1.0, "restarts": 0, "recipe": "{}",
}  # fmt: skip
EPOCH: dict[str, Any] = {
    "epoch": 1, "step": 1, "learning_rate": 0.1, "train_loss": 9.0, "val_loss": 9.0,
    "train_images": 1, "train_seconds": 1.0, "eval_seconds": 1.0,
}  # fmt: skip
Asked = tuple[str, dict[str, Any], list[Any]]


def records(cells: list[Asked], metric: str = "val_accuracy", **trial: Any) -> Records:
    """Cells by name, values, and one entry a seed: the metric of the last epoch, or a state."""
    trials, epochs, asked = [], [], []
    for name, values, found in cells:
        for seed, result in enumerate(found):
            key = f"{name}/{seed}"
            ended = isinstance(result, float)
            state = {"state": "done" if ended else result}
            trials.append({**TRIAL, "trial_key": key, "seed": seed, **state, **trial})
            asked.append({
                "cell": name, "seed": seed, "values": json.dumps(values),
                "pretrain_key": None if name == "baseline" else key, "finetune_key": key,
            })  # fmt: skip
            if ended:
                epochs.append({**EPOCH, "trial_key": key, metric: result})
    return Records(table_of(TRIALS, trials), table_of(EPOCHS, epochs), table_of(CELLS, asked))


def cell(size: int, ratio: float, *found: Any, **more: Any) -> Asked:
    values = {"patch_size": size, "mask_ratio": ratio, **more}
    return spellings(values)[0], values, list(found)


def point(values: dict[str, Any], *found: Any) -> Asked:
    """A cell of the grid, named by its values in full."""
    return spellings(values)[1], values, list(found)


BASELINE: Asked = ("baseline", {}, [0.25])


def both_stages(
    cells: list[tuple[str, dict[str, Any], list[tuple[float | str, float | str]]]], **mask: Any
) -> Records:
    """Cells by name, mask and (loss, accuracy) a seed, or states; without a mask: no pretraining.

    Whatever else than the mask stands among the values, such as `model.init`, is in both recipes.
    """
    trials, epochs, asked = [], [], []
    for name, values, found in cells:
        for seed, (loss, accuracy) in enumerate(found):
            row = {"cell": name, "seed": seed, "values": json.dumps(values), "pretrain_key": None}
            for kind, metric, result in (
                ("pretrain", "val_loss", loss), ("finetune", "val_accuracy", accuracy),
            ):  # fmt: skip
                if kind == "pretrain" and not values:
                    continue
                row[f"{kind}_key"] = key = f"{kind}/{name}/{seed}"
                patches = {
                    "patch_size": values.get("patch_size"),
                    "ratio": values.get("mask_ratio"),
                }
                others = {
                    axis: v
                    for axis, v in values.items()
                    if axis not in ("patch_size", "mask_ratio")
                }
                recipe = {"seed": seed, "kind": kind, **others}
                if kind == "pretrain":
                    recipe["train"] = {"mask": {**patches, **mask}}
                ended = isinstance(result, float)
                trials.append({
                    **TRIAL, "trial_key": key, "seed": seed, "recipe": json.dumps(recipe),
                    "state": "done" if ended else result, "val_images": 500,
                })  # fmt: skip
                if ended:
                    epochs.append({**EPOCH, "trial_key": key, metric: result})
            asked.append(row)
    return Records(table_of(TRIALS, trials), table_of(EPOCHS, epochs), table_of(CELLS, asked))
