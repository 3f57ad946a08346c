"""What travels between processes, and how little of it."""

import json
import pickle
from typing import Any

import pytest
from ray import cloudpickle

from model.config.recipe import RestoreRecipe
from model.epoch_row import EpochRow
from orchestrator.cluster.allotment import Allotment
from orchestrator.run.trainable import run_trial
from orchestrator.run.worker import train_fn_per_worker, train_inline
from orchestrator.study.graph import TrialSpec
from studies import TINY

ROW = EpochRow(1, 4, 1e-4, 0.5, None, None, 0.25, 0.25, None, 12, 1.5, 0.5)
RECIPE = {"data": TINY["data"], "model": TINY["model"], "train": TINY["pretrain"]}
TRIAL = TrialSpec(
    key="pretrain-0123456789ab",
    recipe=RestoreRecipe.model_validate_json(json.dumps(RECIPE), strict=True),
)


@pytest.mark.parametrize("function", [run_trial, train_fn_per_worker, train_inline])
def test_a_trial_ships_its_name_and_no_globals(function: Any) -> None:
    content = cloudpickle.dumps(function)
    # A function of an installed module travels by name. By value it would take along whatever
    # it touches, and a worker would run another version than the one that is installed there.
    assert len(content) < 1_000
    assert cloudpickle.loads(content) is function


def test_a_function_by_value_is_told_apart() -> None:
    ballast = bytes(10_000)
    # The check above can fail.
    assert len(cloudpickle.dumps(lambda: ballast)) > 10_000


@pytest.mark.parametrize(
    "value",
    [TRIAL, TRIAL.model_copy(update={"parent": "p"}), Allotment("train", 2, 3, 4, 0.5), ROW],
    ids=["trial", "child", "allotment", "row"],
)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_specs_and_rows_survive_the_journey(value: Any, protocol: int) -> None:
    found = pickle.loads(pickle.dumps(value, protocol))
    # Equal, of the same type, and telling the same.
    assert found == value
    assert type(found) is type(value)
    assert repr(found) == repr(value)
