"""A plan as one JSON object, for programs."""

from typing import Any

from orchestrator.plan.changes import lines
from orchestrator.plan.plan import Plan
from orchestrator.study.graph import State


def plan_json(made: Plan, recipes: bool = False) -> dict[str, Any]:
    """What `maskgrid plan` prints, its names stable; see the command's help for them."""
    return {
        "study": made.study.name,
        "warning": made.warning,
        "asked": made.asked,
        "unique": len(made.graph.trials),
        "states": {state.value: made.count(state) for state in State if made.count(state)},
        "changed": lines(made),
        "trials": [_trial(made, key, recipes) for key in made.graph.trials],
    }


def _trial(made: Plan, key: str, recipes: bool) -> dict[str, Any]:
    spec = made.graph.trials[key]
    users = [one for one in made.graph.cells if key in (one.pretrain, one.finetune)]
    found: dict[str, Any] = {
        "key": key,
        "kind": spec.kind,
        "parent": spec.parent,
        "seed": spec.recipe.seed,
        "epochs": spec.recipe.train.epochs,
        "state": made.board.states[key].value,
        "reason": made.board.reason(key),
        "cells": list(dict.fromkeys(one.cell.name for one in users)),
    }
    if recipes:
        found["recipe"] = spec.recipe.model_dump(mode="json", exclude={"data": {"path"}})
    return found
