"""torch.compile for the training step: at most one compilation of each kind of network.

The network alone is compiled. Masks are made before it and losses after it, so patch size and
mask ratio are inputs and never constants; every other shape (a last, partial batch; held-out
images) runs uncompiled.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
import torch._functorch.config
from torch import nn

# Networks of so many kinds, batches and precisions may be compiled in one process, which trains one
# trial after the other: PyTorch counts them all as one function, and gives up after eight.
_KINDS = 64


def compile_in_place(network: nn.Module) -> None:
    """Have a network's forward and backward pass compiled when it is first run.

    On a GPU they are also captured as CUDA graphs. Parameters and their names stay. What Dynamo or
    Inductor cannot compile runs uncompiled, and `compilations` counts it; an error while a CUDA
    graph is recorded is raised.
    """
    torch._dynamo.config.suppress_errors = True
    torch._dynamo.config.recompile_limit = _KINDS
    # With the forward pass: an error while `backward` runs would be past the way back.
    torch._functorch.config.force_non_lazy_backward_lowering = True
    network.compile(mode="reduce-overhead", dynamic=False)


def compilations() -> dict[str, int]:
    """Counts of what this process has compiled so far, for all of its trials.

    Returns:
        `graphs`, to which a network of a kind seen before adds nothing; `refused`, functions that
        could not be compiled and run uncompiled; `cudagraph_skips`, compiled functions that are not
        CUDA graphs, as all are on a CPU.
    """
    from torch._dynamo.utils import counters  # costs seconds

    frames = counters["frames"]
    return {
        "graphs": counters["stats"]["unique_graphs"],
        "refused": frames["total"] - frames["ok"],
        "cudagraph_skips": counters["inductor"]["cudagraph_skips"],
    }


def status(device: torch.device) -> str:
    """Whether the networks that this process had to compile for a device are compiled.

    Returns:
        `yes`, `no`, `in part`, or `without CUDA graphs`. Earlier trials of the process count too:
        they share the functions that were compiled or refused.
    """
    counts = compilations()
    if not counts["graphs"]:
        return "no"
    if counts["refused"]:
        return "in part"
    skipped = device.type == "cuda" and counts["cudagraph_skips"]
    return "without CUDA graphs" if skipped else "yes"


def uncompiled() -> AbstractContextManager[object]:
    """A context in which compiled networks run uncompiled."""
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def as_compiled() -> AbstractContextManager[object]:
    """A step of a compiled network, which may overwrite what the step before returned."""
    torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
    return nullcontext()
