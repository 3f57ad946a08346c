"""A filled table as every format shows it, worked out once."""

from dataclasses import dataclass

from orchestrator.report.formats.grid import Section, sections
from orchestrator.report.formats.notes import notes
from orchestrator.report.tables.comparisons import Comparison, all_comparisons
from orchestrator.report.tables.fill import FilledTable


@dataclass(frozen=True)
class ArrangedTable:
    """A table of the study, and what is shown and said of it."""

    filled: FilledTable
    sections: tuple[Section, ...]
    """The table itself, then what else is known about the same cells."""
    notes: tuple[str, ...]
    """Sentences to stand below it."""
    comparisons: tuple[Comparison, ...]
    """Those that the task of its stage allows."""

    @property
    def name(self) -> str:
        """The table's name in the study."""
        return self.filled.table.name


def arrange(filled: FilledTable) -> ArrangedTable:
    """A table with everything that formats show of it."""
    return ArrangedTable(
        filled, tuple(sections(filled)), tuple(notes(filled)), tuple(all_comparisons(filled))
    )
