"""The training loop as a library: `fit` trains one recipe and knows neither Ray nor the store.

The caller supplies a `TrainContext`: rank and device, where a checkpoint and the parent's weights
come from, where rows and checkpoints go.
"""

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from model.config.recipe import Recipe
from model.config.training import OptimConfig, TrainConfig
from model.data.image_set import ImageSet, Splits, split
from model.device import use_ieee
from model.epoch_row import EpochRow
from model.errors import InputError
from model.objectives.objectives import Objective, Scores, build_objective, start_from_parent
from model.training.batches import BatchLoader, LocalBatch, SampleIds
from model.training.compilation import as_compiled, compile_in_place, uncompiled
from model.training.context import Checkpoint, TrainContext, on_cpu
from model.training.metrics import RunningMetrics
from model.training.schedule import learning_rate


class Diverged(RuntimeError):
    """The loss is no longer a finite number; training on would waste the machine."""


class NothingHidden(InputError):
    """A loss over hidden pixels of images that hide none."""


def fit(recipe: Recipe, images: ImageSet, context: TrainContext) -> dict[str, Tensor]:
    """Train a recipe to its end and return the final weights, on the CPU, by name.

    Raises:
        Diverged: a loss was not finite; raised on every rank alike.
        NothingHidden: the loss is over hidden pixels, and there were none in a whole pass.
        ValueError: the parent's weights do not fit the network.
    """
    use_ieee(context.device)
    objective = build_objective(recipe, len(images.class_names)).to(context.device)
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
    trainer = _Trainer(recipe.train, objective, optimizer, loader, parallel, context.compiled)
    try:
        for epoch in range(done + 1, recipe.train.epochs + 1):
            row = trainer.epoch(epoch, splits)
            if context.rank == 0:
                state = objective.state_dict(), optimizer.state_dict()
                context.save(row, Checkpoint(epoch, *state))
    finally:
        context.settle()
    return on_cpu(objective.state_dict())


def _initialise(
    objective: Objective, optimizer: torch.optim.Optimizer, context: TrainContext
) -> int:
    """Give the network its weights and return the epochs already done; the order matters."""
    # 1. Go on with this trial.  2. Else start from the parent.  3. Else stay as drawn.
    if checkpoint := context.resume():
        objective.load_state_dict(checkpoint.weights)
        optimizer.load_state_dict(checkpoint.optimizer)
        return checkpoint.epoch
    if parent := context.parent_weights():
        start_from_parent(objective, parent)
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


@dataclass
class _Trainer:
    """A recipe while it is trained."""

    config: TrainConfig
    objective: Objective
    optimizer: torch.optim.Optimizer
    loader: BatchLoader
    parallel: nn.Module
    """The objective as the gradient sees it: itself, or wrapped for several workers."""
    compiles: bool
    """Whether the network is compiled for whole training batches."""

    def epoch(self, epoch: int, splits: Splits) -> EpochRow:
        """Train one epoch and evaluate it.

        Raises:
            Diverged: a loss was not finite.
            NothingHidden: there was nothing to take the loss over.
        """
        began = time.perf_counter()
        steps = -(-len(splits.train) // self.config.batch_size)
        trained = self._train(epoch, steps, splits.train)
        trained_at = time.perf_counter()
        held_out = {
            f"{name}_{metric}": value
            for name, sample_ids in (("dev", splits.dev), ("val", splits.val))
            for metric, value in self._evaluate(sample_ids, epoch, steps).items()
        }
        return EpochRow(
            epoch=epoch,
            step=epoch * steps,
            learning_rate=self._rate(epoch * steps - 1, steps),
            train_loss=trained["loss"],
            train_accuracy=trained["accuracy"],
            train_images=len(splits.train),
            train_seconds=trained_at - began,
            eval_seconds=time.perf_counter() - trained_at,
            **held_out,
        )

    def _train(self, epoch: int, steps: int, train: SampleIds) -> dict[str, Any]:
        self.objective.train()
        metrics = RunningMetrics(self.loader.device)
        for step, part in enumerate(self.loader.training(train, epoch), (epoch - 1) * steps):
            rate = self._rate(step, steps)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.zero_grad(set_to_none=True)
            is_full = len(part.batch.labels) == self.loader.full_size
            with self._autocast(), self._compiled(is_full):
                scores = self.parallel(part.batch)
            self._summand(scores, part).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            metrics.add(scores, part, step)
        return self._means(metrics, epoch, steps)

    def _summand(self, scores: Scores, part: LocalBatch) -> Tensor:
        """This worker's part of the batch's loss: the average over workers is the loss.

        Workers hold unequal parts of the last batch, and DDP averages gradients over workers.
        """
        if scores.values is None:
            return scores.loss.sum() * part.loss_scale
        # A borrowed image is none of the batch's.
        counts = scores.values.sum() * bool(part.num_real)
        if self.loader.world_size > 1:
            torch.distributed.all_reduce(counts)
        scale = self.loader.world_size * bool(part.num_real) / counts.clamp(min=1)
        return scores.loss.sum() * scale

    @torch.inference_mode()
    def _evaluate(self, sample_ids: SampleIds, epoch: int, steps: int) -> dict[str, Any]:
        if not len(sample_ids):
            return {"loss": None, "accuracy": None}
        self.objective.eval()
        metrics = RunningMetrics(self.loader.device)
        for part in self.loader.held_out(sample_ids):
            with self._autocast(), self._compiled(False):
                # The last step taken is to blame where held-out images have no finite loss.
                metrics.add(self.objective(part.batch), part, epoch * steps - 1)
        return self._means(metrics, epoch, steps)

    def _means(self, metrics: RunningMetrics, epoch: int, steps: int) -> dict[str, Any]:
        totals = metrics.reduce(self.loader.world_size)
        if totals.bad_step is not None:
            raise Diverged(
                f"the loss is not finite in epoch {epoch}, step {totals.bad_step + 1}, at learning "
                f"rate {self._rate(totals.bad_step, steps):.3g}; a lower optim.lr may help"
            )
        if not totals.values:
            raise NothingHidden(
                f"the masks hid no pixel of {totals.images} images in epoch {epoch}, so that "
                "loss_region 'masked' has no loss; hide more, or use more images"
            )
        return totals.means()

    def _rate(self, step: int, steps: int) -> float:
        config = self.config
        return learning_rate(step, steps, config.epochs, config.schedule, config.optim.lr)

    def _compiled(self, is_full: bool) -> AbstractContextManager[object]:
        if not self.compiles:
            return nullcontext()
        return as_compiled() if is_full else uncompiled()

    def _autocast(self) -> torch.autocast:
        enabled = self.config.precision == "bf16"
        return torch.autocast(self.loader.device.type, torch.bfloat16, enabled=enabled)
