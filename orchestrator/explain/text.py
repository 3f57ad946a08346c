"""An explanation of a cell as a person reads it, in 80 columns."""

import json
import statistics
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestrator.explain.explanation import Explanation, Number, Trial
from orchestrator.study.dotted_paths import flatten
from orchestrator.study.durations import clock
from orchestrator.study.metrics import METRICS


def show(explanation: Explanation, console: Console, recipes: bool = False) -> None:
    """Print an explanation; `recipes` adds every recipe in full."""
    console.print(Text(f"{explanation.study}: {explanation.cell}", style="bold"))
    for title, content in _parts(explanation):
        console.print(Text(f"\n{title}", style="bold"))
        console.print(Padding(content, (0, 0, 0, 2), expand=False), highlight=False)
    if recipes:
        for trial in explanation.trials:
            console.print(Text(f"\nRecipe of {trial.key}", style="bold"))
            console.print(Text(json.dumps(trial.recipe, indent=2)))


def _parts(explanation: Explanation) -> Iterator[tuple[str, RenderableType]]:
    for seed in dict.fromkeys(trial.seed for trial in explanation.trials):
        numbers = [number for number in explanation.numbers if number.seed == seed]
        trials = [trial for trial in explanation.trials if trial.seed == seed]
        yield f"Seed {seed}", Group(_numbers(numbers), "", _trials(trials), *_notes(trials))
    if len({trial.seed for trial in explanation.trials}) > 1:
        yield "Over seeds", _over_seeds(explanation.numbers)
    yield from _origins(explanation.trials)
    yield "Recipe fields that differ from the default (the paper's)", _recipe(explanation.trials)


def _numbers(numbers: list[Number]) -> Table:
    table = _table("table", "metric", "value", "read at")
    for number in numbers:
        at = f"epoch {number.epoch} ({number.select.replace('_', ' ')})" if number.epoch else ""
        table.add_row(number.table, number.metric, _value(number.metric, number.value), at)
    return table


def _over_seeds(numbers: tuple[Number, ...]) -> Table:
    """Mean and standard deviation (ddof 1), as the tables print them."""
    table = _table("table", "metric", "mean", "sd", "seeds")
    for name in dict.fromkeys(number.table for number in numbers):
        same = [number for number in numbers if number.table == name]
        values = [number.value for number in same if number.value is not None]
        mean = statistics.fmean(values) if values else None
        sd = statistics.stdev(values) if len(values) > 1 else None
        metric = same[0].metric
        deviation = "" if sd is None else _value(metric, sd)
        table.add_row(name, metric, _value(metric, mean), deviation, str(len(values)))
    return table


def _value(metric: str, value: float | None) -> str:
    if value is None:
        return "none yet"
    return METRICS[metric].show(value)


def _trials(trials: list[Trial]) -> Table:
    table = _table("trial", "epochs", "restarts", "total", "training", "ended, UTC")
    for trial in trials:
        table.add_row(
            trial.key,
            f"{trial.state} {trial.epochs_done}/{trial.epochs}",
            str(trial.restarts),
            "" if trial.wall_seconds is None else clock(trial.wall_seconds),
            clock(trial.train_seconds) if trial.train_seconds else "",
            (trial.finished_at or "")[:16].replace("T", " "),
        )
    return table


def _notes(trials: list[Trial]) -> Iterator[Text]:
    """Remarks that only some trials need."""
    for trial in trials:
        if trial.reason:
            yield Text(f"{trial.key}: {trial.reason}", style="red")
        for role, key in trial.inputs.items():
            did = "started from" if role == "weights" else f"has as {role}"
            yield Text(f"{trial.key} {did} {key}")
        if len(trial.cells) > 1:
            yield Text(f"{trial.key} is used by {'; '.join(trial.cells)}")


def _origins(trials: tuple[Trial, ...]) -> Iterator[tuple[str, Table]]:
    """Origins of the trials, those of the same origin together."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        facts = json.dumps([trial.fingerprint, trial.provenance], sort_keys=True)
        groups.setdefault(facts, []).append(trial)
    for group in groups.values():
        which = "" if len(groups) == 1 else f" of {', '.join(trial.key for trial in group)}"
        yield f"Origin{which}", _pairs(_origin(group[0]))


def _origin(trial: Trial) -> Iterator[tuple[str, str]]:
    origin, data = trial.provenance, trial.recipe["data"]
    yield "images", f"{data['source']}, {data['image_size']} pixels, content {trial.fingerprint}"
    if not origin:
        yield "commit", "recorded when the trial is done, as are versions and machine"
        return
    changed = ", with uncommitted changes" if origin.get("dirty") else ""
    yield "commit", f"{origin['commit']}{changed}" if origin.get("commit") else "not recorded"
    versions = {**origin.get("versions", {}), "python": origin.get("python")}
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())
    yield "machine", f"{origin.get('cpu')} ({origin.get('machine')}, {origin.get('system')})"
    yield "workers", f"{origin.get('workers')}, on {origin.get('gpu') or 'the CPU'}"
    if "compiled" in origin:
        yield "compiled", origin["compiled"]


def _recipe(trials: tuple[Trial, ...]) -> RenderableType:
    """One column a stage: a cell's seeds differ in nothing but their seed."""
    stages: dict[str, Trial] = {}
    for trial in trials:
        stages.setdefault(", ".join(trial.stages), trial)
    recipes = {stage: flatten(trial.recipe) for stage, trial in stages.items()}
    defaults: dict[str, Any] = {}
    for trial in stages.values():
        defaults |= trial.defaults
    table = _table("field", *stages, "default")
    for path, default in defaults.items():
        shown = [_shown(recipe[path]) if path in recipe else "" for recipe in recipes.values()]
        table.add_row(path, *shown, _shown(default))
    return table if defaults else Text("nothing differs")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        text = ", ".join(map(str, value))
        return text if len(text) < 40 else f"{len(value)} items"
    return "-" if value is None else str(value)


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=column == columns[0], overflow="fold")
    return table


def _pairs(pairs: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, text in pairs:
        table.add_row(Text(name, style="dim"), text)
    return table
