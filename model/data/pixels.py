"""Pixels of an opened image in whatever mode Pillow holds them -> RGB."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from model.data.header import Header


class DecodeError(Exception):
    """The reason why an image does not decode, on one line; the caller adds the file's name."""


def to_rgb(image: Image.Image, header: Header) -> tuple[Image.Image, bool]:
    """Convert to RGB, laid on white where the image is transparent.

    Returns:
        The RGB image, and whether it has 16 bits but no value above 4095.

    Raises:
        DecodeError: the white of the image is not defined.
    """
    if image.mode == "F":
        raise DecodeError("its pixels are floating-point numbers, whose white is not defined")
    looks_12_bit = False
    if image.mode == "I" or image.mode.startswith("I;16"):
        stored = np.asarray(image).astype(np.int64)
        looks_12_bit = header.white == 65535 and int(stored.max()) < 4096
        image = _to_8_bits(stored, header, image.info.get("transparency"))
    elif "transparency" in image.info and header.key_scale != 1:
        image.info["transparency"] = _scaled_key(image.info["transparency"], header.key_scale)
    return _on_white(image).convert("RGB"), looks_12_bit


def _to_8_bits(stored: npt.NDArray[np.int64], header: Header, key: int | None) -> Image.Image:
    """Grey of up to 16 bits, (H, W) -> mode L, or LA if pixels equal to `key` are transparent."""
    level = stored.clip(0, header.white)
    if header.white_is_zero:
        level = header.white - level
    # Rounded to the nearest: Pillow itself would clip 16 bits at 255.
    grey = Image.fromarray(((level * 510 + header.white) // (2 * header.white)).astype(np.uint8))
    if key is not None:
        grey.putalpha(Image.fromarray(((stored != key) * 255).astype(np.uint8)))
    return grey


def _scaled_key(key: int | tuple[int, ...], scale: float) -> int | tuple[int, ...]:
    """A PNG's transparent value, in the range of its decoded pixels."""
    if isinstance(key, tuple):
        return tuple(int(value * scale) for value in key)
    return int(key * scale)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        # Premultiplied: what is not covered adds white.
        grey, alpha = (Image.fromarray(band) for band in np.moveaxis(np.asarray(image), -1, 0))
        return ImageChops.add(grey, ImageChops.invert(alpha))
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image)
