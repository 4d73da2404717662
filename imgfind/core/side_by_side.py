"""Two picture files beside each other: what they are to each other, and one picture of both. Knows no library.

Safe on any thread.
"""

import io
import os
from dataclasses import dataclass

from PIL import Image

from imgfind.core import reading, verifying
from imgfind.core.content import DecodedContent
from imgfind.core.errors import ImgfindError, UnreadablePhotoError
from imgfind.core.paths import displayed
from imgfind.core.records import ContentId, Label, PixelArray, Verdict
from imgfind.core.store.rows import ComparedContent

_HEIGHT_PX = 720
_GAP_PX = 16
_MAX_WIDTH_PX = 1920
"""Of one picture: panoramas are shown less high."""
_GROUND = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two files and what they are to each other; sizes are upright."""

    path: str
    other: str
    size_px: tuple[int, int]
    other_size_px: tuple[int, int]
    verdict: Verdict


def compare(path: str, other: str) -> Comparison:
    """Compare two files. Raises :class:`ImgfindError` where one cannot be read."""
    (a, a_content), (b, b_content) = _read(path, 1), _read(other, 2)
    if a.content_hash == b.content_hash:
        same_file = os.path.samefile(path, other)
        verdict = Verdict(Label.IDENTICAL, 1.0, 0, 1.0, "one file" if same_file else "the same bytes")
    else:
        views = (
            verifying.view_of(item, verifying.preview_pixels(content.preview))
            for item, content in ((a, a_content), (b, b_content))
        )
        verdict = verifying.verdict_on(a, b, *views)
    return Comparison(path, other, (a.width_px, a.height_px), (b.width_px, b.height_px), verdict)


def png(path: str, other: str) -> bytes:
    """Return a PNG of two pictures side by side, at equal height. Raises :class:`ImgfindError` as :func:`compare`."""
    left, right = (_shown(name) for name in (path, other))
    height_px = min(left.height, right.height)
    left, right = (_at_height(image, height_px) for image in (left, right))
    sheet = Image.new("RGB", (left.width + _GAP_PX + right.width, height_px), _GROUND)
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + _GAP_PX, 0))
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def _read(path: str, number: int) -> tuple[ComparedContent, DecodedContent]:
    try:
        if not os.path.isfile(path):
            raise UnreadablePhotoError("it is no file" if os.path.exists(path) else "there is no such file")
        read = reading.read_photo(path, reading.SMALLEST)
    except UnreadablePhotoError as error:
        raise _unreadable(path, error) from error
    content = read.content
    assert content is not None, "no content is known beforehand"
    compared = ComparedContent(
        ContentId(number),
        read.content_hash,
        content.width_px,
        content.height_px,
        content.format,
        content.facts,
        content.phash,
        path,
        (read.size_bytes, read.mtime_ns),
    )
    return compared, content


def _shown(path: str) -> Image.Image:
    try:
        pixels: PixelArray = reading.full_picture(path, _HEIGHT_PX).pixels
    except UnreadablePhotoError as error:
        raise _unreadable(path, error) from error
    image = Image.fromarray(pixels)
    return _at_height(image, round(min(image.height, _HEIGHT_PX, image.height * _MAX_WIDTH_PX / image.width)))


def _at_height(image: Image.Image, height_px: int) -> Image.Image:
    width_px = max(1, round(image.width * height_px / image.height))
    return image.resize((width_px, max(1, height_px)), Image.Resampling.LANCZOS)


def _unreadable(path: str, error: UnreadablePhotoError) -> ImgfindError:
    return ImgfindError(f"'{displayed(path)}' cannot be compared: {error.reason}.")
