"""A study as a graph: its stages, what a cell sets, replaces and cuts, and the trials it asks for."""

import json
import re
from typing import Any

import pytest
from checkout import ROOT

from model.config.recipe import ClassifyRecipe
from orchestrator.study.file import parse_study
from orchestrator.study.graph import TrialGraph, build_graph
from orchestrator.study.recipes import Cell, cell_recipes
from orchestrator.study.space import expand_space
from orchestrator.study.spec import StudyError, StudySpec
from orchestrator.study.stages import in_order, needed, sinks
from orchestrator.study.yaml_loader import load_yaml

NETWORK = {"channels": [4], "features": 8, "embed": 8, "heads": 2, "blocks": 1, "ffn": 16}
DIAMOND: dict[str, Any] = {
    "name": "diamond",
    "data": {"source": "synthetic", "image_size": 16},
    "model": NETWORK,
    "networks": {"deep": {**NETWORK, "blocks": 2}},
    "stages": {
        "student": {
            "task": "classify", "weights": "pretrain", "teacher": "teacher", "epochs": 2,
            "terms": {"distillation": {"weight": 0.3}},
        },
        "teacher": {"task": "classify", "model": "deep", "epochs": 3},
        "pretrain": {"task": "restore", "epochs": 1},
    },
}  # fmt: skip


def study(**change: Any) -> StudySpec:
    return parse_study(json.loads(json.dumps({**DIAMOND, **change})), "x.yaml")


def stages(**change: Any) -> dict[str, Any]:
    """The diamond's stages, some of them with other fields."""
    return {name: stage | change.get(name, {}) for name, stage in DIAMOND["stages"].items()} | {
        name: stage for name, stage in change.items() if name not in DIAMOND["stages"]
    }


def graph(spec: StudySpec) -> TrialGraph:
    return build_graph(spec, expand_space(spec))


# --- the graph ----------------------------------------------------------------------------------


def test_a_student_comes_after_its_pretraining_and_its_teacher() -> None:
    made = graph(study(baseline=False))
    [asked] = made.cells
    assert list(asked.trials) == ["teacher", "pretrain", "student"]
    student = made.trials[asked.trials["student"]]
    assert student.inputs == {
        "weights": asked.trials["pretrain"], "teacher": asked.trials["teacher"],
    }  # fmt: skip


def test_the_baseline_is_the_last_stage_alone_without_terms_that_need_a_teacher() -> None:
    spec = study()
    made = cell_recipes(spec, Cell("baseline", from_scratch=True), seed=0)
    assert list(made) == ["student"]
    assert made["student"].inputs == {}
    recipe = made["student"].recipe
    assert isinstance(recipe, ClassifyRecipe)
    assert recipe.train.terms.used == {}


def test_a_teacher_is_one_trial_for_all_students_and_for_other_studies() -> None:
    space = {"pretrain.mask.ratio": {"grid": [0.2, 0.4, 0.6]}}
    made = graph(study(space=space))
    teachers = {asked.trials["teacher"] for asked in made.cells if "teacher" in asked.trials}
    assert len(teachers) == 1
    other = graph(study(name="other", stages=stages(student={"epochs": 9})))
    assert teachers <= other.trials.keys()


def test_a_seed_of_a_stages_own_is_its_seed_at_all_seeds() -> None:
    made = graph(study(seeds=[0, 1], stages=stages(teacher={"seed": 7}), baseline=False))
    one, other = made.cells
    assert one.trials["teacher"] == other.trials["teacher"]
    assert one.trials["student"] != other.trials["student"]
    assert made.trials[one.trials["teacher"]].recipe.seed == 7


def test_the_short_form_and_its_long_form_are_the_same_trials() -> None:
    short = {"pretrain": {"epochs": 1}, "finetune": {"epochs": 2}}
    long = {
        "pretrain": {"task": "restore", "epochs": 1},
        "finetune": {"task": "classify", "weights": "pretrain", "epochs": 2},
    }
    base = {name: DIAMOND[name] for name in ("name", "data", "model")}
    ratio = {"grid": [0.2, 0.4]}
    first = graph(parse_study({**base, **short, "space": {"mask_ratio": ratio}}, "x"))
    second = graph(
        parse_study({**base, "stages": long, "space": {"pretrain.mask.ratio": ratio}}, "x")
    )
    assert list(first.trials) == list(second.trials)


