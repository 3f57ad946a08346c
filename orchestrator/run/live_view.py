"""A running study in a terminal: a screen drawn anew each second, or lines where that cannot be."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.plan.board import Board, State, board_now
from orchestrator.plan.plan import Plan
from orchestrator.run.progress import OPEN, Progress
from orchestrator.study.durations import clock

_COLOURS = {
    State.WAITING: "dim",
    State.RUNNING: "cyan",
    State.DONE: "green",
    State.CACHED: "blue",
    State.FAILED: "bold red",
    State.SKIPPED: "yellow",
}
_REFRESH_SECONDS = 1.0


@contextmanager
def shown(progress: Progress, console: Console) -> Iterator[None]:
    """Show a study for as long as the context lasts, from a thread of its own."""
    over = threading.Event()
    # A dumb terminal cannot be drawn anew: it gets lines, as a file does.
    drawn = console.is_terminal and not console.is_dumb_terminal
    follow = _follow_on_screen if drawn else _follow_in_lines
    thread = threading.Thread(target=follow, args=(progress, console, over), name="view")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def watch(plan: Plan, console: Console, once: bool = False) -> Board:
    """Show a study from its ledger alone, whoever trains it, until it has ended.

    Args:
        once: show where it stands now, and return.

    Returns:
        The board as it was shown last.
    """
    board = board_now(plan.graph, plan.ledger)
    progress = Progress(plan.study.name, board, plan.ledger, max(1, len(board.running)))
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            _draw(progress, live)
            if once or progress.board.settled:
                return progress.board
            time.sleep(_REFRESH_SECONDS)
            progress.board = board_now(plan.graph, plan.ledger)


def _follow_on_screen(progress: Progress, console: Console, over: threading.Event) -> None:
    with Live(console=console, auto_refresh=False, transient=False) as live:
        _each_second(over, lambda: _draw(progress, live))


def _follow_in_lines(progress: Progress, console: Console, over: threading.Event) -> None:
    lines = Lines(progress)

    def show() -> None:
        progress.look()
        for line in lines.new():
            console.print(line, highlight=False, markup=False, soft_wrap=True)

    _each_second(over, show)


def _each_second(over: threading.Event, show: Callable[[], None]) -> None:
    """Show now and then, and a last time when it is over."""
    last = False
    while not last:
        last = over.wait(_REFRESH_SECONDS)
        show()


def _draw(progress: Progress, live: Live) -> None:
    progress.look()
    live.update(screen(progress), refresh=True)


class Lines:
    """A line for every change, for logs and terminals that cannot be drawn on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._printed = dict(progress.states)
        """States as they were last printed."""

    def new(self) -> list[str]:
        """A line for every trial whose state changed since the last call."""
        lines = []
        for key, state in self._progress.states.items():
            if self._printed[key] is not state:
                self._printed[key] = state
                lines.append(self._line(key, state))
        return lines

    def _line(self, key: str, state: State) -> str:
        progress = self._progress
        num_ended = sum(printed not in OPEN for printed in self._printed.values())
        position = f"{num_ended}/{len(progress.states)}"
        latest = progress.latest(key) if state is State.DONE else ""
        return (
            f"[{clock(progress.seconds)}] {position:>7} {state:<7} {key} {progress.cells[key]} "
            f"{progress.board.reason(key) or latest}"
        ).rstrip()


def screen(progress: Progress) -> Group:
    """The whole screen: states, epochs with the time left, and the running and failed trials."""
    trials = _trials(progress)
    return Group(_head(progress), _bar(progress), *([trials] if trials.row_count else []))


def _head(progress: Progress) -> Text:
    head = Text(progress.name, style="bold")
    head.append(f"  {clock(progress.seconds)}", style="dim")
    for state, count in progress.counts.items():
        head.append(f"  {count} {state}", style=_COLOURS[state])
    return head


def _bar(progress: Progress) -> Table:
    done, total = progress.epochs()
    left = progress.seconds_left()
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total or 1, done, width=30),
        f"{done}/{total} epochs",
        f"about {clock(left)} left" if left else "",
    )
    return bar


def _trials(progress: Progress) -> Table:
    table = Table(box=None, padding=(0, 1), show_edge=False, header_style="dim")
    for column in ("trial", "cell", "epoch", "latest"):
        table.add_column(column, no_wrap=column != "cell", overflow="fold")
    for key in progress.in_state(State.RUNNING):
        done, total = progress.epochs_of(key)
        table.add_row(key, progress.cells[key], f"{done}/{total}", progress.latest(key))
    for key in progress.in_state(State.FAILED):
        reason = str(progress.board.reason(key))[:60]
        table.add_row(Text(key, style="red"), progress.cells[key], "failed", reason)
    return table
