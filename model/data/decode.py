"""Decoding: the bytes of an image file become one uint8 RGB square."""

import io
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from model.data.formats import readable_formats
from model.data.header import Header, read_header, tiff_tags
from model.data.pixels import DecodeError, to_rgb

DECODER_VERSION = 1
"""Goes up when all images decode to other pixels. A rule for a few has a version of its own, in
`model.data.header`, so that all others keep their fingerprints."""

MAX_PIXELS = 64_000_000
"""Larger images are refused before they are unpacked."""


class Decoded(NamedTuple):
    """A decoded image file."""

    pixels: npt.NDArray[np.uint8]
    """(3, side, side), RGB."""
    rule: str | None
    """Rule of `model.data.header` that touched it."""
    looks_12_bit: bool
    """Whether the file has 16 bits but no value above 4095, and thus comes out nearly black."""


def decode(data: bytes, side: int) -> Decoded:
    """Decode one image file.

    The first frame is turned upright by its EXIF orientation, laid on white where it is
    transparent, converted to RGB, cut to its central square and resized (bicubic, antialiased).

    Args:
        side: pixels of the result.

    Raises:
        DecodeError: the file is empty, truncated, too large or not an image, or its white is not
            defined.
    """
    if not data:
        raise DecodeError("the file is empty")
    file = io.BytesIO(data)
    header = read_header(file, data, data[-2:])
    if header.refusal:
        raise DecodeError(header.refusal)
    try:
        with Image.open(file, formats=readable_formats()) as image:
            _check_size(image)
            image.load()
            rgb, looks_12_bit = to_rgb(_upright(image), header)
            square = _square(rgb, side)
    except DecodeError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DecodeError(f"more than {MAX_PIXELS} pixels") from error
    except Exception as error:  # Pillow's readers raise almost anything on broken bytes
        raise DecodeError(_reason(error, file)) from error
    return Decoded(_pixels(square), header.rule, looks_12_bit)


def to_square(image: Image.Image, side: int) -> npt.NDArray[np.uint8]:
    """The pixels of an image that is open: as `decode` makes them of its file.

    But for files whose white Pillow does not know: see `model.data.header`.

    Args:
        side: pixels of the result.

    Returns:
        (3, side, side) uint8, RGB.

    Raises:
        DecodeError: the white of the image is not defined.
    """
    return _pixels(_square(to_rgb(_upright(image), Header())[0], side))


def _pixels(square: Image.Image) -> npt.NDArray[np.uint8]:
    # (S, S, 3) -> (3, S, S)
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))


def _reason(error: Exception, file: io.BytesIO) -> str:
    if not isinstance(error, UnidentifiedImageError):
        return " ".join(str(error).split()) or type(error).__name__
    if file.getvalue().startswith((b"II*\0", b"MM\0*")):
        bits, photometric, samples, _ = tiff_tags(file).values()
        form = f"photometric {photometric}, {samples} x {bits or '?'} bits"
        return f"a TIFF in a form that is not read ({form}), or a broken one"
    return f"not an image in a known format ({', '.join(readable_formats())})"


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise DecodeError(f"more than {MAX_PIXELS} pixels ({image.width} x {image.height})")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the picture is usable without its EXIF data
        return image


def _square(image: Image.Image, side: int) -> Image.Image:
    if image.size == (side, side):
        return image
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    # Cropped first: resize(box=...) would let pixels outside the box bleed in.
    central = image.crop((left, top, left + short, top + short))
    return central.resize((side, side), Image.Resampling.BICUBIC)
