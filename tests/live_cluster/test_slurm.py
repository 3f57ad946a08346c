"""deploy/slurm.sh with stand-ins for Slurm's commands: two nodes on this machine."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from machine import PYTHON, ROOT, end_whatever_carries
from tiny_study import TINY
from transcript import NewTranscript

pytestmark = pytest.mark.cluster

# As Slurm's, for the two uses that the script makes of them.
SCONTROL = 'test "$1 $2" = "show hostnames" && printf "%s\\n" one two'
SRUN = 'for word; do case $word in --*) shift;; *) break;; esac; done; exec "$@"'


@pytest.fixture
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a batch script."""
    programs = {
        "scontrol": SCONTROL,
        "srun": SRUN,
        "python": f'exec {PYTHON} "$@"',
        "maskgrid": f'exec {PYTHON} -m orchestrator "$@"',
        "ray": f'exec {PYTHON} -m ray.scripts.scripts "$@"',
    }
    for name, body in programs.items():
        path = folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment = kept | {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_JOB_NODELIST": "one,two",
        "MASKGRID_STORE": str(folder / "store"),
        "PYTHONPATH": str(ROOT),
        "RAY_TMPDIR": str(folder),
        "TMPDIR": str(folder),
    }
    with end_whatever_carries(folder):
        yield environment


def test_the_batch_script_runs_a_study_on_two_nodes(
    slurm: dict[str, str], folder: Path, transcript: NewTranscript
) -> None:
    study = folder / "tiny.yaml"
    # More workers than one node has CPUs: both nodes must have joined.
    workers = (os.cpu_count() or 1) + 1
    study.write_text(yaml.safe_dump(TINY | {"runtime": {"num_workers": workers}}))
    told = transcript("deploy/slurm.sh, with stand-ins for srun and scontrol", slurm, folder)
    printed = told.run(
        str(ROOT / "deploy/slurm.sh"), str(study), "--results", str(folder / "results")
    )
    assert "written to" in printed
    assert (folder / "results" / "table_1.md").exists()
    # What went wrong is told by the exit code.
    study.write_text("name: [")
    told.environment = slurm | {"SLURM_JOB_ID": str(os.getpid() + 1)}
    told.run(str(ROOT / "deploy/slurm.sh"), str(study), expect=2)
