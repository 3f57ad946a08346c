"""What a running study looks like in a terminal; plain lines where there is none.

Everything shown comes from the board and the ledger, so the view knows nothing of Ray.
"""

import statistics
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from model.epoch_row import EpochRow
from orchestrator.plan.board import Board, State
from orchestrator.store.ledger import Ledger
from orchestrator.study.durations import clock

_COLOURS = {
    State.WAITING: "dim",
    State.RUNNING: "cyan",
    State.DONE: "green",
    State.CACHED: "blue",
    State.FAILED: "bold red",
    State.SKIPPED: "yellow",
}
_OPEN = (State.WAITING, State.RUNNING)
_REFRESH_SECONDS = 1.0


class View:
    """Shows a study while it runs.

    Args:
        concurrent: trials at once, for the estimate of the time left.
    """

    def __init__(self, name: str, board: Board, ledger: Ledger, concurrent: int) -> None:
        self._name, self._board, self._ledger = name, board, ledger
        self._concurrent = concurrent
        self._began = time.monotonic()
        self._rows: dict[str, list[EpochRow]] = {}
        self._told: dict[str, State] = dict(board.states)
        self._names = {key: board.graph.names_of(key)[0] for key in board.graph.trials}

    @contextmanager
    def shown(self, console: Console) -> Iterator[None]:
        """Show the study for as long as the context lasts, from a thread of its own."""
        ended = threading.Event()
        # A dumb terminal cannot be drawn anew: it gets lines, as a file does.
        drawn = console.is_terminal and not console.is_dumb_terminal
        follow = self._follow_live if drawn else self._follow_lines
        thread = threading.Thread(target=follow, args=(console, ended), name="view")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def watch(self, console: Console, boards: Iterable[Board], once: bool = False) -> Board:
        """Show one board after another, each for a moment; returns the last one."""
        with Live(console=console, auto_refresh=False, transient=False) as live:
            for board in boards:
                self._board = board
                self.read()
                live.update(self.render(), refresh=True)
                if once:
                    break
                time.sleep(_REFRESH_SECONDS)
        return self._board

    def _follow_live(self, console: Console, ended: threading.Event) -> None:
        with Live(console=console, auto_refresh=False, transient=False) as live:
            last = False
            while not last:
                last = ended.wait(_REFRESH_SECONDS)
                self.read()
                live.update(self.render(), refresh=True)

    def _follow_lines(self, console: Console, ended: threading.Event) -> None:
        last = False
        while not last:
            last = ended.wait(_REFRESH_SECONDS)
            self.read()
            for line in self.news():
                console.print(line, highlight=False, markup=False, soft_wrap=True)

    def read(self) -> None:
        """Read the rows of the trials at work."""
        for key, state in list(self._board.states.items()):
            # A trial that ended keeps the rows it ended with, one that waits those of before.
            unread = key not in self._rows and state is not State.SKIPPED
            told = self._told.get(key)
            if unread or state is not told or State.RUNNING in (state, told):
                self._rows[key] = self._ledger.peek_rows(key)

    def news(self) -> list[str]:
        """A line for every trial whose state changed since the last call."""
        lines = []
        for key, state in list(self._board.states.items()):
            if self._told[key] is state:
                continue
            self._told[key] = state
            reason = self._board.reason(key)
            detail = reason or (self._latest(key) if state is State.DONE else "")
            ended = sum(found not in _OPEN for found in self._told.values())
            place = f"{ended}/{len(self._told)}"
            lines.append(
                f"[{clock(time.monotonic() - self._began)}] {place:>7} {state:<7} "
                f"{key} {self._names[key]} {detail}".rstrip()
            )
        return lines

    def render(self) -> Group:
        """The whole screen: states, epochs with the time left, and the trials at work."""
        self._told = dict(self._board.states)
        done, total = self._epochs()
        head = Text(self._name, style="bold")
        head.append(f"  {clock(time.monotonic() - self._began)}", style="dim")
        for state in State:
            count = sum(found is state for found in self._told.values())
            if count:
                head.append(f"  {count} {state}", style=_COLOURS[state])
        bar = Table.grid(padding=(0, 1))
        bar.add_row(ProgressBar(total or 1, done, width=30), f"{done}/{total} epochs", self._left())
        working = self._working()
        return Group(head, bar, working) if working.row_count else Group(head, bar)

    def _working(self) -> Table:
        table = Table(box=None, padding=(0, 1), show_edge=False, header_style="dim")
        for column in ("trial", "cell", "epoch", "latest"):
            table.add_column(column, no_wrap=column != "cell", overflow="fold")
        for key in self._board.running:
            epochs = self._board.graph.trials[key].recipe.train.epochs
            done = len(self._rows.get(key, ()))
            table.add_row(key, self._names[key], f"{done}/{epochs}", self._latest(key))
        for key, reason in list(self._board.failures.items()):
            table.add_row(Text(key, style="red"), self._names[key], "failed", reason[:60])
        return table

    def _epochs(self) -> tuple[int, int]:
        done = total = 0
        for key, trial in self._board.graph.trials.items():
            state, epochs = self._board.states[key], trial.recipe.train.epochs
            if state in (State.FAILED, State.SKIPPED):
                continue
            total += epochs
            finished = state in (State.DONE, State.CACHED)
            done += epochs if finished else len(self._rows.get(key, ()))
        return done, total

    def _left(self) -> str:
        """Epochs still to train times what an epoch of their kind took, over the trials at once."""
        spent: dict[str, list[float]] = {"pretrain": [], "finetune": []}
        for key, rows in self._rows.items():
            kind = self._board.graph.trials[key].kind
            spent[kind] += [row.train_seconds + row.eval_seconds for row in rows]
        every = [*spent["pretrain"], *spent["finetune"]]
        if not every:
            return ""
        mean = {kind: statistics.fmean(known or every) for kind, known in spent.items()}
        left = 0.0
        for key, trial in self._board.graph.trials.items():
            if self._board.states[key] in (State.WAITING, State.RUNNING):
                missing = trial.recipe.train.epochs - len(self._rows.get(key, ()))
                left += missing * mean[trial.kind]
        return f"about {clock(left / self._concurrent)} left" if left else ""

    def _latest(self, key: str) -> str:
        rows = self._rows.get(key)
        if not rows:
            return ""
        accuracy = rows[-1].val_accuracy
        shown = "" if accuracy is None else f", val accuracy {accuracy:.1%}"
        return f"val loss {rows[-1].val_loss:.4f}{shown}"
