"""A network as a program of `torch.export`, which torch alone loads and runs."""

import io

import torch
from torch import nn
from torch.export import Dim, ExportedProgram


def save_program(network: nn.Module, side: int) -> bytes:
    """The network as the bytes of a `.pt2` file, for any number of images.

    Args:
        network: in evaluation mode, on the CPU.
        side: side of its square images, in pixels.
    """
    example = torch.zeros(2, 3, side, side)
    program = torch.export.export(network, (example,), dynamic_shapes=({0: Dim.DYNAMIC},))
    _forget_sources(program)
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def _forget_sources(program: ExportedProgram) -> None:
    """Remove where in the sources each operation comes from: paths of this machine."""
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
