"""Copies of a photo as people make them, each with the stage of a duplicate it should be found as.

The attacks are those duplicates are measured with: re-encoding, resizing, turning, cropping, colour and other edits,
borders, captions, screenshots, and pairs of them. The same photo, attack and seed always give the same copy, whichever
other copies were made before. No copy has an edge below :data:`SMALLEST_EDGE_PX`: what would be smaller is made that
size.
"""

import io
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from imgfind.core.duplicates import Label

SMALLEST_EDGE_PX = 100
JPEG_QUALITY = 90
"""Of copies whose attack is another one than their encoding."""
DRAWN_PAIRS = 12

Draw = np.random.Generator
Edit = Callable[[Image.Image, Draw], Image.Image]
Encoding = Callable[[Image.Image, bytes], bytes]
"""From the picture, and the file it is copied from, to the copy."""


class Attack(NamedTuple):
    """One way to make a copy.

    ``family`` names attacks of one kind (``crop``), ``name`` this one (``crop 50``). An attack that keeps the pixels as
    they are has an ``encode`` and no ``edit``. ``suffix`` is that of the file that comes out.
    """

    family: str
    name: str
    label: Label
    edit: Edit | None = None
    encode: Encoding | None = None
    suffix: str = ".jpg"


@dataclass(frozen=True, slots=True)
class Copy:
    """An attacked photo as a file's bytes. ``made`` says how, as its attacks' names."""

    data: bytes
    suffix: str
    label: Label
    made: str


def attacked(original: bytes, name: str, seed: int) -> Copy:
    """Make the copy of a photo, given as a file Pillow reads, that attack ``name`` (one of :data:`NAMES`) stands for.

    The photo is made upright first, as all programs show it, except where only metadata changes.
    """
    draw = np.random.default_rng([seed, zlib.crc32(name.encode())])
    steps = _pair(draw) if name.startswith("pair ") else [_BY_NAME[name]]
    image = upright(original)
    for step in steps:
        if step.edit is not None:
            image = _large_enough(step.edit(image, draw))
    last = next((step for step in steps if step.encode is not None), None)
    data = last.encode(image, original) if last and last.encode else _jpeg(image, original, quality=JPEG_QUALITY)
    suffix = last.suffix if last else ".jpg"
    return Copy(data, suffix, max(step.label for step in steps), " + ".join(step.name for step in steps))


def upright(data: bytes) -> Image.Image:
    """Decode a file to RGB as it is looked at."""
    image = Image.open(io.BytesIO(data))
    ImageOps.exif_transpose(image, in_place=True)
    return image.convert("RGB")


def family(name: str) -> str:
    """Name the kind an attack is of; ``pair`` for two at once."""
    return "pair" if name.startswith("pair ") else _BY_NAME[name].family


# Encodings


def _jpeg(image: Image.Image, _original: bytes, *, quality: int) -> bytes:
    return _saved(image, "JPEG", quality=quality)


def _in_format(image: Image.Image, _original: bytes, *, kind: str) -> bytes:
    return _saved(image, kind, **({"quality": 80} if kind in ("WEBP", "AVIF") else {}))


