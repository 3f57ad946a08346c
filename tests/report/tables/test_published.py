"""studies/paper.yaml fills Tables 1 and 2 as the paper prints them."""

import pytest
from checkout import ROOT
from hand_records import cell, records

from orchestrator.report.formats.arranged import arrange
from orchestrator.report.formats.documents import to_latex
from orchestrator.report.formats.grid import sections
from orchestrator.report.tables.fill import FilledTable, fill_table
from orchestrator.report.tables.published import TABLES
from orchestrator.study.file import read_study
from orchestrator.study.tables import Table

PAPER = read_study(ROOT / "studies" / "paper.yaml")
PRINTED = {
    "table_1": """
2x2 0.0178 0.0309 0.0445
4x4 0.0185 0.0344 0.0521
8x8 0.0224 0.0403 0.0646""",
    "table_2": """
baseline 40.0%
2x2 44.6% 44.1% 44.6%
4x4 44.7% 43.2% 43.6%
8x8 43.1% 44.3% 44.1%""",
}


def filled(table: Table) -> FilledTable:
    """The study's table with the paper's own numbers for results."""
    assert table.published
    published = TABLES[table.published]
    cells = [cell(*at, value) for at, value in published.cells.items()]
    if published.baseline is not None:
        cells.insert(0, ("baseline", {}, [published.baseline]))
    return fill_table(table, records(cells, table.metric, val_images=10_000))


@pytest.mark.parametrize("table", PAPER.tables[:2], ids=lambda table: str(table.name))
def test_the_tables_stand_as_printed(table: Table) -> None:
    found = {part.title: (part.header, part.body) for part in sections(filled(table))}
    printed = [line.split() for line in PRINTED[table.name].strip().splitlines()]
    printed = [[*line, *[""] * (4 - len(line))] for line in printed]
    # Patch sizes down, ratios along, the base model a line of its own above.
    assert found[table.title] == (["patch", "20 %", "40 %", "60 %"], printed)
    # The paper's values in the same places, and no difference from them.
    assert found["The paper's values"] == found[table.title]
    [minus] = [body for title, (_, body) in found.items() if title.startswith("Ours minus")]
    differences = {text.split(" ±")[0] for line in minus for text in line[1:] if text}
    assert differences == {"+0.0000" if table.name == "table_1" else "+0.0"}


def test_the_best_epoch_has_a_table_of_its_own() -> None:
    table = PAPER.tables[2]
    assert (table.metric, table.select, table.published) == ("val_accuracy", "best_on_dev", None)


def test_the_base_model_spans_all_ratios_in_latex() -> None:
    assert r"baseline & \multicolumn{3}{c}{40.0\%} \\" in to_latex(arrange(filled(PAPER.tables[1])))
