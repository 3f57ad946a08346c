"""Tables that a study fills: a metric of a stage, arranged by two axes."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from model.config.base import Config
from model.config.recipe import Task
from orchestrator.study.axes import Axis
from orchestrator.study.metrics import Metric, metrics_of
from orchestrator.study.result_files import reserved_by
from orchestrator.study.stages import Slug, StageName


class Table(Config):
    """One table: a metric of every cell, arranged by two axes."""

    name: Slug
    title: str
    stage: StageName
    """Stage that the metric is read from; called `kind` in older files."""
    metric: Literal["val_loss", "val_accuracy", "train_loss", "train_accuracy"]
    rows: str = "patch_size"
    """Axis down the side."""
    columns: str = "mask_ratio"
    """Axis along the top."""
    select: Literal["last", "best_on_dev"] = "last"
    """Epoch the metric is read at; `best_on_dev` is the last where there is no dev set."""
    published: Literal["terentiev-2024/table-1", "terentiev-2024/table-2"] | None = None
    """Published values to print beside ours."""
    task: Annotated[Task, Field(exclude=True)] = "classify"
    """Task of the stage, as the study has it; not to be given."""

    @model_validator(mode="before")
    @classmethod
    def _older_name(cls, given: Any) -> Any:
        if isinstance(given, dict) and "kind" in given and "stage" not in given:
            return {"stage" if name == "kind" else name: value for name, value in given.items()}
        return given

    @field_validator("name")
    @classmethod
    def _no_file_of_ours(cls, name: str) -> str:
        # A table's files are named after it, and would replace what all tables are made from.
        if file := reserved_by(name):
            raise ValueError(f"the results folder has its own {file}; choose another name")
        return name

    @property
    def measure(self) -> Metric:
        """The table's metric, with its unit."""
        return metrics_of(self.task)[self.metric]


TABLE_1 = Table(
    name="table_1",
    title="Reconstruction loss (L1, all pixels) by patch size and mask ratio",
    stage="pretrain",
    task="restore",
    metric="val_loss",
)
TABLE_2 = Table(
    name="table_2",
    title="Classification accuracy by patch size and mask ratio of the pretraining",
    stage="finetune",
    metric="val_accuracy",
)


def default_tables(
    stages: Mapping[str, Task], space: Mapping[str, Axis], pixels: str
) -> tuple[Table, ...]:
    """The paper's two tables, for a grid's own axes, for each stage that has one.

    Args:
        stages: task of each stage to show.
        pixels: words for the pixels that the reconstruction loss is over.
    """
    axes, by = _grid_axes(space)
    titles = {"restore": TABLE_1.title.replace(", all pixels", pixels), "classify": TABLE_2.title}
    if by is not None:
        titles = {task: title.partition(" by ")[0] + by for task, title in titles.items()}
    paper = {TABLE_1.stage: TABLE_1, TABLE_2.stage: TABLE_2}
    shown = {stage: paper.get(stage) or _of_stage(stage, task) for stage, task in stages.items()}
    return tuple(
        table.model_copy(update={**axes, "title": _titled(titles[table.task], stage)})
        for stage, table in shown.items()
    )


def _grid_axes(space: Mapping[str, Axis]) -> tuple[dict[str, str], str | None]:
    """Rows and columns where they are not the paper's, and how a title says them."""
    if not space or {TABLE_1.rows, TABLE_1.columns} <= set(space):
        return {}, None
    grid = [name for name, axis in space.items() if axis.kind == "grid"]
    if len(grid) < 2:
        return {}, ""
    return {"rows": grid[0], "columns": grid[1]}, f" by {grid[0]} and {grid[1]}"


def _of_stage(stage: str, task: Task) -> Table:
    like = TABLE_1 if task == "restore" else TABLE_2
    name = f"{stage}_{like.measure.name.partition('_')[2]}"
    return like.model_copy(update={"name": name, "stage": stage})


def _titled(title: str, stage: str) -> str:
    return title if stage in (TABLE_1.stage, TABLE_2.stage) else f"{title}, stage {stage}"