def _commented(image: Image.Image, original: bytes) -> bytes:
    """Put a comment into a JPEG file without touching its pixels; anything else becomes a PNG file."""
    if not original.startswith(b"\xff\xd8"):
        return _saved(image, "PNG")
    comment = b"edited elsewhere"
    return original[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + original[2:]


def _saved(image: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


# Sizes, turns, crops


def _large_enough(image: Image.Image) -> Image.Image:
    return _scaled(image, max(1.0, SMALLEST_EDGE_PX / min(image.size)))


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    if factor == 1:
        return image
    size = (math.ceil(image.width * factor), math.ceil(image.height * factor))
    return image.resize(size, Image.Resampling.LANCZOS if factor < 1 else Image.Resampling.BICUBIC)


def _resized(image: Image.Image, _draw: Draw, *, percent: int) -> Image.Image:
    return _scaled(image, max(percent / 100, SMALLEST_EDGE_PX / min(image.size)))


def _turned(image: Image.Image, _draw: Draw, *, turn: Image.Transpose) -> Image.Image:
    return image.transpose(turn)


def _tilted(image: Image.Image, draw: Draw, *, degrees: float) -> Image.Image:
    """Turn a little; half of the copies keep their size with black corners, the others lose the corners."""
    turned = image.rotate(degrees, Image.Resampling.BICUBIC)
    if draw.random() < 0.5:
        return turned
    sine, cosine = abs(math.sin(math.radians(degrees))), math.cos(math.radians(degrees))
    width, height = image.size
    # The largest rectangle of the same proportions inside the turned one.
    share = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    return _cut(turned, width * share, height * share, 0.5, 0.5)


def _cropped(image: Image.Image, draw: Draw, *, percent: int) -> Image.Image:
    """Cut out a part with so much of the area, anywhere, its proportions up to a fifth off the whole one's."""
    stretch = math.sqrt(draw.uniform(0.8, 1.25))
    width = min(1.0, math.sqrt(percent / 100) * stretch)
    width = max(width, percent / 100)
    x, y = draw.random(2)
    return _cut(image, image.width * width, image.height * percent / 100 / width, x, y)


def _cut(image: Image.Image, width: float, height: float, x: float, y: float) -> Image.Image:
    left, top = round((image.width - width) * x), round((image.height - height) * y)
    return image.crop((left, top, left + round(width), top + round(height)))


# Colours, sharpness


def _enhanced(
    image: Image.Image, _draw: Draw, *, how: Callable[[Image.Image], ImageEnhance._Enhance], factor: float
) -> Image.Image:
    return how(image).enhance(factor)


def _gamma(image: Image.Image, _draw: Draw, *, power: float) -> Image.Image:
    return image.point([round(255 * (value / 255) ** power) for value in range(256)] * 3)


def _blurred(image: Image.Image, _draw: Draw, *, sigma_px: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(sigma_px))


def _noisy(image: Image.Image, draw: Draw, *, sigma: float) -> Image.Image:
    pixels = np.asarray(image) + draw.normal(0, sigma, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))


def _grey(image: Image.Image, _draw: Draw) -> Image.Image:
    return image.convert("L").convert("RGB")


# What is put around a picture or over it


def _bordered(image: Image.Image, draw: Draw, *, percent: int) -> Image.Image:
    return ImageOps.expand(image, round(min(image.size) * percent / 100), _plain_colour(draw))


def _captioned(image: Image.Image, draw: Draw, *, percent: int) -> Image.Image:
    """Put a strip with words below the picture, above it, or over its lower part."""
    strip_px = round(image.height * percent / 100)
    place = draw.integers(3)
    canvas = Image.new("RGB", (image.width, image.height + (strip_px if place < 2 else 0)), _plain_colour(draw))
    canvas.paste(image, (0, strip_px if place == 1 else 0))
    top = 0 if place == 1 else canvas.height - strip_px
    pen = ImageDraw.Draw(canvas)
    colour = _plain_colour(draw)
    pen.rectangle((0, top, canvas.width, top + strip_px), fill=colour)
    words = " ".join(draw.choice(_WORDS, 6))
    pen.text((strip_px / 4, top + strip_px / 4), words, _readable_on(colour), ImageFont.load_default(strip_px / 2))
    return canvas


def _watermarked(image: Image.Image, draw: Draw) -> Image.Image:
    """Write a word over the picture, half transparent, in its middle or in a corner."""
    layer = Image.new("RGBA", image.size)
    in_corner = draw.random() < 0.5
    font = ImageFont.load_default(image.width / (14 if in_corner else 6))
    x, y = (0.65, 0.88) if in_corner else (0.1, 0.4)
    pen = ImageDraw.Draw(layer)
    pen.text((image.width * x, image.height * y), f"© {draw.choice(_WORDS)}", (255, 255, 255, 140), font)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _screenshot(image: Image.Image, draw: Draw) -> Image.Image:
    """Show the picture on a phone: full width on a tall plain screen, a status line above and buttons below."""
    width = max(360, min(1080, image.width))
    height = round(width * 19.5 / 9)
    bar_px = round(height * 0.05)
    colour = (0, 0, 0) if draw.random() < 0.7 else (255, 255, 255)
    screen = Image.new("RGB", (width, height), colour)
    photo = ImageOps.contain(image, (width, height - 3 * bar_px))
    screen.paste(photo, ((width - photo.width) // 2, (height - photo.height) // 2))
    pen, ink = ImageDraw.Draw(screen), _readable_on(colour)
    font = ImageFont.load_default(bar_px / 2)
    pen.text((bar_px / 2, bar_px / 4), f"{draw.integers(24):02}:{draw.integers(60):02}", ink, font)
    pen.text((width - 3 * bar_px, bar_px / 4), f"{draw.integers(100)} %", ink, font)
    for place in range(4):
        x = width * (place + 0.5) / 4
        pen.ellipse((x - bar_px / 4, height - bar_px, x + bar_px / 4, height - bar_px / 2), outline=ink, width=2)
    return screen


def _plain_colour(draw: Draw) -> tuple[int, int, int]:
    if draw.random() < 0.7:
        return (0, 0, 0) if draw.random() < 0.5 else (255, 255, 255)
    red, green, blue = (int(value) for value in draw.integers(0, 256, 3))
    return red, green, blue


def _readable_on(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    return (0, 0, 0) if sum(colour) > 382 else (255, 255, 255)


_WORDS = ["summer", "Sunday", "holiday", "when", "we", "were", "there", "again", "2019", "home", "friends", "the"]
_TURNS = {
    "rotate 90": Image.Transpose.ROTATE_90,
    "rotate 180": Image.Transpose.ROTATE_180,
    "rotate 270": Image.Transpose.ROTATE_270,
    "mirror": Image.Transpose.FLIP_LEFT_RIGHT,
    "flip": Image.Transpose.FLIP_TOP_BOTTOM,
    "transpose": Image.Transpose.TRANSPOSE,
    "transverse": Image.Transpose.TRANSVERSE,
}
_TONES: dict[str, Callable[[Image.Image], ImageEnhance._Enhance]] = {
    "brightness": ImageEnhance.Brightness,
    "contrast": ImageEnhance.Contrast,
    "saturation": ImageEnhance.Color,
}


def _all_attacks() -> list[Attack]:
    same, again = Label.SAME_PIXELS, Label.RE_ENCODED
    edited, turned, cropped = Label.EDITED, Label.TURNED, Label.CROPPED
    attacks = [Attack("metadata", "metadata", same, encode=_commented)]
    attacks += [
        Attack("format", f"format {kind.lower()}", label, None, partial(_in_format, kind=kind), f".{kind.lower()}")
        for kind, label in (("PNG", same), ("TIFF", same), ("WEBP", again), ("AVIF", again))
    ]
    attacks += [
        Attack("jpeg", f"jpeg {quality}", again, encode=partial(_jpeg, quality=quality))
        for quality in (10, 30, 50, 70, 90)
    ]
    attacks += [
        Attack("resize", f"resize {percent}", again, partial(_resized, percent=percent))
        for percent in (25, 50, 75, 150, 200)
    ]
    for name, how in _TONES.items():
        attacks += [
            Attack(name, f"{name} {factor}", edited, partial(_enhanced, how=how, factor=factor))
            for factor in (0.7, 1.3)
        ]
    attacks += [Attack("gamma", f"gamma {power}", edited, partial(_gamma, power=power)) for power in (0.7, 1.3)]
    attacks += [Attack("blur", f"blur {sigma}", edited, partial(_blurred, sigma_px=sigma)) for sigma in (1, 2, 3)]
    attacks += [Attack("noise", f"noise {sigma}", edited, partial(_noisy, sigma=sigma)) for sigma in (5, 10, 15)]
    attacks += [Attack("grey", "grey", edited, _grey)]
    attacks += [Attack("border", f"border {share}", edited, partial(_bordered, percent=share)) for share in (3, 8, 15)]
    attacks += [Attack("caption", f"caption {share}", edited, partial(_captioned, percent=share)) for share in (10, 20)]
    attacks += [Attack("watermark", "watermark", edited, _watermarked)]
    attacks += [Attack("screenshot", "screenshot", edited, _screenshot)]
    attacks += [Attack("turn", name, turned, partial(_turned, turn=turn)) for name, turn in _TURNS.items()]
    attacks += [Attack("tilt", f"tilt {angle}", turned, partial(_tilted, degrees=angle)) for angle in (-5, 2, 5)]
    attacks += [
        Attack("crop", f"crop {percent}", cropped, partial(_cropped, percent=percent))
        for percent in (95, 80, 65, 50, 40, 30)
    ]
    return attacks


def _pair(draw: Draw) -> list[Attack]:
    """Draw two attacks of different families, at most one of them an encoding."""
    edits = [attack for attack in _ATTACKS if attack.edit is not None]
    first = edits[draw.integers(len(edits))]
    others = [attack for attack in _ATTACKS if attack.family not in (first.family, "metadata")]
    return [first, others[draw.integers(len(others))]]


_ATTACKS = _all_attacks()
_BY_NAME = {attack.name: attack for attack in _ATTACKS}
NAMES = (*_BY_NAME, *(f"pair {number}" for number in range(1, DRAWN_PAIRS + 1)))
"""Every attack there is; ``pair N`` stands for two drawn ones."""
