"""studies/paper.yaml is the recipe of Terentiev & Ivanenko (2024), to the letter."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from checkout import ROOT

from model.config.recipe import ClassifyRecipe, RestoreRecipe
from model.data.image_set import ImageSet, split
from model.training.schedule import learning_rate
from orchestrator.cli import app
from orchestrator.study.file import read_study
from orchestrator.study.graph import TrialGraph, build_graph
from orchestrator.study.space import expand_space
from orchestrator.study.spec import StudySpec

PAPER = ROOT / "studies" / "paper.yaml"
STEPS = 657  # 84,000 images in batches of 128, the last of 32


@pytest.fixture(scope="module")
def study() -> StudySpec:
    return read_study(PAPER)


@pytest.fixture(scope="module")
def graph(study: StudySpec) -> TrialGraph:
    return build_graph(study, expand_space(study))


def test_nine_pretrainings_and_ten_finetunings(graph: TrialGraph) -> None:
    tasks = [trial.task for trial in graph.trials.values()]
    assert (tasks.count("restore"), tasks.count("classify")) == (9, 10)
    # The baseline comes first; every other finetuning follows its own pretraining.
    baseline, *others = graph.trials.values()
    assert (baseline.task, baseline.inputs) == ("classify", {})
    for parent, child in zip(others[::2], others[1::2], strict=True):
        assert (parent.task, child.inputs) == ("restore", {"weights": parent.key})


def test_the_masks_are_the_papers(graph: TrialGraph) -> None:
    masks = [
        trial.recipe.train.mask
        for trial in graph.trials.values()
        if isinstance(trial.recipe, RestoreRecipe)
    ]
    assert [(mask.patch_size, mask.ratio) for mask in masks] == [
        (size, ratio) for size in (4, 2, 8) for ratio in (0.2, 0.4, 0.6)
    ]
    # Each patch on its own, hidden pixels black.
    assert {(mask.mode, mask.fill) for mask in masks} == {("bernoulli", "zero")}


def test_both_stages_train_alike(graph: TrialGraph) -> None:
    for trial in graph.trials.values():
        train = trial.recipe.train
        assert (train.epochs, train.batch_size, train.precision) == (50, 128, "bf16")
        optim = train.optim
        assert (optim.name, optim.betas, optim.eps) == ("adam", (0.9, 0.99), 1e-8)
        assert optim.weight_decay == 0
        # AutoAugment and nothing else, in both stages.
        assert (train.augment.policy, train.augment.flip) == ("autoaugment", False)
        if isinstance(trial.recipe, RestoreRecipe):
            assert trial.recipe.train.loss_region == "all"


@pytest.mark.parametrize(("epoch", "rate"), [(0, 1e-9), (5, 1e-4), (35, 1e-4), (50, 5e-5)])
def test_the_rate_is_the_papers(study: StudySpec, epoch: int, rate: float) -> None:
    for stage in (study.pretrain, study.finetune):
        step = epoch * STEPS
        found = learning_rate(step, STEPS, stage.epochs, stage.schedule, stage.optim.lr)
        assert found == pytest.approx(rate, rel=1e-9)


def test_the_network_is_the_papers(study: StudySpec) -> None:
    from model.networks.uvcgan2 import build_classifier, build_generator

    generator = build_generator(study.model, 64, seed=0)
    assert sum(parameter.numel() for parameter in generator.parameters()) == 8_039_577
    classifier = build_classifier(study.model, 64, 200, seed=0)
    assert sum(parameter.numel() for parameter in classifier.parameters()) == 8_078_177
    assert not study.model.rezero


def test_the_images_are_divided_as_in_the_paper(study: StudySpec) -> None:
    labels = np.repeat(np.arange(200), 550)
    tiny_imagenet = ImageSet(
        images=np.zeros((110_000, 3, 1, 1), np.uint8),
        labels=labels,
        is_val=np.tile(np.arange(550) >= 500, 200),
        class_names=tuple(f"n{index}" for index in range(200)),
        fingerprint="",
    )
    found = split(tiny_imagenet, study.data)
    assert (len(found.train), len(found.dev), len(found.val)) == (84_000, 16_000, 10_000)
    # 420 of each class.
    assert set(np.bincount(labels[found.train])) == {420}


def test_plan_prints_every_recipe_with_nothing_left_implicit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["plan", str(PAPER), "--recipes", "--store", str(tmp_path / "store")]
    monkeypatch.setattr(sys, "argv", ["maskgrid", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert not ended.value.code
    printed = capsys.readouterr().out
    decoder, place, trials = json.JSONDecoder(), printed.index("{"), []
    while place != -1:
        trial, place = decoder.raw_decode(printed, place)
        trials.append(trial)
        place = printed.find("{", place)
    assert len(trials) == 19
    for trial in trials:
        kind = {"restore": RestoreRecipe, "classify": ClassifyRecipe}[trial["recipe"]["task"]]
        recipe = kind.model_validate_json(json.dumps(trial["recipe"]))
        # Reading it back fills in no default: every field was there.
        assert recipe.model_dump(mode="json") == trial["recipe"]
