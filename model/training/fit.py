"""The training loop as a library: `fit` trains one recipe and knows neither Ray nor the store.

The caller supplies a `TrainContext`: rank and device, where a checkpoint and the inputs come from,
where rows and checkpoints go.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from model.answers import Answers
from model.config.recipe import Recipe
from model.config.training import OptimConfig
from model.data.image_set import ImageSet, split
from model.device import use_ieee
from model.objectives.objectives import Objective, build_objective, start_from
from model.objectives.teacher import Teacher
from model.training.batches import BatchLoader
from model.training.compilation import compile_in_place
from model.training.context import Checkpoint, TrainContext, on_cpu
from model.training.trainer import Trainer


@dataclass(frozen=True)
class Trained:
    """A trial at its end."""

    weights: dict[str, Tensor]
    """`state_dict()` of the objective, on the CPU."""
    answers: Answers | None
    """To the validation images; None where no class is named."""


def fit(recipe: Recipe, images: ImageSet, context: TrainContext) -> Trained:
    """Train a recipe to its end.

    Raises:
        Diverged: a loss was not finite; raised on every rank alike.
        NothingHidden: the loss is over hidden pixels, and there were none in a whole pass.
        ValueError: the weights that it starts from do not fit the network.
    """
    use_ieee(context.device)
    num_classes = len(images.class_names)
    objective = build_objective(recipe, num_classes).to(context.device)
    objective.to(memory_format=torch.channels_last)
    optimizer = _build_optimizer(objective, recipe.train.optim)
    done = _initialise(objective, optimizer, context)
    if context.compiled:
        compile_in_place(objective.network)
    splits = split(images, recipe.data)
    ranks = context.rank, context.world_size
    loader = BatchLoader(images, recipe, *ranks, context.device, context.augmented)
    _agree(done, context)
    parallel = _parallel(objective, context)
    teacher = _teacher(num_classes, context)
    compiles = context.compiled
    trainer = Trainer(recipe.train, objective, optimizer, loader, parallel, compiles, teacher)
    try:
        for epoch in range(done + 1, recipe.train.epochs + 1):
            row = trainer.epoch(epoch, splits)
            if context.rank == 0:
                state = objective.state_dict(), optimizer.state_dict()
                context.save(row, Checkpoint(epoch, *state))
    finally:
        context.settle()
    return Trained(on_cpu(objective.state_dict()), trainer.answers(splits.val))


def _teacher(num_classes: int, context: TrainContext) -> Teacher | None:
    given = context.input("teacher")
    if given is None:
        return None
    return Teacher(given.recipe, given.weights, num_classes, context.device)


def _initialise(
    objective: Objective, optimizer: torch.optim.Optimizer, context: TrainContext
) -> int:
    """Give the network its weights and return the epochs already done; the order matters."""
    # 1. Go on with this trial.  2. Else start from another's weights.  3. Else stay as drawn.
    if checkpoint := context.resume():
        objective.load_state_dict(checkpoint.weights)
        optimizer.load_state_dict(checkpoint.optimizer)
        return checkpoint.epoch
    if start := context.input("weights"):
        start_from(objective, start.weights)
    return 0


def _agree(done: int, context: TrainContext) -> None:
    """Check that all workers continue from one epoch: a file system may show them different ones.

    Raises:
        RuntimeError: they do not; raised on every rank.
    """
    if context.world_size == 1:
        return
    ends = torch.tensor([done, -done], device=context.device)
    torch.distributed.all_reduce(ends, op=torch.distributed.ReduceOp.MAX)
    if int(ends[0]) != -int(ends[1]):
        raise RuntimeError("the workers found different checkpoints")


def _build_optimizer(objective: Objective, config: OptimConfig) -> torch.optim.Optimizer:
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return kind(
        [parameter for parameter in objective.parameters() if parameter.requires_grad],
        lr=config.lr,
        betas=config.betas,
        eps=config.eps,
        weight_decay=config.weight_decay,
        fused=True,
    )


def _parallel(objective: Objective, context: TrainContext) -> nn.Module:
    if context.world_size == 1:
        return objective
    devices = [context.device] if context.device.type == "cuda" else None
    # Buffers are constants: sending them at every step would only cost time.
    return DistributedDataParallel(
        objective, device_ids=devices, gradient_as_bucket_view=True, forward_sync_buffers=False
    )
