"""A study as one HTML file that opens anywhere: no script, no request, same input same bytes."""

import html
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from orchestrator.report.formats.arranged import ArrangedTable
from orchestrator.report.page.origin import LABELS, code, origins, recipes, study_yaml
from orchestrator.report.page.trials import STATES, Tree, blocks, counts, trees
from orchestrator.report.records.collect import Records
from orchestrator.report.tables.verdicts import Verdict
from orchestrator.study.durations import duration
from orchestrator.study.spec import StudySpec

if TYPE_CHECKING:
    from jinja2 import Environment

_NONE = "—"
_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


def page(
    study: StudySpec,
    records: Records,
    tables: Sequence[ArrangedTable],
    verdicts: Sequence[Verdict],
    figures: Mapping[str, bytes],
) -> bytes:
    """The report of a study as UTF-8 HTML.

    Args:
        study: the study as requested.
        records: its records.
        tables: the study's tables, in their order.
        verdicts: the paper's claims on these results.
        figures: file name -> content; SVG and PNG are shown, the SVG of two with the same stem.
            The caption is the SVG's own title, or else the file name in words.
    """
    shown = trees(records)
    nodes = [node for tree in shown for node in tree.walk()]
    trials = [node.trial for node in nodes]
    text = (
        _environment()
        .get_template("page.html.j2")
        .render(
            study=study,
            study_yaml=study_yaml(study),
            trees=shown,
            nodes=nodes,
            blocks=blocks(shown),
            counts=counts(trials),
            records=[trial.record for trial in trials],
            tables=tables,
            verdicts=verdicts,
            figures=_images(figures),
            recipes=recipes(trials, records.stages),
            labels=LABELS,
            origins=origins(trials),
            code=code(trials),
        )
    )
    return text.encode()


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("orchestrator", "report/page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        spell=_spell, duration=duration, words=_words, below=_below, number=_number
    )
    environment.globals.update(STATES=STATES)
    return environment


def _images(figures: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Caption and data URI of each figure, in order."""
    chosen: dict[str, tuple[str, bytes]] = {}
    for name, content in figures.items():
        path = PurePath(name)
        if path.suffix in _TYPES and (path.stem not in chosen or path.suffix == ".svg"):
            chosen[path.stem] = path.suffix, content
    return [
        (_caption(stem, content), f"data:{_TYPES[kind]};base64,{b64encode(content).decode()}")
        for stem, (kind, content) in chosen.items()
    ]


def _caption(stem: str, content: bytes) -> str:
    # Of the head alone: a title further down is that of a part.
    title = re.search(rb"<title>([^<]+)</title>", content[:4096])
    return html.unescape(title[1].decode()) if title else _words(stem)


def _spell(value: object) -> str:
    """A value as a study file would have it; a dash for none."""
    if value is None:
        return _NONE
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _words(name: str) -> str:
    """A file's or field's name as words: `loss_curves` -> `Loss curves`."""
    text = name.replace("_", " ").replace("-", " ")
    return text[:1].upper() + text[1:]


def _below(tree: Tree) -> dict[str, int]:
    """States of all trials that start from a trial, directly or not."""
    return counts(node.trial for node in tree.walk() if node is not tree)


def _number(value: Any, form: str) -> str:
    """A number in a format, a dash where there is none."""
    return _NONE if value is None else form.format(value)
