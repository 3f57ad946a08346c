"""Causes of a trial's failure, in the words of the study."""

from model.errors import InputError
from model.training.trainer import Diverged
from orchestrator.store import provenance
from orchestrator.store.ledger import DamagedError, Ledger, Outcome
from orchestrator.store.store import StoreError
from orchestrator.study.graph import TrialSpec

_OURS = (InputError, StoreError, DamagedError, Diverged)


class OutOfMemory(RuntimeError):
    """A trial needs more memory than there is."""


def cause(error: Exception) -> Exception:
    """Pick what the workers of a failed training raised, instead of Ray's account of it.

    Where workers raised different errors, ours goes first: the others only lost a neighbour.
    """
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    raised = [getattr(failure, "_base_exc", failure) for failure in failures.values()]
    telling = [each for each in raised if isinstance(each, _OURS) or lacks_memory(each)]
    return next(iter([*telling, *raised, error]))


def lacks_memory(error: Exception) -> bool:
    """Whether an error means too little memory, on a GPU or not."""
    # PyTorch has a class for a GPU's lack of memory alone; on a CPU it says so in words, and so
    # does Ray of a worker that it ended to save the node.
    named = type(error).__name__ in ("OutOfMemoryError", "MemoryError")
    words = ("not enough memory", "allocate memory", "low on memory")
    return named or any(word in str(error) for word in words)


def advice(trial: TrialSpec) -> str:
    """Say what did not fit, and what to change."""
    recipe, train, model = trial.recipe, trial.recipe.train, trial.recipe.model
    side = recipe.data.image_size
    return (
        f"trial {trial.key} trains batches of {train.batch_size} images of {side}x{side} pixels "
        f"in {train.precision}; its network has channels {list(model.channels)} and "
        f"{model.blocks} blocks of width {model.features}. More runtime.num_workers or a lower "
        "runtime.max_concurrent need less memory for the same result; a smaller batch_size or "
        "precision bf16 is another recipe"
    )


def outcome_of(
    ledger: Ledger, key: str, error: Exception | None = None, final: bool = False
) -> Outcome:
    """The outcome of a trial that ends now: done, or failed of an error."""
    began = next(iter(ledger.notes(key)), {}).get("started_at")
    return Outcome(
        state="failed" if error else "done",
        reason=" ".join(f"{type(error).__name__}: {error}".split()) if error else None,
        final=final,
        finished_at=provenance.utc_now(),
        wall_seconds=provenance.seconds_since(began) if began else None,
    )
