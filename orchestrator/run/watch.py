"""`maskgrid watch`: a study's live view from the ledger alone, from any terminal or machine."""

from collections.abc import Iterator

from orchestrator.plan.board import Board, board_now
from orchestrator.plan.plan import Plan
from orchestrator.run.live_view import View


def boards(plan: Plan) -> Iterator[Board]:
    """The board again and again, the last one when the study has ended."""
    while True:
        board = board_now(plan.graph, plan.ledger)
        yield board
        if board.settled:
            return


def view_of(plan: Plan) -> View:
    """A view that knows what was trained before it was opened."""
    board = board_now(plan.graph, plan.ledger)
    return View(plan.study.name, board, plan.ledger, max(1, len(board.running)))
