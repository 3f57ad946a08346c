"""`maskgrid report`, on a store whose trials' numbers are made up."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from checkout import ROOT
from command_line import call

from model.epoch_row import EpochRow
from orchestrator.cli import app
from orchestrator.plan.plan import make_plan
from orchestrator.report.records.results_folder import refuse_another_study
from orchestrator.store.checkpoints import SavedCheckpoint
from orchestrator.store.ledger import Outcome
from orchestrator.study.graph import TrialSpec
from studies import StudyWriter

Number = Callable[[TrialSpec], float]
SPACE = {"patch_size": {"grid": [2, 4, 8]}, "mask_ratio": {"grid": [0.2, 0.4, 0.6]}}


def size_of(trial: TrialSpec) -> int:
    return int(trial.recipe.train.mask.patch_size)  # type: ignore[union-attr]


def report(monkeypatch: pytest.MonkeyPatch, study: Path, *more: str) -> int:
    root = study.parent
    places = [("store", root / "store"), ("results", root / "results"), ("cache", root / "cache")]
    options = [part for name, path in places for part in (f"--{name}", str(path))]
    monkeypatch.setattr(sys, "argv", ["maskgrid", "report", str(study), *options, *more])
    with pytest.raises(SystemExit) as ended:
        app.main()
    return int(ended.value.code or 0)


def fill(study: Path, loss: Number) -> None:
    """Every trial done: pretrainings with a loss, finetunings with an accuracy of a half."""
    plan = make_plan(study, str(study.parent / "store"))
    plan.ledger.store.prepare()
    for key, trial in plan.graph.trials.items():
        pretrain = trial.task == "restore"
        row = EpochRow(
            epoch=1, step=1, learning_rate=0.1, train_loss=1.0, train_accuracy=None, dev_loss=None,
            dev_accuracy=None, val_loss=loss(trial) if pretrain else 1.0,
            val_accuracy=None if pretrain else 0.5, train_images=12, train_seconds=1.0,
            eval_seconds=1.0,
        )  # fmt: skip
        plan.ledger.save_epoch(key, [row], SavedCheckpoint(1, b"w", b"o"))
        done = Outcome(state="done", finished_at="2026-01-01", provenance={"val_images": 6})
        plan.ledger.finish(key, b"w", done)


@pytest.mark.parametrize(
    ("loss", "code", "outcome"),
    [
        (lambda trial: 0.01 * size_of(trial), 0, "holds"),
        (lambda trial: 0.1 - 0.01 * size_of(trial), 1, "contradicted"),
        (lambda trial: 0.1, 0, "cannot tell"),
    ],
)
def test_check_fails_where_a_claim_is_contradicted(
    write_study: StudyWriter,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    loss: Number,
    code: int,
    outcome: str,
) -> None:
    study = write_study(space=SPACE, seeds=[0, 1, 2])
    fill(study, loss)
    assert report(monkeypatch, study, "--check") == code
    # The verdict is printed and written, whatever the code; without --check it is no failure.
    assert f"{outcome}: Reconstruction loss" in capsys.readouterr().out
    assert f"{outcome}: Rec" in (study.parent / "results/verdicts.md").read_text()
    assert report(monkeypatch, study) == 0


def test_the_terminal_shows_tables_with_notes_in_80_columns(
    write_study: StudyWriter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(space=SPACE, seeds=[0, 1, 2])
    fill(study, lambda trial: 0.01 * size_of(trial) + 0.001 * trial.recipe.seed)
    monkeypatch.setenv("COLUMNS", "80")
    report(monkeypatch, study)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "0.0210 ± 0.0010" in shown
    # sqrt(.25 / 6), and the images that the trials themselves counted.
    assert "on 6 validation images: up to 20.4 points" in " ".join(shown.split())


def test_nothing_done_is_no_contradiction(
    write_study: StudyWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_study(space=SPACE)
    make_plan(study, str(study.parent / "store")).ledger.store.prepare()
    assert report(monkeypatch, study, "--check") == 0
    # Wrong input stays 2.
    assert report(monkeypatch, write_study(pretrain={"epoch": 3}), "--check") == 2


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_results_are_not_written_over_by_a_store_that_knows_nothing_of_them(
    write_study: StudyWriter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(space=SPACE)
    fill(study, size_of)
    assert report(monkeypatch, study) == 0
    before = contents(study.parent / "results")
    elsewhere = study.parent / "elsewhere"
    # A slip of the pen: there is no store.
    assert report(monkeypatch, study, "--store", str(elsewhere)) == 2
    assert f"store {elsewhere}: no store found" in capsys.readouterr().err
    assert not elsewhere.exists()
    # Another study's store.
    make_plan(study, str(elsewhere)).ledger.store.prepare()
    assert report(monkeypatch, study, "--store", str(elsewhere)) == 2
    assert "it has none of the study's trials" in capsys.readouterr().err
    # Another study.
    assert report(monkeypatch, write_study(name="other", space=SPACE)) == 2
    assert "they belong to study 'tiny'" in capsys.readouterr().err
    assert contents(study.parent / "results") == before


@pytest.fixture
def reported(write_study: StudyWriter, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study whose finished results lie beside it, drawn by nobody: figures take seconds."""
    monkeypatch.setattr(
        "orchestrator.report.write._figures_and_page", lambda *_: {"report.html": b""}
    )
    study = write_study(space=SPACE)
    fill(study, lambda trial: 0.1)
    assert report(monkeypatch, study) == 0
    return study


