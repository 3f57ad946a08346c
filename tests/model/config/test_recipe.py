"""Recipes: schedules that scale, masks that hide something, and keys that survive new fields."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from model.config.base import Config, Later, canonical
from model.config.images import ImageFolder, SyntheticImages
from model.config.masking import MaskConfig
from model.config.recipe import ClassifyRecipe, RestoreRecipe, remarks
from model.config.training import ClassifyConfig, OptimConfig, RestoreConfig, ScheduleConfig

IMAGES = SyntheticImages(image_size=32)


def finetune(epochs: int = 50, lr: float = 1e-4, **schedule: Any) -> ClassifyRecipe:
    train = ClassifyConfig(
        epochs=epochs, optim=OptimConfig(lr=lr), schedule=ScheduleConfig(**schedule)
    )
    return ClassifyRecipe(data=IMAGES, train=train)


def pretrain(**mask: Any) -> RestoreRecipe:
    train = RestoreConfig.model_validate({"mask": mask})
    return RestoreRecipe(data=IMAGES, train=train)


# --- schedules --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epochs", "warmup", "decay"), [(50, 5, 15), (10, 1, 3), (100, 10, 30), (1, 0.1, 0.3)]
)
def test_a_schedule_that_is_not_given_scales_with_the_epochs(
    epochs: int, warmup: float, decay: float
) -> None:
    schedule = finetune(epochs).train.schedule
    # The recipe says it in numbers: 5 and 15 of the paper's 50 epochs.
    assert (schedule.warmup_epochs, schedule.decay_epochs) == (warmup, decay)


@given(st.integers(1, 10_000))
def test_any_number_of_epochs_needs_no_schedule(epochs: int) -> None:
    assert finetune(epochs).train.epochs == epochs


def test_what_is_given_stays_as_it_is() -> None:
    schedule = finetune(10, warmup_epochs=2, decay_epochs=0).train.schedule
    assert (schedule.warmup_epochs, schedule.decay_epochs) == (2, 0)
    with pytest.raises(ValidationError, match="is 11, more than epochs 10"):
        finetune(10, warmup_epochs=8)


def test_the_end_of_the_decay_may_be_a_share_of_the_rate() -> None:
    # Half of each rate of a sweep, and the paper's own end at the paper's own rate.
    ends = [finetune(lr=lr, final_share=0.5).train.schedule.final_lr for lr in (1e-4, 3e-3)]
    assert ends == [5e-5, 1.5e-3]
    # Equal trainings are one recipe, however they are written.
    assert finetune(final_share=0.5) == finetune(final_lr=5e-5)
    with pytest.raises(ValidationError, match="both say where the decay ends"):
        finetune(final_share=0.5, final_lr=1e-5)


def test_a_decay_that_climbs_is_remarked_on() -> None:
    (sentence,) = remarks(finetune(lr=1e-5))
    assert "climbs from optim.lr 1e-05 to schedule.final_lr 5e-05" in sentence
    # Not where there is no decay, or where it falls.
    assert remarks(finetune(lr=1e-5, decay_epochs=0)) == []
    assert remarks(finetune(lr=1e-5, final_share=0.5)) == []
    assert remarks(finetune()) == []


# --- masks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["exact", "block"])
@pytest.mark.parametrize(
    ("patch", "ratio", "reason"),
    [
        (16, 0.1, r"hides 0 of the 4 patches of 16x16 pixels; choices: 0\.25, 0\.5, 0\.75"),
        (16, 0.9, r"hides 4 of the 4 patches"),
        (32, 0.4, r"hides 0 of the 1 patches of 32x32 pixels; choose a smaller patch_size"),
        (2, 0.001, r"hides 0 of the 256 patches of 2x2 pixels; choices: ratios from 0\.0039 to 1"),
    ],
)  # fmt: skip
def test_a_mask_that_rounds_to_nothing_or_all_is_refused(
    mode: str, patch: int, ratio: float, reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        pretrain(mode=mode, patch_size=patch, ratio=ratio)


@pytest.mark.parametrize("mode", ["bernoulli", "uvcgan2", "none"])
def test_masks_drawn_patch_by_patch_round_to_nothing_never(mode: str) -> None:
    assert remarks(pretrain(mode=mode, patch_size=16, ratio=0.1)) == []


def test_a_share_that_is_not_the_labels_is_remarked_on() -> None:
    (sentence,) = remarks(pretrain(mode="exact", patch_size=16, ratio=0.4))
    # round(1.6) of 4 patches.
    assert "ratio 0.4 hides 2 of 4 patches, 50.0% of an image" in sentence
    # 26 of 64 patches are 40.6 %, which a label of 40 % may stand for.
    assert remarks(pretrain(mode="exact", patch_size=4, ratio=0.4)) == []


@given(st.sampled_from([1, 2, 4, 8, 16]), st.floats(0.001, 0.999))
def test_as_many_patches_are_hidden_as_the_recipe_says(patch: int, ratio: float) -> None:
    import torch

    from model.masking.masks import visible
    from model.rng import Key, Stream

    config = MaskConfig(mode="exact", patch_size=patch, ratio=ratio)
    shown = visible(config, 16, Key(0, Stream.MASK, 1), torch.arange(2))
    hidden = (~shown).sum(dim=(1, 2, 3)) / patch**2
    assert hidden.tolist() == [config.hidden_patches(16 // patch)] * 2


# --- keys -------------------------------------------------------------------------------------


class _Old(Config):
    name: str = "a"


class _Term(Config):
    weight: float = 0.5
    version: Annotated[int, Later(1)] = 1


class _New(Config):
    name: str = "a"
    share: Annotated[float | None, Later(None)] = None
    terms: Annotated[dict[str, _Term], Later({})] = Field(default_factory=dict)
    list_of: Annotated[tuple[_Term, ...], Later(())] = ()


def test_a_later_field_stays_out_while_it_means_the_same_as_before() -> None:
    assert canonical(_New()) == canonical(_Old()) == {"name": "a"}
    # Given as it was before, it is not there either; any other value is.
    assert canonical(_New(share=None)) == {"name": "a"}
    assert canonical(_New(share=0.0)) == {"name": "a", "share": 0.0}


def test_the_rule_holds_at_any_depth() -> None:
    terms = {"one": _Term(), "two": _Term(version=2)}
    assert canonical(_New(terms=terms, list_of=(_Term(),))) == {
        "name": "a",
        "terms": {"one": {"weight": 0.5}, "two": {"weight": 0.5, "version": 2}},
        "list_of": [{"weight": 0.5}],
    }


def test_a_recipe_names_no_path_and_no_later_field() -> None:
    # Both mean the same as before, here.
    assert "final_share" not in finetune().public()["train"]["schedule"]
    folder = ImageFolder(source="folder", path=Path("/home/somebody"), image_size=32)
    recipe = finetune().model_copy(update={"data": folder})
    assert recipe.public()["data"] == folder.model_dump(mode="json", exclude={"path"})
