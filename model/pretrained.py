"""A trained network from a folder: `load` reads what `maskgrid export` wrote."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import safetensors
import safetensors.torch
import torch
from pydantic import ValidationError
from torch import Tensor

from model.config.base import Config
from model.config.masking import MaskConfig
from model.config.network import ModelConfig
from model.errors import InputError
from model.masking.masks import fill, visible
from model.networks.uvcgan2 import Classifier, Generator, build_classifier, build_generator
from model.rng import Key, Stream

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"


class ExportConfig(Config):
    """All that is needed to build the network and to feed it."""

    model_type: Literal["maskgrid"] = "maskgrid"
    kind: Literal["pretrain", "finetune"]
    """`pretrain` restores images, `finetune` classifies them."""
    image_size: int
    """Side of the square images, in pixels."""
    model: ModelConfig
    num_classes: int | None = None
    class_names: tuple[str, ...] | None = None
    """In label order; None where they are not known."""
    mask: MaskConfig | None = None
    """The masks of training; for `pretrain`."""
    mask_colour: tuple[float, float, float] | None = None
    """The learned colour of hidden pixels, for `fill: learned`."""


@dataclass(frozen=True)
class Pretrained:
    """A trained network, ready for use."""

    network: Generator | Classifier
    """(N, 3, S, S) in [0, 1] -> restored images of that shape, or logits (N, classes)."""
    config: ExportConfig

    def masked(self, images: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Hide pixels as in training, by other draws.

        Args:
            images: (N, 3, S, S) float in [0, 1].

        Returns:
            The masked images, (N, 3, S, S), and their visible pixels, (N, 1, S, S) bool.

        Raises:
            InputError: the network was finetuned, so that it restores nothing.
        """
        mask, colour = self.config.mask, self.config.mask_colour
        if mask is None:
            raise InputError("masked: kind 'finetune': it classifies whole images")
        sample_ids = torch.arange(len(images), device=images.device)
        # The public UVCGANv2 code draws as bernoulli does, from a stream that ended with training.
        drawn = mask.model_copy(update={"mode": "bernoulli"}) if mask.mode == "uvcgan2" else mask
        shown = visible(drawn, self.config.image_size, Key(seed, Stream.MASK, 0), sample_ids)
        learned = None if colour is None else images.new_tensor(colour)
        return fill(images, shown, mask, Key(seed, Stream.FILL, 0), sample_ids, learned), shown


def load(folder: str | Path) -> Pretrained:
    """Read what `maskgrid export` wrote; the network is on the CPU, in evaluation mode.

    Raises:
        InputError: a file is missing, or is not what it should be.
    """
    config = _config(Path(folder) / CONFIG_FILE)
    path = Path(folder) / WEIGHTS_FILE
    try:
        weights = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: no readable weights: {error}") from None
    network = build(config)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{path}: does not fit {CONFIG_FILE}: {reason}") from None
    return Pretrained(network.eval(), config)


def build(config: ExportConfig) -> Generator | Classifier:
    """The network of a configuration, before its weights are loaded."""
    if config.num_classes is None:
        return build_generator(config.model, config.image_size, seed=0)
    return build_classifier(config.model, config.image_size, config.num_classes, seed=0)


def _config(path: Path) -> ExportConfig:
    try:
        return ExportConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise InputError(f"{path}: {where}: {first['msg']}") from None
