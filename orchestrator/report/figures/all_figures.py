"""All figures of a study, made from its records: which there are, in which formats."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from orchestrator.report.figures.accuracy import accuracy
from orchestrator.report.figures.heatmaps import heatmap
from orchestrator.report.figures.losses import KINDS, learning_rates, losses
from orchestrator.report.figures.pictures import Pictures, masking, reconstructions
from orchestrator.report.figures.scatter import along, arms
from orchestrator.report.figures.series import Curves, measured
from orchestrator.report.figures.style import Drawing, files
from orchestrator.report.records.collect import Records
from orchestrator.report.records.guessing import guessing
from orchestrator.report.tables.fill import FilledTable, fill_table
from orchestrator.study.spec import TABLE_1, StudySpec


def figures(
    study: StudySpec, records: Records, filled: Sequence[FilledTable], samples: pa.Table | None
) -> Iterator[tuple[str, bytes]]:
    """Every figure that makes sense for a study, as SVG and as PNG of 300 dots an inch.

    Args:
        filled: the study's tables.
        samples: pictures of its pretrainings, where there are any.

    Yields:
        File name and content; the same bytes for the same records.
    """
    for drawing in drawings(study, records, filled, samples):
        yield from files(drawing)


def drawings(
    study: StudySpec, records: Records, filled: Sequence[FilledTable], samples: pa.Table | None
) -> Iterator[Drawing]:
    """The same figures before they are drawn."""
    curves = Curves(records)
    guess = guessing(records.trial_rows.values())
    if samples is not None:
        pretrained = _table(filled, records, "pretrain")
        pictures = Pictures(samples, curves)
        yield from masking(pretrained, pictures)
        yield from reconstructions(pretrained, pictures)
    drawn: set[tuple[str, ...]] = set()
    for table in filled:
        spec, unit = table.table, measured(study, table.table.kind, table.table.metric)
        arranged = (spec.metric, spec.rows, spec.columns)
        if table.is_accuracy and arranged not in drawn:
            prefix = f"{spec.name}_" if drawn else ""
            yield from accuracy(table, curves, guess, prefix)
            drawn.add(arranged)
        yield from heatmap(table, unit)
        yield from along(table, unit)
        yield from arms(table, unit, guess)
    for kind in KINDS:
        unit = measured(study, kind, "val_loss").removeprefix("Validation l")
        yield from losses(_table(filled, records, kind), curves, f"L{unit}")
    yield from learning_rates(curves, list(dict.fromkeys(cell.name for cell in records.cell_rows)))


def _table(filled: Sequence[FilledTable], records: Records, kind: str) -> FilledTable:
    """The study's table of a kind's validation loss, or one arranged like its other tables."""
    for table in filled:
        if (table.table.kind, table.table.metric) == (kind, "val_loss"):
            return table
    tables = [table.table for table in filled]
    nearest = sorted(tables or [TABLE_1], key=lambda table: table.kind != kind)[0]
    change = {"name": f"loss_{kind}", "kind": kind, "metric": "val_loss", "published": None}
    return fill_table(nearest.model_copy(update=change), records)
