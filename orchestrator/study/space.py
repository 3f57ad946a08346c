"""The search space of a study, expanded by Ray Tune into cells."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain, product
from typing import Any

import numpy as np
from ray import tune
from ray.tune.search.variant_generator import generate_variants

from orchestrator.study.axes import Axis, Scalar
from orchestrator.study.recipes import Cell, arm_cells, spellings
from orchestrator.study.spec import StudySpec

WHOLE = "study"
"""Name of the cell that changes nothing of its study."""


def expand_space(study: StudySpec) -> list[Cell]:
    """All cells of a study: baseline and arms first, then the search space as Tune expands it.

    Without axes, the study as it stands is the one point of its space; not in the short form beside
    arms, of which it is one if it is wanted.
    """
    if not study.space:
        alone = [] if study.is_short and (study.arms or study.baseline) else [Cell(WHOLE)]
        return arm_cells(study) + alone
    space = {name: _domain(axis) for name, axis in study.space.items()}
    # Tune repeats the grid for each draw of the other axes; a pure grid has nothing to draw.
    drawn = any(axis.kind != "grid" for axis in study.space.values())
    points: dict[str, dict[str, Scalar]] = {}
    random = np.random.default_rng(study.search_seed)
    for _ in range(study.num_samples if drawn else 1):
        for _, variant in generate_variants(space, random_state=random):
            values = {axis: _plain(variant[axis]) for axis in study.space}
            points.setdefault(spellings(values)[-1], values)  # equal draws are one
    return [*arm_cells(study), *_crossed(study), *name_cells(list(points.values()))]


def _crossed(study: StudySpec) -> Iterator[Cell]:
    """Cells of the arms that are crossed with axes, such as `distilled,mask_ratio=0.4`."""
    for arm in study.arms:
        values = [study.space[axis].values for axis in arm.cross]
        for point in product(*values) if arm.cross else []:
            at = dict(zip(arm.cross, point, strict=True))
            name = f"{arm.name},{spellings(at)[0]}"
            yield Cell(name, {**at, **arm.set}, not arm.pretrain)


def name_cells(points: list[dict[str, Scalar]]) -> list[Cell]:
    """Cells at some points, each with the shortest name that no other has."""
    names = [spellings(values) for values in points]
    owners = Counter(chain.from_iterable(map(set, names)))
    chosen = [next((name for name in own if owners[name] == 1), own[-1]) for own in names]
    return [Cell(name, values) for name, values in zip(chosen, points, strict=True)]


def _domain(axis: Axis) -> Any:
    if axis.kind == "grid":
        return tune.grid_search(list(axis.values))
    if axis.kind == "choice":
        return tune.choice(list(axis.values))
    return getattr(tune, axis.kind)(*axis.values)  # kind is one of Axis' fields: Tune's own names


def _plain(value: Any) -> Scalar:
    plain: Scalar = value.item() if hasattr(value, "item") else value
    return plain + 0.0 if isinstance(plain, float) else plain  # -0.0 is 0.0
