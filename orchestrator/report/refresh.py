"""Records and tables written and printed as they stand."""

from pathlib import Path

from rich.console import Console

from model.errors import InputError
from orchestrator.analysis.naive_fills import save_missing_losses
from orchestrator.analysis.reconstructions import save_missing_pictures
from orchestrator.plan.plan import Plan
from orchestrator.report.formats.terminal import print_results
from orchestrator.report.records.collect import Records, collect
from orchestrator.report.tables.verdicts import Verdict
from orchestrator.report.write import write_results
from orchestrator.study.spec import StudySpec


def write_and_print(
    plan: Plan,
    results: Path,
    cache: Path,
    console: Console,
    unhurried: bool = True,
    redraw: bool = True,
) -> list[Verdict]:
    """Write a study's records and tables as they stand; print tables and verdicts, return these.

    Args:
        unhurried: also work out fills and pictures, which the tables can do without.
        redraw: also draw anew what no new record has changed.
    """
    if unhurried:
        _save_analyses(plan, cache, console)
    records = collect(plan.board, plan.ledger)
    return print_written(plan.study, records, results, console, redraw)


def print_written(
    study: StudySpec, records: Records, results: Path, console: Console, redraw: bool = True
) -> list[Verdict]:
    """Write everything that records say, print tables and verdicts, and return these."""
    written = write_results(study, records, results, redraw)
    print_results(written.tables, written.verdicts, console)
    console.print(f"written to {results}", highlight=False, markup=False)
    return written.verdicts


def _save_analyses(plan: Plan, cache: Path, console: Console) -> None:
    """Work out what tables can do without: losses of trivial fills, and pictures."""
    try:
        save_missing_losses(plan, cache)
        if reasons := save_missing_pictures(plan, cache):
            console.print(f"no pictures for {len(reasons)} trials: {reasons[0]}", markup=False)
    except (InputError, OSError) as error:
        console.print(f"trivial fills or pictures are missing: {error}", markup=False)
