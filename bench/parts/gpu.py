"""Figures of a GPU alone: bf16 steps, the input's share of them, the paper's study in minutes."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from bench.harness.part import Options, alternate, main
from bench.harness.result import Result, at_least, at_most, not_measured, result
from bench.inputs.recipes import Kind, recipe
from bench.parts.step import HOW, KINDS, PLAIN, if_compiled, images_of, ours, share, theirs
from model.config.recipe import Recipe
from model.config.training import AugmentConfig

# The paper's study: 84,000 training images, 50 epochs a stage, nine pretrainings, ten finetunings.
_SEEN = {"pretrain": 9 * 50 * 84_000, "finetune": 10 * 50 * 84_000}
_WINDOW = (128, 96)
_STEP = {"pretrain": at_least(1.6), "finetune": at_least(2)}
_SHARE, _INPUT, _STUDY = at_least(0.25, 0.33, of="value"), at_most(0.03), at_most(45)


def measure(options: Options) -> Iterator[Result]:
    """On a GPU, or in tiny on whatever there is; elsewhere the rows say that they are missing."""
    if options.device == "cpu" and not options.tiny:
        yield from _missing()
        return
    for row in _measured(options):
        yield if_compiled(row, torch.device(options.device))


def _measured(options: Options) -> Iterator[Result]:
    for precision in ("bf16", "fp32"):
        rates: dict[Kind, list[float]] = {}
        for kind in KINDS:
            if precision == "bf16":
                yield from _step(kind, options)
            row, rates[kind] = _input(kind, precision, options)
            yield row
        yield _study(precision, rates)


def _missing() -> Iterator[Result]:
    why = "there is no GPU here (make bench-gpu)"
    for kind in KINDS:
        yield not_measured(f"gpu.{kind}.step", "images/s", why, against=PLAIN, goal=_STEP[kind])
        yield not_measured(f"gpu.{kind}.share", "share", why, goal=_SHARE)
        yield not_measured(f"gpu.{kind}.input.bf16", "share", why, goal=_INPUT)
    yield not_measured("gpu.study.bf16", "minutes", why, goal=_STUDY)
    yield not_measured("makespan.quick.not_in_steps", "share", why, goal=at_most(0.05))


def _step(kind: Kind, options: Options) -> Iterator[Result]:
    """bf16 steps beside a plain loop with the same autocast."""
    step_recipe = paper_recipe(kind, options, precision="bf16")
    images, device = images_of(step_recipe), torch.device(options.device)
    rates = alternate(
        options.rounds,
        partial(ours, step_recipe, images, device),
        partial(theirs, step_recipe, images, device),
    )
    note = f"bf16 autocast on both sides, batch {step_recipe.train.batch_size}: {HOW}"
    name = f"gpu.{kind}"
    yield result(f"{name}.step", "images/s", *rates, against=PLAIN, goal=_STEP[kind], note=note)
    yield share(f"{name}.share", step_recipe, rates[0], options)


def _input(kind: Kind, precision: str, options: Options) -> tuple[Result, list[float]]:
    """The cost that augmentation adds to a step; images a second with it."""
    plain = paper_recipe(kind, options, precision=precision)
    full = paper_recipe(kind, options, precision=precision, augment=AugmentConfig())
    images, device = images_of(plain), torch.device(options.device)
    rates = alternate(
        options.rounds, partial(ours, full, images, device), partial(ours, plain, images, device)
    )
    shares = [1 - with_it / without for with_it, without in zip(*rates, strict=True)]
    name = f"gpu.{kind}.input.{precision}"
    note = "share of a step's seconds that AutoAugment adds"
    return result(name, "share", shares, goal=_INPUT, note=note), rates[0]


def paper_recipe(kind: Kind, options: Options, **train: Any) -> Recipe:
    """The paper's; in tiny quick.yaml's, since a CPU only emulates bf16."""
    size, window = options.pick(("paper", _WINDOW), ("quick", (4, 1)))
    return recipe(size, kind, *window, **train)


def _study(precision: str, rates: dict[Kind, list[float]]) -> Result:
    minutes = [
        (_SEEN["pretrain"] / pretrain + _SEEN["finetune"] / finetune) / 60
        for pretrain, finetune in zip(rates["pretrain"], rates["finetune"], strict=True)
    ]
    note = (
        f"paper.yaml's 19 trials one after the other, extrapolated from windows of {_WINDOW[1]} "
        "steps with augmentation; validation and start-up not in it"
    )
    return result(f"gpu.study.{precision}", "minutes", minutes, goal=_STUDY, note=note)


if __name__ == "__main__":
    main(measure)
