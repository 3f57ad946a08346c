"""Recipes of a cell: what a cell changes, and what it may not."""

import json
from typing import Any

import pytest

from model.config.recipe import Recipe
from orchestrator.study.axes import Scalar
from orchestrator.study.graph import build_graph
from orchestrator.study.recipes import Cell, InvalidRecipe, arm_cells, cell_recipes
from orchestrator.study.sections import UnknownField, sections_of, set_field
from orchestrator.study.spec import StudyError, StudySpec
from studies import TINY, merged

FOLDER = {"source": "folder", "path": "somewhere"}


def study(**change: Any) -> StudySpec:
    content = merged(TINY, change)
    return StudySpec.model_validate_json(json.dumps(content), strict=True)


def leaves(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted path."""
    found = {}
    for key, value in node.items():
        below = leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else None
        found |= {f"{prefix}{key}": value} if below is None else below
    return found


def recipes(study: StudySpec, cell: Cell) -> list[Recipe]:
    """The recipes of a cell's stages at seed 0."""
    return [stage.recipe for stage in cell_recipes(study, cell, seed=0).values()]


def difference(one: Any, other: Any) -> dict[str, tuple[Any, Any]]:
    """Fields of two recipes that differ."""
    before, after = leaves(one.model_dump()), leaves(other.model_dump())
    assert before.keys() == after.keys()
    return {path: (before[path], after[path]) for path in before if before[path] != after[path]}


@pytest.mark.parametrize(
    ("values", "pretrain_changes", "finetune_changes"),
    [
        ({}, {}, {}),
        ({"patch_size": 8}, {"train.mask.patch_size": (4, 8)}, {}),
        ({"mask_ratio": 0.9}, {"train.mask.ratio": (0.4, 0.9)}, {}),
        ({"pretrain.mask.ratio": 0.9}, {"train.mask.ratio": (0.4, 0.9)}, {}),
        ({"finetune.optim.lr": 0.5}, {}, {"train.optim.lr": (0.01, 0.5)}),
        ({"finetune.optim.lr": 1}, {}, {"train.optim.lr": (0.01, 1.0)}),
        ({"model.blocks": 2}, {"model.blocks": (1, 2)}, {"model.blocks": (1, 2)}),
        ({"data.split_seed": 3}, {"data.split_seed": (0, 3)}, {"data.split_seed": (0, 3)}),
    ],
)  # fmt: skip
def test_a_cell_changes_the_fields_that_it_names_and_no_others(
    values: dict[str, Scalar], pretrain_changes: dict[str, Any], finetune_changes: dict[str, Any]
) -> None:
    base_pretrain, base_finetune = recipes(study(), Cell("base"))
    pretrain, finetune = recipes(study(), Cell("changed", values))
    # Each stage shows exactly the changes that concern it; both share data and model.
    assert difference(base_pretrain, pretrain) == pretrain_changes
    assert difference(base_finetune, finetune) == finetune_changes


def test_the_seed_is_that_of_both_stages() -> None:
    for stage in cell_recipes(study(), Cell("base"), seed=7).values():
        # A seed varies the pretraining as well as what is built on it.
        assert stage.recipe.seed == 7


def test_a_cell_without_pretraining_has_one_recipe() -> None:
    made = cell_recipes(study(), Cell("baseline", from_scratch=True), seed=0)
    # There is nothing to pretrain, and the finetuning is that of every other cell.
    assert list(made) == ["finetune"]
    assert made["finetune"].inputs == {}
    assert [made["finetune"].recipe] == recipes(study(), Cell("base"))[1:]


def test_a_cell_leaves_the_study_as_it_is() -> None:
    spec = study()
    before = spec.model_dump_json()
    cell_recipes(spec, Cell("changed", {"model.features": 16, "mask_ratio": 0.1}), seed=0)
    # The next cell starts from the same study.
    assert spec.model_dump_json() == before


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("model.hedas", "model.heads"),
        ("patchsize", "patch_size"),
        ("pretrain.mask", "pretrain.mask."),
        ("pretrain.mask.ratio.x", "pretrain.mask.ratio"),
        ("model", "nearest"),
        ("", "nearest"),
        (".", "nearest"),
    ],
)
def test_a_path_that_names_no_field_is_told_with_what_is_near(path: str, hint: str) -> None:
    with pytest.raises(UnknownField) as caught:
        cell_recipes(study(), Cell("odd", {path: 2}), seed=0)
    # The message holds the path as it was written and a field that may have been meant.
    assert str(caught.value).startswith(f"{path!r} is not a recipe field; ")
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("data", "field", "value"),
    [
        ({}, "image_seed", 1),
        ({}, "image_size", 32),
        ({}, "num_classes", 3),
        ({}, "train_per_class", 5),
        ({}, "fingerprint", "ab"),
        (FOLDER, "path", "elsewhere"),
        (FOLDER, "image_size", 32),
        (FOLDER, "val_fraction", 0.5),
        (FOLDER, "split_seed", 1),
        ({**FOLDER, "source": "tiny-imagenet"}, "image_size", 32),
    ],
)
def test_no_cell_has_other_images_than_its_study(
    data: dict[str, Any], field: str, value: Scalar
) -> None:
    spec = StudySpec.model_validate_json(json.dumps({**TINY, "data": data or TINY["data"]}))
    # The fingerprint is the study's: with it, a cell would train on the study's images and be
    # filed as something else.
    with pytest.raises(UnknownField, match="a stage has one set of them"):
        cell_recipes(spec, Cell("odd", {f"data.{field}": value}), seed=0)


