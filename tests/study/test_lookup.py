"""Cells by name, by spelling, by trial."""

import pytest

from model.errors import InputError
from orchestrator.study.graph import TrialGraph, build_graph
from orchestrator.study.lookup import find_cell
from orchestrator.study.recipes import Cell
from orchestrator.study.spec import StudySpec

CELLS = [
    Cell("baseline", {}, from_scratch=True),
    Cell("he", {"model.init": "he"}),
    *(
        Cell(f"patch_size={size},mask_ratio={ratio}", {"patch_size": size, "mask_ratio": ratio})
        for size in (4, 8)
        for ratio in (0.2, 0.6)
    ),
]


@pytest.fixture(scope="module")
def graph() -> TrialGraph:
    return build_graph(StudySpec(name="any", seeds=(0, 1)), CELLS)


@pytest.mark.parametrize(
    "text",
    ["patch_size=4,mask_ratio=0.2", "4x4,20%", "4x4, 20 %", "4,0.2", "4,.2", "patch_size=4,mask_ratio=20%", "mask_ratio=0.2,patch_size=4", "mask_ratio=20%,4x4"],
)  # fmt: skip
def test_every_spelling_means_the_cell_at_all_seeds(graph: TrialGraph, text: str) -> None:
    found = find_cell(graph, text)
    assert {asked.cell.name for asked in found} == {"patch_size=4,mask_ratio=0.2"}
    assert [asked.seed for asked in found] == [0, 1]


def test_cells_with_names_are_found_by_them(graph: TrialGraph) -> None:
    assert [asked.cell.name for asked in find_cell(graph, "baseline")] == ["baseline"] * 2
    assert [asked.cell.name for asked in find_cell(graph, "he")] == ["he"] * 2


def test_a_trial_names_its_cell_at_its_seed(graph: TrialGraph) -> None:
    wanted = next(asked for asked in graph.cells if asked.seed == 1 and "pretrain" in asked.trials)
    kind, _, digits = wanted.trials["pretrain"].partition("-")
    assert find_cell(graph, wanted.trials["pretrain"]) == [wanted]
    assert find_cell(graph, f"{kind}-{digits[:8]}") == [wanted]
    assert find_cell(graph, digits[:8]) == [wanted]


def test_a_beginning_of_many_trials_is_refused_with_some_of_them(graph: TrialGraph) -> None:
    with pytest.raises(InputError, match=r"matches several trials: restore-.*"):
        find_cell(graph, "restore-")
    # Nothing at all is no beginning.
    with pytest.raises(InputError, match="no such cell"):
        find_cell(graph, "")


@pytest.mark.parametrize(
    "text",
    [
        "8x4,20%",
        "4,0.3",
        "40%",
        "mask_ratio=4,patch_size=0.2",
        "4,20,1",
        "x,%",
        "patch_size=4,patch_size=4",
        "size=4,0.2",
        "None,0.2",
    ],
)
def test_what_spells_no_cell_is_refused(graph: TrialGraph, text: str) -> None:
    with pytest.raises(InputError, match=r"no such cell; .*choices: baseline; he; patch_size=4"):
        find_cell(graph, text)


def test_a_slip_is_told_the_nearest_name(graph: TrialGraph) -> None:
    with pytest.raises(InputError, match="did you mean 'baseline'"):
        find_cell(graph, "basline")
