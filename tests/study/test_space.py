"""Names of cells: short to read, and never the same for two."""

from orchestrator.study.file import read_study
from orchestrator.study.space import expand_space
from studies import StudyWriter


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


def test_points_of_the_space_are_in_the_grid_and_named_cells_are_not(
    write_study: StudyWriter,
) -> None:
    arms = [{"name": "control", "set": {"patch_size": 2, "mask_ratio": 0.5}}]
    cells = expand_space(read_study(write_study(arms=arms)))
    assert {cell.name: cell.in_grid for cell in cells} == {
        "baseline": False, "control": False,
        "mask_ratio=0.5,patch_size=2": True, "mask_ratio=0.5,patch_size=4": True,
    }  # fmt: skip
