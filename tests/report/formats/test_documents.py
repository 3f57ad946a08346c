"""Tables as Markdown and LaTeX."""

import re

import pytest
from hand_records import BASELINE, cell, records

from orchestrator.report.formats.arranged import ArrangedTable, arrange
from orchestrator.report.formats.documents import escape, to_latex, to_markdown
from orchestrator.report.tables.fill import fill_table
from orchestrator.study.tables import TABLE_2


def arranged(*cells: object, **trial: object) -> ArrangedTable:
    table = TABLE_2.model_copy(update={"title": "Accuracy_1"})
    return arrange(fill_table(table, records([*cells], **trial)))  # type: ignore[list-item]


def test_markdown_is_a_titled_table_with_its_notes() -> None:
    found = arranged(("alone", {}, [0.25]), cell(2, 0.2, 0.5), cell(2, 0.4, "failed"), recipe="{}")
    # Whole, as it appears in a page.
    assert to_markdown(found) == (
        "**Accuracy_1**\n\n"
        "| patch | 20 % | 40 % |\n"
        "| --- | ---: | ---: |\n"
        "| alone | 25.0% |  |\n"
        "| 2x2 | 50.0% | failed |\n\n"
        "- Read at the last epoch; one seed, so the noise between seeds is unknown.\n"
        "- Binomial error of the accuracies: unknown, as the records do not count the images.\n"
        "- Best: 2x2 at 20 %, on one seed, which cannot separate cells from the noise between seeds.\n"
    )


SEEDS = [("baseline", {}, [0.30, 0.31, 0.32]), cell(2, 0.2, 0.4, 0.42, 0.41), cell(4, 0.4, "failed")]  # fmt: skip


def test_latex_has_the_parts_of_a_booktabs_table() -> None:
    lines = to_latex(arranged(*SEEDS)).splitlines()
    assert lines[:6] == [
        r"\begin{table}", r"\centering", r"\caption{Accuracy\_1}", r"\label{tab:table_2}",
        r"\begin{tabular}{lrr}", r"\toprule",
    ]  # fmt: skip
    assert lines[6] == r"patch & 20\,\% & 40\,\% \\"
    # A cell outside the grid belongs to no column.
    assert lines[8] == r"baseline & \multicolumn{2}{c}{31.0\% $\pm$ 1.0\%} \\"
    assert lines[9] == r"$2\times2$ & 41.0\% $\pm$ 1.0\% &  \\"
    assert lines[-1] == r"\end{table}"
    # One rule above, one below, one before each part.
    rules = [line for line in lines if line.endswith("rule")]
    assert (rules[0], rules[-1], set(rules[1:-1])) == (r"\toprule", r"\bottomrule", {r"\midrule"})


@pytest.mark.parametrize("cells", [SEEDS, [BASELINE], [cell(2, 0.2, "waiting")]])
def test_latex_is_balanced_and_every_row_as_wide_as_its_columns(cells: list[object]) -> None:
    source = to_latex(arranged(*cells))
    assert source.count("{") == source.count("}")
    assert source.count(r"\begin") == source.count(r"\end")
    assert len(re.findall(r"(?<!\\)\$", source)) % 2 == 0
    columns = re.search(r"tabular}{(l\w+)}", source)
    assert columns
    for row in re.findall(r"^(.*) \\\\$", source, re.MULTILINE):
        spanned = [int(n) - 1 for n in re.findall(r"\\multicolumn{(\d+)}", row)]
        assert row.count(" & ") + 1 + sum(spanned) == len(columns[1])
    # No character that LaTeX would take for a command or a comment.
    assert not re.search(r"(?<!\\)[%#_^~]", re.sub(r"\\label{.*?}", "", source))


@pytest.mark.parametrize("setting", ["**41.0% ± 1.0%**", r"\textbf{41.0\% $\pm$ 1.0\%}"])
def test_the_best_is_bold_where_seeds_confirm_it(setting: str) -> None:
    clear = arranged(*SEEDS[:2])
    assert setting in to_markdown(clear) + to_latex(clear)
    # The failed cell might yet be better.
    assert setting not in to_markdown(arranged(*SEEDS)) + to_latex(arranged(*SEEDS))


@pytest.mark.parametrize(
    ("words", "latex"),
    [
        ("4x4", r"$4\times4$"), ("20 %", r"20\,\%"), ("44.7%", r"44.7\%"), ("-0.1 ± 0.2", r"$-$0.1 $\pm$ 0.2"),
        ("model.init=a_b", r"model.init=a\_b"), ("1e-05", "1e-05"), ("he-init", "he-init"),
        (r"a\b{c}&$#^~", r"a\textbackslash{}b\{c\}\&\$\#\textasciicircum{}\textasciitilde{}"),
    ],
)  # fmt: skip
def test_words_are_escaped(words: str, latex: str) -> None:
    assert escape(words) == latex
