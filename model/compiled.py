"""torch.compile for the training step: at most one compilation of each kind of network.

The network alone is compiled. Masks are made before it and losses behind it, so patch size and
mask ratio are inputs and never constants; every other shape (a last, partial batch; held-out
images) runs as it is written.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn


def compile_in_place(network: nn.Module) -> None:
    """Have a network's forward and backward pass compiled when they are first run.

    On a GPU they are also captured as CUDA graphs. Parameters and their names stay. What cannot be
    compiled on a machine runs as it is written.
    """
    torch._dynamo.config.suppress_errors = True
    network.compile(mode="reduce-overhead", dynamic=False)


def as_written() -> AbstractContextManager[object]:
    """Networks run as they are written as long as the context lasts, compiled or not."""
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def as_compiled() -> AbstractContextManager[object]:
    """A step of a compiled network, which may overwrite what the step before returned."""
    torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
    return nullcontext()
