"""A results folder from before studies were graphs, frozen, says what it said."""

import pytest
from checkout import ROOT

from orchestrator.report.formats.arranged import arrange
from orchestrator.report.formats.documents import to_markdown
from orchestrator.report.records.results_folder import records_of, study_of, study_record
from orchestrator.report.tables import verdicts
from orchestrator.report.tables.fill import fill_table

FROZEN = ROOT / "tests/data/records_v1"


def test_tables_and_verdicts_are_those_that_were_written_then() -> None:
    study, records = study_of(FROZEN), records_of(FROZEN)
    for table in study.tables:
        written = (FROZEN / f"{table.name}.md").read_text()
        assert to_markdown(arrange(fill_table(table, records))) == written
    found = verdicts.to_markdown(verdicts.verdicts(study, records))
    assert found == (FROZEN / "verdicts.md").read_text()


def test_trials_have_tasks_inputs_and_stages() -> None:
    records = records_of(FROZEN)
    assert records.stages == {"pretrain": "restore", "finetune": "classify"}
    for cell in records.cell_rows:
        finetune = records.trial_rows[cell.trials["finetune"]]
        pretrain = cell.trials.get("pretrain")
        assert finetune.inputs == ({"weights": pretrain} if pretrain else {})
        assert finetune.recipe["task"] == "classify"


@pytest.mark.parametrize("what", ["cells", "trials"])
def test_its_study_is_known_by_its_records(what: str) -> None:
    record = study_record(FROZEN)
    assert record is not None
    assert len(getattr(record, what)) == {"cells": 24, "trials": 33}[what]
