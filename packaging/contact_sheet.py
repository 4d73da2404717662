"""Draws a contact sheet: one row for each query, with what was asked on the left and the photos found beside it.

Only draws; knows no library and runs no search. One thread at a time.
"""

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

Colour = tuple[int, int, int]

BACKGROUND: Colour = (246, 247, 249)
CARD: Colour = (255, 255, 255)
LINE: Colour = (226, 229, 234)
INK: Colour = (28, 32, 40)
MUTED: Colour = (110, 118, 132)
ACCENT: Colour = (28, 100, 190)
NO_PREVIEW: Colour = (226, 229, 234)

MARGIN_PX = 44
HEADER_PX = 136
FOOTER_PX = 62
ROW_GAP_PX = 18
CARD_PADDING_PX = 22
TILE_PX = 196
TILE_GAP_PX = 18
CAPTION_PX = 48
QUERY_PX = 300
QUERY_PICTURE_PX = 148
CORNER_PX = 10

# Pillow's own font looks the same everywhere but knows little more than ASCII; these know the letters of Europe.
WIDE_FONTS = ("DejaVuSans.ttf", "Arial.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "FreeSans.ttf")
OWN_FONT_BEYOND_ASCII = frozenset("…·“”")

JPEG_QUALITY = 70  # keeps the sheet in the repository below 250 KB


@dataclass(frozen=True, slots=True)
class Tile:
    """One photo found: its preview as JPEG (None where there is none), its score and its name."""

    preview: bytes | None
    score: float
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """One query (words, a picture as JPEG, or both) and the photos it found, best first."""

    kind: str
    words: str
    picture: bytes | None
    picture_name: str
    tiles: Sequence[Tile]


def draw(rows: Sequence[Row], *, title: str, subtitle: str, footer: str, columns: int) -> Image.Image:
    """Return the sheet; rows show their first ``columns`` photos."""
    card_px = (
        3 * CARD_PADDING_PX + QUERY_PX + columns * TILE_PX + (columns - 1) * TILE_GAP_PX,
        2 * CARD_PADDING_PX + TILE_PX + CAPTION_PX,
    )
    height_px = HEADER_PX + len(rows) * (card_px[1] + ROW_GAP_PX) + FOOTER_PX
    sheet = Image.new("RGB", (card_px[0] + 2 * MARGIN_PX, height_px), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    _write(pen, (MARGIN_PX, 36), title, 40, INK)
    _write(pen, (MARGIN_PX, 90), subtitle, 20, MUTED)
    for number, row in enumerate(rows):
        top = HEADER_PX + number * (card_px[1] + ROW_GAP_PX)
        box = (MARGIN_PX, top, MARGIN_PX + card_px[0], top + card_px[1])
        pen.rounded_rectangle(box, CORNER_PX + 4, fill=CARD, outline=LINE)
        _draw_query(sheet, pen, row, MARGIN_PX + CARD_PADDING_PX, top + CARD_PADDING_PX)
        left = MARGIN_PX + 2 * CARD_PADDING_PX + QUERY_PX
        for tile in row.tiles[:columns]:
            _draw_tile(sheet, pen, tile, left, top + CARD_PADDING_PX)
            left += TILE_PX + TILE_GAP_PX
    _write(pen, (MARGIN_PX, height_px - FOOTER_PX + 8), footer, 17, MUTED)
    return sheet


def save(sheet: Image.Image, file: Path) -> None:
    """Write the sheet as PNG or JPEG, as the name says. Raises :class:`OSError`, and ValueError for other names."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix.lower() in (".jpg", ".jpeg"):
        sheet.save(file, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
    else:
        sheet.save(file, optimize=True)


def _draw_query(sheet: Image.Image, pen: ImageDraw.ImageDraw, row: Row, left: int, top: int) -> None:
    _write(pen, (left, top), row.kind.upper(), 15, ACCENT)
    top += 30
    if row.picture_name:
        _paste(sheet, row.picture, (left, top), QUERY_PICTURE_PX)
        top += QUERY_PICTURE_PX + 8
        _write(pen, (left, top), _elided(row.picture_name, 16, QUERY_PX), 16, MUTED)
        top += 28
    words = f"+ {row.words}" if row.words and row.picture_name else row.words
    size_px = 22 if row.picture_name else 30
    for line in _wrapped(words, size_px, QUERY_PX)[: 1 if row.picture_name else 5]:
        _write(pen, (left, top), line, size_px, INK)
        top += size_px + 8


def _draw_tile(sheet: Image.Image, pen: ImageDraw.ImageDraw, tile: Tile, left: int, top: int) -> None:
    _paste(sheet, tile.preview, (left, top), TILE_PX)
    _write(pen, (left, top + TILE_PX + 9), f"{tile.score:.2f}", 19, INK)
    _write(pen, (left, top + TILE_PX + 32), _elided(tile.name, 16, TILE_PX), 16, MUTED)


def _paste(sheet: Image.Image, jpeg: bytes | None, corner: tuple[int, int], edge_px: int) -> None:
    """Put the middle of a picture on the sheet, square and with round corners."""
    size = (edge_px, edge_px)
    if jpeg is None:
        picture = Image.new("RGB", size, NO_PREVIEW)
    else:
        with Image.open(io.BytesIO(jpeg)) as image:
            picture = ImageOps.fit(image.convert("RGB"), size, Image.Resampling.LANCZOS)
    smooth = 4  # drawn larger and scaled down, because Pillow draws hard edges
    mask = Image.new("L", (edge_px * smooth, edge_px * smooth), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), CORNER_PX * smooth, fill=255)
    sheet.paste(picture, corner, mask.resize(size, Image.Resampling.LANCZOS))


def _write(pen: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, size_px: int, colour: Colour) -> None:
    font, drawable = _lettering(text, size_px)
    pen.text(corner, drawable, font=font, fill=colour, anchor="la")


def _width(text: str, size_px: int) -> float:
    font, drawable = _lettering(text, size_px)
    return font.getlength(drawable)


def _lettering(text: str, size_px: int) -> tuple[ImageFont.FreeTypeFont, str]:
    """Return a font that can draw ``text``, and ``text``; without any such font, ``text`` in letters it can draw."""
    own = ImageFont.load_default(size_px)
    assert isinstance(own, ImageFont.FreeTypeFont), "every wheel of Pillow has FreeType"
    if all(char.isascii() or char in OWN_FONT_BEYOND_ASCII for char in text):
        return own, text
    for name in WIDE_FONTS:
        try:
            return ImageFont.truetype(name, size_px), text
        except OSError:
            continue
    plain = (char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return own, "".join(char if char.isascii() or char in OWN_FONT_BEYOND_ASCII else "?" for char in plain)


def _elided(text: str, size_px: int, room_px: int) -> str:
    """Return ``text`` with its middle left out where it is too wide; the end of a file name tells as much."""
    if _width(text, size_px) <= room_px:
        return text
    for kept in range(len(text) - 1, 1, -1):
        shorter = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
        if _width(shorter, size_px) <= room_px:
            return shorter
    return "…"


def _wrapped(text: str, size_px: int, room_px: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and _width(f"{lines[-1]} {word}", size_px) <= room_px:
            lines[-1] += f" {word}"
        else:
            lines.append(_elided(word, size_px, room_px))
    return lines
