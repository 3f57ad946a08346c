"""The recipes that steps are measured on: the networks of quick.yaml and of the paper."""

from typing import Any, Literal

from bench.harness.part import ROOT
from bench.inputs.images import config
from model.config.network import ModelConfig
from model.config.recipe import FinetuneRecipe, PretrainRecipe, Recipe
from model.config.training import AugmentConfig, FinetuneConfig, PretrainConfig, ScheduleConfig
from orchestrator.study.file import read_study

Kind = Literal["pretrain", "finetune"]

QUICK = read_study(ROOT / "studies" / "quick.yaml").model
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
        return PretrainRecipe(data=data, model=model, train=PretrainConfig.model_validate(fields))
    return FinetuneRecipe(data=data, model=model, train=FinetuneConfig.model_validate(fields))
