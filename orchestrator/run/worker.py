"""The only bridge from Ray to `model`: what runs inside a trial's processes.

Both executors train through `train_trial`; they differ in who calls it: `train_fn_per_worker` in
each worker of a TorchTrainer, or the trial's own Tune actor.
"""

import os
import traceback
from pathlib import Path
from typing import Any

import ray.train
import ray.train.torch
import safetensors.torch
import torch

from model.data.image_set import ImageSet
from model.data.load import load
from model.training.compilation import status
from model.training.fit import fit
from model.training.trainer import Diverged, NothingHidden
from orchestrator.run.failures import outcome_of
from orchestrator.run.job import TrialJob
from orchestrator.run.ledger_context import LedgerContext, Ranks
from orchestrator.run.placement_groups import current_group_id
from orchestrator.store import provenance
from orchestrator.store.ledger import Ledger
from orchestrator.study.graph import TrialSpec

# The recipe is to blame, and every rank sees it alike: to train again would end the same way. Any
# other error may be one machine's or one moment's; it travels, so that Ray restarts the workers.
FINAL_ERRORS = (Diverged, NothingHidden)


def train_fn_per_worker(config: dict[str, Any]) -> None:
    """One DDP rank of a trial; Ray Train calls it in every worker.

    Args:
        config: a `TrialJob` as primitives.
    """
    job = TrialJob.model_validate(config)
    run = ray.train.get_context()
    ranks = Ranks(run.get_world_rank(), run.get_world_size(), current_group_id())
    train_trial(_context(job, ray.train.torch.get_device(), ranks), job)
    # Ray keeps no rows of ours: one report, at the end, tells its dashboard that this run is over.
    ray.train.report({"trial_key": job.trial_key})


def train_inline(job: TrialJob) -> None:
    """A one-worker trial in the calling process; see `train_fn_per_worker`."""
    device = torch.device("cuda" if job.gpu else "cpu")
    try:
        train_trial(_context(job, device, Ranks()), job)
    except torch.AcceleratorError:
        # No try in this process can use the device again; Tune goes on in a new one.
        traceback.print_exc()
        os._exit(1)


def _context(job: TrialJob, device: torch.device, ranks: Ranks) -> LedgerContext:
    ledger = job.ledger
    return LedgerContext.open(ledger.spec(job.trial_key), ledger, device, ranks, job.compiled)


def train_trial(context: LedgerContext, job: TrialJob) -> None:
    """Train one trial to its recorded end; a failure that would repeat itself is recorded too.

    An error that concerns this machine or moment travels on, for Ray to restart the workers.
    """
    torch.set_num_threads(job.allotment.cpus_per_worker)
    ledger, trial = context.ledger, context.trial
    if ledger.outcome(trial.key):
        return  # it had ended; only the processes that said so were lost
    if context.rank == 0:
        ledger.begin_attempt(trial.key, _attempt(context))
    try:
        images = _images(trial, job)
        trained = fit(trial.recipe, images, context)
    except FINAL_ERRORS as error:
        if context.rank == 0:
            ledger.fail(trial.key, outcome_of(ledger, trial.key, error, final=True))
        return
    if context.rank == 0:
        origin = {**job.provenance, **_hardware(context), **_validation(images)}
        if trained.answers:
            ledger.save_answers(trial.key, trained.answers)
        done = outcome_of(ledger, trial.key).model_copy(
            update={"provenance": origin, "inputs_sha256": _input_sums(trial, ledger)}
        )
        ledger.finish(trial.key, safetensors.torch.save(trained.weights), done)


def _attempt(context: LedgerContext) -> dict[str, Any]:
    """The note of a start: when, after which epoch, and which checkpoints could not be used."""
    checkpoint = context.resume()
    return {
        "started_at": provenance.utc_now(),
        "from_epoch": checkpoint.epoch if checkpoint else 0,
        "damaged": context.saved.damaged,
        "placement_group": context.ranks.placement_group,
    }


def _images(trial: TrialSpec, job: TrialJob) -> ImageSet:
    return load(trial.recipe.data, Path(job.cache))


def _validation(images: ImageSet) -> dict[str, Any]:
    """The images that an accuracy rests on, and what is right without looking at them."""
    return {
        "val_images": int(images.is_val.sum()),
        "num_classes": len(images.class_names),
        "largest_class_share": images.largest_class_share,
    }


def _input_sums(trial: TrialSpec, ledger: Ledger) -> dict[str, str]:
    """See `Outcome.inputs_sha256`."""
    ends = {role: ledger.outcome(key) for role, key in trial.inputs.items()}
    return {role: end.weights_sha256 for role, end in ends.items() if end and end.weights_sha256}


def _hardware(context: LedgerContext) -> dict[str, Any]:
    gpu = torch.cuda.get_device_name(context.device) if context.device.type == "cuda" else None
    # The same recipe ends with other digits where other kernels add up in another order.
    kernels = torch.backends.cpu.get_cpu_capability()
    machine = {**provenance.machine_provenance(), "cpu_kernels": kernels}
    hardware = {**machine, "gpu": gpu, "workers": context.world_size}
    # A network that cannot be compiled trains too, only slower: nothing else would show it.
    return {**hardware, "compiled": status(context.device)} if context.compiled else hardware
