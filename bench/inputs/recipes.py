"""The recipes that steps are measured on: those of quick.yaml and of the paper."""

from typing import Any, Literal

from bench.inputs.images import config
from model.config.network import ModelConfig
from model.config.recipe import FinetuneRecipe, PretrainRecipe, Recipe
from model.config.training import AugmentConfig, FinetuneConfig, PretrainConfig, ScheduleConfig

Kind = Literal["pretrain", "finetune"]

QUICK = ModelConfig(
    channels=(8, 16, 32), features=32, embed=32, heads=2, blocks=2, ffn=64, init="he"
)
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
