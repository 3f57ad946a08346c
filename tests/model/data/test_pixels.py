"""Bit depth, sign, photometry and transparency of every mode: the right pixels, or a reason.

Files are built by their formats' specifications, not by Pillow, and the expected values are worked
out by hand: the left half of each image has one value, the right half another.
"""

import struct
from typing import Any

import numpy as np
import pytest
from image_files import encode, png_of_bits, tiff_of_bits
from PIL import Image

from model.data.decode import decode
from model.data.pixels import DecodeError

Pixel = int | tuple[int, int, int]
WHITE = 255
# A third and two thirds of white, in any number of bits; and two colours.
DARK, LIGHT = 85, 170
RED, BLUE = (200, 10, 20), (10, 20, 200)
PALETTE = (b"PLTE", bytes([*RED, *BLUE]))


def row(left: Any, right: Any, kind: str = "u1") -> bytes:
    """Eight pixels as numbers of a kind: four of one value, four of another."""
    return np.array([left] * 4 + [right] * 4).astype(kind).tobytes()


def packed(left: int, right: int, bits: int) -> bytes:
    """Eight pixels of fewer than 8 bits, or of 12."""
    numbers = [left] * 4 + [right] * 4
    return int("".join(f"{number:0{bits}b}" for number in numbers), 2).to_bytes(bits)


def key(*values: int) -> tuple[bytes, bytes]:
    """The chunk that names the transparent value of a PNG."""
    return b"tRNS", struct.pack(f">{len(values)}H", *values)


GREY8, GREY16 = row(DARK, LIGHT), row(DARK * 257, LIGHT * 257, ">u2")
RGB8 = row(RED, BLUE)
RGB16 = row(np.array(RED) * 257, np.array(BLUE) * 257, ">u2")
# Its high bytes are those of RGB16, its low bytes are not.
RGB16_OTHER = row(np.array(RED) * 256 + 9, np.array(BLUE) * 256 + 9, ">u2")

PNG: dict[str, tuple[bytes, Pixel, Pixel]] = {
    "1 bit": (png_of_bits(0, 1, packed(0, 1, 1)), 0, WHITE),
    "1 bit, 1 transparent": (png_of_bits(0, 1, packed(0, 1, 1), key(1)), 0, WHITE),
    "1 bit, 0 transparent": (png_of_bits(0, 1, packed(0, 1, 1), key(0)), WHITE, WHITE),
    "grey 2": (png_of_bits(0, 2, packed(1, 2, 2)), DARK, LIGHT),
    "grey 2, transparent": (png_of_bits(0, 2, packed(1, 2, 2), key(1)), WHITE, LIGHT),
    "grey 4": (png_of_bits(0, 4, packed(5, 10, 4)), DARK, LIGHT),
    "grey 4, transparent": (png_of_bits(0, 4, packed(5, 10, 4), key(10)), DARK, WHITE),
    "grey 8": (png_of_bits(0, 8, GREY8), DARK, LIGHT),
    "grey 8, transparent": (png_of_bits(0, 8, GREY8, key(DARK)), WHITE, LIGHT),
    "grey 16": (png_of_bits(0, 16, GREY16), DARK, LIGHT),
    "grey 16, transparent": (png_of_bits(0, 16, GREY16, key(LIGHT * 257)), DARK, WHITE),
    # One value beside the transparent one is not transparent.
    "grey 16, nearly": (png_of_bits(0, 16, GREY16, key(LIGHT * 257 + 1)), DARK, LIGHT),
    "grey 8 alpha": (png_of_bits(4, 8, row([DARK, 0], [0, 128])), WHITE, 127),
    "grey 16 alpha": (png_of_bits(4, 16, row([DARK, 0], [LIGHT * 257, 65535], ">u2")), WHITE, LIGHT),
    "rgb 8": (png_of_bits(2, 8, RGB8), RED, BLUE),
    "rgb 8, transparent": (png_of_bits(2, 8, RGB8, key(*RED)), WHITE, BLUE),
    "rgb 16": (png_of_bits(2, 16, RGB16), RED, BLUE),
    "rgb 16, transparent": (png_of_bits(2, 16, RGB16, key(*(v * 257 for v in RED))), WHITE, BLUE),
    "rgb 16, key of other low bytes":
        (png_of_bits(2, 16, RGB16_OTHER, key(*(v * 256 + 9 for v in RED))), WHITE, BLUE),
    "palette": (png_of_bits(3, 8, row(0, 1), PALETTE), RED, BLUE),
    "palette 1": (png_of_bits(3, 1, packed(0, 1, 1), PALETTE), RED, BLUE),
    "palette, transparent": (png_of_bits(3, 8, row(0, 1), PALETTE, (b"tRNS", b"\0")), WHITE, BLUE),
    "palette 4, second half transparent":
        (png_of_bits(3, 4, packed(0, 1, 4), PALETTE, (b"tRNS", b"\xff\0")), RED, WHITE),
    "rgba 8": (png_of_bits(6, 8, row([*RED, 0], [*BLUE, 255])), WHITE, BLUE),
    "rgba 16": (png_of_bits(6, 16, row([9, 9, 9, 0], [51400, 0, 0, 65535], ">u2")), WHITE, (200, 0, 0)),
}  # fmt: skip