def test_a_study_without_axes_is_one_cell_beside_its_baseline() -> None:
    assert [asked.cell.name for asked in graph(study()).cells] == ["baseline", "study"]


def test_an_arm_is_crossed_with_the_axes_that_it_names() -> None:
    arms = [{"name": "alone", "set": {"student.teacher": "none"}, "cross": ["pretrain.mask.ratio"]}]
    made = graph(study(arms=arms, space={"pretrain.mask.ratio": {"grid": [0.2, 0.4]}}))
    names = [asked.cell.name for asked in made.cells]
    assert names[1:3] == ["alone,pretrain.mask.ratio=0.2", "alone,pretrain.mask.ratio=0.4"]
    assert all("teacher" not in asked.trials for asked in made.cells[1:3])
    # Crossed or not, the pretrainings are those of the grid.
    pretrained = [asked.trials["pretrain"] for asked in made.cells[1:]]
    assert pretrained[:2] == pretrained[2:]


# --- what a cell sets ---------------------------------------------------------------------------


def recipe(stage: str, spec: StudySpec, **values: Any) -> Any:
    return cell_recipes(spec, Cell("c", values), seed=0)[stage].recipe


@pytest.mark.parametrize("off", ["none", {"distillation": {"weight": 0}}, {"distillation": "none"}])
def test_a_term_that_is_off_in_any_way_has_one_key(off: Any) -> None:
    cut = {"student.teacher": "none"}
    plain = graph(study(arms=[{"name": "a", "set": cut}]))
    same = graph(study(arms=[{"name": "a", "set": {**cut, "student.terms": off}}]))
    assert list(plain.trials) == list(same.trials)


@pytest.mark.parametrize(
    ("path", "off"),
    [("student.terms", "none"), ("student.terms.distillation", "none"), ("student.terms.distillation.weight", 0)],
)  # fmt: skip
def test_a_teacher_of_whom_nothing_is_learned_any_more_goes_too(path: str, off: Any) -> None:
    plain = graph(study(arms=[{"name": "a", "set": {"student.teacher": "none"}}]))
    same = graph(study(arms=[{"name": "a", "set": {path: off}}]))
    # No teacher is trained for the arm, whichever of the two was cut.
    assert list(plain.trials) == list(same.trials)
    assert list(same.cells[1].trials) == ["pretrain", "student"]


def test_a_mapping_replaces_the_whole_section() -> None:
    spec = study(stages=stages(pretrain={"mask": {"mode": "exact", "patch_size": 2}}))
    mask = recipe("pretrain", spec, **{"pretrain.mask": {"ratio": 0.5}}).train.mask
    assert (mask.mode, mask.patch_size, mask.ratio) == ("bernoulli", 4, 0.5)


def test_a_network_is_named_by_the_study_a_stage_an_arm_or_an_axis() -> None:
    spec = study()
    assert recipe("teacher", spec).model.blocks == 2
    assert recipe("student", spec).model.blocks == 1
    for path in ("model", "pretrain.model"):
        assert recipe("pretrain", spec, **{path: "deep", "student.model": "deep"}).model.blocks == 2
    axis = {"model": {"grid": ["deep", "other"]}}
    networks = {**DIAMOND["networks"], "other": {**NETWORK, "ffn": 8}}
    made = graph(study(space=axis, networks=networks))
    assert [asked.cell.name for asked in made.cells[1:]] == ["model=deep", "model=other"]


def test_what_a_stage_leaves_out_it_takes_from_the_study() -> None:
    spec = study(stages=stages(teacher={"model": {"ffn": 32}}))
    assert recipe("teacher", spec).model.model_dump() == recipe("student", spec).model.model_dump() | {"ffn": 32}  # fmt: skip
    # A field of the network in general is one of every stage that has none of its own.
    assert recipe("teacher", spec, **{"model.ffn": 24}).model.ffn == 32
    assert recipe("student", spec, **{"model.ffn": 24}).model.ffn == 24


