"""Distillation: the term against a slow obvious version, and a student that learns from a teacher."""

import math

import pytest
import torch
from tiny_trials import CPU, IMAGES, NETWORK, finetune, images_of
from torch import Tensor

from model.config.network import ModelConfig
from model.config.recipe import ClassifyRecipe
from model.config.terms import Distillation, Terms
from model.objectives.objectives import Batch, build_objective
from model.objectives.teacher import Teacher
from model.objectives.terms.distillation import distillation
from model.training.context import LocalContext, TrainedInput
from model.training.fit import fit

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 3.0]])
TEACHERS = torch.tensor([[1.0, 1.5, -2.0], [0.2, -0.1, 4.0]])


def slow_soft(student: Tensor, teacher: Tensor, temperature: float) -> list[float]:
    """T^2 * sum of p * (log p - log q), number by number."""
    terms = []
    for ours, theirs in zip(student.tolist(), teacher.tolist(), strict=True):
        q = [math.exp(value / temperature) for value in ours]
        p = [math.exp(value / temperature) for value in theirs]
        q, p = [v / sum(q) for v in q], [v / sum(p) for v in p]
        pairs = zip(p, q, strict=True)
        terms.append(temperature**2 * sum(a * (math.log(a) - math.log(b)) for a, b in pairs))
    return terms


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_soft_is_the_divergence_of_the_softened_answers(temperature: float) -> None:
    found = distillation(Distillation(temperature=temperature), LOGITS, TEACHERS)
    assert found.tolist() == pytest.approx(slow_soft(LOGITS, TEACHERS, temperature), rel=1e-5)


def test_a_student_that_answers_as_its_teacher_has_nothing_to_learn() -> None:
    settings = Distillation(temperature=2)
    assert distillation(settings, TEACHERS, TEACHERS).tolist() == pytest.approx([0, 0], abs=1e-6)


def test_hard_is_the_cross_entropy_against_the_teachers_class() -> None:
    found = distillation(Distillation(kind="hard"), LOGITS, TEACHERS)
    expected = [-LOGITS.log_softmax(1)[0, 1].item(), -LOGITS.log_softmax(1)[1, 2].item()]
    assert found.tolist() == pytest.approx(expected)


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher = LOGITS.clone().requires_grad_(), TEACHERS.clone().requires_grad_()
    distillation(Distillation(), student, teacher).sum().backward()
    assert student.grad is not None
    assert teacher.grad is None


def taught(weight: float = 0.4) -> ClassifyRecipe:
    return finetune(seed=1, terms=Terms(distillation=Distillation(weight=weight)))


TEACHER_RECIPE = finetune(seed=5).model_copy(
    update={"model": ModelConfig(**NETWORK.model_dump() | {"blocks": 2})}
)


def teacher_input() -> TrainedInput:
    trained = fit(TEACHER_RECIPE, images_of(), LocalContext())
    return TrainedInput(TEACHER_RECIPE, trained.weights)


def test_what_is_minimised_is_the_weighted_sum() -> None:
    objective = build_objective(taught(0.4), 2)
    images = torch.from_numpy(images_of().images[:3]) / 255
    labels = torch.from_numpy(images_of().labels[:3])
    answers = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    batch = Batch(images, labels, torch.arange(3), 1, torch.arange(3), answers)
    scores = objective(batch)
    assert scores.total is not None
    term = scores.measures["distillation"]
    torch.testing.assert_close(scores.total, 0.6 * scores.loss + 0.4 * term)
    right = (answers.argmax(1) == labels).float()
    assert torch.equal(scores.measures["teacher_accuracy"], right)


def test_a_student_learns_from_its_teacher_and_keeps_nothing_of_it() -> None:
    context = LocalContext(inputs={"teacher": teacher_input()})
    student = fit(taught(), images_of(), context)
    alone = fit(finetune(seed=1), images_of(), LocalContext())
    # The teacher is part of no weights, yet of what is learned.
    assert student.weights.keys() == alone.weights.keys()
    assert not all(
        torch.equal(student.weights[name], alone.weights[name]) for name in alone.weights
    )
    assert context.checkpoint is not None
    assert context.checkpoint.weights.keys() == alone.weights.keys()
    measures = context.rows[-1].measures
    assert {name.partition("_")[0] for name in measures} == {"train", "val"}
    assert measures["val_distillation"] > 0
    assert 0 <= measures["val_teacher_agreement"] <= 1
    # The teacher's accuracy on held-out images does not move while the student learns.
    assert len({row.measures["val_teacher_accuracy"] for row in context.rows}) == 1


def test_a_weight_of_one_learns_from_the_teacher_alone() -> None:
    context = LocalContext(inputs={"teacher": teacher_input()})
    fit(taught(1.0).model_copy(update={"seed": 2}), images_of(), context)
    first, *_, last = context.rows
    assert last.measures["train_distillation"] < first.measures["train_distillation"]


def test_the_teacher_answers_about_the_very_batch_and_never_moves() -> None:
    given = teacher_input()
    teacher = Teacher(given.recipe, given.weights, 2, CPU)
    images = torch.from_numpy(images_of().images[:4]) / 255
    numbers = torch.arange(4)
    expected = build_objective(given.recipe, 2).eval()
    expected.load_state_dict(given.weights)
    with torch.no_grad():
        logits = expected.network(images)
    batch = Batch(images, torch.zeros(4, dtype=torch.int64), numbers, 1, numbers)
    found = teacher.teach(batch).teacher
    assert found is not None
    assert not found.requires_grad
    torch.testing.assert_close(found, logits)
    # In training other images of the same numbers are answered anew; held-out ones never change.
    other = teacher.teach(batch._replace(images=images.flip(-1))).teacher
    assert other is not None
    assert not torch.equal(other, found)


def test_answers_are_kept_image_by_image() -> None:
    trained = fit(finetune(), images_of(), LocalContext())
    assert trained.answers is not None
    held_out = images_of().is_val.nonzero()[0]
    assert trained.answers.sample_ids.tolist() == held_out.tolist()
    assert trained.answers.labels.tolist() == images_of().labels[held_out].tolist()
    objective = build_objective(finetune(), IMAGES.num_classes).eval()
    objective.load_state_dict(trained.weights)
    with torch.no_grad():
        shares = objective.network(torch.from_numpy(images_of().images[held_out]) / 255).softmax(1)
    assert trained.answers.predicted.tolist() == shares.argmax(1).tolist()
    expected = (shares.max(1).values * 255).round()
    assert torch.from_numpy(trained.answers.probability.astype("int64")).sub(expected).abs().max() <= 1  # fmt: skip
