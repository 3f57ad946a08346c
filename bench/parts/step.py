"""The training step against the same network in a plain loop, and against timm's ViT."""

from collections.abc import Iterator
from functools import partial

import torch

from bench.harness.flops import flops, matrix_rate
from bench.harness.part import Options, alternate, cores, main
from bench.harness.result import Result, at_least, not_measured, result
from bench.inputs import images as embedded
from bench.inputs.recipes import Kind, recipe
from bench.peers import plain_loop
from bench.peers.timm_vit import timm_rates, timm_version
from model.config.recipe import Recipe
from model.data.image_set import ImageSet
from model.training.compilation import compilations, status
from model.training.context import LocalContext
from model.training.fit import fit

PLAIN = "a plain PyTorch loop of the same network"
HOW = (
    "the second of two epochs, no augmentation; the peer has default Adam, NCHW, a mask drawn on "
    "the CPU for each batch and loss.item() at every step"
)
# (batch, steps of a window): on a CPU the paper's batch of 128 would take ten seconds a step.
_SIZES = {
    "cpu": {"quick": (16, 64), "paper": (32, 2)},
    "cuda": {"paper": (128, 96)},
}
_TINY = (4, 1)


def measure(options: Options) -> Iterator[Result]:
    """Both kinds of training, at the size of quick.yaml and of the paper, then timm's ViT."""
    torch.set_num_threads(cores())
    device = torch.device(options.device)
    ceiling = matrix_rate(device, torch.float32, options.tiny)
    note = "large square products of random numbers; what the shares below are shares of"
    yield result("step.matrix_rate", "TFLOP/s", ceiling, note=f"fp32, {note}")
    for size, window in _SIZES[options.device].items():
        for kind in KINDS:
            yield from _of(size, kind, options.pick(window, _TINY), options)
    yield _against_timm(options, device)


KINDS: tuple[Kind, ...] = ("pretrain", "finetune")


def _of(size: str, kind: Kind, window: tuple[int, int], options: Options) -> Iterator[Result]:
    """Images a second beside the plain loop's, and the share of the matrix rate."""
    device = torch.device(options.device)
    step_recipe = recipe(size, kind, *window)
    images = images_of(step_recipe)
    rates = alternate(
        options.rounds,
        partial(ours, step_recipe, images, device),
        partial(theirs, step_recipe, images, device),
    )
    note = f"fp32, batch {step_recipe.train.batch_size}: {HOW}"
    name, goal = f"step.{size}.{kind}", at_least(1.0, 1.1)
    row = result(name, "images/s", *rates, against=PLAIN, goal=goal, note=note)
    yield if_compiled(row, device)
    yield if_compiled(share(f"{name}.share", step_recipe, rates[0], options), device)


def if_compiled(row: Result, device: torch.device) -> Result:
    """A row about `ours`: on a GPU no figure if that did not run compiled, as trials there do."""
    if device.type != "cuda":
        return row
    if (compiled := status(device)) != "yes":
        why = f"torch.compile was requested; compiled: {compiled}"
        return not_measured(row.name, row.unit, why, against=row.against, goal=row.goal)
    graphs = f"graphs compiled so far: {compilations()['graphs']}"
    return row.model_copy(update={"note": "; ".join(filter(None, (row.note, graphs)))})


def share(name: str, step_recipe: Recipe, rates: list[float], options: Options) -> Result:
    """Arithmetic of a training step over what large matrix products reach."""
    kind = torch.bfloat16 if step_recipe.train.precision == "bf16" else torch.float32
    ceiling = max(matrix_rate(torch.device(options.device), kind, options.tiny))
    each = flops(step_recipe, images_of(step_recipe)) / 1e12
    shares = [rate * each / ceiling for rate in rates]
    goal = at_least(0.25, 0.33, of="value") if options.device == "cuda" else None
    note = (
        "of the matrix rate, the best of its rounds; "
        f"{each * 1e3:.3f} GFLOP an image, forward and backward; no decoder when finetuning"
    )
    return result(name, "share", shares, goal=goal, note=note)


def images_of(step_recipe: Recipe) -> ImageSet:
    """The recipe's images."""
    each = step_recipe.data.train_per_class
    assert each is not None
    return embedded.image_set(step_recipe.data.image_size, each * embedded.CLASSES)


def ours(step_recipe: Recipe, images: ImageSet, device: torch.device) -> float:
    """Images a second of `fit`'s last epoch, which ends with the device's work."""
    # As a run trains: compiled on a GPU.
    context = LocalContext(device=device, compiled=device.type == "cuda")
    fit(step_recipe, images, context)
    row = context.rows[-1]
    return row.train_images / row.train_seconds


def theirs(step_recipe: Recipe, images: ImageSet, device: torch.device) -> float:
    """Images a second of the plain loop's last epoch."""
    return float((~images.is_val).sum()) / plain_loop.epoch_seconds(step_recipe, images, device)


def _against_timm(options: Options, device: torch.device) -> Result:
    """Arithmetic a second of finetuning beside that of timm's ViT with the same trunk."""
    name, unit = "step.paper.finetune.timm", "GFLOP/s"
    what = "timm's ViT of the same trunk: width 192, 12 blocks, 6 heads, 65 tokens, no U-Net"
    if (version := timm_version()) is None:
        return not_measured(name, unit, "timm is not installed", against=what)
    step_recipe = recipe("paper", "finetune", *options.pick(_SIZES[options.device]["paper"], _TINY))
    images = images_of(step_recipe)
    each = flops(step_recipe, images) / 1e9
    peer, peer_each = timm_rates(step_recipe, images, device)
    peer()  # warms up
    rates = alternate(options.rounds, lambda: ours(step_recipe, images, device) * each, peer)
    note = (
        f"timm {version}; not equal work, so arithmetic is compared and not images: "
        f"{each:.2f} GFLOP an image with the convolutions, {peer_each:.2f} without"
    )
    return if_compiled(result(name, unit, *rates, against=what, note=note), device)


if __name__ == "__main__":
    main(measure)
