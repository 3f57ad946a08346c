"""torch.compile for the training step: at most one compilation of each kind of network.

The network alone is compiled. Masks are made before it and losses behind it, so patch size and
mask ratio are inputs and never constants; every other shape (a last, partial batch; held-out
images) runs as it is written.
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
    Inductor cannot compile runs as it is written, which `compilations` tells; an error while a CUDA
    graph is recorded is raised.
    """
    torch._dynamo.config.suppress_errors = True
    torch._dynamo.config.recompile_limit = _KINDS
    # With the forward pass: an error while `backward` runs would be past the way back.
    torch._functorch.config.force_non_lazy_backward_lowering = True
    network.compile(mode="reduce-overhead", dynamic=False)


def compilations() -> dict[str, int]:
    """What this process compiled so far: its trials share it.

    Returns:
        `graphs`, which a network of a known kind adds nothing to; `refused`, functions that run as
        they are written because they could not be compiled; `cudagraph_skips`, what was compiled
        but is no CUDA graph, as all is on a CPU.
    """
    from torch._dynamo.utils import counters  # costs seconds

    frames = counters["frames"]
    return {
        "graphs": counters["stats"]["unique_graphs"],
        "refused": frames["total"] - frames["ok"],
        "cudagraph_skips": counters["inductor"]["cudagraph_skips"],
    }


def status(device: torch.device) -> str:
    """Whether what this process was asked to compile for a device is compiled.

    Returns:
        `yes`, `no`, `in part`, or `without CUDA graphs`. Trials before are in it: they share the
        functions that are compiled, or refused.
    """
    found = compilations()
    if not found["graphs"]:
        return "no"
    if found["refused"]:
        return "in part"
    skipped = device.type == "cuda" and found["cudagraph_skips"]
    return "without CUDA graphs" if skipped else "yes"


def as_written() -> AbstractContextManager[object]:
    """Networks run as they are written as long as the context lasts, compiled or not."""
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def as_compiled() -> AbstractContextManager[object]:
    """A step of a compiled network, which may overwrite what the step before returned."""
    torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
    return nullcontext()
