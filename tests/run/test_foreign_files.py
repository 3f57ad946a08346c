"""A study in a folder with files of the user's that are called as ours, or as what we import."""

import os
import secrets
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from checkout import ROOT

from studies import TINY, merged

SECRET = "marked" + secrets.token_hex(8)
# The baseline alone.
SMALLEST = {"space": None, "tables": []}


@pytest.fixture
def ray_folder() -> Iterator[Path]:
    """Where Ray keeps its files; sockets want a short path."""
    folder = Path(tempfile.mkdtemp(prefix="mg-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def write_foreign_files(folder: Path, *names: str) -> None:
    """Modules and packages that nothing of ours may import."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"raise SystemExit('imported the user\\'s {name}')\n")


def interpreter(folder: Path) -> Path:
    """A Python with the packages of this one, in a folder."""
    venv.create(folder, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    packages = [path for path in sys.path if path.endswith("site-packages")]
    (site / "packages.pth").write_text("\n".join([str(ROOT), *packages]))
    return folder / "bin" / "python"


@pytest.mark.ray
@pytest.mark.parametrize("executor", ["inline", "train"])
def test_a_users_own_files_are_never_imported(
    executor: str, tmp_path: Path, ray_folder: Path
) -> None:
    # A space and an umlaut in every path, the interpreter's too: Ray hands that to a shell.
    folder = tmp_path / "mein Ordner für Bilder"
    package = "model.py" if executor == "inline" else "model/__init__.py"
    write_foreign_files(folder, package, "orchestrator/__init__.py", "yaml.py", "ray.py")
    # As a job's working directory, which Ray puts on the path of all its processes.
    write_foreign_files(folder / "job", package)
    study = merged(TINY, {**SMALLEST, "runtime": {"executor": executor}})
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    program = "import sys; from orchestrator.cli.app import main; sys.argv[0] = 'maskgrid'; main()"
    (folder / "bin").mkdir()
    (folder / "bin" / "maskgrid").write_text(program)
    done = subprocess.run(
        [interpreter(folder / "venv"), "bin/maskgrid", "run", "study.yaml", "--no-dashboard",
         "--store", "store", "--results", "results", "--cache", "cache"],
        cwd=folder, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(folder / "job"), "RAY_TMPDIR": str(ray_folder),
             "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": SECRET},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # Everything was written where the user stands.
    assert {"store", "results", "cache"} <= {path.name for path in folder.iterdir()}
    # Ray logs what it was given, the credentials of its environment too: for their owner alone.
    assert holding_the_secret(folder) == []
    assert [
        path for path in holding_the_secret(ray_folder) if not is_private(path, ray_folder)
    ] == []


def holding_the_secret(folder: Path) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if SECRET.encode() in path.read_bytes()]


def is_private(path: Path, root: Path) -> bool:
    """Whether it lies below a folder, inside of the root, that is its owner's alone."""
    folders = [folder for folder in path.parents if root in folder.parents]
    return any(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in folders)
