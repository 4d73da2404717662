"""Pictures that look alike and are no copies, made from photos: what a duplicate finder must not fall for.

Each of :data:`NAMES` makes two pictures that differ as two shots, two pages or two empty pictures do, as JPEG files.
The same photos and seed always give the same pictures.
"""

import io
import zlib
from collections.abc import Callable

import numpy as np
from attacks import Draw, upright
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SENSOR_NOISE = 3.0
"""Standard deviation in grey levels of what two exposures of the same scene differ by; a phone's at ISO 200."""
PAGE_PX = (827, 1169)
"""A4 at 100 dpi."""

Lookalike = Callable[[Image.Image, Image.Image, Draw], tuple[Image.Image, Image.Image]]


def lookalikes(photo: bytes, other: bytes, name: str, seed: int) -> tuple[bytes, bytes]:
    """Make two pictures of kind ``name`` (one of :data:`NAMES`) from two photos, given as files Pillow reads."""
    draw = np.random.default_rng([seed, zlib.crc32(name.encode())])
    pair = _LOOKALIKES[name](upright(photo), upright(other), draw)
    return _jpeg(pair[0], draw), _jpeg(pair[1], draw)


def _jpeg(image: Image.Image, draw: Draw) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(draw.integers(80, 95)))
    return file.getvalue()


def _exposed(image: Image.Image, draw: Draw) -> Image.Image:
    """Take the scene once more: other noise, a slightly other exposure."""
    pixels = np.asarray(image) * draw.uniform(0.96, 1.04)
    return _image(pixels + draw.normal(0, SENSOR_NOISE, pixels.shape))


def _image(pixels: NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))


def _burst(photo: Image.Image, _other: Image.Image, draw: Draw) -> tuple[Image.Image, Image.Image]:
    """Hand-held, a moment later: near things moved against far ones by 0.5 to 2 % of the width, and one by itself."""
    later = _moved_object(_shifted_by_depth(photo, draw, draw.uniform(0.005, 0.02)), draw, draw.uniform(0.02, 0.08))
    return _exposed(photo, draw), _exposed(later, draw)


def _parallax(photo: Image.Image, _other: Image.Image, draw: Draw) -> tuple[Image.Image, Image.Image]:
    """Hand-held, nothing moved but the camera."""
    return _exposed(photo, draw), _exposed(_shifted_by_depth(photo, draw, draw.uniform(0.01, 0.03)), draw)


def _tripod(photo: Image.Image, _other: Image.Image, draw: Draw) -> tuple[Image.Image, Image.Image]:
    """Let the camera stand still, and one thing of 2 to 8 % of the picture go somewhere else."""
    return _exposed(photo, draw), _exposed(_moved_object(photo, draw, draw.uniform(0.02, 0.08)), draw)


def _same_backdrop(photo: Image.Image, other: Image.Image, draw: Draw) -> tuple[Image.Image, Image.Image]:
    """Something else before the very same background."""
    size = photo.size
    outline = Image.new("L", size)
    share = draw.uniform(0.2, 0.32)
    box = [size[0] * (0.5 - share), size[1] * (0.5 - share), size[0] * (0.5 + share), size[1] * (0.5 + share)]
    ImageDraw.Draw(outline).ellipse(box, fill=255)
    outline = outline.filter(ImageFilter.GaussianBlur(min(size) / 100))
    replaced = Image.composite(other.resize(size), photo, outline)
    return _exposed(photo, draw), _exposed(replaced, draw)


def _pages(_photo: Image.Image, _other: Image.Image, draw: Draw) -> tuple[Image.Image, Image.Image]:
    """Two scanned pages of one letter head and layout with other words."""
    head = _words(draw, 6)
    return _exposed(_page(head, draw), draw), _exposed(_page(head, draw), draw)


