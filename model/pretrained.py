"""A trained network from a folder: `load` reads what `maskgrid export` wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.torch
import torch
from PIL import Image
from pydantic import ValidationError, model_validator
from torch import Tensor

from model.config.base import Config
from model.config.masking import MaskConfig
from model.config.network import ModelConfig
from model.config.recipe import TASK_OF_KIND, Task
from model.data.decode import decode, to_square
from model.data.pixels import DecodeError
from model.errors import InputError
from model.masking.masks import fill, visible
from model.networks.uvcgan2 import Classifier, Generator, build_classifier, build_generator
from model.rng import Key, Stream

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
PROGRAM_FILE = "model.pt2"
"""The network as `torch.export` saves it: torch alone loads it."""

Picture = Image.Image | str | Path
"""An image that Pillow has opened, or the path of an image file."""


class Preprocessing(Config):
    """The way from a picture to the network's input, which validation images went."""

    crop: Literal["central square"] = "central square"
    resize: Literal["bicubic, antialiased"] = "bicubic, antialiased"
    mean: tuple[float, float, float] = (0, 0, 0)
    """Subtracted from values in [0, 1]: nothing."""
    std: tuple[float, float, float] = (1, 1, 1)
    """What they are then divided by: nothing."""


class ExportConfig(Config):
    """All that is needed to build the network and to feed it."""

    model_type: Literal["maskgrid"] = "maskgrid"
    task: Task
    """`restore` restores images from behind masks, `classify` names their classes."""
    image_size: int
    """Side of the square images, in pixels."""
    model: ModelConfig
    num_classes: int | None = None
    class_names: tuple[str, ...] | None = None
    """In label order; None where they are not known."""
    mask: MaskConfig | None = None
    """The masks of training; for `restore`."""
    mask_colour: tuple[float, float, float] | None = None
    """The learned colour of hidden pixels, for `fill: learned`."""
    preprocessing: Preprocessing = Preprocessing()
    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision that the card's numbers were measured in; bf16 means autocast."""

    @model_validator(mode="before")
    @classmethod
    def _older_name(cls, given: Any) -> Any:
        """Read what was exported when tasks were kinds of trial."""
        if not isinstance(given, dict) or "kind" not in given:
            return given
        rest = {name: value for name, value in given.items() if name != "kind"}
        return {"task": TASK_OF_KIND.get(given["kind"]), **rest}


@dataclass(frozen=True)
class Pretrained:
    """A trained network, ready for use."""

    network: Generator | Classifier
    """(N, 3, S, S) in [0, 1] -> restored images of that shape, or logits (N, classes)."""
    config: ExportConfig

    def predict(self, images: Tensor | Picture | Sequence[Picture], seed: int = 0) -> Tensor:
        """The network's outputs for pictures of any size.

        Args:
            images: see `preprocess`.
            seed: of the masks, for a network that restores.

        Returns:
            Logits, (N, classes); or images restored from behind a mask, (N, 3, S, S) in [0, 1].

        Raises:
            InputError: see `preprocess`.
        """
        inputs = self.preprocess(images)
        return self.outputs(inputs if self.config.mask is None else self.masked(inputs, seed)[0])

    def preprocess(self, images: Tensor | Picture | Sequence[Picture]) -> Tensor:
        """Cut, resize and scale pictures as the validation images were.

        Args:
            images: uint8 RGB, (N, 3, H, W) or (3, H, W); or a picture, or several of any sizes.

        Returns:
            (N, 3, S, S) float in [0, 1], on the network's device.

        Raises:
            InputError: the tensor is of another type or shape, or a file is not readable.
        """
        side = self.config.image_size
        squares = [_square(picture, side) for picture in _pictures(images)]
        device = next(self.network.parameters()).device
        return torch.from_numpy(np.stack(squares)).to(device) / 255

    @torch.inference_mode()
    def outputs(self, inputs: Tensor) -> Tensor:
        """The network's outputs in the precision that it was measured in.

        Args:
            inputs: (N, 3, S, S) float in [0, 1], as `preprocess` or `masked` returns them.
        """
        enabled = self.config.precision == "bf16"
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=enabled):
            outputs: Tensor = self.network(inputs)
        return outputs.float()

    def masked(self, images: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Hide pixels as in training, by other draws.

        Args:
            images: (N, 3, S, S) float in [0, 1].

        Returns:
            The masked images, (N, 3, S, S), and their visible pixels, (N, 1, S, S) bool.

        Raises:
            InputError: the network classifies, so that it restores nothing.
        """
        mask, colour = self.config.mask, self.config.mask_colour
        if mask is None:
            raise InputError("masked: task 'classify': it classifies whole images")
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


def _pictures(images: Tensor | Picture | Sequence[Picture]) -> Sequence[Picture]:
    if isinstance(images, str | Path | Image.Image):
        return [images]
    if not isinstance(images, Tensor):
        return images
    batch = images[None] if images.ndim == 3 else images
    if images.dtype != torch.uint8 or batch.ndim != 4 or batch.shape[1] != 3:
        raise InputError(
            f"images: {images.dtype} of shape {tuple(images.shape)}: give uint8 of shape "
            "(N, 3, H, W) or (3, H, W)"
        )
    return [Image.fromarray(pixels) for pixels in batch.permute(0, 2, 3, 1).cpu().numpy()]


def _square(picture: Picture, side: int) -> npt.NDArray[np.uint8]:
    """(3, side, side)."""
    if isinstance(picture, Image.Image):
        return to_square(picture, side)
    try:
        return decode(Path(picture).read_bytes(), side).pixels
    except (OSError, DecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{picture}: cannot be read: {reason}") from None


def _config(path: Path) -> ExportConfig:
    try:
        return ExportConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise InputError(f"{path}: {where}: {first['msg']}") from None
