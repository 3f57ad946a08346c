"""Settings of a run: workers, devices, executors. None changes a result by more than rounding.

Workers add up the same numbers in another order, and so do threads and other kinds of processor.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from model.config.base import Config

Count = Annotated[int, Field(ge=1)]
KeepWeights = Literal["all", "parents", "none"]
Compile = Literal["auto", "on", "off"]
Tracker = Literal["mlflow", "wandb"]


def _sharing(value: object) -> object:
    if value == "auto" or (type(value) is int and value >= 1):
        return value
    raise ValueError("choices: a whole number from 1, or auto")


Sharing = Annotated[int | Literal["auto"], PlainValidator(_sharing)]


def compiles(asked: Compile, gpu: bool) -> bool:
    """Whether trials are compiled where they have a GPU, or none."""
    return asked == "on" or (asked == "auto" and gpu)


class Runtime(Config):
    """Settings that change a result by rounding at most: never part of a trial's key."""

    num_workers: Count = 1
    """Ray Train workers (DDP ranks) of one trial."""
    max_workers: Count | None = None
    """Elastic: a trial starts with `num_workers`, grows to this many where there is room, and goes
    on with fewer when a node is lost; None keeps the number."""
    cpus_per_worker: Count = 1
    """CPU cores, and threads, of one worker."""
    gpus_per_worker: Annotated[float, Field(ge=0)] | None = None
    """GPUs of one worker; None takes one where the cluster has any, else none."""
    compile: Compile = "auto"
    """Train through torch.compile, on a GPU with CUDA graphs: the same numbers to rounding, after a
    minute or so of compiling for each of the two kinds of trial. `auto`: on GPUs."""
    trials_per_gpu: Sharing = 1
    """One-worker trials that share a GPU. `auto`: a probe of a minute finds out how many train the
    most images a second together; 1 where sharing gains nothing."""
    executor: Literal["auto", "train", "inline"] = "auto"
    """`train`: a TorchTrainer a trial. `inline`: one-worker trials inside their Tune actor, in
    local mode only. `auto`: inline where it is possible."""
    max_concurrent: Count | None = None
    """Upper bound on trials at once; None fills the cluster."""
    max_restarts: Annotated[int, Field(ge=0)] = 2
    """Times a trial is started again after a worker, actor or node was lost."""
    keep_weights: KeepWeights = "all"
    """Final weights that stay in the store after a run: `all` trials', those of `parents` (trials
    that others start from), or of `none`. Without them a trial stays done, but cannot be exported
    or shown restoring, and a child that is requested later has it trained again. Weights that a
    child waits for, or another study of the store keeps, stay anyway."""
    trackers: tuple[Tracker, ...] = ()
    """Trackers to write to besides TensorBoard: files beside the trials, no account, no network."""

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.max_workers is not None and self.max_workers < self.num_workers:
            raise ValueError(
                f"max_workers {self.max_workers} must be at least num_workers {self.num_workers}"
            )
        return self

    @model_validator(mode="after")
    def _shares(self) -> Self:
        alone = self.num_workers == 1 and self.max_workers is None and self.gpus_per_worker is None
        if self.trials_per_gpu != 1 and not alone:
            raise ValueError(
                f"trials_per_gpu {self.trials_per_gpu}: trials that share a GPU have one worker, "
                "and no gpus_per_worker besides"
            )
        return self

    def gpu_share(self, sharing: int | None = None) -> float:
        """GPUs of one worker where there are any.

        Args:
            sharing: trials on one GPU, if that has been found out.
        """
        asked = 1 if self.trials_per_gpu == "auto" else self.trials_per_gpu
        return 1 / (sharing or asked) if self.gpus_per_worker is None else self.gpus_per_worker
