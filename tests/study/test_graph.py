"""Trial keys and the graph of a study."""

import json
from typing import Any

import pytest

from model.config.recipe import ClassifyRecipe, RestoreRecipe
from orchestrator.study.graph import build_graph, trial_key
from orchestrator.study.recipes import Cell, arm_cells, cell_recipes
from orchestrator.study.spec import StudySpec
from studies import TINY, merged

FILES = {"train_per_class": 5, "path": "here", "classes": ["a", "b"]}
IMAGES = {
    "synthetic": TINY["data"],
    "tiny-imagenet": {"source": "tiny-imagenet", **FILES},
    "folder": {"source": "folder", **FILES},
}
# Another valid value for every field that changes a result.
OTHER = {
    "seed": 1,
    "data.image_size": 32, "data.num_classes": 3, "data.train_per_class": 4,
    "data.dev_per_class": 2, "data.split_seed": 1, "data.fingerprint": "cd",
    "data.val_per_class": 4, "data.image_seed": 1, "data.classes": ["b", "a"],
    "data.val_fraction": 0.2,
    "model.channels": [4], "model.features": 16, "model.embed": 16, "model.heads": 4,
    "model.blocks": 2, "model.ffn": 8, "model.rezero": True, "model.style_rezero": False,
    "model.init": "uvcgan2", "model.head_norm": True,
    "train.epochs": 3, "train.batch_size": 4, "train.optim.name": "adamw",
    "train.optim.lr": 0.0100000001, "train.optim.betas": [0.9, 0.999], "train.optim.eps": 1e-6,
    "train.optim.weight_decay": 0.1, "train.schedule.warmup_epochs": 0.5,
    "train.schedule.start_lr": 0.0, "train.schedule.decay_epochs": 0.5,
    "train.schedule.final_lr": 0.0, "train.schedule.final_share": 0.3, "train.schedule.decay": "cosine",
    "train.schedule.per": "epoch", "train.augment.policy": "none", "train.augment.flip": True,
    "train.precision": "bf16", "train.mask.patch_size": 2, "train.mask.ratio": 0.5,
    "train.terms.distillation": {"weight": 0.3},
    "train.mask.mode": "exact", "train.mask.fill": "mean", "train.loss_region": "masked",
}  # fmt: skip
KINDS = (RestoreRecipe, ClassifyRecipe)


def study(**change: Any) -> StudySpec:
    return StudySpec.model_validate_json(json.dumps(merged(TINY, change)), strict=True)


def fields(kind: type[Any], source: str = "synthetic") -> dict[str, Any]:
    """A whole recipe as nested dictionaries."""
    spec = StudySpec.model_validate_json(json.dumps({**TINY, "data": IMAGES[source]}))
    made = cell_recipes(spec, Cell("base"), seed=0)
    recipes = [stage.recipe for stage in made.values()]
    return next(recipe.model_dump(mode="json") for recipe in recipes if isinstance(recipe, kind))


def key_of(kind: type[Any], content: dict[str, Any]) -> str:
    return trial_key(kind.model_validate_json(json.dumps(content), strict=True), {})


def leaves(node: dict[str, Any], prefix: str = "") -> dict[str, str]:
    found = {}
    for key, value in node.items():
        inside = isinstance(value, dict)
        found |= leaves(value, f"{prefix}{key}.") if inside else {f"{prefix}{key}": key}
    return found


def changed(content: dict[str, Any], path: str) -> dict[str, Any]:
    change = OTHER[path]
    for step in reversed(path.split(".")):
        change = {step: change}
    return merged(content, change)


# --- keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", IMAGES)
def test_every_field_of_a_recipe_is_part_of_its_key(kind: type[Any], source: str) -> None:
    content = fields(kind, source)
    paths = leaves(content).keys() - {"task", "data.source", "data.path", "model.network"}
    # A new field has to say above what its other value is.
    assert paths <= OTHER.keys()
    keys = {key_of(kind, changed(content, path)) for path in paths}
    # No change gives the key of the unchanged recipe, and no two changes give the same key.
    assert len(keys | {key_of(kind, content)}) == len(paths) + 1


def test_stages_and_image_sources_have_keys_of_their_own() -> None:
    keys = {key_of(kind, fields(kind, source)) for kind in KINDS for source in IMAGES}
    assert len(keys) == len(KINDS) * len(IMAGES)


@pytest.mark.parametrize("source", ["tiny-imagenet", "folder"])
def test_where_the_images_lie_is_no_part_of_the_key(source: str) -> None:
    content = fields(RestoreRecipe, source)
    moved = merged(content, {"data": {"path": "/else/where"}})
    # The fingerprint says which images they are.
    assert key_of(RestoreRecipe, moved) == key_of(RestoreRecipe, content)


def test_the_parent_is_part_of_its_childs_key() -> None:
    child = ClassifyRecipe.model_validate(fields(ClassifyRecipe))
    # The same finetuning from other weights, or with a teacher, ends elsewhere.
    edges = [{}, {"weights": "restore-1"}, {"weights": "restore-2"}, {"teacher": "restore-1"}]
    edges.append({"weights": "restore-1", "teacher": "restore-2"})
    assert len({trial_key(child, inputs) for inputs in edges}) == len(edges)


# --- a study's graph --------------------------------------------------------------------------


def test_equal_pretrainings_are_one_trial() -> None:
    arms = [
        Cell("slow", {"finetune.optim.lr": 0.001}), Cell("fast", {"finetune.optim.lr": 0.1}),
        Cell("again", {"finetune.optim.lr": 0.1}),
    ]  # fmt: skip
    graph = build_graph(study(seeds=[0, 1]), (cell for cell in arms))
    kinds = [trial.task for trial in graph.trials.values()]
    # For each seed: one pretraining for all three arms, and two different finetunings.
    assert kinds == ["restore", "classify", "classify"] * 2
    # Each cell still knows its own trials, at each seed.
    assert [(asked.cell.name, asked.seed) for asked in graph.cells] == [
        ("slow", 0), ("fast", 0), ("again", 0), ("slow", 1), ("fast", 1), ("again", 1),
    ]  # fmt: skip
    slow, fast, again = [asked.trials["finetune"] for asked in graph.cells[:3]]
    assert fast == again != slow


def test_a_parent_stands_before_its_children_and_is_what_they_name() -> None:
    spec = study(seeds=[0, 1])
    graph = build_graph(spec, [*arm_cells(spec), Cell("a", {"patch_size": 2}), Cell("b")])
    order = list(graph.trials)
    for asked in graph.cells:
        # The edge of the graph is the cell's own pretraining; the baseline has none.
        pretrain, finetune = asked.trials.get("pretrain"), asked.trials["finetune"]
        assert graph.trials[finetune].inputs.get("weights") == pretrain
        assert (pretrain is None) == (asked.cell.name == "baseline")
        # Whoever walks the graph in order meets inputs first.
        assert pretrain is None or order.index(pretrain) < order.index(finetune)
