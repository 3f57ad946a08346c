"""Who may import whom: the rules of the layout, as a table."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import ROOT

PACKAGES = ("model", "orchestrator")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    module_name(path): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
# Modules that answer on a bare laptop, at once.
LIGHT = [
    "model.config.recipe", "model.epoch_row", "model.errors",
    *(f"orchestrator.{name}" for name in (
        "study", "outputs", "runtime", "studyfile", "loader", "mistakes", "recipes", "graph", "store", "paths", "ledger", "records", "resources",
        "growth", "names", "doctor", "budget",
        "lease", "remembered", "stock", "deletion", "housekeeping",
    )),
    *(name for name in FILES if name.startswith("orchestrator.report")),
]  # fmt: skip
# What tells MLflow, W&B and TensorBoard is Ray's own; it is imported only where it is asked for.
TRACKERS = [f"trackers.{name}" for name in ("epochs", "to_tensorboard", "to_mlflow", "to_wandb")]
WITH_RAY = [
    f"orchestrator.{name}"
    for name in (
        "search",
        "sweep",
        "worker",
        "cluster",
        "left_behind",
        "doctor_rounds",
        "packing",
        "on_dashboard",
        *TRACKERS,
    )
]


def imported(source: str, package: str = "") -> set[str]:
    """Every module that a source imports anywhere, inside functions and branches too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, node.module or ""]).strip(".") if node.level else node.module
            found |= {str(base)} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def imports_of(name: str) -> set[str]:
    path = FILES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return imported(path.read_text(), package)


def below(names: set[str], top: str) -> set[str]:
    """Those of the names that are `top` or lie inside of it."""
    return {name for name in names if name == top or name.startswith(f"{top}.")}


def modules(*prefixes: str) -> list[str]:
    return [name for name in FILES if any(below({name}, prefix) for prefix in prefixes)]


@pytest.mark.parametrize(
    ("source", "package", "found"),
    [
        ("import ray.train as t", "", {"ray.train"}),
        ("def f():\n    if x:\n        from ray import tune", "", {"ray", "ray.tune"}),
        ("from . import cli", "orchestrator", {"orchestrator", "orchestrator.cli.app"}),
        ("from ..a import b", "top.inner", {"top.a", "top.a.b"}),
        ("import torch, os", "", {"torch", "os"}),
        ("x = 'import ray'  # import ray", "", set()),
    ],
)  # fmt: skip
def test_the_check_itself_sees_every_kind_of_import(
    source: str, package: str, found: set[str]
) -> None:
    # Strings and comments are none.
    assert imported(source, package) == found


@pytest.mark.parametrize(
    ("who", "never"),
    [
        # The training can be lifted out and used alone.
        (modules("model"), ("ray", "pyarrow", "orchestrator")),
        # A study is checked and planned, and tables are made, without either.
        (LIGHT, ("ray", "torch")),
        # Ray has these doors.
        ([name for name in FILES if name not in WITH_RAY], ("ray",)),
        # The command line is the top.
        ([name for name in FILES if name != "orchestrator.__main__"], ("orchestrator.cli.app",)),
        # Commands call functions; nothing but the command line calls commands.
        (
            [n for n in FILES if n != "orchestrator.cli.app" and not n.startswith("orchestrator.cli")],
            ("orchestrator.cli",),
        ),
        # Records become tables without anything that runs trials.
        (modules("orchestrator.report"), tuple(WITH_RAY)),
    ],
    ids=["model", "light", "ray", "cli", "commands", "report"],
)  # fmt: skip
def test_who_never_imports_what(who: list[str], never: tuple[str, ...]) -> None:
    # The list names modules that exist.
    assert who and set(who) <= FILES.keys()
    found = {name: set().union(*(below(imports_of(name), top) for top in never)) for name in who}
    assert {name: names for name, names in found.items() if names} == {}


def test_those_who_may_import_ray_do() -> None:
    # A door that is no longer used is to be taken off the list.
    assert [name for name in WITH_RAY if not below(imports_of(name), "ray")] == []


def test_light_modules_leave_ray_and_torch_alone() -> None:
    program = (
        "import importlib, sys\n"
        f"for name in {LIGHT!r}:\n"
        "    importlib.import_module(name)\n"
        "    for heavy in ('ray', 'torch'):\n"
        "        assert heavy not in sys.modules, f'{name} brings {heavy}'\n"
        "print(len(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    # Not through any other module either.
    assert (done.returncode, done.stderr) == (0, "")


def calls(source: str) -> Iterator[str]:
    """Names that are called, as they are written."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_only_the_cluster_module_connects_to_ray() -> None:
    found = {name for name, path in FILES.items() if "ray.init" in calls(path.read_text())}
    # Library code works in whatever cluster it finds itself.
    assert found == {"orchestrator.cluster.connection"}
    # Nor is there another spelling of it.
    assert [name for name in FILES if "ray.init" in imports_of(name)] == []


def test_packages_open_without_running_anything() -> None:
    packages = [path for path in FILES.values() if path.name == "__init__.py"]
    # To import one module never imports its neighbours.
    assert {str(path): path.read_text() for path in packages if path.read_text()} == {}
    # Every folder with modules is a package, so that it is installed.
    assert {path.parent for path in FILES.values()} == {path.parent for path in packages}


def test_only_the_edges_read_the_environment() -> None:
    allowed = {
        "orchestrator.cli.app",
        "orchestrator.cli.options",
        "orchestrator.cluster.connection",
    }
    readers = {
        name for name, path in FILES.items()
        if any(word in path.read_text() for word in ("os.environ", "os.getenv"))
    }  # fmt: skip
    # A worker's environment may differ from the driver's: what matters travels as a field.
    assert readers <= allowed