SIGNED, FLOAT = {339: [2]}, {339: [3]}
COLOURS = {320: [v for a, b in zip(RED, BLUE, strict=True) for v in [a * 257, b * 257] + [0] * 254]}
TIFF: dict[str, tuple[bytes, Pixel, Pixel]] = {
    "1 bit, white is 0": (tiff_of_bits(packed(0, 1, 1), 0, [1]), WHITE, 0),
    "1 bit, black is 0": (tiff_of_bits(packed(0, 1, 1), 1, [1]), 0, WHITE),
    "2 bits, white is 0": (tiff_of_bits(packed(1, 2, 2), 0, [2]), LIGHT, DARK),
    "4 bits, white is 0": (tiff_of_bits(packed(5, 10, 4), 0, [4]), LIGHT, DARK),
    "8 bits, white is 0": (tiff_of_bits(GREY8, 0, [8]), LIGHT, DARK),
    "8 bits, black is 0": (tiff_of_bits(GREY8, 1, [8]), DARK, LIGHT),
    "12 bits": (tiff_of_bits(packed(0x555, 0xAAA, 12), 1, [12]), DARK, LIGHT),
    "16 bits, white is 0": (tiff_of_bits(row(DARK * 257, LIGHT * 257, "<u2"), 0, [16]), LIGHT, DARK),
    "16 bits, black is 0": (tiff_of_bits(row(DARK * 257, LIGHT * 257, "<u2"), 1, [16]), DARK, LIGHT),
    "16 bits, large numbers first": (tiff_of_bits(GREY16, 1, [16], order=">"), DARK, LIGHT),
    "16 bits, white is 0, BigTIFF":
        (tiff_of_bits(row(DARK * 257, LIGHT * 257, "<u2"), 0, [16], big=True), LIGHT, DARK),
    "grey and more": (tiff_of_bits(row([DARK, 0], [LIGHT, 9]), 1, [8, 8], tags={338: [0]}), DARK, LIGHT),
    "grey premultiplied":
        (tiff_of_bits(row([0, 0], [85, 128]), 1, [8, 8], tags={338: [1]}), WHITE, 85 + 127),
    "grey alpha": (tiff_of_bits(row([DARK, 0], [LIGHT, 255]), 1, [8, 8], tags={338: [2]}), WHITE, LIGHT),
    "rgb": (tiff_of_bits(RGB8, 2, [8] * 3), RED, BLUE),
    "rgb 16": (tiff_of_bits(RGB16, 2, [16] * 3, order=">"), RED, BLUE),
    "rgbx": (tiff_of_bits(row([*RED, 0], [*BLUE, 9]), 2, [8] * 4, tags={338: [0]}), RED, BLUE),
    # 100 / 128 of full red, half of it over white.
    "rgba premultiplied": (tiff_of_bits(row([100, 0, 0, 128], [*BLUE, 255]), 2, [8] * 4, tags={338: [1]}), (227, 127, 127), BLUE),
    "rgba": (tiff_of_bits(row([*RED, 0], [*BLUE, 255]), 2, [8] * 4, tags={338: [2]}), WHITE, BLUE),
    "palette": (tiff_of_bits(row(0, 1), 3, [8], tags=COLOURS), RED, BLUE),
    "palette alpha": (tiff_of_bits(row([0, 0], [1, 255]), 3, [8, 8], tags={338: [2], **COLOURS}), WHITE, BLUE),
    "cmyk": (tiff_of_bits(row([0, 255, 255, 0], [0, 0, 0, 255]), 5, [8] * 4), (255, 0, 0), 0),
    "cmyk 16": (tiff_of_bits(row([0, 65535, 65535, 0], [0] * 4, "<u2"), 5, [16] * 4), (255, 0, 0), WHITE),
    # ITU-R BT.601: Y 76, Cb 85, Cr 255 is red, and 128 in both is grey.
    "ycbcr": (tiff_of_bits(row([76, 85, 255], [99, 128, 128]), 6, [8] * 3, tags={530: [1, 1]}), (254, 0, 0), 99),
}  # fmt: skip

