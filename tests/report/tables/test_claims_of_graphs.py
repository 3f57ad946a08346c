"""The stage that the paper's claims are tested on, in studies of more than two stages."""

import pytest

from orchestrator.report.tables.verdicts import _table
from orchestrator.study.file import parse_study
from orchestrator.study.tables import TABLE_1, TABLE_2, Table

TERMS = {"distillation": {"weight": 0.5}}
STAGES = {
    "teacher": {"task": "classify"},
    "first": {"task": "restore"},
    "student": {"task": "classify", "weights": "first", "teacher": "teacher", "terms": TERMS},
}


@pytest.mark.parametrize(("default", "stage"), [(TABLE_1, "first"), (TABLE_2, "student")])
def test_a_claim_is_about_the_last_stage_of_its_task(default: Table, stage: str) -> None:
    study = parse_study({"name": "graph", "stages": STAGES}, "x")
    # The teacher has the first table of an accuracy, yet nothing was pretrained for it.
    assert _table(study, default).stage == stage
