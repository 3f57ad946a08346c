"""The epochs of one trial: training steps, evaluation, and the row that records both."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.answers import Answers
from model.config.training import TrainConfig
from model.data.image_set import Splits
from model.epoch_row import EpochRow
from model.errors import InputError
from model.objectives.objectives import Batch, Classification, Objective, Scores
from model.objectives.teacher import Teacher
from model.training.answers import answers
from model.training.batches import BatchLoader, LocalBatch, SampleIds
from model.training.compilation import as_compiled, uncompiled
from model.training.metrics import Means, RunningMetrics
from model.training.schedule import learning_rate


class Diverged(RuntimeError):
    """The loss is no longer a finite number; training on would waste the machine."""


class NothingHidden(InputError):
    """A loss over hidden pixels of images that hide none."""


@dataclass
class Trainer:
    """A recipe while it is trained."""

    config: TrainConfig
    objective: Objective
    optimizer: torch.optim.Optimizer
    loader: BatchLoader
    parallel: nn.Module
    """The objective as the gradient sees it: itself, or wrapped for several workers."""
    compiles: bool
    """Whether the network is compiled for whole training batches."""
    teacher: Teacher | None

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
        dev = self._evaluate(splits.dev, epoch, steps) if len(splits.dev) else None
        val = self._evaluate(splits.val, epoch, steps)
        return EpochRow(
            epoch=epoch,
            step=epoch * steps,
            learning_rate=self._rate(epoch * steps - 1, steps),
            train_loss=trained.loss,
            train_accuracy=trained.accuracy,
            dev_loss=dev.loss if dev else None,
            dev_accuracy=dev.accuracy if dev else None,
            val_loss=val.loss,
            val_accuracy=val.accuracy,
            train_images=len(splits.train),
            train_seconds=trained_at - began,
            eval_seconds=time.perf_counter() - trained_at,
            measures=_by_split({"train": trained, "dev": dev, "val": val}),
        )

    def answers(self, sample_ids: SampleIds) -> Answers | None:
        """The network's answers to held-out images; None if it names no class."""
        if not isinstance(self.objective, Classification):
            return None
        self.objective.eval()
        batches, workers = self.loader.held_out(sample_ids), self.loader.world_size
        with self._autocast(), self._compiled(False):
            return answers(self.objective.network, batches, sample_ids, workers)

    def _train(self, epoch: int, steps: int, train: SampleIds) -> Means:
        self.objective.train()
        metrics = RunningMetrics(self.loader.device, self.objective.measures)
        for step, part in enumerate(self.loader.training(train, epoch), (epoch - 1) * steps):
            rate = self._rate(step, steps)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.zero_grad(set_to_none=True)
            is_full = len(part.batch.labels) == self.loader.full_size
            batch = self._taught(part.batch)
            with self._autocast(), self._compiled(is_full):
                scores = self.parallel(batch)
            self._summand(scores, part).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            metrics.add(scores, part, step)
        return self._means(metrics, epoch, steps)

    def _summand(self, scores: Scores, part: LocalBatch) -> Tensor:
        """This worker's part of the batch's loss: the average over workers is the loss.

        Workers hold unequal parts of the last batch, and DDP averages gradients over workers.
        """
        if scores.values is None:
            total = scores.loss if scores.total is None else scores.total
            return total.sum() * part.loss_scale
        # A borrowed image is none of the batch's.
        counts = scores.values.sum() * bool(part.num_real)
        if self.loader.world_size > 1:
            torch.distributed.all_reduce(counts)
        scale = self.loader.world_size * bool(part.num_real) / counts.clamp(min=1)
        return scores.loss.sum() * scale

    def _taught(self, batch: Batch) -> Batch:
        return self.teacher.teach(batch) if self.teacher else batch

    @torch.inference_mode()
    def _evaluate(self, sample_ids: SampleIds, epoch: int, steps: int) -> Means:
        self.objective.eval()
        metrics = RunningMetrics(self.loader.device, self.objective.measures)
        for part in self.loader.held_out(sample_ids):
            batch = self._taught(part.batch)
            with self._autocast(), self._compiled(False):
                # The last step taken is to blame where held-out images have no finite loss.
                metrics.add(self.objective(batch), part, epoch * steps - 1)
        return self._means(metrics, epoch, steps)

    def _means(self, metrics: RunningMetrics, epoch: int, steps: int) -> Means:
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


def _by_split(passes: Mapping[str, Means | None]) -> dict[str, float]:
    """Measures of each pass as `<split>_<name>`."""
    done = ((split, means) for split, means in passes.items() if means)
    return {f"{split}_{name}": v for split, means in done for name, v in means.measures.items()}