def test_a_stage_may_have_images_of_its_own() -> None:
    spec = study(stages=stages(pretrain={"data": {"image_size": 32, "train_per_class": 9}}))
    own, others = recipe("pretrain", spec).data, recipe("student", spec).data
    assert (own.image_size, own.train_per_class, own.num_classes) == (32, 9, 20)
    assert (others.image_size, others.train_per_class) == (16, 50)
    # Of another source only the image size is taken over.
    folder = study(stages=stages(pretrain={"data": {"source": "folder", "path": "p"}}))
    assert recipe("pretrain", folder).data.image_size == 16


# --- mistakes -----------------------------------------------------------------------------------


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"stages": stages(pretrain={"weights": "student"})}, "stages: stages take their inputs in a circle: student -> pretrain -> student"),
    ({"stages": stages(student={"weights": "pretrian"})}, "stages.student.weights: 'pretrian': no such stage; did you mean 'pretrain'? choices: teacher, pretrain, none"),
    ({"stages": stages(pretrain={"teacher": "teacher"})}, "stages.pretrain.teacher: 'teacher': unknown key; choices: "),
    ({"stages": stages(student={"teacher": "none"})}, "stages.student.terms.distillation: needs a teacher, and the stage has none"),
    ({"stages": stages(student={"terms": {}})}, "stages.student.teacher: 'teacher': no term of the stage learns from a teacher"),
    ({"stages": stages(student={"teacher": "pretrain"})}, "stages.student.teacher: 'pretrain': a teacher classifies, and its task is restore"),
    ({"stages": stages(student={"model": "deep"})}, "stages.student.weights: 'pretrain': its network's weights do not fit: blocks 1, not 2"),
    ({"stages": stages(teacher={"data": {"num_classes": 3}})}, "stages.student.teacher: 'teacher': it has other classes: 3 synthetic classes, not 20"),
    ({"stages": stages(teacher={"data": {"image_size": 32}})}, "stages.student.teacher: 'teacher': it sees the student's images, but has image_size 32, not 16"),
    ({"stages": stages(none={"task": "restore"})}, "stages.none: {'task': 'restore'}: 'none' is no name for a stage"),
    ({"stages": stages(), "finetune": {"epochs": 3}}, "finetune: {'epochs': 3}: stages are given, so that finetune is one of them or nothing"),
    ({"stages": stages(pretrain={"model": "shallow"})}, "network 'shallow' is not one of networks: deep"),
    ({"stages": stages(pretrain={"epocs": 3})}, "stages.pretrain.epocs: 3: unknown key; did you mean 'epochs'?"),
    ({"stages": stages(pretrain={"data": {"sourc": 1}})}, "stages.pretrain.data"),
    ({"arms": [{"name": "a", "set": {"student.data": {"image_size": 32}}}]}, "'student.data' selects images, and a stage has one set of them"),
    ({"arms": [{"name": "a", "pretrain": False, "set": {"teacher.epochs": 2}}]}, "arms[0].set.teacher.epochs: 2: this arm has no teacher to change"),
    ({"arms": [{"name": "a", "cross": ["seed"]}]}, "arms[0].cross: 'seed': not an axis of the grid; choices: none"),
    ({"space": {"patch_size": {"grid": [2]}}}, "space.patch_size.grid[0]: 2: 'patch_size' is not a recipe field"),
    ({"tables": [{"name": "t", "title": "T", "stage": "finetune", "metric": "val_loss", "rows": "a", "columns": "b"}]}, "tables[0].stage: 'finetune': no such stage; choices: student, teacher, pretrain"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), MISTAKES)
def test_a_mistake_is_told_with_path_value_and_choices(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(StudyError) as caught:
        study(**change)
    assert message in str(caught.value)


# --- the order of stages ------------------------------------------------------------------------


def test_stages_come_after_their_inputs_and_else_as_they_were_written() -> None:
    inputs = {"d": {"weights": "b", "teacher": "c"}, "a": {}, "c": {"weights": "a"}, "b": {}}
    assert in_order(inputs) == ["a", "b", "c", "d"]
    assert sinks(inputs) == ["d"]
    assert needed(["c"], inputs) == {"a", "c"}
    assert needed(["d"], inputs) == set(inputs)


@pytest.mark.parametrize("page", ["docs/graph.md", "README.md"])
def test_the_study_that_a_page_shows_is_one(page: str) -> None:
    [shown] = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    spec = parse_study(load_yaml(shown), page)
    assert graph(spec).trials
