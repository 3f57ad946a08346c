"""`maskgrid watch`: a study's live view from the ledger alone, from any terminal or machine."""

from collections.abc import Iterator
from typing import Any

from orchestrator.plan.plan import Plan
from orchestrator.report.records.collect import board_of
from orchestrator.run.live_view import View
from orchestrator.store.leases import held
from orchestrator.study.graph import Board, State

_SETTLED = (State.DONE, State.FAILED, State.SKIPPED)


def board_now(plan: Plan) -> Board:
    """Where the trials stand now, those included that some other process trains."""
    board = board_of(plan.graph, plan.ledger)
    for key, state in board.states.items():
        if state is State.WAITING and held(plan.ledger.store, key):
            board.states[key] = State.RUNNING
        if state is State.CACHED:  # a word for what a run finds; here there is no run
            board.states[key] = State.DONE
    return board


def ended(board: Board) -> bool:
    """Whether no trial is left to wait for."""
    return all(state in _SETTLED for state in board.states.values())


def boards(plan: Plan) -> Iterator[Board]:
    """The board again and again, the last one when the study has ended."""
    while True:
        board = board_now(plan)
        yield board
        if ended(board):
            return


def view_of(plan: Plan) -> View:
    """A view that knows what was trained before it was opened."""
    board = board_now(plan)
    return View(plan.study.name, board, plan.ledger, max(1, len(board.running)))


def as_json(plan: Plan, board: Board) -> dict[str, Any]:
    """The study as one object: `study`, `states` (how many of each) and `trials` in order.

    Each trial has `key`, `kind`, `parent`, `seed`, `cells`, `state`, `reason`, `epochs`,
    `epochs_done` and the losses and accuracies of its last epoch.
    """
    asked: dict[str, list[str]] = {}
    for cell in plan.graph.cells:
        for key in filter(None, (cell.pretrain, cell.finetune)):
            asked.setdefault(key, []).append(cell.cell.name)
    states = [str(state) for state in board.states.values()]
    return {
        "study": plan.study.name,
        "states": {state: states.count(state) for state in dict.fromkeys(states)},
        "trials": [_trial(plan, board, key, asked[key]) for key in plan.graph.trials],
    }


def _trial(plan: Plan, board: Board, key: str, cells: list[str]) -> dict[str, Any]:
    trial, rows = plan.graph.trials[key], plan.ledger.peek_rows(key)
    last = rows[-1] if rows else None
    metrics = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
    return {
        "key": key,
        "kind": trial.kind,
        "parent": trial.parent,
        "seed": trial.recipe.seed,
        "cells": list(dict.fromkeys(cells)),
        "state": str(board.states[key]),
        "reason": board.reason(key),
        "epochs": trial.recipe.train.epochs,
        "epochs_done": len(rows),
        **{name: getattr(last, name, None) for name in metrics},
    }
