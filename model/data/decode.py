"""Decoding: the bytes of an image file become one uint8 RGB square."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

DECODER_VERSION = 1
"""Goes up when the same bytes decode to other pixels, so that cached images are decoded anew."""

MAX_PIXELS = 64_000_000
"""Larger images are refused before they are unpacked."""

# Only formats that Pillow reads by itself: EPS would start Ghostscript on the file.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")


class DecodeError(Exception):
    """The reason why an image does not decode, on one line; the caller adds the file's name."""


def decode(data: bytes, side: int) -> npt.NDArray[np.uint8]:
    """Decode one image file.

    The first frame is turned upright by its EXIF orientation, laid on white where it is
    transparent, converted to RGB, cut to its central square and resized (bicubic, antialiased).

    Args:
        side: pixels of the result.

    Returns:
        (3, side, side) uint8, RGB.

    Raises:
        DecodeError: the file is empty, truncated, too large or not an image.
    """
    if not data:
        raise DecodeError("the file is empty")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_size(image)
            image.load()
            square = _square(_rgb(_upright(image)), side)
    except DecodeError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DecodeError(f"more than {MAX_PIXELS} pixels") from error
    except Exception as error:  # Pillow's readers raise almost anything on broken bytes
        raise DecodeError(_reason(error)) from error
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))  # (S, S, 3) -> (3, S, S)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"not an image in a known format ({', '.join(_FORMATS)})"
    return " ".join(str(error).split()) or type(error).__name__


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise DecodeError(f"more than {MAX_PIXELS} pixels ({image.width} x {image.height})")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the picture is usable without its EXIF data
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow would clip 16 bits at 255; some of its readers hold them in mode I.
        deep = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray(((deep + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        raise DecodeError("its pixels are floating-point numbers, whose white is not defined")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _square(image: Image.Image, side: int) -> Image.Image:
    if image.size == (side, side):
        return image
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    # Cropped first: resize(box=...) would let pixels outside the box bleed in.
    central = image.crop((left, top, left + short, top + short))
    return central.resize((side, side), Image.Resampling.BICUBIC)
