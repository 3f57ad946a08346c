"""The training loop's view of its surroundings, and the smallest surroundings there are."""

import copy
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from model.augment.cache import AugmentedCache
from model.config.recipe import Recipe
from model.epoch_row import EpochRow


@dataclass(frozen=True)
class Checkpoint:
    """All that is needed to go on after an epoch; randomness is keyed, so it has no state."""

    epoch: int
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]

    def copied(self) -> "Checkpoint":
        """The same, on the CPU, in memory of its own: training may go on."""
        # A fused optimiser needs its moments laid out in memory as the weights in training are.
        moments = {
            number: {name: value.to("cpu", copy=True) for name, value in kept.items()}
            for number, kept in self.optimizer["state"].items()
        }
        optimizer = {**self.optimizer, "state": moments}
        return Checkpoint(self.epoch, on_cpu(self.weights), optimizer)


def on_cpu(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies."""
    plain = torch.contiguous_format
    return {
        name: value.detach().to("cpu", copy=True, memory_format=plain)
        for name, value in weights.items()
    }


@dataclass(frozen=True)
class TrainedInput:
    """Another trial that this one takes something from."""

    recipe: Recipe
    weights: dict[str, Tensor]
    """`state_dict()` of its objective."""


class TrainContext(Protocol):
    """Everything that `fit` asks of its surroundings."""

    @property
    def rank(self) -> int:
        """This worker's number, from 0."""

    @property
    def world_size(self) -> int:
        """Workers of this trial; above 1, torch.distributed must be initialised."""

    @property
    def device(self) -> torch.device:
        """The device that this worker trains on."""

    @property
    def compiled(self) -> bool:
        """Whether to train through `torch.compile`: the same to rounding, after a first wait."""

    @property
    def augmented(self) -> AugmentedCache:
        """Augmented images of the trials before, and of this one for the next."""

    def resume(self) -> Checkpoint | None:
        """The trial's own latest checkpoint, if it has one."""

    def input(self, role: str) -> TrainedInput | None:
        """The trial's input of a role, `weights` or `teacher`; None only where it has none."""

    def save(self, row: EpochRow, checkpoint: Checkpoint) -> None:
        """Keep an epoch; called on rank 0 alone.

        The checkpoint's tensors are those in training: write or copy them before returning. What
        is saved may be on its way to where it is kept until `settle`.
        """

    def settle(self) -> None:
        """Wait until all that was saved is kept; called on every rank, however training ended."""


@dataclass
class LocalContext:
    """One worker without Ray and without a disk: rows and the last checkpoint stay in memory."""

    rank: int = 0
    world_size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    compiled: bool = False
    augmented: AugmentedCache = field(default_factory=AugmentedCache)
    inputs: dict[str, TrainedInput] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    rows: list[EpochRow] = field(default_factory=list)

    def resume(self) -> Checkpoint | None:
        """A copy of the checkpoint that was last saved or given."""
        return copy.deepcopy(self.checkpoint)

    def input(self, role: str) -> TrainedInput | None:
        """The input that was given."""
        return self.inputs.get(role)

    def save(self, row: EpochRow, checkpoint: Checkpoint) -> None:
        """Append the row and keep a copy of the checkpoint."""
        self.rows.append(row)
        self.checkpoint = checkpoint.copied()

    def settle(self) -> None:
        """Nothing: it is kept."""
