"""torch.compile changes nothing but speed, and compiles twice a study at most."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch._inductor.compile_fx as inductor
from torch import nn
from torch._dynamo.utils import counters

from model.config.masking import MaskConfig
from model.config.network import ModelConfig
from model.config.recipe import Recipe
from model.epoch_row import EpochRow
from model.training.compilation import compilations, compile_in_place, status
from model.training.context import LocalContext
from model.training.fit import fit
from orchestrator.run import worker
from tests.support.tiny_trials import CONSTANT, CPU, finetune, images_of, pretrain

pytestmark = pytest.mark.skipif(not shutil.which("g++"), reason="compiling on a CPU needs g++")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing is known of other tests' compilations, nor they of these."""
    counters.clear()
    torch._dynamo.reset()
    yield
    counters.clear()
    torch._dynamo.reset()


def train(recipe: Recipe, compiled: bool) -> list[EpochRow]:
    context = LocalContext(compiled=compiled)
    weights = fit(recipe, images_of(), context).weights
    assert all(torch.isfinite(value).all() for value in weights.values())
    return context.rows


def test_a_study_compiles_twice_and_learns_the_same() -> None:
    # The last batch is smaller, the held-out images come in a batch of another size: both run as
    # they are written. Masks differ in patch size and ratio: neither may be a constant.
    masks = [(2, 0.2), (4, 0.4), (8, 0.6)]
    recipes: list[Recipe] = [
        pretrain(mask=MaskConfig(patch_size=patch, ratio=ratio)) for patch, ratio in masks
    ]
    recipes += [finetune(), finetune(seed=1)]
    for recipe in recipes:
        for ours, plain in zip(train(recipe, True), train(recipe, False), strict=True):
            for name, value in ours.flat().items():
                if value is not None and not name.endswith("seconds"):
                    assert value == pytest.approx(plain.flat()[name], rel=1e-4), name
    assert counters["stats"]["unique_graphs"] == 2
    # Nothing fell back to how it is written without saying so.
    assert not counters["graph_break"]
    assert not counters["unimplemented"]
    assert (compilations()["graphs"], compilations()["refused"]) == (2, 0)
    assert status(CPU) == "yes"


@pytest.mark.parametrize("backward", [False, pytest.param(True, marks=pytest.mark.long)])
def test_what_cannot_be_compiled_trains_as_it_is_written(
    backward: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = inductor._compile_fx_inner

    def refuse(*arguments: Any, **options: Any) -> Any:
        if bool(options.get("is_backward")) == backward:
            raise RuntimeError("no compiler for this machine")
        return compiled(*arguments, **options)

    monkeypatch.setattr(inductor, "_compile_fx_inner", refuse)
    small = ModelConfig(channels=(4,), features=8, embed=8, heads=2, blocks=1, ffn=16)
    recipe = finetune(epochs=2, schedule=CONSTANT).model_copy(update={"model": small})
    with torch._inductor.config.patch(force_disable_caches=True):
        ours = train(recipe, True)
    plain = train(recipe, False)
    # The very same numbers: also where only the backward pass was refused, nothing is compiled.
    assert [row.train_loss for row in ours] == [row.train_loss for row in plain]
    # And it is told.
    assert status(CPU) in ("no", "in part")


def test_one_process_compiles_networks_of_many_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    given = nn.Module.compile
    monkeypatch.setattr(
        nn.Module, "compile", lambda self, **_: given(self, backend="aot_eager", dynamic=False)
    )
    for width in range(1, 13):
        network = nn.Linear(width, width)
        compile_in_place(network)
        network(torch.rand(2, width)).sum().backward()
    # PyTorch's own limit is eight, after which every network would run as it is written.
    assert compilations() == {"graphs": 12, "refused": 0, "cudagraph_skips": 0}


@pytest.mark.parametrize(
    ("frames", "graphs", "skips", "on_cpu", "on_gpu"),
    [
        ((0, 0), 0, 0, "no", "no"),
        ((1, 1), 1, 0, "yes", "yes"),
        ((1, 1), 1, 2, "yes", "without CUDA graphs"),
        ((9, 7), 3, 0, "in part", "in part"),
        ((2, 0), 0, 0, "no", "no"),
    ],
)
def test_what_became_of_a_wish_to_compile_is_told(
    frames: tuple[int, int], graphs: int, skips: int, on_cpu: str, on_gpu: str
) -> None:
    counters["frames"]["total"], counters["frames"]["ok"] = frames
    counters["stats"]["unique_graphs"] = graphs
    counters["inductor"]["cudagraph_skips"] = skips
    assert status(CPU) == on_cpu
    assert status(torch.device("cuda")) == on_gpu


def test_a_trial_records_whether_it_was_compiled() -> None:
    asked: Any = LocalContext(compiled=True)
    not_asked: Any = LocalContext()
    # Nothing was compiled here: that it was wished for is not enough.
    assert worker._hardware(asked)["compiled"] == "no"
    assert "compiled" not in worker._hardware(not_asked)
