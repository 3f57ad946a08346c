"""Facts about one machine, found in a process on that machine."""

import dataclasses
import hashlib
import platform
import shutil
import stat
from importlib import metadata
from pathlib import Path

from model.config.images import DataConfig
from model.errors import InputError
from orchestrator.cluster.connection import authentication
from orchestrator.store.store import Store
from orchestrator.study.graph import TrialSpec

_PACKAGES = ("ray", "torch", "torchvision", "numpy", "pyarrow")
_SOURCES = ("orchestrator", "model")


@dataclasses.dataclass(frozen=True)
class Facts:
    """Facts about one machine."""

    versions: dict[str, str]
    """Python, packages, and a digest of maskgrid's own code."""
    free_gib: float
    """Where decoded images are kept."""
    store: str | None
    """Why it is not the store that the doctor sees, or cannot be written; None if all is well."""
    data: str | None
    """Why the images are not there; None if they are, or can be decoded there."""
    token_mode: int | None
    """Permissions of the token file, such as 0o600; None without one."""
    authentication: str | None
    """Of Ray's processes there."""


def facts(store: str, mark: str, node: str, data: DataConfig, cache: str) -> Facts:
    """Examine the machine this runs on.

    Args:
        mark: file of the store that the doctor wrote; one beside it is written for this node.
    """
    token = Path.home() / ".ray" / "auth_token"
    return Facts(
        versions=versions(),
        free_gib=_free(Path(cache).expanduser()) / 2**30,
        store=_store(store, mark, node),
        data=_data(data, Path(cache)),
        token_mode=stat.S_IMODE(token.stat().st_mode) if token.exists() else None,
        authentication=authentication(),
    )


def versions() -> dict[str, str]:
    """Versions that must be the same on every machine of a cluster."""
    packages = {name: metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **packages, "maskgrid": _digest()}


def _digest() -> str:
    """The code itself: nobody raises a version for every change."""
    root = Path(__file__).resolve().parents[2]
    content = hashlib.sha256()
    for name in _SOURCES:
        for path in sorted((root / name).rglob("*.py")):
            content.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return content.hexdigest()[:12]


def _free(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _store(uri: str, mark: str, node: str) -> str | None:
    try:
        store = Store(uri)
        if store.read(mark) is None:
            return f"{store.name} is another place here"
        store.write(f"{mark}.{node}", b"")
    except (OSError, RuntimeError, InputError) as error:
        return " ".join(str(error).split())
    return None


def _data(config: DataConfig, cache: Path) -> str | None:
    from model.data.load import resolve

    if config.fingerprint and (cache.expanduser() / config.fingerprint / "set.json").exists():
        return None
    try:
        resolve(config)
    except InputError as error:
        return str(error)
    return None


def few_steps(trial: TrialSpec, gpu: bool, compiled: bool) -> str:
    """Train a trial's network for a moment on noise, and say where: a GPU's name, or CPU.

    Raises:
        Exception: whatever training raises here, such as too little memory.
    """
    import torch

    from model.training.compilation import status
    from model.training.context import LocalContext
    from model.training.dry_run import dry_run_recipe, random_images
    from model.training.fit import fit

    device = torch.device("cuda" if gpu else "cpu")
    # CUDA graphs warm up in the first step, are recorded in the second and replayed in the third.
    recipe = dry_run_recipe(trial.recipe, steps=3 if compiled else 1)
    fit(recipe, random_images(recipe), LocalContext(device=device, compiled=compiled))
    where = torch.cuda.get_device_name(device) if gpu else "CPU"
    return f"{where}, compiled: {status(device)}" if compiled else where
