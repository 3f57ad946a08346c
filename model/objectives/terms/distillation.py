"""Distillation: the student's class logits against a teacher's."""

from torch import Tensor
from torch.nn import functional

from model.config.terms import Distillation


def distillation(settings: Distillation, student: Tensor, teacher: Tensor) -> Tensor:
    """The term of each image, unweighted.

    `soft` is T^2 * KL(teacher || student) of the outputs softened by T, summed over classes (Hinton
    2015, arXiv 1503.02531, section 2.1); `hard` is the cross-entropy against the teacher's most
    likely class (Touvron 2021, arXiv 2012.12877, equation 3).

    Args:
        student: (N, classes) logits.
        teacher: (N, classes) logits; no gradient reaches them.

    Returns:
        (N,) nats, 0 or more.
    """
    teacher = teacher.detach()
    if settings.kind == "hard":
        return functional.cross_entropy(student, teacher.argmax(dim=1), reduction="none")
    t = settings.temperature
    ours, theirs = functional.log_softmax(student / t, 1), functional.log_softmax(teacher / t, 1)
    return t * t * functional.kl_div(ours, theirs, reduction="none", log_target=True).sum(dim=1)
