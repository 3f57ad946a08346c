"""A study of more than two stages through real Tune: a teacher and a pretraining feed a student."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator.plan.plan import Plan, make_plan
from orchestrator.run.driver import RunOptions, run_study

TRAIN = {"epochs": 2, "batch_size": 5, "optim": {"lr": 0.01}, "augment": {"policy": "none"}}
DIAMOND: dict[str, Any] = {
    "name": "diamond",
    "data": {"source": "synthetic", "image_size": 16, "num_classes": 3, "train_per_class": 5, "val_per_class": 4},
    "model": {"channels": [4], "features": 8, "embed": 8, "heads": 2, "blocks": 1, "ffn": 16, "init": "he"},
    "networks": {"deep": {"channels": [4], "features": 8, "embed": 8, "heads": 2, "blocks": 2, "ffn": 16}},
    "stages": {
        "teacher": {"task": "classify", "model": "deep", **TRAIN},
        "pretrain": {"task": "restore", **TRAIN},
        "student": {
            "task": "classify", "weights": "pretrain", "teacher": "teacher",
            "terms": {"distillation": {"weight": 0.4}}, **TRAIN,
        },
    },
    "baseline": True,
}  # fmt: skip


def run(folder: Path, **change: Any) -> Plan:
    """Run the diamond, as JSON, which is YAML, and plan it again."""
    path = folder / f"{change.get('name', 'diamond')}.yaml"
    path.write_text(json.dumps({**DIAMOND, **change}))
    options = RunOptions(folder / f"results-{path.stem}", folder / "cache")
    run_study(make_plan(path, str(folder / "store")), options, Console(quiet=True))
    return make_plan(path, str(folder / "store"))


@pytest.mark.ray
@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize(
    "runtime",
    [{}, pytest.param({"executor": "train", "num_workers": 2}, marks=pytest.mark.long)],
    ids=["inline", "train"],
)
def test_a_diamond_is_trained_and_another_study_shares_its_teacher(
    tmp_path: Path, runtime: dict[str, Any]
) -> None:
    plan = run(tmp_path, runtime=runtime)
    assert plan.board.complete
    _, whole = plan.graph.cells
    student, ledger = whole.trials["student"], plan.ledger
    outcome = ledger.outcome(student)
    assert outcome is not None
    # What it was trained from is recorded by checksum.
    for role, stage in (("weights", "pretrain"), ("teacher", "teacher")):
        source = ledger.outcome(whole.trials[stage])
        assert source is not None
        assert outcome.inputs_sha256[role] == source.weights_sha256
    # The term and what the teacher knows are recorded every epoch; answers at the end.
    rows = ledger.rows(student)
    assert all(row.measures["val_distillation"] > 0 for row in rows)
    answers = ledger.answers(student)
    assert answers is not None
    assert len(answers) == 12
    right = [row["label"] == row["predicted"] for row in answers.to_pylist()]
    assert sum(right) / 12 == pytest.approx(rows[-1].val_accuracy)
    # Another study asks for the same teacher, and finds it.
    before = ledger.attempts(whole.trials["teacher"])
    longer = {**DIAMOND["stages"], "student": {**DIAMOND["stages"]["student"], "epochs": 1}}
    other = run(tmp_path, name="other", stages=longer, baseline=False, runtime=runtime)
    assert other.board.complete
    [asked] = other.graph.cells
    assert asked.trials["teacher"] == whole.trials["teacher"]
    assert asked.trials["student"] != student
    assert ledger.attempts(whole.trials["teacher"]) == before
