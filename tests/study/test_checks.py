"""Mistakes that only a study's recipes show."""

import json
from typing import Any

from orchestrator.study.checks import find_mistakes
from orchestrator.study.spec import StudySpec
from studies import TINY, merged


def study(**change: Any) -> StudySpec:
    return StudySpec.model_validate_json(json.dumps(merged(TINY, change)), strict=True)


def test_a_valid_study_has_no_mistakes() -> None:
    # Axes, arms and tables are all checked, and all are right here.
    arms = [{"name": "z", "set": {"finetune.epochs": 3}}]
    assert find_mistakes(study(arms=arms)) == []


def test_each_mistake_is_told_once() -> None:
    space = {"patch_size": {"grid": [3, 4, 5]}, "mask_ratio": {"grid": [0.5, 2.0]}}
    found = find_mistakes(study(space=space))
    # Two patch sizes that do not divide 16 and one ratio above 1: no more, no fewer.
    places = [line.split(": ")[0] for line in found]
    assert places == [
        "space.patch_size.grid[0]", "space.patch_size.grid[2]", "space.mask_ratio.grid[1]",
    ]  # fmt: skip


def test_what_every_cell_would_repeat_is_told_alone() -> None:
    # Images that do not fit the network, and an axis that is wrong besides.
    space = {"patch_size": {"grid": [5]}}
    assert find_mistakes(study(data={"image_size": 18}, space=space)) == [
        "study: image_size 18 must be a multiple of 4: 2 scales each halve it"
    ]