PPM: dict[str, tuple[bytes, Pixel, Pixel]] = {
    "bitmap": (b"P4 8 8\n" + packed(0, 1, 1) * 8, WHITE, 0),
    "grey": (b"P5 8 8 255\n" + GREY8 * 8, DARK, LIGHT),
    "grey of 100": (b"P5 8 8 100\n" + row(0, 100) * 8, 0, WHITE),
    "grey 12": (b"P5 8 8 4095\n" + row(0x555, 0xAAA, ">u2") * 8, DARK, LIGHT),
    "grey 16": (b"P5 8 8 65535\n" + GREY16 * 8, DARK, LIGHT),
    "rgb": (b"P6 8 8 255\n" + RGB8 * 8, RED, BLUE),
    "rgb 16": (b"P6 8 8 65535\n" + RGB16 * 8, RED, BLUE),
}

# What Pillow itself writes: (mode, fill, format, pixel), within what lossy formats change.
WRITTEN: list[tuple[str, Any, str, Pixel]] = [
    ("1", 1, "BMP", WHITE), ("L", DARK, "BMP", DARK), ("RGB", RED, "BMP", RED),
    ("L", DARK, "GIF", DARK), ("RGB", RED, "GIF", RED), ("RGBA", (*RED, 0), "GIF", WHITE),
    ("RGB", RED, "WEBP", RED), ("RGBA", (*RED, 0), "WEBP", WHITE), ("L", DARK, "WEBP", DARK),
    ("RGB", RED, "AVIF", RED), ("RGBA", (*RED, 0), "AVIF", WHITE), ("L", DARK, "AVIF", DARK),
    ("L", DARK, "JPEG", DARK), ("RGB", RED, "JPEG", RED), ("YCbCr", (76, 85, 255), "JPEG", (254, 0, 0)),
    # Cyan is the absence of red, and black ink hides all.
    ("CMYK", (255, 0, 0, 0), "JPEG", (0, 255, 255)), ("CMYK", (0, 0, 0, 255), "JPEG", 0),
    ("HSV", (0, 255, 200), "WEBP", (200, 0, 0)),
]  # fmt: skip


def as_rgb(pixel: Pixel) -> tuple[int, int, int]:
    return pixel if isinstance(pixel, tuple) else (pixel, pixel, pixel)


@pytest.mark.parametrize(
    ("data", "left", "right"),
    [
        pytest.param(*case, id=f"{kind}: {name}")
        for kind, cases in (("PNG", PNG), ("TIFF", TIFF), ("PPM", PPM))
        for name, case in cases.items()
    ],
)
def test_stored_numbers_become_the_right_light(data: bytes, left: Pixel, right: Pixel) -> None:
    pixels = decode(data, 8).pixels
    # Every row is alike, and so is every pixel of a half.
    assert (pixels == pixels[:, :1]).all()
    assert pixels[:, 0].T.tolist() == [list(as_rgb(left))] * 4 + [list(as_rgb(right))] * 4