@pytest.mark.parametrize("source", ["folder", "tiny-imagenet"])
def test_images_that_lie_somewhere_may_be_divided_otherwise(source: str) -> None:
    data = {**FOLDER, "source": source}
    spec = StudySpec.model_validate_json(json.dumps({**TINY, "data": data}))
    cell = Cell("few", {"data.train_per_class": 5, "data.dev_per_class": 2})
    found = recipes(spec, cell)[1].data
    # A study of small data draws fewer of the same images.
    assert (found.train_per_class, found.dev_per_class) == (5, 2)


def test_an_invalid_combination_is_refused() -> None:
    # 16 pixels cannot be divided into squares of 3.
    with pytest.raises(InvalidRecipe, match="patch_size 3 does not divide the 16-pixel image"):
        cell_recipes(study(), Cell("odd", {"patch_size": 3}), seed=0)


def test_named_cells_are_the_baseline_and_the_arms_in_their_order() -> None:
    arms = [{"name": "z", "set": {"model.init": "he"}}, {"name": "a", "pretrain": False}]
    # The baseline comes first, as in the paper; the arms as they were written.
    assert arm_cells(study(arms=arms)) == [
        Cell("baseline", {}, from_scratch=True),
        Cell("z", {"model.init": "he"}),
        Cell("a", {}, from_scratch=True),
    ]
    # A study may do without the baseline.
    assert arm_cells(study(baseline=False)) == []


def test_a_field_is_set_where_it_stands_and_nowhere_else() -> None:
    spec = study()
    sections, before = sections_of(spec), leaves(sections_of(spec))
    set_field(spec, sections, "pretrain.mask.ratio", 0.5)
    # Siblings and other sections are as they were.
    assert leaves(sections) == before | {"pretrain.mask.ratio": 0.5}


# --- from recipes to trials ---------------------------------------------------------------------


def test_a_key_never_changes_by_accident() -> None:
    spec = StudySpec.model_validate({"name": "a", "data": {"source": "synthetic"}})
    graph = build_graph(spec, [Cell("base")])
    # Stores hold these names: when they change, no store's trials are found again. That is right
    # only where a default or a field of the recipe is meant to change.
    assert list(graph.trials) == ["restore-87591ffaadd3", "classify-412248d16373"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other", "description": "d"},
        {"runtime": {"num_workers": 3, "cpus_per_worker": 2, "executor": "train"}},
        {"tables": [], "search_seed": 5, "num_samples": 4},
        {"arms": [{"name": "other", "set": {"patch_size": 4}}]},
        {"pretrain": {"precision": "fp32"}, "model": {"rezero": False}},
    ],
)  # fmt: skip
def test_what_does_not_change_a_result_changes_no_key(change: dict[str, Any]) -> None:
    base = study(arms=[{"name": "one", "set": {"patch_size": 4}}])
    other = study(**{"arms": [{"name": "one", "set": {"patch_size": 4}}], **change})
    # Names, tables, runtime, and defaults that are spelled out: all find the same trials.
    assert [*build_graph(other, arm_cells(other)).trials] == [
        *build_graph(base, arm_cells(base)).trials
    ]


def test_a_combination_that_no_recipe_allows_names_its_cell() -> None:
    with pytest.raises(StudyError, match="tiny: cell odd: patch_size 3 does not divide"):
        build_graph(study(), [Cell("odd", {"patch_size": 3})])


def test_a_cell_with_another_number_of_epochs_has_a_schedule_of_its_own() -> None:
    spec = StudySpec.model_validate({"name": "a", "pretrain": {"epochs": 10}})
    lengths = []
    for values in ({}, {"pretrain.epochs": 50}, {"pretrain.schedule.decay_epochs": 2}):
        pretrain, _ = recipes(spec, Cell("base", values))
        schedule = pretrain.train.schedule
        lengths.append((schedule.warmup_epochs, schedule.decay_epochs))
    assert lengths == [(1, 3), (5, 15), (1, 2)]
