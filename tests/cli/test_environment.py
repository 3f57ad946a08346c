"""Commands started by whomever: without a home, with empty variables, with other encodings."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT

from orchestrator.cli.environment import prepare_process
from studies import StudyWriter

COMMAND = [sys.executable, "-m", "orchestrator"]


def clean(**change: str | None) -> dict[str, str]:
    """This process's environment with other values; None leaves a variable out."""
    changed = {"PYTHONPATH": str(ROOT), **os.environ, **change}
    return {name: value for name, value in changed.items() if value is not None}


def plan(
    study: Path, *options: str, cwd: Path, **change: str | None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, "plan", str(study), *options],
        cwd=cwd, env=clean(**change), capture_output=True, timeout=100,
    )  # fmt: skip


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MASKGRID_STORE", "RAY_TMPDIR", "RAY_AUTH_MODE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    prepare_process()
    assert {"MASKGRID_STORE", "RAY_TMPDIR", "RAY_AUTH_MODE", "XDG_CACHE_HOME"}.isdisjoint(
        os.environ
    )
    # What says something by being empty stays, and so does every value.
    assert (os.environ["CUDA_VISIBLE_DEVICES"], os.environ["RAY_ADDRESS"]) == ("", "auto")
    # The home is the user's own, as if the variable had not been set.
    assert Path.home().is_dir()


def test_an_empty_option_is_the_default(write_study: StudyWriter, tmp_path: Path) -> None:
    study = write_study()
    (tmp_path / "here").mkdir()
    done = plan(study, "--store", "", "--data", "", cwd=tmp_path / "here", MASKGRID_STORE="")
    # Synthetic images refuse --data, and the store of the empty string would be this folder.
    assert (done.returncode, done.stderr) == (0, b"")
    assert list((tmp_path / "here").iterdir()) == []


UNKNOWN_AND_READ_ONLY = """
import pwd, resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # no file can be written to, even by root
def unknown(uid): raise KeyError(uid)
pwd.getpwuid = unknown
import orchestrator.__main__
"""


def test_a_plan_needs_no_home_and_no_write_access(write_study: StudyWriter, tmp_path: Path) -> None:
    study = write_study()
    program = [sys.executable, "-c", UNKNOWN_AND_READ_ONLY, "plan", str(study)]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = clean(HOME=None, RAY_TMPDIR=None, TMPDIR=str(temporary))
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, timeout=100)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert b"5 trials requested, 5 unique" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.yaml", "temporary"]


def test_a_home_that_stands_in_is_nobody_elses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def homeless(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", "")
    prepare_process()
    first = Path(os.environ["HOME"])
    assert (first.parent, stat.S_IMODE(first.stat().st_mode)) == (tmp_path, 0o700)
    prepare_process()
    # The same one the next time, since decoded images are kept there.
    assert Path(os.environ["HOME"]) == first
    first.chmod(0o777)
    prepare_process()
    # Others could have put a token there that they know.
    assert Path(os.environ["HOME"]) != first


@pytest.mark.parametrize("encoding", ["ascii:strict", "cp437"])
def test_what_an_encoding_lacks_is_replaced(
    write_study: StudyWriter, tmp_path: Path, encoding: str
) -> None:
    arms = [{"name": "wide", "set": {"model.ffn": 8}}]
    done = plan(
        write_study(arms=arms, description="±└"), cwd=tmp_path, PYTHONIOENCODING=encoding, HOME=None
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"classify-" in done.stdout


def test_a_vanished_folder_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    program = "import os; os.rmdir(os.getcwd()); import orchestrator.__main__"
    gone.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program, "plan", "study.yaml"],
        cwd=gone, env=clean(), capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    expected = "error: the current folder no longer exists; change to another one\n"
    assert (done.returncode, done.stderr) == (2, expected)
