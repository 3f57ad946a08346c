"""A record as Markdown and for the terminal: the latest run in full, one line a version."""

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table

from bench.harness.record import Record, Run
from bench.harness.result import Goal, Result

PARTS = {
    "input": "Input",
    "step": "Training step",
    "gpu": "On a GPU",
    "gpu_sharing": "Several trials on one GPU",
    "overhead": "Overhead of a trial",
    "makespan": "The whole of quick.yaml",
    "noop": "The searcher and Tune alone",
    "scaling": "Growth with images, trials and workers",
    "records_to_tables": "A large ledger to its tables",
}
# Columns of the table of versions: a row's name, what is shown of it, the heading.
HEADLINES = (
    ("input.one_core", "ratio", "input, one core"),
    ("input.all_cores", "ratio", "input, all"),
    ("step.quick.pretrain", "ratio", "pretrain step"),
    ("step.quick.finetune", "ratio", "finetune step"),
    ("step.paper.pretrain", "ratio", "paper's pretrain step"),
    ("step.paper.finetune", "ratio", "paper's finetune step"),
    ("overhead.inline", "value", "a trial, inline (s)"),
    ("overhead.train", "value", "a trial, train (s)"),
    ("makespan.quick", "value", "quick.yaml (s)"),
    ("noop.tune.10000", "value", "1,000 no-op trials (s)"),
    ("records_to_tables.from_parquet", "value", "1 M rows to tables (s)"),
)


def markdown(all_records: list[Record]) -> str:
    """Each machine's latest run in full, then its table of versions."""
    lines = ["# Benchmarks", "", *_HOW]
    for record in all_records:
        run = record.runs[-1]
        lines += ["", f"## {record.machine}", "", *_about(run)]
        for name, title in PARTS.items():
            if name in run.parts:
                lines += ["", f"### {title}", "", *_grid(run.parts[name].results)]
        lines += ["", f"### Versions on {record.machine}", "", *_versions(record)]
    return "\n".join([*lines, ""])


_HOW = (
    "`make bench` measures and writes this page from the JSON beside it; `make bench-gpu` does so",
    "on a GPU; `python -m bench --help` says how to measure single parts. A figure is the median",
    "over rounds of ours and the peer's in turn; a ratio is the median of the rounds' ratios,",
    "above 1 where ours is better.",
)


def _about(run: Run) -> Iterator[str]:
    of = run.provenance
    where = f"{of['cpu']}, {of['cores']} cores" + (f", {of['gpu']}" if of["gpu"] else "")
    versions = ", ".join(f"{name} {version}" for name, version in of["versions"].items())
    yield f"- Version: {_version(run)}"
    yield f"- Machine: {where}, {of['system']}; Python {of['python']}"
    yield f"- Packages: {versions}"
    minutes = sum(part.seconds for part in run.parts.values()) / 60
    yield f"- Measured in {minutes:.0f} minutes, at most {run.rounds} rounds"


def _grid(results: tuple[Result, ...]) -> Iterator[str]:
    yield "| what | figure | range | ratio | against | goal | notes |"
    yield "|---|---|---|---|---|---|---|"
    for row in results:
        yield (
            f"| `{row.name}` | {_figure(row)} | {_range(row)} | {_ratio(row)} | {_against(row)} | "
            f"{_goal(row)} | {row.note} |"
        )


def _versions(record: Record) -> Iterator[str]:
    yield "| version | " + " | ".join(heading for _, _, heading in HEADLINES) + " |"
    yield "|" + "---|" * (len(HEADLINES) + 1)
    for run in record.runs:
        rows = {row.name: row for part in run.parts.values() for row in part.results}
        cells = [_headline(rows.get(name), shown) for name, shown, _ in HEADLINES]
        yield f"| {_version(run)} | " + " | ".join(cells) + " |"


def _headline(row: Result | None, shown: str) -> str:
    if row is None or row.value is None:
        return ""
    return number(row.value) if shown == "value" else _ratio(row)


def _version(run: Run) -> str:
    if run.commit is None:
        return f"no commit, code {run.code}"
    return f"{run.commit[:10]}{', changed' if run.dirty else ''}, {run.date}"


def _figure(row: Result) -> str:
    return "" if row.value is None else f"{number(row.value)} {row.unit}"


def _range(row: Result) -> str:
    if row.low is None or row.high is None or row.runs < 2:
        return ""
    return f"{number(row.low)} to {number(row.high)} ({row.runs})"


def _ratio(row: Result) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f}x"


def _against(row: Result) -> str:
    if row.peer is None:
        return row.against or ""
    return f"{number(row.peer)}: {row.against}"


def _goal(row: Result) -> str:
    if row.goal is None:
        return ""
    return {None: "", True: "reached: ", False: "**missed**: "}[row.met] + goal_words(row.goal)


def goal_words(goal: Goal) -> str:
    """A goal in a table: `≥ 6x (10x)`."""
    sign = "≥" if goal.bound == "at least" else "≤"
    unit = "x" if goal.of == "ratio" else ""
    stretch = "" if goal.stretch is None else f" ({goal.stretch:g}{unit})"
    return f"{sign} {goal.limit:g}{unit}{stretch}"


def number(value: float) -> str:
    """Three figures, thousands separated."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def show(run: Run, console: Console) -> None:
    """The run in the terminal: one table a part."""
    for name, title in PARTS.items():
        if name not in run.parts:
            continue
        table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
        for column in ("", "figure", "peer", "ratio", "goal"):
            right = column in ("figure", "peer", "ratio")
            table.add_column(column, justify="right" if right else "left", overflow="fold")
        for row in run.parts[name].results:
            peer = "" if row.peer is None else number(row.peer)
            figure = _figure(row) or "not measured"
            goal = _goal(row).replace("*", "")
            table.add_row(row.name.removeprefix(f"{name}."), figure, peer, _ratio(row), goal)
        console.print(table)
