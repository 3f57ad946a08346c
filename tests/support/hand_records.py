"""Records made by hand, so that a test knows what a table must say."""

import json
from typing import Any

from orchestrator.report.records.collect import Records
from orchestrator.store.schemas import CELLS, EPOCHS, TRIALS, table_of
from orchestrator.study.recipes import spellings

TRIAL: dict[str, Any] = {
    "task": "classify", "inputs": {}, "state": "done", "seed": 0, "epochs": 1, "epochs_done": 1,
    "train_seconds": 1.0, "restarts": 0, "recipe": "{}",
}  # fmt: skip
EPOCH: dict[str, Any] = {
    "epoch": 1, "step": 1, "learning_rate": 0.1, "train_loss": 9.0, "val_loss": 9.0,
    "train_images": 1, "train_seconds": 1.0, "eval_seconds": 1.0,
}  # fmt: skip
Asked = tuple[str, dict[str, Any], list[Any]]
TASKS = {"pretrain": "restore", "finetune": "classify"}


def records(cells: list[Asked], metric: str = "val_accuracy", **trial: Any) -> Records:
    """Cells by name, values, and one entry a seed: the metric of the last epoch, or a state.

    One trial is both stages of its cell; that of the baseline has no pretraining and no inputs.
    """
    trials, epochs, asked = [], [], []
    for name, values, found in cells:
        for seed, result in enumerate(found):
            key = f"{name}/{seed}"
            ended = isinstance(result, float)
            state = {"state": "done" if ended else result}
            stages = ["finetune"] if name == "baseline" else [*TASKS]
            inputs = {"weights": f"weights of {key}"} if "pretrain" in stages else {}
            identity = {"trial_key": key, "inputs": inputs, "seed": seed}
            trials.append({**TRIAL, **identity, **state, **trial})
            asked += asked_for(name, seed, values, dict.fromkeys(stages, key))
            if ended:
                epochs.append({**EPOCH, "trial_key": key, metric: result})
    return Records(table_of(TRIALS, trials), table_of(EPOCHS, epochs), table_of(CELLS, asked))


def asked_for(
    name: str, seed: int, values: dict[str, Any], keys: dict[str, str]
) -> list[dict[str, Any]]:
    """A cell's rows at a seed, from its keys by stage."""
    row = {"cell": name, "seed": seed, "values": json.dumps(values)}
    return [{**row, "stage": stage, "trial_key": key} for stage, key in keys.items()]


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
        for seed, results in enumerate(found):
            stages = [*TASKS] if values else ["finetune"]
            keys = {stage: f"{stage}/{name}/{seed}" for stage in stages}
            by_stage = dict(zip(TASKS, results, strict=True))
            for stage, key in keys.items():
                ended = isinstance(by_stage[stage], float)
                trials.append({
                    **TRIAL, "trial_key": key, "task": TASKS[stage], "seed": seed,
                    "inputs": {"weights": keys["pretrain"]} if stage != stages[0] else {},
                    "recipe": json.dumps(_recipe(stage, seed, values, mask)),
                    "state": "done" if ended else by_stage[stage], "val_images": 500,
                })  # fmt: skip
                if ended:
                    metric = "val_loss" if stage == "pretrain" else "val_accuracy"
                    epochs.append({**EPOCH, "trial_key": key, metric: by_stage[stage]})
            asked += asked_for(name, seed, values, keys)
    return Records(table_of(TRIALS, trials), table_of(EPOCHS, epochs), table_of(CELLS, asked))


def _recipe(stage: str, seed: int, values: dict[str, Any], mask: dict[str, Any]) -> dict[str, Any]:
    others = {k: v for k, v in values.items() if k not in ("patch_size", "mask_ratio")}
    recipe = {"seed": seed, "task": TASKS[stage], **others}
    if stage == "pretrain":
        patches = {"patch_size": values.get("patch_size"), "ratio": values.get("mask_ratio")}
        recipe["train"] = {"mask": {"mode": "bernoulli", **patches, **mask}}
    return recipe