def _forms(_photo: Image.Image, _other: Image.Image, draw: Draw) -> tuple[Image.Image, Image.Image]:
    """Two scanned pages with the same text but for a paragraph."""
    page = _page(_words(draw, 6), draw)
    second = page.copy()
    top = int(draw.integers(300, 700))
    ImageDraw.Draw(second).rectangle((80, top, PAGE_PX[0] - 80, top + 150), fill="white")
    _write(second, top, 8, draw)
    return _exposed(page, draw), _exposed(second, draw)


def _blank(_photo: Image.Image, _other: Image.Image, draw: Draw) -> tuple[Image.Image, Image.Image]:
    """Two black, white or grey pictures, or skies, with nothing but noise on them."""
    level = draw.choice([2, 40, 128, 250])
    fall = np.linspace(draw.uniform(0, 40), 0, 480)[:, np.newaxis, np.newaxis]
    scene = _image(np.full((480, 640, 3), float(level)) + fall)
    return _exposed(scene, draw), _exposed(scene, draw)


def _shifted_by_depth(image: Image.Image, draw: Draw, share: float) -> Image.Image:
    """Move every part of the picture sideways by up to ``share`` of the width, smooth patches of depth differently."""
    width, height = image.size
    depth = Image.fromarray(draw.random((5, 6)).astype(np.float32)).resize(image.size, Image.Resampling.BICUBIC)
    shift = (np.asarray(depth) - 0.5) * 2 * share * width
    columns = np.arange(width) + shift
    left = np.clip(np.floor(columns).astype(int), 0, width - 2)
    part = np.clip(columns - left, 0, 1)[..., np.newaxis]
    rows = np.arange(height)[:, np.newaxis]
    pixels = np.asarray(image).astype(np.float64)
    return _image(pixels[rows, left] * (1 - part) + pixels[rows, left + 1] * part)


def _moved_object(image: Image.Image, draw: Draw, area: float) -> Image.Image:
    """Move a round part with the most detail aside by about its own size, and close the gap with what is beside it."""
    width, height = image.size
    edge_px = round((area * width * height * 1.27) ** 0.5)
    edge_px = min(edge_px, min(width, height) // 4)
    grey = np.asarray(image.convert("L")).astype(np.float64)
    places = [
        (int(draw.integers(edge_px, width - 2 * edge_px)), int(draw.integers(height - edge_px))) for _ in range(20)
    ]
    x, y = max(places, key=lambda at: grey[at[1] : at[1] + edge_px, at[0] : at[0] + edge_px].std())
    aside = edge_px if draw.random() < 0.5 else -edge_px
    thing = image.crop((x, y, x + edge_px, y + edge_px))
    behind = image.crop((x - aside, y, x - aside + edge_px, y + edge_px))
    outline = Image.new("L", thing.size)
    ImageDraw.Draw(outline).ellipse((2, 2, edge_px - 2, edge_px - 2), fill=255)
    outline = outline.filter(ImageFilter.GaussianBlur(max(1, edge_px / 30)))
    moved = image.copy()
    moved.paste(behind, (x, y), outline)
    moved.paste(thing, (x + round(aside * draw.uniform(0.3, 1)), y), outline)
    return moved


def _page(head: str, draw: Draw) -> Image.Image:
    page = Image.new("RGB", PAGE_PX, "white")
    ImageDraw.Draw(page).text((90, 80), head, "black", ImageFont.load_default(34))
    _write(page, 170, 40, draw)
    return page


def _write(page: Image.Image, top: int, lines: int, draw: Draw) -> None:
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for line in range(lines):
        pen.text((90, top + line * 19), _words(draw, int(draw.integers(8, 13))), "black", font)


def _words(draw: Draw, count: int) -> str:
    letters = np.array(list("eeeeettaaooiinnsshhrrddlucmfwygpbvk"))
    return " ".join("".join(draw.choice(letters, draw.integers(2, 9))) for _ in range(count))


_LOOKALIKES: dict[str, Lookalike] = {
    "burst": _burst,
    "parallax": _parallax,
    "tripod": _tripod,
    "same backdrop": _same_backdrop,
    "pages": _pages,
    "forms": _forms,
    "blank": _blank,
}
NAMES = tuple(_LOOKALIKES)
"""Every kind there is."""