@pytest.mark.parametrize(("mode", "fill", "kind", "expected"), WRITTEN)
def test_modes_that_pillow_writes(mode: str, fill: Any, kind: str, expected: Pixel) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    image = Image.new(mode, (8, 8), fill)
    pixels = decode(encode(image, kind, **options), 8).pixels.astype(int)
    off = np.abs(pixels - np.array(as_rgb(expected))[:, None, None])
    assert off.max() <= (4 if kind in ("JPEG", "AVIF") else 0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff_of_bits(row(0, 255, "<u4"), 1, [32]), "32-bit integers, whose white is not defined"),
        (tiff_of_bits(row(0, 2**32 - 1, ">u4"), 1, [32], order=">"), "32-bit integers"),
        (tiff_of_bits(row(-9, 9, "<i4"), 1, [32], tags=SIGNED), "signed, whose black and white"),
        (tiff_of_bits(row(-9, 9, "<i2"), 1, [16], tags=SIGNED), "signed, whose black and white"),
        (tiff_of_bits(row(-9, 9, "i1"), 1, [8], tags=SIGNED), "signed, whose black and white"),
        (tiff_of_bits(row(0.1, 0.9, "<f4"), 1, [32], tags=FLOAT), "floating-point numbers, whose white"),
        (tiff_of_bits(row(0.1, 0.9, "<f2"), 1, [16], tags=FLOAT), r"TIFF in a form that is not read \(photometric 1, 1 x 16 bits"),
        (tiff_of_bits(row([0.1] * 3, [0.9] * 3, "<f4"), 2, [32] * 3, tags={339: [3] * 3}), "TIFF in a form that is not read"),
        (tiff_of_bits(GREY16, 0, [16], order=">"), r"not read \(photometric 0, 1 x 16 bits\)"),
        (tiff_of_bits(packed(0, 1, 1), 4, [1]), r"not read \(photometric 4"),
        (b"Pf 8 8 -1.0\n" + row(0.1, 0.9, "<f4") * 8, "floating-point numbers, whose white"),
    ],
    ids=["u32", "u32-MM", "i32", "i16", "i8", "f32", "f16", "rgb-f32", "16-MM-white-0", "mask", "pfm"],
)  # fmt: skip
def test_what_has_no_defined_white_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        decode(data, 8)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (tiff_of_bits(row(0, 4095, "<u2"), 1, [16]), True),
        (png_of_bits(0, 16, row(0, 4095, ">u2")), True),
        (tiff_of_bits(row(0, 4096, "<u2"), 1, [16]), False),
        # The file itself says that white is 4095.
        (tiff_of_bits(packed(0, 4095, 12), 1, [12]), False),
        (b"P5 8 8 4095\n" + row(0, 4095, ">u2") * 8, False),
        (tiff_of_bits(GREY8, 1, [8]), False),
    ],
    ids=["tiff", "png", "4096", "12 bits", "maxval 4095", "8 bits"],
)
def test_twelve_bits_in_a_file_of_sixteen_are_noticed(data: bytes, expected: bool) -> None:
    assert decode(data, 8).looks_12_bit is expected


def test_rounding_of_sixteen_bits_is_to_the_nearest_level() -> None:
    # 65535 / 255 = 257: half of it is 128.5.
    for stored, level in ((128, 0), (129, 1), (65535 - 129, 254), (65535 - 128, 255)):
        data = png_of_bits(0, 16, row(stored, stored, ">u2"))
        assert decode(data, 8).pixels.max() == level


def test_lab_is_converted_to_srgb() -> None:
    # L* 128 / 255 * 100 = 50.2 is level 119 of sRGB, and L* 100 is white, up to a rounding.
    data = tiff_of_bits(row([128, 0, 0], [255, 0, 0]), 8, [8] * 3)
    off = decode(data, 8).pixels[:, 0].astype(int) - ([119] * 4 + [255] * 4)
    assert np.abs(off).max() <= 1
