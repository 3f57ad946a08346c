"""The training step against the same network in a plain loop, and against timm's ViT."""

from collections.abc import Callable, Iterator
from functools import partial

import torch

from bench import images as embedded
from bench import plain
from bench.loader import wait
from bench.part import Options, alternate, cores, main
from bench.peer import timm_rates, timm_version
from bench.recipes import SIDES, Kind, Recipe, recipe
from bench.result import Goal, Result, at_least, not_measured, result
from bench.work import flops, matrix_rate
from model.context import LocalContext
from model.data.image_set import ImageSet
from model.train import fit

_PLAIN = "a plain PyTorch loop of the same network"
# (batch, steps of a window): on a CPU the paper's batch of 128 would take ten seconds a step.
_SIZES = {
    "cpu": {"quick": (16, 64), "paper": (32, 2)},
    "cuda": {"paper": (128, 200)},
}
_GPU_GOALS = {"pretrain": at_least(1.6), "finetune": at_least(2)}


def measure(options: Options) -> Iterator[Result]:
    """Both kinds of training, at the size of quick.yaml and of the paper, then timm's ViT."""
    torch.set_num_threads(cores())
    device = torch.device(options.device)
    ceiling = matrix_rate(device, options.tiny)
    yield result(f"step.matrix_rate.{_precision(device)}", "TFLOP/s", ceiling, note=_CEILING)
    for size, (batch, steps) in _SIZES[options.device].items():
        batch, steps = options.pick((batch, steps), (4, 1))
        for kind in ("pretrain", "finetune"):
            yield from _of(size, kind, recipe(size, kind, batch, steps, **_as(device)), options)
    yield _against_timm(options, device)


_CEILING = "large square matrix products, random numbers; what the shares below are shares of"
_HOW = (
    "seconds of the second of two epochs without augmentation; the peer has default Adam, NCHW, a "
    "mask drawn on the CPU for each batch and loss.item() at every step"
)


def _precision(device: torch.device) -> str:
    return "bf16" if device.type == "cuda" else "fp32"


def _as(device: torch.device) -> dict[str, str]:
    return {"precision": _precision(device)}


def _of(size: str, kind: Kind, made: Recipe, options: Options) -> Iterator[Result]:
    """Images a second beside the plain loop's, and the share of the matrix rate."""
    device = torch.device(options.device)
    images = embedded.image_set(SIDES[size], made.train.batch_size * steps_of(made))
    rates = alternate(
        options.rounds, partial(ours, made, images, device), partial(theirs, made, images, device)
    )
    goal: Goal = _GPU_GOALS[kind] if device.type == "cuda" else at_least(1.0, 1.1)
    note = f"{_precision(device)}, batch {made.train.batch_size}; {_HOW}"
    name = f"step.{size}.{kind}"
    yield result(name, "images/s", *rates, against=_PLAIN, goal=goal, note=note)
    ceiling = max(matrix_rate(device, options.tiny))
    each = flops(made, images) / 1e12
    shares = [rate * each / ceiling for rate in rates[0]]
    yield result(
        f"{name}.share", "of the matrix rate", shares,
        goal=at_least(0.25, 0.33, of="value") if device.type == "cuda" else None,
        note=f"{each * 1e3:.3f} GFLOP an image, forward and backward, counted; no decoder when "
        "finetuning",
    )  # fmt: skip


def steps_of(made: Recipe) -> int:
    """Steps of an epoch."""
    each = made.data.train_per_class
    assert each is not None
    return each * embedded.CLASSES // made.train.batch_size


def ours(made: Recipe, images: ImageSet, device: torch.device) -> float:
    """Images a second of `fit`'s last epoch."""
    context = LocalContext(device=device)
    fit(made, images, context)
    wait(device)
    row = context.rows[-1]
    return row.train_images / row.train_seconds


def theirs(made: Recipe, images: ImageSet, device: torch.device) -> float:
    """Images a second of the plain loop's last epoch."""
    return float((~images.is_val).sum()) / plain.epoch_seconds(made, images, device)


def _against_timm(options: Options, device: torch.device) -> Result:
    """Arithmetic a second of finetuning beside that of timm's ViT with the same trunk."""
    name, unit = "step.paper.finetune.against_timm", "GFLOP/s"
    what = "timm's ViT of the same trunk: width 192, 12 blocks, 6 heads, 65 tokens, no U-Net"
    if (version := timm_version()) is None:
        return not_measured(name, unit, "timm is not installed", against=what)
    batch, steps = options.pick(_SIZES[options.device]["paper"], (4, 1))
    made = recipe("paper", "finetune", batch, steps, **_as(device))
    images = embedded.image_set(SIDES["paper"], batch * steps)
    each = flops(made, images) / 1e9
    peer, peer_each = timm_rates(made, images, device)
    run: Callable[[], float] = partial(ours, made, images, device)
    rates = alternate(options.rounds, lambda: run() * each, peer)
    note = (
        f"timm {version}; not equal work, so arithmetic is compared and not images: "
        f"{each:.2f} GFLOP an image with the convolutions, {peer_each:.2f} without"
    )
    return result(name, unit, *rates, against=what, note=note)


if __name__ == "__main__":
    main(measure)
