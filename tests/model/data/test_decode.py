"""Every kind of image file becomes the same kind of array, or one line that says why not."""

import struct
import zlib

import numpy as np
import pytest
from image_files import encode, jpeg
from PIL import Image

from model.data.decode import decode
from model.data.formats import readable_formats
from model.data.pixels import DecodeError

RED = (200, 10, 20)


def first_pixel(data: bytes) -> list[int]:
    return decode(data, 8).pixels[:, 0, 0].tolist()


def test_rgb_comes_out_unchanged_with_channels_first() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    decoded = decode(encode(Image.fromarray(pixels)), 8).pixels
    # An image of the wanted size is not touched.
    np.testing.assert_array_equal(decoded, pixels.transpose(2, 0, 1))
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("L", (8, 8), level) for level in (40, 200)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert first_pixel(data) == [40, 40, 40]


def test_central_square_is_kept() -> None:
    image = Image.new("L", (24, 8), 0)
    image.paste(255, (8, 0, 16, 8))
    # Only the white middle third is left, and the black beside it does not bleed in.
    assert decode(encode(image), 4).pixels.min() == 255


def test_reduction_is_antialiased() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (64, 32))
    decoded = decode(encode(Image.fromarray(stripes)), 8).pixels
    # Stripes finer than a pixel become their mean; picking pixels would give 0 or 255.
    assert decoded.min() > 110 and decoded.max() < 145


def test_exif_orientation_is_honoured() -> None:
    image = Image.new("L", (8, 8), 0)
    image.paste(255, (0, 0, 8, 4))
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    decoded = decode(encode(image, exif=exif), 8).pixels
    # The white half was at the top of the file, and belongs to the bottom of the picture.
    assert decoded[0, 0, 0] == 0
    assert decoded[0, 7, 0] == 255


def test_broken_exif_does_not_lose_the_picture() -> None:
    data = encode(Image.new("L", (8, 8), 77), exif=b"Exif\0\0no orientation here")
    assert first_pixel(data) == [77, 77, 77]


def test_heic_is_read_where_its_plugin_is_installed() -> None:
    pytest.importorskip("pillow_heif")
    assert "HEIF" in readable_formats()
    off = np.array(first_pixel(encode(Image.new("RGB", (64, 64), RED), "HEIF"))) - RED
    assert np.abs(off).max() <= 4


def png_claiming(width: int, height: int) -> bytes:
    """A PNG that claims its size and holds nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")):
        data += (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )
    return data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html>", "not an image in a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image in a known format"),
        (jpeg(0)[:-80], "truncated"),
        (encode(Image.new("F", (8, 8)), "TIFF"), "floating-point"),
        (png_claiming(8_500, 8_500), "more than 64000000 pixels"),
        (png_claiming(100_000, 100_000), "more than 64000000 pixels"),
    ],
    ids=["empty", "html", "postscript", "truncated", "float", "large", "bomb"],
)
def test_undecodable_files_say_why(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason) as caught:
        decode(data, 8)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF"])
def test_damaged_bytes_decode_or_raise_decode_error(kind: str) -> None:
    whole = encode(Image.new("RGB", (20, 30), RED), kind)
    random = np.random.default_rng(0)
    for _ in range(50):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 4):
            damaged[place] = random.integers(256)
        # No other exception may escape, whatever PIL's readers make of the bytes.
        try:
            assert decode(bytes(damaged), 8).pixels.shape == (3, 8, 8)
        except DecodeError as error:
            assert str(error)
