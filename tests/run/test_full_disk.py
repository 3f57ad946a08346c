"""A disk that fills up while trials train: one line of the store's, and the same command goes on."""

import io
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.plan.plan import Plan, make_plan, with_retries
from orchestrator.run.driver import RunOptions, run_study
from orchestrator.store.store import StoreError
from studies import StudyWriter

ONE_CELL = {"space": {"patch_size": {"grid": [4]}, "mask_ratio": {"grid": [0.5]}}}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def run(plan: Plan, folder: Path) -> bool:
    options = RunOptions(results=folder / "results", cache=folder / "cache")
    return run_study(with_retries(plan), options, Console(file=io.StringIO()))


def fill(folder: Path) -> None:
    with (folder / "ballast").open("wb", buffering=0) as stream:
        for size in (2**16, 2**10, 1):
            try:
                while True:
                    stream.write(bytes(size))
            except OSError:
                continue


@pytest.mark.long  # a disk of its own is filled twice
@pytest.mark.ray
@pytest.mark.usefixtures("ray_cluster")
def test_a_full_disk_ends_in_the_stores_line_and_the_same_command_goes_on(
    write_study: StudyWriter, small_disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Long enough to be in the middle when the first epoch is seen.
    study = write_study(**ONE_CELL, finetune={"epochs": 60}, pretrain={"epochs": 60})
    plan = make_plan(study, str(small_disk / "store"))
    over = threading.Event()

    def fill_in_mid_training() -> None:
        while not over.wait(0.05):
            if any(plan.ledger.peek_rows(key) for key in plan.graph.trials):
                return fill(small_disk)

    thread = threading.Thread(target=fill_in_mid_training)
    thread.start()
    try:
        with pytest.raises(StoreError, match=r"store .*disk/store: cannot .*: No space left"):
            run(plan, tmp_path)
    finally:
        over.set()
        thread.join()
    assert "Traceback" not in capfd.readouterr().err
    (small_disk / "ballast").unlink()
    assert run(make_plan(study, str(small_disk / "store")), tmp_path)
