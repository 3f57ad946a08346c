"""Tables as documents: Markdown, and LaTeX for a paper (packages booktabs and inputenc utf8)."""

import re

from orchestrator.report.formats.grid import Grid, sections
from orchestrator.report.formats.notes import notes
from orchestrator.report.tables.fill import FilledTable

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "±": r"$\pm$",
}  # fmt: skip
_BOLD = "\x00{}\x01"  # what no label holds, until the rest is escaped


def to_markdown(filled: FilledTable) -> str:
    """The table and what stands below it as Markdown, titles above."""
    parts = [
        f"**{title}**\n\n{_markdown_rows(found)}\n" for title, found in sections(filled, "**{}**")
    ]
    listed = "".join(f"- {sentence}\n" for sentence in notes(filled))
    return "\n".join(filter(None, [*parts, listed]))


def to_latex(filled: FilledTable) -> str:
    """The table as a LaTeX `table`: one booktabs `tabular`, what stands below it as panels."""
    (title, (header, body)), *others = sections(filled, _BOLD)
    alone = {value.cell for value in filled.values if value.row is None}
    lines = [_latex_row(header), r"\midrule", *_latex_body(body, alone)]
    for panel, (_, rows) in others:
        span = rf"\multicolumn{{{len(header)}}}{{l}}{{\emph{{{escape(panel)}}}}} \\"
        lines += [r"\midrule", span, *_latex_body(rows, alone)]
    parts = [
        r"\begin{table}", r"\centering", rf"\caption{{{escape(title)}}}",
        rf"\label{{tab:{filled.table.name}}}", rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
        r"\toprule", *lines, r"\bottomrule", r"\end{tabular}",
        r"\par\raggedright\footnotesize",
        *(rf"{escape(sentence)}\par" for sentence in notes(filled)),
        r"\end{table}",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def escape(words: str) -> str:
    r"""Words as LaTeX: `4x4` as $4\times4$, `20 %` with a thin space, minus signs as such."""
    escaped = "".join(_LATEX.get(char, char) for char in words)
    escaped = re.sub(r"\b(\d+)x(\d+)\b", r"$\1\\times\2$", escaped)
    escaped = re.sub(r"(?<![\w.])([+-])(?=\d)", r"$\1$", escaped).replace(r" \%", r"\,\%")
    return escaped.replace("\x00", r"\textbf{").replace("\x01", "}")


def _markdown_rows(found: Grid) -> str:
    header, body = found
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _latex_body(body: list[list[str]], alone: set[str]) -> list[str]:
    """Rows; a cell outside the grid spans all columns, as it belongs to none."""
    rows = []
    for name, *cells in body:
        if name in alone and len(cells) > 1:
            span = rf"\multicolumn{{{len(cells)}}}{{c}}{{{escape(cells[0])}}}"
            rows.append(rf"{escape(name)} & {span} \\")
        else:
            rows.append(_latex_row([name, *cells]))
    return rows


def _latex_row(cells: list[str]) -> str:
    return " & ".join(map(escape, cells)) + r" \\"