@pytest.mark.parametrize("command", ["run", "report"])
def test_no_command_writes_into_another_studys_results(
    reported: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    root, before = reported.parent, contents(reported.parent / "results")
    reported.write_text(reported.read_text().replace("name: tiny", "name: other"))
    study = reported if command == "run" else ROOT / "results/controls"
    # Every trial is done, so that a run would do nothing but write.
    options = ["--store", str(root / "store"), "--results", str(root / "results")]
    assert call(monkeypatch, command, str(study), *options) == 2
    told = capsys.readouterr().err
    assert "they belong to study 'tiny', not to " in told
    assert told.count("\n") == 1
    assert contents(root / "results") == before


@pytest.mark.parametrize("command", ["run", "report"])
def test_another_study_of_the_same_name_writes_nothing_over(
    reported: Path,
    write_study: StudyWriter,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    root, before = reported.parent, contents(reported.parent / "results")
    space = {"patch_size": None, "mask_ratio": None, "model.ffn": {"grid": [8, 32]}}
    study = write_study(space=space, data={"num_classes": 3}, finetune={"batch_size": 4})
    options = ["--store", str(root / "store"), "--results", str(root / "results")]
    assert call(monkeypatch, command, str(study), *options) == 2
    told = capsys.readouterr().err
    assert "they belong to another study 'tiny', with no cell or trial in common; " in told
    assert told.count("\n") == 1
    assert contents(root / "results") == before


def test_a_study_with_other_images_epochs_and_arms_keeps_its_results_folder(
    reported: Path, write_study: StudyWriter
) -> None:
    arms = [{"name": "new", "set": {"finetune.optim.lr": 0.5}}]
    study = write_study(
        space={"patch_size": {"grid": [8]}}, data={"image_seed": 7}, arms=arms,
        pretrain={"epochs": 3}, finetune={"epochs": 3},
    )  # fmt: skip
    plan = make_plan(study, str(reported.parent / "store"))
    # Nothing is refused: no trial and no cell of the grid is the same, but the study is.
    refuse_another_study(reported.parent / "results", plan.slot.now)
    assert plan.slot.now.trials.keys().isdisjoint(plan.ledger.trial_keys())


@pytest.mark.parametrize("command", ["watch", "explain", "export"])
def test_who_only_looks_tells_a_store_that_is_not_there(
    write_study: StudyWriter,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    study = write_study()
    nowhere = study.parent / "nowhere"
    arguments = {
        "watch": [str(study), "--once"],
        "explain": [str(study), "baseline"],
        "export": ["finetune", str(study.parent / "exported")],
    }[command]
    assert call(monkeypatch, command, *arguments, "--store", str(nowhere)) == 2
    expected = f"error: store {nowhere}: no store found; `maskgrid run` creates one\n"
    assert capsys.readouterr().err == expected
    assert not nowhere.exists()


def test_damaged_results_are_mended(reported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = reported.parent / "results"
    before = contents(results)
    (results / "study.yaml").write_bytes(b"\xff[")
    (results / "trials.parquet").write_bytes(b"PAR1")
    assert report(monkeypatch, reported) == 0
    assert contents(results) == before
