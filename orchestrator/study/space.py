"""The search space of a study, expanded by Ray Tune into cells."""

from typing import Any

import numpy as np
from ray import tune
from ray.tune.search.variant_generator import generate_variants

from orchestrator.study.recipes import DIGITS, Cell, arm_cells, values_name
from orchestrator.study.spec import Axis, Scalar, StudySpec


def expand_space(study: StudySpec) -> list[Cell]:
    """All cells of a study: baseline and arms first, then the search space as Tune expands it."""
    if not study.space:
        return arm_cells(study)
    space = {name: _domain(axis) for name, axis in study.space.items()}
    # Tune repeats the grid for each draw of the other axes; a pure grid has nothing to draw.
    drawn = any(axis.kind != "grid" for axis in study.space.values())
    cells: dict[str, Cell] = {}
    few, enough = DIGITS
    random = np.random.default_rng(study.search_seed)
    for _ in range(study.num_samples if drawn else 1):
        for _, variant in generate_variants(space, random_state=random):
            values: dict[str, Scalar] = {name: _plain(variant[name]) for name in study.space}
            name = values_name(values, few)
            if name in cells and cells[name].values != values:
                name = values_name(values, enough)  # cells are told apart by their names
            cells.setdefault(name, Cell(name, values))
    return arm_cells(study) + list(cells.values())


def _domain(axis: Axis) -> Any:
    if axis.kind == "grid":
        return tune.grid_search(list(axis.values))
    if axis.kind == "choice":
        return tune.choice(list(axis.values))
    return getattr(tune, axis.kind)(*axis.values)  # kind is one of Axis' fields: Tune's own names


def _plain(value: Any) -> Scalar:
    plain: Scalar = value.item() if hasattr(value, "item") else value
    return plain
