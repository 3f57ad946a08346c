"""Commands that print one JSON document: nothing else on stdout, names that stay."""

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import call

from orchestrator.store.store import Store
from studies import StudyWriter

TRIAL = ["key", "task", "stages", "inputs", "seed", "epochs", "state", "reason", "cells"]


class Printer:
    """Runs a command on the tiny study and parses all that it prints."""

    def __init__(self, study: Path, monkeypatch: Any, capsys: Any) -> None:
        self.study, self.monkeypatch, self.capsys = study, monkeypatch, capsys

    def code(self, command: str, *arguments: str) -> int:
        store = str(self.study.parent / "store")
        return call(self.monkeypatch, command, str(self.study), *arguments, "--store", store)

    def document(self, command: str, *arguments: str) -> Any:
        assert self.code(command, *arguments, "--json") == 0
        return json.loads(self.capsys.readouterr().out)


@pytest.fixture
def printer(
    write_study: StudyWriter,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Printer:
    study = write_study()
    Store(str(study.parent / "store")).prepare()
    return Printer(study, monkeypatch, capsys)


def test_a_plan_as_json(printer: Printer) -> None:
    plan = printer.document("plan")
    assert list(plan) == [
        "study",
        "warning",
        "notes",
        "asked",
        "unique",
        "states",
        "changed",
        "trials",
    ]
    assert (plan["study"], plan["warning"], plan["asked"], plan["unique"]) == ("tiny", None, 5, 5)
    assert (plan["states"], plan["changed"]) == ({"waiting": 5}, [])
    assert [list(trial) for trial in plan["trials"]] == [TRIAL] * 5
    # Every input is one of the trials, and a cell's trials name the cell.
    keys = {trial["key"] for trial in plan["trials"]}
    inputs = [trial["inputs"] for trial in plan["trials"] if trial["inputs"]]
    assert [list(each) for each in inputs] == [["weights"]] * 2
    assert {each["weights"] for each in inputs} < keys
    [base] = [trial for trial in plan["trials"] if trial["cells"] == ["baseline"]]
    assert (base["task"], base["stages"], base["inputs"]) == ("classify", ["finetune"], {})


def test_a_plan_with_recipes_tells_no_path(printer: Printer) -> None:
    for trial in printer.document("plan", "--recipes")["trials"]:
        assert trial["recipe"]["task"] == trial["task"]
        assert "path" not in trial["recipe"]["data"]


def test_provisional_keys_are_said_inside_the_document(
    write_study: StudyWriter, printer: Printer, tmp_path: Path
) -> None:
    gone = {"source": "folder", "path": str(tmp_path / "gone"), "num_classes": None}
    write_study(data={**gone, "train_per_class": None, "val_per_class": None})
    assert "gone" in printer.document("plan")["warning"]


def test_an_explanation_as_json(printer: Printer) -> None:
    found = printer.document("explain", "patch_size=4,50%")
    assert found["cell"] == "mask_ratio=0.5,patch_size=4"
    assert found["values"] == {"patch_size": 4, "mask_ratio": 0.5}
    first, last = found["trials"]
    assert (first["task"], first["stages"], first["inputs"]) == ("restore", ["pretrain"], {})
    assert (last["task"], last["stages"]) == ("classify", ["finetune"])
    assert last["inputs"] == {"weights": first["key"]}


def test_an_explanation_on_screen(printer: Printer) -> None:
    assert printer.code("explain", "baseline") == 0
    assert "Recipe fields that differ from the default" in printer.capsys.readouterr().out


def test_a_cell_that_is_none_is_refused_with_the_choices(printer: Printer) -> None:
    assert printer.code("explain", "basline") == 2
    error = printer.capsys.readouterr().err.strip()
    assert "did you mean 'baseline'" in error
    assert "mask_ratio=0.5,patch_size=4" in error
    assert "\n" not in error
