"""Tables in narrow terminals: no two cells may look alike."""

import io

import pytest
from hand_records import records
from rich.console import Console

from orchestrator.report.formats.arranged import arrange
from orchestrator.report.formats.terminal import print_results
from orchestrator.report.tables.fill import fill_table
from orchestrator.study.tables import TABLE_2


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_cells_name_is_broken_between_its_axes_and_never_cut(width: int) -> None:
    axes = "model.init", "optim.lr"
    values = [
        dict(zip(axes, pair, strict=True)) for pair in (("he", 0.00109894), ("he", 0.0053641))
    ]
    cells = [(",".join(f"{k}={v}" for k, v in one.items()), one, [0.5]) for one in values]
    console = Console(file=io.StringIO(), width=width)
    print_results([arrange(fill_table(TABLE_2, records(cells)))], [], console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text
    assert "model.init=he," in text
    for one in values:
        assert f"optim.lr={one['optim.lr']}" in text
    assert text.count("50.0%") >= 2


def test_a_title_with_brackets_is_printed_as_it_is() -> None:
    table = TABLE_2.model_copy(update={"title": "Accuracy [%], by [/patch] size"})
    console = Console(file=io.StringIO(), width=80)
    print_results([arrange(fill_table(table, records([("a", {}, [0.5])])))], [], console)
    assert "\nAccuracy [%], by [/patch] size\n" in console.file.getvalue()  # type: ignore[attr-defined]
