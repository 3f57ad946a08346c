"""`maskgrid store` as people and scripts meet it: what it prints, asks, refuses and deletes."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import call, run_arguments
from hand_ledger import lay, lease, planned, ran

from orchestrator.plan.plan import Plan
from orchestrator.store.paths import Paths
from studies import StudyWriter

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture
def plan(write_study: StudyWriter) -> Plan:
    """A study that ran, and two trials that an edit of it has left behind."""
    ran(write_study())
    return ran(write_study(space={"patch_size": {"grid": [2]}}))


def unused_of(plan: Plan) -> set[str]:
    return on_disk(plan) - plan.graph.trials.keys()


def on_disk(plan: Plan) -> set[str]:
    return {path.name for path in Path(plan.ledger.store.uri, Paths.trials).iterdir()}


def store(plan: Plan, *arguments: str) -> list[str]:
    return ["store", *arguments, "--store", plan.ledger.store.uri]


def test_the_list_fits_a_terminal_and_says_who_uses_what(
    plan: Plan, monkeypatch: Patch, capsys: Capture
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert call(monkeypatch, *store(plan, "list")) == 0
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) <= 80
    rows = {line.split()[0]: line for line in shown if line.startswith((" restore", " classify"))}
    assert rows.keys() == on_disk(plan)
    assert {key for key, line in rows.items() if line.rstrip().endswith("no study")} == unused_of(
        plan
    )
    assert all(
        line.rstrip().endswith("tiny") for key, line in rows.items() if key in plan.graph.trials
    )
    # What may go stands last.
    assert set(list(rows)[-2:]) == unused_of(plan)
    assert shown[-3].startswith("5 trials, ")
    assert shown[-2].startswith("of them used by no study: 2 trials, ")
    assert shown[-1] == "Ray's own files: 0 bytes"


def test_programs_get_json(plan: Plan, monkeypatch: Patch, capsys: Capture) -> None:
    assert call(monkeypatch, *store(plan, "list", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == {"store", "studies", "trials", "ray_bytes"}
    assert found["studies"] == ["tiny"]
    by_key = {trial["key"]: trial for trial in found["trials"]}
    assert by_key.keys() == on_disk(plan)
    for key, trial in by_key.items():
        files = [p for p in Path(plan.ledger.store.uri, Paths.trial(key)).rglob("*") if p.is_file()]
        assert trial["bytes"] == sum(path.stat().st_size for path in files)
        assert trial["used_by"] == ([] if key in unused_of(plan) else ["tiny"])
        assert (trial["task"], trial["state"]) == (key.split("-")[0], "done")


def test_nothing_is_deleted_where_nobody_can_be_asked(
    plan: Plan, monkeypatch: Patch, capsys: Capture
) -> None:
    before = on_disk(plan)
    assert call(monkeypatch, *store(plan, "delete", "--unused")) == 2
    error = capsys.readouterr().err
    assert "would delete 2 trials" in error
    assert error.endswith("no terminal to confirm at; give --yes\n")
    assert on_disk(plan) == before


def test_unused_trials_are_deleted_with_yes(
    plan: Plan, monkeypatch: Patch, capsys: Capture
) -> None:
    assert call(monkeypatch, *store(plan, "delete", "--unused", "--yes")) == 0
    assert "deleted 2 trials" in capsys.readouterr().out
    assert on_disk(plan) == plan.graph.trials.keys()
    # Once more there is nothing, and nothing is asked.
    assert call(monkeypatch, *store(plan, "delete", "--unused")) == 0
    assert capsys.readouterr().out == "nothing to delete\n"


@pytest.mark.parametrize(("answer", "left"), [(b"y\n", 3), (b"n\n", 5), (b"\n", 5)])
def test_at_a_terminal_it_asks(plan: Plan, answer: bytes, left: int) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "orchestrator", *store(plan, "delete", "--unused")]
    os.write(ours, answer)
    try:
        done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, timeout=300)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "Delete 2 trials, " in done.stdout
    assert len(on_disk(plan)) == left


def test_named_trials_go_and_files_of_others_are_told(
    plan: Plan, monkeypatch: Patch, capsys: Capture
) -> None:
    first, second = sorted(unused_of(plan))
    name = f"{Paths.trial(first)}/notes.txt"
    plan.ledger.store.write(name, b"mine")
    assert call(monkeypatch, *store(plan, "delete", first, "--yes")) == 0
    assert f"kept {name}: not a file of maskgrid's" in capsys.readouterr().out
    assert plan.ledger.store.read(name) == b"mine"
    assert plan.ledger.outcome(first) is None
    assert plan.ledger.has_weights(second)


def test_ray_files_are_named_with_their_size(
    plan: Plan, monkeypatch: Patch, capsys: Capture
) -> None:
    plan.ledger.store.write("tune/tiny/tuner.pkl", bytes(2000))
    assert call(monkeypatch, *store(plan, "delete", "--ray-files")) == 2
    assert "would delete Ray's own files, 2.0 kB;" in capsys.readouterr().err
    assert call(monkeypatch, *store(plan, "delete", "--ray-files", "--yes")) == 0
    assert plan.ledger.store.sizes("tune") == {}
    assert len(on_disk(plan)) == 5


def test_wrong_requests_are_one_line_and_delete_nothing(
    plan: Plan, monkeypatch: Patch, capsys: Capture
) -> None:
    used = next(iter(plan.graph.trials))
    before = on_disk(plan)
    for arguments, expected in (
        (["delete"], "choices: trial keys, --unused, --ray-files"),
        (["delete", used, "--unused"], "not both"),
        (["delete", "--unused", "--force"], "--force is for trials that are named"),
        (["delete", used, "--yes"], "is used by tiny; --force"),
        (["delete", "restore-1", "--yes"], "no trial 'restore-1'"),
        (["forget", "toni"], "recorded: tiny"),
    ):
        assert call(monkeypatch, *store(plan, *arguments)) == 2
        error = capsys.readouterr().err
        assert expected in error
        assert error.count("\n") == 1
    assert on_disk(plan) == before
    assert call(monkeypatch, *store(plan, "delete", used, "--force", "--yes")) == 0
    assert on_disk(plan) == before - {used}


def test_a_trial_that_is_being_trained_is_never_deleted(
    plan: Plan, monkeypatch: Patch, capsys: Capture
) -> None:
    live = min(unused_of(plan))
    lease(plan.ledger, live, age=1)
    assert call(monkeypatch, *store(plan, "delete", live, "--force", "--yes")) == 2
    assert "is being trained" in capsys.readouterr().err
    assert call(monkeypatch, *store(plan, "delete", "--unused", "--yes")) == 0
    assert unused_of(plan) == {live}


def test_a_forgotten_study_leaves_its_trials_unused(
    plan: Plan, monkeypatch: Patch, capsys: Capture
) -> None:
    assert call(monkeypatch, *store(plan, "forget", "tiny")) == 0
    assert capsys.readouterr().out.startswith("forgot tiny and its 3 trials; ")
    assert len(on_disk(plan)) == 5
    assert call(monkeypatch, *store(plan, "delete", "--unused", "--yes")) == 0
    assert on_disk(plan) == set()


def test_a_folder_without_a_store_is_refused(
    monkeypatch: Patch, capsys: Capture, tmp_path: Path
) -> None:
    for arguments in (["list"], ["delete", "--unused", "--yes"], ["forget", "tiny"]):
        assert call(monkeypatch, "store", *arguments, "--store", str(tmp_path / "none")) == 2
        assert "no store found" in capsys.readouterr().err


def test_plan_prints_the_difference(
    write_study: StudyWriter, monkeypatch: Patch, capsys: Capture
) -> None:
    ran(write_study())
    study = write_study(finetune={"epochs": 20})
    where = ("--store", str(study.parent / "store"))
    assert call(monkeypatch, "plan", str(study), *where) == 0
    shown = capsys.readouterr().out
    assert "\n  changed: every cell: finetune.epochs 2 -> 20\n" in shown
    lay(planned(study).ledger, planned(study).graph, next(iter(planned(study).graph.trials)))
    # A plan remembers nothing: the second says the same, but for what is there by now.
    assert call(monkeypatch, "plan", str(study), *where) == 0
    assert "3 new trials: 2 to train, 1 in the store already" in capsys.readouterr().out


def test_run_says_the_difference_once_and_then_remembers_the_study(
    write_study: StudyWriter, monkeypatch: Patch, capsys: Capture
) -> None:
    ran(write_study())
    # All that the edited study asks for is there, so that the run trains nothing.
    study = write_study(space={"patch_size": {"grid": [2]}}, runtime={"keep_weights": "parents"})
    assert call(monkeypatch, *run_arguments(study)) == 0
    shown = capsys.readouterr().out
    assert "  removed: mask_ratio=0.5,patch_size=4\n" in shown
    assert "dropped the weights of 2 trials" in shown
    assert call(monkeypatch, *run_arguments(study)) == 0
    shown = capsys.readouterr().out
    assert "since tiny last ran" not in shown
    assert "dropped" not in shown
    # The tables have the cells that are left; the removed one's trials are still in the store.
    plan = planned(study)
    assert "4x4" not in (study.parent / "results" / "table_1.md").read_text()
    assert len(unused_of(plan)) == 2
