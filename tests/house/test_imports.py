"""Who may import whom: a rank for each package, and an import goes to a lower rank only."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from checkout import ROOT

# From the ground up. Packages of one line know nothing of each other.
FLOORS = [
    [
        "model.errors",
        "model.plain_text",
        "model.answers",
        "model.epoch_row",
        "model.fsync",
        "model.rng",
        "model.device",
    ],
    ["model.config"],
    ["model.data"],
    ["model.networks", "model.masking", "model.augment"],
    ["model.objectives"],
    ["model.analysis"],
    ["model.training"],
    ["model.pretrained"],
    ["orchestrator.study"],
    ["orchestrator.store"],
    ["orchestrator.plan"],
    ["orchestrator.cluster"],
    ["orchestrator.doctor", "orchestrator.analysis", "orchestrator.export"],
    ["orchestrator.report"],
    ["orchestrator.explain"],
    ["orchestrator.run"],
    ["orchestrator.cli"],
    ["orchestrator.__main__"],
]
RANK = {name: rank for rank, names in enumerate(FLOORS) for name in names}
# Where Ray is imported. It expands the search space, which is all that a plan needs of it.
WITH_RAY = ["orchestrator.study.space", "orchestrator.cluster", "orchestrator.run", "orchestrator.doctor"]  # fmt: skip
# What answers on a bare laptop, at once: to import all of it brings neither.
LIGHT = ["model.config", "model.data", "orchestrator.study", "orchestrator.store",
         "orchestrator.plan", "orchestrator.report", "orchestrator.explain", "orchestrator.cli"]  # fmt: skip
HEAVY = ("ray", "torch")
READS_ENVIRONMENT = {"orchestrator.cli.app", "orchestrator.cli.options", "orchestrator.cli.environment",
                     "orchestrator.cluster.connection", "orchestrator.cluster.preconditions"}  # fmt: skip
ROOT_FIRST = """\
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
"""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    module_name(path): path
    for package in ("model", "orchestrator")
    for path in sorted((ROOT / package).rglob("*.py"))
}
PACKAGES = {name for name, path in FILES.items() if path.name == "__init__.py"}


def imported(source: str, package: str = "") -> set[str]:
    """Every module that a source imports anywhere, inside functions and branches too.

    `from a import b` may mean the module `a.b`, so both are there.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, node.module or ""]).strip(".") if node.level else node.module
            names |= {str(base)} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def imports_of(name: str) -> set[str]:
    """Modules that a module of ours imports; a package that is only passed through is none."""
    names = imported(FILES[name].read_text(), name.rpartition(".")[0])
    return {other for other in names if other not in PACKAGES}


def inside(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def floor(name: str) -> str | None:
    """The ranked package that a module belongs to; None for modules that are not ours."""
    return next((package for package in RANK if inside(name, package)), None)


@pytest.mark.parametrize(
    ("source", "package", "names"),
    [
        ("import ray.train as t", "", {"ray.train"}),
        ("def f():\n    if x:\n        from ray import tune", "", {"ray", "ray.tune"}),
        ("from . import cli", "orchestrator", {"orchestrator", "orchestrator.cli"}),
        ("from ..a import b", "top.inner", {"top.a", "top.a.b"}),
        ("import torch, os", "", {"torch", "os"}),
        ("x = 'import ray'  # import ray", "", set()),
    ],
)  # fmt: skip
def test_the_check_itself_sees_every_kind_of_import(
    source: str, package: str, names: set[str]
) -> None:
    # Strings and comments are none.
    assert imported(source, package) == names


def test_every_module_has_a_rank() -> None:
    bare = {"model", "orchestrator"}
    assert [name for name in FILES if name not in bare and floor(name) is None] == []
    # No rank is left of a package that is gone.
    assert [name for name in RANK if name not in FILES] == []


@pytest.mark.parametrize("name", [name for name in FILES if name not in PACKAGES])
def test_an_import_goes_to_a_lower_rank(name: str) -> None:
    own = floor(name)
    assert own is not None
    others = {other: floor(other) for other in imports_of(name)}
    up = [o for o, at in others.items() if at is not None and at != own and RANK[at] >= RANK[own]]
    assert up == []


def folder(name: str) -> str:
    """The folder of a module; the modules at the root of `model` are ranked one by one."""
    return name if name in RANK else name.rpartition(".")[0]


def cycles(graph: dict[str, set[str]]) -> list[str]:
    """Nodes of a graph that reach themselves."""
    reached = {name: set(graph[name]) for name in graph}
    for middle in graph:
        for name in graph:
            if middle in reached[name]:
                reached[name] |= reached[middle]
    return [name for name in graph if name in reached[name]]


def test_no_import_goes_round() -> None:
    modules = {name: imports_of(name) & FILES.keys() for name in FILES}
    assert cycles(modules) == []
    folders: dict[str, set[str]] = {folder(name): set() for name in FILES}
    for name, others in modules.items():
        folders[folder(name)] |= {folder(other) for other in others} - {folder(name)}
    # Folders inside of one package neither.
    assert cycles(folders) == []


def test_ray_has_four_doors() -> None:
    users = [name for name in FILES if any(inside(other, "ray") for other in imports_of(name))]
    assert [name for name in users if not inside(name, *WITH_RAY)] == []
    assert [door for door in WITH_RAY if not any(inside(name, door) for name in users)] == []


def test_the_method_can_be_lifted_out_and_used_alone() -> None:
    never = ("ray", "pyarrow", "orchestrator")
    users = [name for name in FILES if inside(name, "model")]
    assert [n for n in users if any(inside(other, *never) for other in imports_of(n))] == []


def test_light_packages_bring_neither_ray_nor_torch() -> None:
    light = [name for name in FILES if inside(name, *LIGHT) and not inside(name, *WITH_RAY)]
    program = (
        "import importlib, sys\n"
        f"for name in {light!r}:\n"
        "    importlib.import_module(name)\n"
        f"    for heavy in {HEAVY!r}:\n"
        "        assert heavy not in sys.modules, f'{name} brings {heavy}'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    # Not through any other module either.
    assert (done.returncode, done.stderr) == (0, "")


def calls(source: str) -> Iterator[str]:
    """Names that are called, as they are written."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_only_one_module_connects_to_ray() -> None:
    users = {name for name, path in FILES.items() if "ray.init" in calls(path.read_text())}
    # Library code works in whatever cluster it finds itself.
    assert users == {"orchestrator.cluster.connection"}
    # Nor is there another spelling of it.
    assert "ray.init" not in set(chain.from_iterable(map(imports_of, FILES)))


def test_packages_open_without_running_anything() -> None:
    # To import one module never imports its neighbours; our own root goes first on the path.
    texts = {name: text for name in PACKAGES if (text := FILES[name].read_text())}
    assert list(texts) == ["orchestrator"]
    assert texts["orchestrator"].partition('"""\n\n')[2] == ROOT_FIRST
    # Every folder with modules is a package, so that it is installed.
    assert {path.parent for path in FILES.values()} == {FILES[name].parent for name in PACKAGES}


def test_the_root_of_the_orchestrator_holds_its_entrance_alone() -> None:
    files = {path.name for path in (ROOT / "orchestrator").glob("*.py")}
    assert files == {"__init__.py", "__main__.py"}


def test_only_the_edges_read_the_environment() -> None:
    words = ("os.environ", "os.getenv")
    readers = {n for n, path in FILES.items() if any(word in path.read_text() for word in words)}
    # A worker's environment may differ from the driver's: what matters travels as a field.
    assert readers <= READS_ENVIRONMENT
