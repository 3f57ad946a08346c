"""The recipes that steps are measured on: the networks of quick.yaml and of the paper."""

from typing import Any, Literal

from bench.harness.part import ROOT
from bench.inputs.images import config
from model.config.network import ModelConfig
from model.config.recipe import ClassifyRecipe, Recipe, RestoreRecipe
from model.config.training import AugmentConfig, ClassifyConfig, RestoreConfig, ScheduleConfig
from orchestrator.study.file import read_study

Kind = Literal["pretrain", "finetune"]

_OF_QUICK = read_study(ROOT / "studies" / "quick.yaml").model
assert isinstance(_OF_QUICK, ModelConfig)  # and not the name of one
QUICK: ModelConfig = _OF_QUICK
PAPER = ModelConfig()
SIDES = {"quick": 32, "paper": 64}
NETWORKS = {"quick": QUICK, "paper": PAPER}


def recipe(size: str, kind: Kind, batch: int, steps: int, **train: Any) -> Recipe:
    """Two epochs of `steps` steps, without augmentation unless asked: input is measured apart.

    Args:
        size: `quick` or `paper`.
        train: other fields of the training, such as `precision`.
    """
    fields = {
        "epochs": 2,
        "batch_size": batch,
        "augment": AugmentConfig(policy="none"),
        "schedule": ScheduleConfig(warmup_epochs=0, decay_epochs=0),
        **train,
    }
    data, model = config(SIDES[size], batch * steps), NETWORKS[size]
    if kind == "pretrain":
        return RestoreRecipe(data=data, model=model, train=RestoreConfig.model_validate(fields))
    return ClassifyRecipe(data=data, model=model, train=ClassifyConfig.model_validate(fields))
