"""A model card: what a network is, how to load it, and where it comes from, by the ledger alone.

The head is what the Hugging Face Hub reads: https://huggingface.co/docs/hub/model-cards.
"""

from collections.abc import Iterable
from typing import Any

from model.config.images import DataConfig
from model.config.recipe import PretrainRecipe
from model.epoch_row import EpochRow
from model.pretrained import ExportConfig
from orchestrator.store.ledger import Ledger, Outcome
from orchestrator.study.graph import TrialSpec
from orchestrator.study.yaml_text import to_yaml

_SOURCES = {
    "synthetic": "Images that maskgrid makes itself",
    "tiny-imagenet": "Tiny ImageNet",
    "folder": "Images of a folder",
}
_YARDSTICKS = {
    "zero_fill": "hidden pixels left black",
    "mean_fill": "hidden pixels in the mean colour of the others",
    "gaussian_fill": "hidden pixels blurred in from the others",
}


def card(ledger: Ledger, key: str, config: ExportConfig) -> str:
    """The card of a trial that is done, as Markdown; names no machine, user or path."""
    spec, outcome, rows = ledger.spec(key), ledger.outcome(key), ledger.rows(key)
    assert outcome is not None and rows, key
    fills = ledger.naive_fill_losses(key)
    parts = [
        f"---\n{to_yaml(_head(spec, rows[-1]))}---",
        f"# {key}",
        _what(spec, config),
        f"## Use\n\n{_input(config)}\n\n```python\n{snippet(config)}```",
        f"## Results\n\n{_results(spec, config.num_classes, rows[-1], fills)}",
        f"## Images\n\n{_images(spec.recipe.data, rows[-1], config)}",
        f"## Recipe\n\n{_recipes(ledger, spec)}",
        f"## Origin\n\n{_origin(spec, outcome, len(ledger.attempts(key)))}",
        f"## Limits\n\n{_limits(config)}",
    ]
    return "\n\n".join(parts) + "\n"


def snippet(config: ExportConfig) -> str:
    """The few lines that load the network and use it, run in the folder itself."""
    side, classes = config.image_size, config.num_classes
    lines = [
        "import torch",
        "",
        "from model.pretrained import load  # a package of maskgrid",
        "",
        'trained = load(".")',
        f"images = torch.rand(2, 3, {side}, {side})",
    ]
    inputs, shape = "images", f"logits, (2, {classes})"
    if config.kind == "pretrain":
        lines.append("masked, shown = trained.masked(images)  # as in training")
        inputs, shape = "masked", f"restored images, (2, 3, {side}, {side})"
    lines += [
        "with torch.inference_mode():",
        f"    outputs = trained.network({inputs})  # {shape}",
    ]
    if config.class_names:
        lines.append("names = [trained.config.class_names[i] for i in outputs.argmax(dim=1)]")
    return "\n".join(lines) + "\n"


def _head(spec: TrialSpec, last: EpochRow) -> dict[str, Any]:
    classifies = spec.kind == "finetune"
    task = "image-classification" if classifies else "image-to-image"
    source = spec.recipe.data.source
    metric = {"type": "mae", "name": "L1 on validation images", "value": last.val_loss}
    if classifies:
        metric = {"type": "accuracy", "name": "Accuracy on validation images"}
        metric["value"] = last.val_accuracy
    result = {
        "task": {"type": task},
        "dataset": {"name": _SOURCES[source], "type": source},
        "metrics": [metric],
    }
    return {
        "library_name": "maskgrid",
        "pipeline_tag": task,
        "tags": [
            "pytorch",
            "safetensors",
            "masked-image-modeling",
            "vision-transformer",
            "uvcgan2",
        ],
        **({"datasets": [source]} if source == "tiny-imagenet" else {}),
        "model-index": [{"name": spec.key, "results": [result]}],
    }


