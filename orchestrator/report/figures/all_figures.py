"""All figures of a study, made from its records: which there are, in which formats."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from orchestrator.report.figures.accuracy import accuracy
from orchestrator.report.figures.heatmaps import heatmap
from orchestrator.report.figures.losses import learning_rates, losses
from orchestrator.report.figures.pictures import Pictures, masking, reconstructions
from orchestrator.report.figures.scatter import along, arms
from orchestrator.report.figures.series import Curves, measured
from orchestrator.report.figures.style import Drawing, files
from orchestrator.report.records.collect import Records
from orchestrator.report.records.guessing import guessing
from orchestrator.report.tables.fill import FilledTable, fill_table
from orchestrator.study.spec import StudySpec
from orchestrator.study.tables import TABLE_1


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
    curves, stages = Curves(records), records.stages
    if samples is not None:
        yield from _restored(filled, records, curves, samples)
    drawn: set[tuple[str, ...]] = set()
    for table in filled:
        spec, unit = table.table, measured(study, table.table.task, table.table.metric)
        guess = guessing(records.of_same_images(spec.stage))
        arranged = (spec.stage, spec.metric, spec.rows, spec.columns)
        if table.is_accuracy and arranged not in drawn:
            prefix = f"{spec.name}_" if drawn else ""
            yield from accuracy(table, curves, guess, prefix)
            drawn.add(arranged)
        yield from heatmap(table, unit)
        yield from along(table, unit)
        yield from arms(table, unit, guess)
    for stage, task in stages.items():
        unit = measured(study, task, "val_loss").removeprefix("Validation l")
        yield from losses(_table(filled, records, stage), curves, f"L{unit}")
    cells = list(dict.fromkeys(cell.name for cell in records.cell_rows))
    yield from learning_rates(curves, cells, stages)


def _restored(
    filled: Sequence[FilledTable], records: Records, curves: Curves, samples: pa.Table
) -> Iterator[Drawing]:
    """Pictures of each stage that restores; those of the first have no prefix."""
    stages = [stage for stage, task in records.stages.items() if task == "restore"]
    for stage in stages:
        prefix = "" if stage == stages[0] else f"{stage}_"
        table, pictures = _table(filled, records, stage), Pictures(samples, curves, stage)
        for drawing in (*masking(table, pictures), *reconstructions(table, pictures)):
            yield replace(drawing, name=f"{prefix}{drawing.name}")


def _table(filled: Sequence[FilledTable], records: Records, stage: str) -> FilledTable:
    """The study's table of a stage's validation loss, or one arranged like its other tables."""
    for table in filled:
        if (table.table.stage, table.table.metric) == (stage, "val_loss"):
            return table
    tables = [table.table for table in filled]
    nearest = sorted(tables or [TABLE_1], key=lambda table: table.stage != stage)[0]
    change = {"name": f"loss_{stage}", "metric": "val_loss", "published": None}
    of_stage = {"stage": stage, "task": records.stages[stage]}
    return fill_table(nearest.model_copy(update=change | of_stage), records)
