"""Names of cells: short to read, and never the same for two."""

from orchestrator.study.file import read
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
    found = expand_space(read(write_study(space=space, baseline=False)))
    assert [cell.values["finetune.optim.lr"] for cell in found] == [1e-4, 1.00000001e-4]
    # The first is short, the second as long as it must be.
    assert [cell.name for cell in found] == [
        "finetune.optim.lr=0.0001", "finetune.optim.lr=0.000100000001",
    ]  # fmt: skip