def _what(spec: TrialSpec, config: ExportConfig) -> str:
    network = (
        "The reduced UVCGANv2 generator of Terentiev & Ivanenko (2024), a U-Net around a vision "
        "transformer"
    )
    if spec.kind == "pretrain":
        return f"{network}, trained to restore masked images."
    start = f"the masked-image pretraining `{spec.parent}`" if spec.parent else "fresh weights"
    return f"{network}, finetuned from {start} to tell {config.num_classes} classes apart."


def _input(config: ExportConfig) -> str:
    side = config.image_size
    return (
        f"Inputs are RGB images of {side} x {side} pixels, values in [0, 1], without any other "
        "normalisation. Install maskgrid, then, in this folder:"
    )


def _results(
    spec: TrialSpec, classes: int | None, last: EpochRow, yardsticks: dict[str, float]
) -> str:
    what = "cross-entropy, nats"
    if isinstance(spec.recipe, PretrainRecipe):
        what = f"L1 in [0, 1] over {spec.recipe.train.loss_region} pixels"
    found = [
        (f"validation loss ({what})", f"{last.val_loss:.4f}"),
        ("validation accuracy", _share(last.val_accuracy)),
        ("for comparison: guessing", classes and _share(1 / classes)),
        ("dev loss", None if last.dev_loss is None else f"{last.dev_loss:.4f}"),
        ("dev accuracy", _share(last.dev_accuracy)),
        *((f"for comparison: {_YARDSTICKS[name]}", f"{v:.4f}") for name, v in yardsticks.items()),
    ]
    after = f"After the last epoch ({last.epoch}), whose weights these are:"
    return f"{after}\n\n{_rows(('measure', 'value'), found)}"


def _images(data: DataConfig, last: EpochRow, config: ExportConfig) -> str:
    names = f"\n\nClasses, in label order: {', '.join(config.class_names or ())}."
    return (
        f"{_SOURCES[data.source]}, {last.train_images} of them to train on, at "
        f"{data.image_size} x {data.image_size} pixels. Fingerprint of their content: "
        f"`{data.fingerprint}`." + (names if config.class_names else "")
    )


def _recipes(ledger: Ledger, spec: TrialSpec) -> str:
    # Where the images lay is nobody else's business.
    own = spec.recipe.public()
    text = f"```yaml\n{to_yaml(own)}```"
    if spec.parent is None:
        return text
    parents = ledger.spec(spec.parent).recipe.model_dump(mode="json", include={"train"})
    before = f"Its pretraining `{spec.parent}` had the same seed, images and network"
    return f"{text}\n\n{before}, and was trained so:\n\n```yaml\n{to_yaml(parents)}```"


def _origin(spec: TrialSpec, outcome: Outcome, attempts: int) -> str:
    found = outcome.provenance
    versions = {**found.get("versions", {}), "python": found.get("python")}
    changed = ", with changes that are not in it" if found.get("dirty") else ""
    commit = found.get("commit")
    return _rows(
        ("what", "value"),
        [
            ("trial", spec.key),
            ("started from", spec.parent),
            ("commit of maskgrid", f"{commit}{changed}" if commit else None),
            ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
            ("processor", found.get("cpu")),
            ("GPU", found.get("gpu") or "none"),
            ("workers", found.get("workers")),
            ("seconds from start to end", outcome.wall_seconds and f"{outcome.wall_seconds:.0f}"),
            ("restarts", max(0, attempts - 1)),
            ("finished", outcome.finished_at),
            ("sha256 of the trial's weights", outcome.weights_sha256),
        ],
    )


def _limits(config: ExportConfig) -> str:
    if config.kind == "pretrain":
        only = "It restores what masks of its own kind hide; of other damage nothing is known."
    else:
        only = f"It names one of its {config.num_classes} classes whatever an image shows."
    return (
        f"{only} It was measured on the validation images above and nowhere else, and it is one "
        "seed: others of the same recipe score differently. No license has been chosen for it."
    )


def _rows(header: tuple[str, str], rows: Iterable[tuple[str, Any]]) -> str:
    known = [(name, value) for name, value in rows if value is not None]
    return "\n".join(f"| {name} | {value} |" for name, value in [header, ("---", "---"), *known])


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"
