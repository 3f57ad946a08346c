"""Tables and verdicts in the terminal."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.report.formats.arranged import ArrangedTable
from orchestrator.report.tables.verdicts import TITLE, Verdict, lines


def print_results(
    tables: Iterable[ArrangedTable], verdicts: Sequence[Verdict], console: Console
) -> None:
    """Print a study's tables with what stands below them, then its verdicts."""
    for table in tables:
        for part in table.sections:
            console.print(Text(f"\n{part.title}", style="bold"))
            console.print(_printed(part.header, part.rows("[bold]{}[/]")))
        for sentence in table.notes:
            console.print(_bullet(sentence))
    console.print(f"\n[bold]{TITLE}[/]\n", highlight=False)
    for paragraph in lines(verdicts):
        console.print(_bullet(paragraph))
    console.print()


def _bullet(words: str) -> Table:
    """Words that keep to their margin where a terminal breaks them."""
    row = Table.grid(padding=(0, 1))
    row.add_row("  -", Text(words))
    return row


def _printed(header: list[str], body: list[list[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for column in header:
        names = column == header[0]
        table.add_column(
            column, justify="left" if names else "right", overflow="fold", no_wrap=not names
        )
    for name, *values in body:
        table.add_row(_breakable(name), *values)
    return table


def _breakable(name: str) -> str:
    """A cell's name of several axes, which a narrow terminal breaks between them."""
    return ", ".join(part.strip() for part in name.split(","))
