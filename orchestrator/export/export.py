"""A trial of the store as a folder that stands alone: weights, configuration, model card."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor

from model.config.recipe import Recipe, RestoreRecipe
from model.data.cache import cached_class_names
from model.errors import InputError
from model.networks.transfer import network_weights
from model.networks.uvcgan2 import Classifier, Generator
from model.pretrained import CONFIG_FILE, PROGRAM_FILE, WEIGHTS_FILE, ExportConfig, build
from orchestrator.export.model_card import card
from orchestrator.export.program import save_program
from orchestrator.store.ledger import Ledger
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store
from orchestrator.study.lookup import find_trial


def export(ledger: Ledger, text: str, folder: Path, cache: Path) -> str:
    """Write a finished trial's network to a folder; returns the trial's key.

    Args:
        text: the trial's key, or the beginning of it.
        folder: must not exist, or be empty; where writing fails, nothing of it remains.
        cache: decoded images, which know the names of the classes.

    Raises:
        InputError: no trial or several are meant, it is not done, or the folder is not empty.
        DamagedError: the trial's weights are missing or changed.
    """
    ledger.store.check()
    _check_empty(folder)
    key = find_trial(ledger.trial_keys(), text)
    outcome = ledger.outcome(key)
    if outcome is None or outcome.state != "done":
        why = f"it failed: {outcome.failure}" if outcome else "it is not done"
        raise InputError(f"trial {key}: {why}, so there is nothing to export")
    if ledger.store.read(Paths.weights(key)) is None:
        raise InputError(
            f"trial {key}: its weights are no longer in the store, so there is nothing to export; "
            "runtime.keep_weights says whose are kept"
        )
    weights = safetensors.torch.load(ledger.weights(key))
    config = export_config(ledger.spec(key).recipe, weights, cache)
    _write(
        folder,
        {
            # Readers elsewhere tell by this whose tensors these are.
            WEIGHTS_FILE: safetensors.torch.save(network_weights(weights), {"format": "pt"}),
            CONFIG_FILE: config.model_dump_json(indent=2).encode() + b"\n",
            PROGRAM_FILE: save_program(_network(config, weights), config.image_size),
            "README.md": card(ledger, key, config).encode(),
        },
    )
    return key


def _network(config: ExportConfig, weights: Mapping[str, Tensor]) -> Generator | Classifier:
    network = build(config)
    network.load_state_dict(network_weights(weights))
    return network.eval()


def export_config(recipe: Recipe, weights: Mapping[str, Tensor], cache: Path) -> ExportConfig:
    """Everything that a loader must know about a trial."""
    shared = {
        "task": recipe.task,
        "image_size": recipe.data.image_size,
        "model": recipe.model,
        "precision": recipe.train.precision,
    }
    if isinstance(recipe, RestoreRecipe):
        colour = tuple(weights["colour"].tolist()) if "colour" in weights else None
        return ExportConfig(**shared, mask=recipe.train.mask, mask_colour=colour)
    names = getattr(recipe.data, "classes", None)
    names = names or cached_class_names(cache.expanduser(), recipe.data.fingerprint)
    num_classes = len(network_weights(weights)["head.1.bias"])
    return ExportConfig(**shared, num_classes=num_classes, class_names=names)


def _check_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        what = "it is not empty" if folder.is_dir() else "it is not a folder"
        raise InputError(f"{folder}: {what}; choose a new or empty folder")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    store, is_new = Store(str(folder)), not folder.exists()
    try:
        for name, content in files.items():
            store.write(name, content)
    except OSError as error:
        if folder.is_dir():
            for name in files:
                (folder / name).unlink(missing_ok=True)
            if is_new:
                folder.rmdir()
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from None
