"""The benchmarks' structure: what is recorded and shown. How fast anything is, no test says."""

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

from bench import __main__ as program
from bench.harness import runs, table
from bench.harness.part import ROOT, Options, alternate, line
from bench.harness.record import Part, Record, Run, read, write
from bench.harness.result import Result, at_least, at_most, not_measured, result
from bench.inputs import images
from bench.inputs.recipes import recipe
from bench.parts import gpu, gpu_sharing, input, noop, records_to_tables, step
from bench.peers import plain_loop
from model.data.image_set import split
from model.errors import InputError
from model.objectives.objectives import build_objective

ROW = result("input.one_core", "images/s", [8.0, 6.0, 9.0], [4.0, 1.0, 3.0], against="a peer")
TINY = Options(tiny=True, rounds=1)


def run_of(code: str = "a", commit: str = "c" * 40, **parts: Part) -> Run:
    where = {"cpu": "Chip(R) 9", "cores": 2, "gpu": None, "system": "Linux", "python": "3.11.7"}
    return Run(
        code=code, commit=commit, date="2024-05-06", dirty=False, rounds=3, trials=(10,),
        provenance={**where, "versions": {"torch": "2.15"}}, parts=parts,
    )  # fmt: skip


def test_a_ratio_is_the_median_over_rounds() -> None:
    # 8 / 4, 6 / 1, 9 / 3: a round's two sides belong together.
    assert (ROW.value, ROW.peer, ROW.ratio, ROW.low, ROW.high) == (8.0, 3.0, 3.0, 6.0, 9.0)
    less = result("x", "s", [8.0, 6.0, 9.0], [4.0, 1.0, 3.0], less_is_better=True)
    # Above 1 is better there too.
    assert less.ratio == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="zip"):
        result("x", "s", [1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (at_least(3), True),
        (at_least(3.1), False),
        (at_least(8, of="value"), True),
        (at_most(7.9), False),
        (None, None),
    ],
)
def test_a_goal_is_of_the_ratio_or_of_the_value(goal: Any, met: bool | None) -> None:
    assert ROW.model_copy(update={"goal": goal}).met is met


def test_what_was_not_measured_has_neither_figure_nor_verdict() -> None:
    row = not_measured("x.y", "s", "no GPU", goal=at_most(3))
    assert (row.value, row.ratio, row.met) == (None, None, None)
    assert line(row) == "x.y: not measured: no GPU"


def test_both_sides_are_measured_in_turn() -> None:
    order: list[str] = []

    def side(name: str) -> Callable[[], float]:
        return lambda: order.append(name) or float(len(order))

    assert alternate(2, side("a"), side("b")) == ([1.0, 3.0], [2.0, 4.0])
    assert order == ["a", "b", "a", "b"]


def test_compiling_is_what_first_epochs_took_longer() -> None:
    def epochs(key: str, *seconds: float) -> list[dict[str, Any]]:
        rows = enumerate(seconds, 1)
        return [{"trial_key": key, "epoch": at, "train_seconds": each} for at, each in rows]

    told = epochs("a", 9.0, 2.0, 1.0, 3.0) + epochs("b", 1.0, 2.0) + epochs("c", 5.0)
    # 9 - 2; a first epoch that was faster, or has none to compare with, adds nothing.
    assert runs.excess(told[::-1]) == pytest.approx(7.0)


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    record = Record(machine="m").with_run(run_of(input=Part(seconds=1.0, results=(ROW,))))
    path = tmp_path / "new" / "m.json"
    write(path, record)
    assert read(path, "m") == record
    assert read(tmp_path / "none.json", "m") == Record(machine="m")
    path.write_text("{}")
    with pytest.raises(InputError, match=r"m\.json: not a record of benchmarks"):
        read(path, "m")


def test_one_entry_a_version() -> None:
    later = run_of(input=Part(seconds=1.0, results=(ROW,)))
    record = Record(machine="m").with_run(run_of()).with_run(run_of("b", "d" * 40))
    # A version that is measured again or further moves to the end.
    assert record.with_run(later).runs == (run_of("b", "d" * 40), later)


def test_the_page_shows_the_latest_run_and_a_line_a_version() -> None:
    row = ROW.model_copy(update={"goal": at_least(6, 10), "note": "a note"})
    missing = not_measured("gpu.study.bf16", "minutes", "no GPU", goal=at_most(45))
    run = run_of(input=Part(seconds=1.0, results=(row,)), gpu=Part(seconds=1.0, results=(missing,)))
    page = table.markdown([Record(machine="m", runs=(run_of("b", "d" * 40), run))]).splitlines()
    assert (
        "| `input.one_core` | 8 images/s | 6 to 9 (3) | 3.00x | 3: a peer "
        "| **missed**: ≥ 6x (10x) | a note |"
    ) in page
    assert "| `gpu.study.bf16` |  |  |  |  | ≤ 45 | not measured: no GPU |" in page
    versions = page[page.index("### Versions on m") :]
    assert [cells.split(" | ")[:2] for cells in versions if "2024" in cells] == [
        ["| dddddddddd, 2024-05-06", ""], ["| cccccccccc, 2024-05-06", "3.00x"],
    ]  # fmt: skip


