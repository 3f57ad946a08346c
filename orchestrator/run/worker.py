"""The only bridge from Ray to `model`: what runs inside a trial's processes.

Both executors train through `train_trial`; they differ in who calls it: `train_fn_per_worker` in
each worker of a TorchTrainer, or the trial's own Tune actor.
"""

import io
import os
import traceback
from pathlib import Path
from typing import Any

import ray.train
import ray.train.torch
import safetensors.torch
import torch
from torch import Tensor

from model.augment.cache import Augmented
from model.data.image_set import ImageSet
from model.data.load import load
from model.epoch_row import EpochRow
from model.errors import InputError
from model.training.compilation import how
from model.training.context import Checkpoint
from model.training.fit import Diverged, fit
from orchestrator.run.ledger_context import Behind
from orchestrator.run.placement_groups import places_of_this_worker
from orchestrator.store import provenance
from orchestrator.store.checkpoints import SavedCheckpoint
from orchestrator.store.ledger import Ledger, Outcome
from orchestrator.store.store import Store
from orchestrator.study.graph import TrialSpec

# The recipe is to blame, and every rank sees it alike: to train again would end the same way. Any
# other error may be one machine's or one moment's; it travels, so that Ray restarts the workers.
FINAL_ERRORS = (Diverged,)
# What this process augmented: the inline executor trains one trial after the other in it.
_AUGMENTED = Augmented()


class LedgerContext:
    """A `model.training.fit.TrainContext` whose state lies in the ledger."""

    def __init__(self, trial: TrialSpec, ledger: Ledger, device: torch.device) -> None:
        self.rank = 0
        self.world_size = 1
        self.device = device
        self.compiled = False
        self.augmented = _AUGMENTED
        self.trial = trial
        self.ledger = ledger
        self.placement_group: str | None = None
        """Where Ray placed the trial's workers, if it did."""
        self.damaged: list[int] = []
        """Epochs of checkpoints that were found damaged and passed over."""
        self._rows: list[EpochRow] = []
        self._behind = Behind()
        self._checkpoint = self._find()

    def _find(self) -> Checkpoint | None:
        rows = self._readable_rows()
        for epoch, saved in self.ledger.checkpoints(self.trial.key):
            checkpoint = _parsed(saved) if saved and len(rows) >= epoch else None
            if checkpoint:
                self._rows = rows[:epoch]  # rows past it are trained again
                return checkpoint
            self.damaged.append(epoch)
        return None

    def _readable_rows(self) -> list[EpochRow]:
        """The rows so far; none if they are damaged. A store that does not answer is an error."""
        try:
            return self.ledger.rows(self.trial.key)
        except InputError:
            return []

    def resume(self) -> Checkpoint | None:
        """The trial's newest undamaged checkpoint."""
        return self._checkpoint

    def parent_weights(self) -> dict[str, Tensor] | None:
        """The parent's final weights; a declared parent that is not there is an error.

        Raises:
            DamagedError: the parent is not done, or its weights are missing or changed.
        """
        if self.trial.parent is None:
            return None
        return safetensors.torch.load(self.ledger.weights(self.trial.parent))

    def save(self, row: EpochRow, checkpoint: Checkpoint) -> None:
        """Write the rows so far and the checkpoint, while training goes on.

        At the paper's size the files are 96 MB an epoch, which a GPU trains in seconds.
        """
        self._rows.append(row)
        rows, copied = list(self._rows), checkpoint.copied()
        self._behind.start(lambda: self._write(rows, copied))

    def settle(self) -> None:
        """Wait for the last epoch's files.

        Raises:
            StoreError: they could not be written.
        """
        self._behind.wait()

    def _write(self, rows: list[EpochRow], checkpoint: Checkpoint) -> None:
        self.ledger.require(self.trial.key)
        optimizer = io.BytesIO()
        torch.save(checkpoint.optimizer, optimizer)
        weights = safetensors.torch.save(checkpoint.weights)
        saved = SavedCheckpoint(checkpoint.epoch, weights, optimizer.getvalue())
        self.ledger.save_epoch(self.trial.key, rows, saved)


