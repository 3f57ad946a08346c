"""Bytes of an image file -> one uint8 RGB square."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

DECODER_VERSION = 1
"""Raise it when the same bytes come out as other pixels: cached images are then made anew."""

MAX_PIXELS = 64_000_000
"""A larger image is refused before it is unpacked."""

# Only formats PIL reads by itself: EPS would start Ghostscript on the file.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")


class DecodeError(Exception):
    """Why an image does not decode, on one line; the caller knows the file's name."""


def decode(data: bytes, side: int) -> npt.NDArray[np.uint8]:
    """Decodes one image file.

    The first frame is turned upright by its EXIF orientation, laid on white where it is
    transparent, converted to RGB, cut to its central square and resized (bicubic, antialiased).

    Args:
        side: pixels of the result.

    Returns:
        (3, side, side) uint8, RGB.

    Raises:
        DecodeError: the file is empty, truncated, too large or no image.
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
    except Exception as error:  # PIL's readers raise almost anything on broken bytes
        raise DecodeError(_reason(error)) from error
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))  # (S, S, 3) -> (3, S, S)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"no image in a known format ({', '.join(_FORMATS)})"
    return " ".join(str(error).split()) or type(error).__name__


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise DecodeError(f"more than {MAX_PIXELS} pixels ({image.width} x {image.height})")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF data is no reason to lose the picture
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        # PIL would clip 16 bits at 255; mode I is how it holds them in some formats.
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
    # Cropped first: resize(box=...) would let pixels from outside of the box bleed in.
    central = image.crop((left, top, left + short, top + short))
    return central.resize((side, side), Image.Resampling.BICUBIC)
