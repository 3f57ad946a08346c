"""The image formats that are read: by suffix when files are listed, by content when decoded."""

from functools import cache
from importlib.util import find_spec

from PIL import features

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jfif")
_SUFFIXES = (*JPEG_SUFFIXES, ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
AVIF_SUFFIXES = (".avif",)
HEIF_SUFFIXES = (".heic", ".heif")

# Only formats that Pillow reads by itself: EPS would start Ghostscript on the file.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "AVIF")


def is_image(name: str) -> bool:
    """Whether the name has the suffix of an image format that is read here."""
    name = name.lower()
    if name.endswith(_SUFFIXES):
        return True
    if name.endswith(AVIF_SUFFIXES):
        return _reads_avif()
    return name.endswith(HEIF_SUFFIXES) and _reads_heif()


def may_be_image(name: str) -> bool:
    """Whether the name has the suffix of an image format that is read here or elsewhere."""
    return is_image(name) or name.lower().endswith(AVIF_SUFFIXES + HEIF_SUFFIXES)


@cache
def readable_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are read."""
    if not _reads_heif():
        return _FORMATS
    import pillow_heif  # type: ignore[import-not-found,unused-ignore]

    pillow_heif.register_heif_opener()
    return (*_FORMATS, "HEIF")


@cache
def _reads_avif() -> bool:
    return bool(features.check("avif"))


@cache
def _reads_heif() -> bool:
    return find_spec("pillow_heif") is not None