def test_every_headline_belongs_to_a_part_that_is_a_module() -> None:
    assert {name.partition(".")[0] for name, _, _ in table.HEADLINES} <= table.PARTS.keys()
    assert [
        name for name in table.PARTS if not (ROOT / "bench/parts" / f"{name}.py").exists()
    ] == []


def test_a_cut_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    broken = {"step"}

    def measure(name: str, arguments: list[str], ends: float) -> Part | None:
        asked.append(name)
        return None if name in broken else Part(seconds=1.0, results=(ROW,))

    monkeypatch.setattr(program, "_measure", measure)
    with pytest.raises(typer.Exit) as stopped:
        program.main(["input", "step", "noop"], results=tmp_path)
    assert stopped.value.exit_code == 1
    broken.clear()
    program.main(["input", "step", "noop"], results=tmp_path)
    # Only what was missing; then, when told so, what was there.
    assert asked == ["input", "step", "noop", "step"]
    program.main(["noop"], results=tmp_path, fresh=True)
    assert asked[4:] == ["noop"]
    (path,) = tmp_path.glob("*.json")
    assert read(path, path.stem).runs[-1].parts.keys() == {"input", "step", "noop"}
    assert (tmp_path / "README.md").read_text().startswith("# Benchmarks\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["inputs"], "error: part 'inputs' is not known; choices: input, "),
        (["--device", "tpu"], "error: --device tpu: choices: cpu, cuda"),
        (["--trials", "ten"], "error: --trials ten: whole numbers from 10"),
        pytest.param(
            ["--device", "cuda"], "error: --device cuda: PyTorch sees no GPU here; choices: cpu",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)  # fmt: skip
def test_wrong_input_is_refused_in_one_line(arguments: list[str], told: str) -> None:
    command = [sys.executable, "-m", "bench", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(told) and done.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
def test_the_plain_loop_has_the_same_network_and_learns(kind: Any) -> None:
    made = recipe("quick", kind, 8, 4)
    pictures = images.image_set(32, 32)
    network = plain_loop.build(made, pictures)
    objective = build_objective(made, len(pictures.class_names)).network.state_dict()
    assert objective.keys() == network.state_dict().keys()
    assert all(torch.equal(objective[name], value) for name, value in network.state_dict().items())
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = [plain_loop._epoch(made, pictures, network, optimizer) for _ in range(6)]
    assert losses[-1] < losses[0]


def test_images_repeat_beyond_those_drawn() -> None:
    pictures = images.image_set(8, 2048)
    assert len(split(pictures, images.config(8, 2048)).train) == 2048
    assert (pictures.images[:1024] == pictures.images[1024:2048]).all()


@pytest.mark.parametrize("part", [gpu, gpu_sharing])
def test_a_gpu_part_says_that_there_is_none(part: Any) -> None:
    rows = list(part.measure(Options()))
    assert rows and {row.value for row in rows} == {None}
    assert all(row.note.startswith("not measured: there is no GPU") and row.goal for row in rows)


@pytest.mark.parametrize(
    ("device", "found", "measured"),
    [("cpu", "no", True), ("cuda", "yes", True), ("cuda", "no", False), ("cuda", "in part", False)],
)
def test_speed_as_it_is_written_is_not_told_as_compiled(
    device: str, found: str, measured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "status", lambda _: found)
    row = step.if_compiled(ROW, torch.device(device))
    assert (row.value is not None) == measured
    assert (row.name, row.unit, row.against, row.goal) == (ROW.name, ROW.unit, "a peer", ROW.goal)
    if device == "cuda":
        assert "graphs compiled so far" in row.note if measured else found in row.note


@pytest.fixture
def threads() -> Iterator[None]:
    """Leaves PyTorch's threads as they were."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("part", [input, records_to_tables, gpu])
def test_a_part_measures(part: Any, threads: None) -> None:
    check(list(part.measure(TINY)))


@pytest.mark.long  # the part starts a process for each number of trials
@pytest.mark.ray
def test_sharing_a_gpu_is_measured(tmp_path: Path) -> None:
    # In a process of its own, as `make bench-gpu` does: it starts a Ray that believes in a GPU.
    found = tmp_path / "rows.jsonl"
    command = [sys.executable, "-m", "bench.parts.gpu_sharing", "--tiny", "--json", str(found)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    check([Result.model_validate_json(line) for line in found.read_text().splitlines()])


@pytest.mark.ray
def test_tune_is_measured(ray_cluster: str) -> None:
    check(list(noop.measure(TINY)))


def check(rows: list[Result]) -> None:
    """Every row has a figure, and a peer exactly where it has a ratio."""
    assert rows and len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert row.value is not None and math.isfinite(row.value), row.name
        assert (row.peer is None) == (row.ratio is None) and row.runs >= 1
