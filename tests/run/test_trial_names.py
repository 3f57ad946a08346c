"""Names of runs: readable, and different where the trials are."""

from typing import Any

import pytest

from orchestrator.plan.board import Board
from orchestrator.run.trial_names import readable_name
from orchestrator.run.tuner import tune_columns
from orchestrator.study.file import read_study
from orchestrator.study.graph import build_graph
from orchestrator.study.space import expand_space
from studies import StudyWriter

KEY = "pretrain-1a2b3c4d5e6f"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"patch_size": 4, "mask_ratio": 0.2}, "pretrain-4x4-20pct-s0-1a2b3c4d5e6f"),
        ({"mask_ratio": 0.333333333, "patch_size": 8}, "pretrain-33.3pct-8x8-s0-1a2b3c4d5e6f"),
        ({"patch_size": 2, "finetune.optim.lr": 0.001}, "pretrain-2x2-lr-0.001-s0-1a2b3c4d5e6f"),
        (
            {"cell": "no augmentation!", "model.init": "he"},
            "pretrain-no-augmentation-s0-1a2b3c4d5e6f",
        ),
        ({"cell": "baseline"}, "pretrain-baseline-s0-1a2b3c4d5e6f"),
        ({}, "pretrain-s0-1a2b3c4d5e6f"),
        ({"cell": "../../etc"}, "pretrain-etc-s0-1a2b3c4d5e6f"),
    ],
)
def test_a_name_says_what_the_trial_is(values: dict[str, Any], expected: str) -> None:
    assert readable_name({"trial_key": KEY, "stage": "pretrain", "seed": 0, **values}) == expected


def test_every_trial_of_a_study_has_a_name_of_its_own(write_study: StudyWriter) -> None:
    arms = [{"name": "long", "set": {"pretrain.epochs": 3}}, {"name": "flat", "pretrain": False}]
    study = read_study(write_study(seeds=[0, 1], arms=arms))
    graph = build_graph(study, expand_space(study))
    shown = tune_columns(study, Board(graph))
    names = [readable_name({"trial_key": key, **shown[key]}) for key in graph.trials]
    assert len(set(names)) == len(graph.trials) == 14
    # Ray makes folders of them.
    assert all(len(name) < 120 and "/" not in name for name in names)