def train_fn_per_worker(config: dict[str, Any]) -> None:
    """One DDP rank of a trial; Ray Train calls it in every worker.

    Args:
        config: `trial_key`, `store`, `cache`, `threads`, `gpu`, `compiled`, `provenance`.
    """
    ranks = ray.train.get_context()
    ledger = Ledger(Store(config["store"]))
    context = LedgerContext(ledger.spec(config["trial_key"]), ledger, ray.train.torch.get_device())
    context.rank, context.world_size = ranks.get_world_rank(), ranks.get_world_size()
    context.placement_group = places_of_this_worker()
    train_trial(context, config)
    # Ray keeps no rows of ours: one report, at the end, tells its dashboard that this run is over.
    ray.train.report({"trial_key": config["trial_key"]})


def train_inline(config: dict[str, Any]) -> None:
    """A one-worker trial in the calling process; see `train_fn_per_worker`."""
    ledger = Ledger(Store(config["store"]))
    device = torch.device("cuda" if config["gpu"] else "cpu")
    try:
        train_trial(LedgerContext(ledger.spec(config["trial_key"]), ledger, device), config)
    except torch.AcceleratorError:
        # No try in this process can use the device again; Tune goes on in a new one.
        traceback.print_exc()
        os._exit(1)


def train_trial(context: LedgerContext, config: dict[str, Any]) -> None:
    """Train one trial to its recorded end; a failure that would repeat itself is recorded too.

    An error that concerns this machine or moment travels on, for Ray to restart the workers.
    """
    torch.set_num_threads(config["threads"])
    context.compiled = config["compiled"]
    ledger, trial = context.ledger, context.trial
    if ledger.outcome(trial.key):
        return  # it had ended; only the processes that said so were lost
    if context.rank == 0:
        ledger.begin_attempt(trial.key, _attempt(context))
    try:
        images = _images(trial, config)
        weights = fit(trial.recipe, images, context)
    except FINAL_ERRORS as error:
        if context.rank == 0:
            ledger.fail(trial.key, outcome_of(ledger, trial.key, error, final=True))
        return
    if context.rank == 0:
        seen = {"val_images": int(images.is_val.sum())}
        found = {**config["provenance"], **_hardware(context), **seen}
        done = outcome_of(ledger, trial.key).model_copy(update={"provenance": found})
        ledger.finish(trial.key, safetensors.torch.save(weights), done)


def _attempt(context: LedgerContext) -> dict[str, Any]:
    """The note of a start: when, after which epoch, and which checkpoints could not be used."""
    checkpoint = context.resume()
    done = checkpoint.epoch if checkpoint else 0
    return {
        "started_at": provenance.now(),
        "from_epoch": done,
        "damaged": context.damaged,
        "placement_group": context.placement_group,
    }


def _parsed(saved: SavedCheckpoint) -> Checkpoint | None:
    """The checkpoint, or None where its bytes, though as they were written, are not one."""
    try:
        optimizer = torch.load(io.BytesIO(saved.optimizer), map_location="cpu", weights_only=True)
        return Checkpoint(saved.epoch, safetensors.torch.load(saved.weights), optimizer)
    except Exception:  # each reader has errors of its own, and all mean the same here
        return None


def outcome_of(
    ledger: Ledger, key: str, error: Exception | None = None, final: bool = False
) -> Outcome:
    """How a trial that ends now ended."""
    began = next(iter(ledger.notes(key)), {}).get("started_at")
    return Outcome(
        state="failed" if error else "done",
        reason=" ".join(f"{type(error).__name__}: {error}".split()) if error else None,
        final=final,
        finished_at=provenance.now(),
        wall_seconds=provenance.seconds_since(began) if began else None,
    )


def _images(trial: TrialSpec, config: dict[str, Any]) -> ImageSet:
    return load(trial.recipe.data, Path(config["cache"]))


def _hardware(context: LedgerContext) -> dict[str, Any]:
    gpu = torch.cuda.get_device_name(context.device) if context.device.type == "cuda" else None
    found = {**provenance.of_machine(), "gpu": gpu, "workers": context.world_size}
    # What cannot be compiled trains too, only slower: nothing else would tell.
    return {**found, "compiled": how(context.device)} if context.compiled else found
