"""The list of files in docs/architecture.md, made from the first line of every module.

`python tests/support/file_list.py` writes it anew.
"""

import ast
import re
from itertools import groupby
from pathlib import Path

from checkout import ROOT

PAGE = ROOT / "docs/architecture.md"
SECTION = re.compile(r"(## The files\n\n).*?(?=\n## )", re.DOTALL)


def file_list() -> str:
    """One line a module, grouped by package, `orchestrator` first."""
    modules = [
        path.relative_to(ROOT)
        for package in ("orchestrator", "model")
        for path in sorted((ROOT / package).rglob("*.py"), key=lambda path: (path.parent, path))
        if path.name != "__init__.py"
    ]
    lines: list[str] = []
    for folder, files in groupby(modules, key=lambda path: path.parent):
        lines += [f"**{folder.as_posix()}/**", ""]
        lines += [f"- `{path.name}`: {_first_line(ROOT / path)}" for path in files] + [""]
    return "\n".join(lines)


def with_list(page: str) -> str:
    """The page with the list as it is now."""
    return SECTION.sub(lambda match: match[1] + file_list(), page, count=1)


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text())) or path.stem
    return text.partition("\n")[0]


if __name__ == "__main__":
    PAGE.write_text(with_list(PAGE.read_text()))
