"""Names of cells: short to read, and never the same for two."""

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.study.file import read_study
from orchestrator.study.graph import build_graph
from orchestrator.study.recipes import spellings
from orchestrator.study.space import expand_space, name_cells
from orchestrator.study.spec import StudyError
from studies import StudyWriter

NO_AXES = {"patch_size": None, "mask_ratio": None}


def test_cells_that_differ_beyond_six_digits_keep_names_of_their_own(
    write_study: StudyWriter,
) -> None:
    space = {
        "finetune.optim.lr": {"grid": [1e-4, 1.00000001e-4]},
        "patch_size": None,
        "mask_ratio": None,
    }
    found = expand_space(read_study(write_study(space=space, baseline=False)))
    assert [cell.values["finetune.optim.lr"] for cell in found] == [1e-4, 1.00000001e-4]
    # All are points of the grid, by whichever name.
    assert all(cell.in_grid for cell in found)
    # The first is short, the second as long as it must be.
    assert [cell.name for cell in found] == [
        "finetune.optim.lr=0.0001", "finetune.optim.lr=0.000100000001",
    ]  # fmt: skip


@pytest.mark.parametrize("order", list(permutations([1e-4, 1.00000001e-4, 1.00000002e-4])))
def test_no_value_is_lost_because_it_prints_like_another(
    write_study: StudyWriter, order: tuple[float, ...]
) -> None:
    space = {**NO_AXES, "finetune.optim.lr": {"grid": list(order)}}
    cells = expand_space(read_study(write_study(space=space, baseline=False)))
    # Whichever comes first: the name with six digits is the whole name of one of them.
    assert [cell.values["finetune.optim.lr"] for cell in cells] == list(order)
    assert len({cell.name for cell in cells}) == 3
    assert {float(cell.name.partition("=")[2]) for cell in cells} == set(order)


def value_of(point: tuple[float, Any]) -> str:
    """Equal for points that are one: 1 is 1.0, but no word and not true."""
    return json.dumps([float(point[0]), point[1]])


@settings(max_examples=200)
@given(
    points=st.lists(
        st.tuples(
            st.floats(1, 2, width=32) | st.floats(1, 2) | st.integers(1, 2),
            st.sampled_from(["1", "true", "True", "a", True, False, 1]),
        ),
        min_size=1, max_size=8, unique_by=value_of,
    )
)  # fmt: skip
def test_names_tell_any_points_apart_and_are_points_of_the_grid(
    points: list[tuple[float, Any]],
) -> None:
    values = [{"x": x, "y": y} for x, y in points]
    cells = name_cells(values)
    assert len({cell.name for cell in cells}) == len(points)
    assert all(cell.in_grid for cell in cells)
    # A point that no other one resembles has the short name.
    for cell in cells:
        others = [spellings(point) for point in values if point is not cell.values]
        short = spellings(cell.values)[0]
        assert cell.name == short or any(short in names for names in others)


@pytest.mark.parametrize("pair", ["[0, -0.0]", "[0.0, -0.0]", "[0.5, 0.50]", "[1, 1.0]", "[-0, 0]"])
def test_equal_values_are_one_however_they_are_written(tmp_path: Path, pair: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"name: a\nspace: {{finetune.optim.weight_decay: {{grid: {pair}}}}}\n")
    with pytest.raises(StudyError, match="duplicate value in"):
        read_study(path)


def test_minus_nothing_is_nothing(tmp_path: Path) -> None:
    def keys(zero: str) -> list[str]:
        path = tmp_path / "study.yaml"
        space = f"space: {{pretrain.optim.weight_decay: {{grid: [{zero}, 0.1]}}}}"
        path.write_text(f"name: a\nfinetune: {{optim: {{weight_decay: {zero}}}}}\n{space}\n")
        study = read_study(path)
        return list(build_graph(study, expand_space(study)).trials)

    # The same recipe, so the same trials.
    assert keys("-0.0") == keys("0.0") == keys("0") == keys("-1e-999")


def test_points_of_the_space_are_in_the_grid_and_named_cells_are_not(
    write_study: StudyWriter,
) -> None:
    arms = [{"name": "control", "set": {"patch_size": 2, "mask_ratio": 0.5}}]
    cells = expand_space(read_study(write_study(arms=arms)))
    assert {cell.name: cell.in_grid for cell in cells} == {
        "baseline": False, "control": False,
        "mask_ratio=0.5,patch_size=2": True, "mask_ratio=0.5,patch_size=4": True,
    }  # fmt: skip
