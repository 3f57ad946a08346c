"""torch.compile changes nothing but speed, and compiles twice a study at most."""

import shutil
from dataclasses import asdict

import pytest
import torch
from torch._dynamo.utils import counters

from model.config import FinetuneRecipe, MaskConfig, PretrainRecipe
from model.context import LocalContext
from model.rows import EpochRow
from model.train import fit
from tests.tiny_trials import finetune, images_of, pretrain

pytestmark = pytest.mark.skipif(not shutil.which("g++"), reason="compiling on a CPU needs g++")


def train(recipe: PretrainRecipe | FinetuneRecipe, compiled: bool) -> list[EpochRow]:
    context = LocalContext(compiled=compiled)
    weights = fit(recipe, images_of(), context)
    assert all(torch.isfinite(value).all() for value in weights.values())
    return context.rows


def test_a_study_compiles_twice_and_learns_the_same() -> None:
    # The last batch is smaller, the held-out images come in a batch of another size: both run as
    # they are written. Masks differ in patch size and ratio: neither may be a constant.
    masks = [(2, 0.2), (4, 0.4), (8, 0.6)]
    recipes: list[PretrainRecipe | FinetuneRecipe] = [
        pretrain(mask=MaskConfig(patch_size=patch, ratio=ratio)) for patch, ratio in masks
    ]
    recipes += [finetune(), finetune(seed=1)]
    counters.clear()
    for recipe in recipes:
        for ours, plain in zip(train(recipe, True), train(recipe, False), strict=True):
            for name, value in asdict(ours).items():
                if value is not None and not name.endswith("seconds"):
                    assert value == pytest.approx(asdict(plain)[name], rel=1e-4), name
    assert counters["stats"]["unique_graphs"] == 2
    # Nothing fell back to how it is written without saying so.
    assert not counters["graph_break"]
    assert not counters["unimplemented"]
