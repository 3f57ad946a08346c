"""Tables as documents: Markdown, and LaTeX for a paper (packages booktabs and inputenc utf8)."""

import re

from orchestrator.report.formats.arranged import ArrangedTable
from orchestrator.report.formats.grid import Section

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "±": r"$\pm$",
}  # fmt: skip
_BOLD = "\x00{}\x01"  # what no label holds, until the rest is escaped


def to_markdown(table: ArrangedTable) -> str:
    """The table and what stands below it as Markdown, titles above."""
    parts = [f"**{part.title}**\n\n{_markdown_rows(part)}\n" for part in table.sections]
    listed = "".join(f"- {sentence}\n" for sentence in table.notes)
    return "\n".join(filter(None, [*parts, listed]))


def to_latex(table: ArrangedTable) -> str:
    """The table as a LaTeX `table`: one booktabs `tabular`, what stands below it as panels."""
    first, *others = table.sections
    outside = {value.cell for value in table.filled.values if value.row is None}
    lines = [_latex_row(first.header), r"\midrule", *_latex_body(first, outside)]
    for panel in others:
        span = rf"\multicolumn{{{len(first.header)}}}{{l}}{{\emph{{{escape(panel.title)}}}}} \\"
        lines += [r"\midrule", span, *_latex_body(panel, outside)]
    parts = [
        r"\begin{table}", r"\centering", rf"\caption{{{escape(first.title)}}}",
        rf"\label{{tab:{table.name}}}", rf"\begin{{tabular}}{{l{'r' * (len(first.header) - 1)}}}",
        r"\toprule", *lines, r"\bottomrule", r"\end{tabular}",
        r"\par\raggedright\footnotesize",
        *(rf"{escape(sentence)}\par" for sentence in table.notes),
        r"\end{table}",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def escape(words: str) -> str:
    r"""Words as LaTeX: `4x4` as $4\times4$, `20 %` with a thin space, minus signs as such."""
    escaped = "".join(_LATEX.get(char, char) for char in words)
    escaped = re.sub(r"\b(\d+)x(\d+)\b", r"$\1\\times\2$", escaped)
    escaped = re.sub(r"(?<![\w.])([+-])(?=\d)", r"$\1$", escaped).replace(r" \%", r"\,\%")
    return escaped.replace("\x00", r"\textbf{").replace("\x01", "}")


def _markdown_rows(part: Section) -> str:
    rule = ["---", *["---:"] * (len(part.header) - 1)]
    lines = [part.header, rule, *part.rows("**{}**")]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _latex_body(part: Section, outside: set[str]) -> list[str]:
    """Rows; a cell outside the grid spans all columns, as it belongs to none."""
    rows = []
    for name, *cells in part.rows(_BOLD):
        if name in outside and len(cells) > 1:
            span = rf"\multicolumn{{{len(cells)}}}{{c}}{{{escape(cells[0])}}}"
            rows.append(rf"{escape(name)} & {span} \\")
        else:
            rows.append(_latex_row([name, *cells]))
    return rows


def _latex_row(cells: list[str]) -> str:
    return " & ".join(map(escape, cells)) + r" \\"
