"""A plan's notes: settings that are valid but may surprise."""

from pathlib import Path

from orchestrator.plan.plan import make_plan
from studies import StudyWriter


def test_settings_that_may_surprise_are_noted_once_with_the_number_of_trials(
    write_study: StudyWriter, tmp_path: Path
) -> None:
    path = write_study(
        finetune={"optim": {"lr": 1e-5}}, pretrain={"mask": {"mode": "exact", "ratio": 0.45}}
    )
    notes = make_plan(path, str(tmp_path / "store")).notes
    # The baseline and two cells: their rates climb to the default end of 5e-5 in the decay. The
    # grid's mask ratio of a half is what 8 of 16 and 32 of 64 patches are, so it is not noted.
    assert notes == (
        "the decay climbs from optim.lr 1e-05 to schedule.final_lr 5e-05; schedule.final_share "
        "gives the end as a share of optim.lr (3 of 5 trials)",
    )
