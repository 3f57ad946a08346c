"""What a running study looks like in a terminal."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from minute_epoch import ROW
from rich.console import Console

from orchestrator.plan.board import Board
from orchestrator.run.live_view import Lines, screen, shown
from orchestrator.run.progress import Progress
from orchestrator.store.checkpoints import SavedCheckpoint
from orchestrator.store.ledger import Ledger
from orchestrator.store.store import Store
from orchestrator.study.file import read_study
from orchestrator.study.graph import build_graph
from orchestrator.study.recipes import Cell, arm_cells
from studies import StudyWriter


@pytest.fixture
def board(write_study: StudyWriter) -> Board:
    study = read_study(write_study(space=None, tables=[]))
    return Board(
        build_graph(study, [*arm_cells(study), Cell("masked"), Cell("more", {"model.ffn": 8})])
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Store(str(tmp_path / "store")))


def printed(progress: Progress) -> str:
    progress.look()
    console = Console(file=io.StringIO(), width=80)
    console.print(screen(progress))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def look(lines: Lines, progress: Progress) -> list[str]:
    progress.look()
    return lines.new()


def test_the_screen_shows_states_epochs_and_time_left(board: Board, ledger: Ledger) -> None:
    baseline, parent = board.next_ready(), board.next_ready()
    assert baseline and parent
    ledger.save_epoch(parent, [ROW], SavedCheckpoint(1, b"w", b"o"))
    board.finish(baseline)
    text = printed(Progress("tiny", board, ledger, concurrent=2))
    assert "3 waiting" in text
    assert "1 running" in text
    assert "1 done" in text
    # Two epochs of the baseline and one of the pretraining, of five trials' two each.
    assert "3/10 epochs" in text
    # Seven epochs of a minute each are left, two trials at a time.
    assert "about 3:30 left" in text
    assert f"{parent}  masked" in text
    assert "1/2" in text
    assert "val loss 0.2500" in text


def test_a_failure_stays_on_the_screen_with_its_reason(board: Board, ledger: Ledger) -> None:
    board.next_ready()
    parent = board.next_ready()
    assert parent
    board.finish(parent, failure="Diverged: the loss is not finite in epoch 2")
    text = printed(Progress("tiny", board, ledger, concurrent=1))
    assert "1 failed" in text
    # Its child is skipped at once.
    assert "1 skipped" in text
    assert "the loss is not finite" in text


def test_lines_tell_each_change_once(board: Board, ledger: Ledger) -> None:
    progress = Progress("tiny", board, ledger, concurrent=1)
    lines = Lines(progress)
    assert look(lines, progress) == []
    baseline = board.next_ready()
    assert baseline
    (line,) = look(lines, progress)
    assert line.split()[2:] == ["running", baseline, "baseline"]
    ledger.save_epoch(baseline, [replace(ROW, val_accuracy=0.5)], SavedCheckpoint(1, b"w", b"o"))
    board.finish(baseline)
    (line,) = look(lines, progress)
    assert line.endswith(f"1/5 done    {baseline} baseline val loss 0.2500, val accuracy 50.0%")
    # Nothing new, nothing said.
    assert look(lines, progress) == []


def test_no_line_is_wider_than_the_terminal(board: Board, ledger: Ledger) -> None:
    board.next_ready()
    assert all(len(line) <= 80 for line in printed(Progress("tiny", board, ledger, 1)).splitlines())


def test_a_trial_that_ends_between_two_looks_is_told_with_its_numbers(
    board: Board, ledger: Ledger
) -> None:
    progress = Progress("tiny", board, ledger, concurrent=1)
    lines = Lines(progress)
    look(lines, progress)
    baseline = board.next_ready()
    assert baseline
    ledger.save_epoch(baseline, [replace(ROW, val_accuracy=0.5)], SavedCheckpoint(1, b"w", b"o"))
    board.finish(baseline)
    (line,) = look(lines, progress)
    assert line.endswith("val accuracy 50.0%")


@pytest.mark.parametrize(("term", "drawn"), [("dumb", False), ("xterm", True)])
def test_a_dumb_terminal_gets_lines(
    board: Board, ledger: Ledger, term: str, drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with shown(Progress("tiny", board, ledger, concurrent=1), console):
        board.finish(str(board.next_ready()))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert ("0/10 epochs" in text or "2/10 epochs" in text) is drawn
    assert ("1/5 done" in text) is not drawn
