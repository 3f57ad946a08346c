"""Several trials on one GPU: images a second of all together, beside one alone."""

from collections.abc import Iterator
from functools import partial

import ray

from bench.harness.part import Options, cores, main
from bench.harness.result import Result, at_least, not_measured, result
from bench.inputs.recipes import Kind
from bench.parts.gpu import paper_recipe
from bench.parts.step import KINDS, share
from orchestrator.cluster.connection import configure
from orchestrator.cluster.gpu_sharing_probe import (
    ProbeSettings,
    images_per_second,
    rates_until_no_gain,
)

_ALONE = "one trial alone on the GPU"
_GAIN = {"pretrain": at_least(1.2), "finetune": at_least(1.5)}
_SHARE = at_least(0.33, 0.40, of="value")


def measure(options: Options) -> Iterator[Result]:
    """On a GPU, or in tiny on a processor that Ray is told is one."""
    if options.device == "cpu" and not options.tiny:
        why = "there is no GPU here (make bench-gpu)"
        for kind in KINDS:
            yield not_measured(
                f"gpu_sharing.{kind}", "images/s", why, against=_ALONE, goal=_GAIN[kind]
            )
            yield not_measured(f"gpu_sharing.{kind}.share", "share", why, goal=_SHARE)
        return
    configure("local")
    ray.init(address="local", num_gpus=1, include_dashboard=False, log_to_driver=False)
    try:
        for kind in options.pick(KINDS, KINDS[:1]):
            yield from _of(kind, options)
    finally:
        ray.shutdown()


def _of(kind: Kind, options: Options) -> Iterator[Result]:
    step_recipe = paper_recipe(kind, options, precision="bf16")
    on_gpu = options.device == "cuda"
    rate = partial(
        images_per_second,
        step_recipe,
        settings=ProbeSettings(1, on_gpu, on_gpu),
        seconds=options.pick(10.0, 0.2),
    )
    rates = rates_until_no_gain(rate, options.pick(cores(), 2))
    most = max(rates)
    by_count = ", ".join(f"{count}: {each:,.0f}" for count, each in rates.items())
    note = f"{most} trials, each a process of its own; images/s by trials at once: {by_count}"
    packed, alone = [rates[most]], [rates[1]]
    name = f"gpu_sharing.{kind}"
    yield result(name, "images/s", packed, alone, against=_ALONE, goal=_GAIN[kind], note=note)
    yield share(f"{name}.share", step_recipe, packed, options).model_copy(update={"goal": _SHARE})


if __name__ == "__main__":
    main(measure)
