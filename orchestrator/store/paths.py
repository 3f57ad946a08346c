"""Every file name of a store, written and read: nothing else knows them."""

import re
import uuid

KEY = re.compile(r"[a-z]+-[0-9a-f]{12}")
"""A trial's key."""
_HASH_AT_END = re.compile(r"[0-9a-f]{12}$")
_TEMPORARY = re.compile(r"((?:\w+/)?)\.(.+)\.[0-9a-f]{8}(?:\.part)?")


class Paths:
    """Names of files and folders, relative to the store's root."""

    schema = "maskgrid.json"
    probe = ".probe"
    """Written and deleted to find out whether the store takes what it is given."""
    trials = "trials"
    studies = "studies"
    tune = "tune"
    train = "train"
    ray = (tune, train)

    @staticmethod
    def study(label: str) -> str:
        """Record of a study as it last ran."""
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
        """The trial's end; absent while it has not ended."""
        return f"{cls.trial(key)}/outcome.json"

    @classmethod
    def weights(cls, key: str) -> str:
        """The trained weights of a finished trial (safetensors)."""
        return f"{cls.trial(key)}/weights.safetensors"

    @classmethod
    def naive_fill_losses(cls, key: str) -> str:
        """Losses of restoring without learning, on a pretrain trial's images and masks."""
        return f"{cls.trial(key)}/yardsticks.json"

    @classmethod
    def samples(cls, key: str) -> str:
        """A few validation images as a finished pretrain trial restores them."""
        return f"{cls.trial(key)}/samples.parquet"

    @classmethod
    def answers(cls, key: str) -> str:
        """The answers of a finished classifier to its validation images."""
        return f"{cls.trial(key)}/answers.parquet"

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
    def lease(cls, key: str, number: int, owner: str | None = None) -> str:
        """The note of who trains the trial, counted from 1.

        Args:
            owner: whose claim it is, where the store cannot say who was first.
        """
        return f"{cls.leases(key)}/{number:04d}{f'.{owner}' if owner else ''}.json"

    @classmethod
    def checkpoints(cls, key: str) -> str:
        """Folder of the checkpoints an unfinished trial can go on from."""
        return f"{cls.trial(key)}/checkpoints"

    @classmethod
    def checkpoint(cls, key: str, epoch: int, part: str) -> str:
        """One part of a checkpoint: `json` commits it, `safetensors` weights, `pt` optimiser."""
        return f"{cls.checkpoints(key)}/{epoch:05d}.{part}"


def study_label(file: str) -> str | None:
    """The label of the study whose record a file in `Paths.studies` is; None for other files."""
    return file.removesuffix(".json") if file.endswith(".json") else None


def committed_epoch(file: str) -> int | None:
    """The epoch that a file in `Paths.checkpoints` commits; None for a checkpoint's other parts."""
    return int(file.removesuffix(".json")) if file.endswith(".json") else None


def lease_number(file: str) -> int:
    """The number of a file in `Paths.leases`."""
    return int(file.partition(".")[0])


def trial_and_file(name: str) -> tuple[str, str] | None:
    """The trial's key, and the file's name in its folder; None outside of trials' folders."""
    key, _, file = name.removeprefix(f"{Paths.trials}/").partition("/")
    return (key, file) if KEY.fullmatch(key) else None


def key_hash(key: str) -> str:
    """The twelve hexadecimal digits of a trial's key."""
    return key.rpartition("-")[2]


def ray_trial_folder(name: str) -> tuple[str, str] | None:
    """A trial's hash and folder from the name of a file that Ray left; None if it is no trial's.

    The folders are tune/STUDY/NAME and train/STUDY-NAME; a trial's name ends with its hash.
    """
    folder = "/".join(name.split("/")[: 3 if name.startswith(f"{Paths.tune}/") else 2])
    match = _HASH_AT_END.search(folder)
    return (match[0], folder) if match and folder != name else None


def temporary(name: str) -> str:
    """A new name beside a file, hidden: what is written there is moved to the file when whole."""
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}.{file}.{uuid.uuid4().hex[:8]}.part"


def written_in_part(name: str) -> str | None:
    """The file for which a temporary one was written; None if the name is not a temporary one."""
    match = _TEMPORARY.fullmatch(name)
    return "".join(match.groups()) if match else None


DELETION_ORDER = (
    r"outcome\.json",
    r"spec\.json",
    r"checkpoints/\d+\.json",
    r"checkpoints/\d+\.(safetensors|pt)",
    r"(weights\.safetensors|(epochs|samples|answers)\.parquet|yardsticks\.json)",
    r"attempts/\d+\.json",
    r"lease/\d+(\.\w+)?\.json",
)
"""Every file of a trial's folder, as patterns, in the order in which they are safely deleted.

The outcome goes first: from then on the trial counts as not done. The spec is next, at which a run
that trains it notices. Checkpoints go before the rows they need, each one's committing file before
its parts; leases go last.
"""
