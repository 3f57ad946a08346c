"""A plan, or how far it has come, as one JSON object for programs."""

from typing import Any

from orchestrator.plan.board import Board, State
from orchestrator.plan.changes import change_lines
from orchestrator.plan.plan import Plan

_METRICS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")


def plan_json(plan: Plan, recipes: bool = False) -> dict[str, Any]:
    """The object that `maskgrid plan --json` prints; its names stay, see the command's help."""
    return {
        "study": plan.study.name,
        "warning": plan.warning,
        "notes": list(plan.notes),
        "asked": plan.asked,
        "unique": len(plan.graph.trials),
        "states": {state.value: plan.count(state) for state in State if plan.count(state)},
        "changed": change_lines(plan),
        "trials": [_planned(plan, key, recipes) for key in plan.graph.trials],
    }


def progress_json(plan: Plan, board: Board) -> dict[str, Any]:
    """The study as one object: `study`, `states` (how many of each) and `trials` in order.

    Each trial has `key`, `task`, `stages`, `inputs` (role to key), `seed`, `cells`, `state`,
    `reason`, `epochs`, `epochs_done` and the losses and accuracies of its last epoch.
    """
    states = [str(state) for state in board.states.values()]
    return {
        "study": plan.study.name,
        "states": {state: states.count(state) for state in dict.fromkeys(states)},
        "trials": [_with_progress(plan, board, key) for key in plan.graph.trials],
    }


def _planned(plan: Plan, key: str, recipes: bool) -> dict[str, Any]:
    trial = _trial(plan, plan.board, key)
    return trial | {"recipe": plan.graph.trials[key].recipe.public()} if recipes else trial


def _with_progress(plan: Plan, board: Board, key: str) -> dict[str, Any]:
    rows = plan.ledger.peek_rows(key)
    last = rows[-1] if rows else None
    metrics = {name: getattr(last, name, None) for name in _METRICS}
    return {**_trial(plan, board, key), "epochs_done": len(rows), **metrics}


def _trial(plan: Plan, board: Board, key: str) -> dict[str, Any]:
    spec = plan.graph.trials[key]
    return {
        "key": key,
        "task": spec.task,
        "stages": plan.graph.stages_of(key),
        "inputs": spec.inputs,
        "seed": spec.recipe.seed,
        "epochs": spec.recipe.train.epochs,
        "state": board.states[key].value,
        "reason": board.reason(key),
        "cells": plan.graph.names_of(key),
    }
