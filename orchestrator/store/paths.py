"""Every file name of a store, as a function of the trial's key."""


class Paths:
    """The only place that knows file names; all relative to the store's root."""

    schema = "maskgrid.json"
    trials = "trials"
    studies = "studies"
    tune = "tune"
    train = "train"
    ray = (tune, train)

    @staticmethod
    def study(label: str) -> str:
        """What a study asked for when it last ran."""
        return f"{Paths.studies}/{label}.json"

    @staticmethod
    def trial(key: str) -> str:
        """Folder of one trial."""
        return f"{Paths.trials}/{key}"

    @classmethod
    def spec(cls, key: str) -> str:
        """The trial's resolved recipe."""
        return f"{cls.trial(key)}/spec.json"

    @classmethod
    def epochs(cls, key: str) -> str:
        """The trial's epoch rows."""
        return f"{cls.trial(key)}/epochs.parquet"

    @classmethod
    def outcome(cls, key: str) -> str:
        """How the trial ended; absent while it has not."""
        return f"{cls.trial(key)}/outcome.json"

    @classmethod
    def weights(cls, key: str) -> str:
        """The trained weights of a finished trial (safetensors)."""
        return f"{cls.trial(key)}/weights.safetensors"

    @classmethod
    def naive_fill_losses(cls, key: str) -> str:
        """What restoring without learning costs on a pretrain trial's images and masks."""
        return f"{cls.trial(key)}/yardsticks.json"

    @classmethod
    def samples(cls, key: str) -> str:
        """A few validation images as a finished pretrain trial restores them."""
        return f"{cls.trial(key)}/samples.parquet"

    @classmethod
    def attempts(cls, key: str) -> str:
        """Folder with one small file for every time the trial was started."""
        return f"{cls.trial(key)}/attempts"

    @classmethod
    def attempt(cls, key: str, number: int) -> str:
        """The note of one start, counted from 1."""
        return f"{cls.attempts(key)}/{number:04d}.json"

    @classmethod
    def leases(cls, key: str) -> str:
        """Folder of the note of who trains the trial."""
        return f"{cls.trial(key)}/lease"

    @classmethod
    def checkpoints(cls, key: str) -> str:
        """Folder of the checkpoints an unfinished trial can go on from."""
        return f"{cls.trial(key)}/checkpoints"

    @classmethod
    def checkpoint(cls, key: str, epoch: int, part: str) -> str:
        """One part of a checkpoint: `json` commits it, `safetensors` weights, `pt` optimiser."""
        return f"{cls.checkpoints(key)}/{epoch:05d}.{part}"


DELETION_ORDER = (
    r"outcome\.json",
    r"spec\.json",
    r"checkpoints/\d+\.json",
    r"checkpoints/\d+\.(safetensors|pt)",
    r"(weights\.safetensors|epochs\.parquet|samples\.parquet|yardsticks\.json)",
    r"attempts/\d+\.json",
    r"lease/\d+(\.\w+)?\.json",
)
"""Every file of a trial's folder, as patterns, in the order in which they are safely deleted.

The outcome goes first: from then on the trial counts as not done. The spec is next, at which a run
that trains it notices. Checkpoints go before the rows they need, each one's committing file before
its parts; leases go last.
"""
