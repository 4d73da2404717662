"""From contents to verdicts: pictures are compared by their cached previews, and by their files where only those tell.

Runs on the thread that opened the previews; the work on pixels is shared out to threads of its own.
"""

import contextlib
import io
import os
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple, TypeVar

import numpy as np

from imgfind.core import config, content, decode, duplicates, opencv, reading
from imgfind.core.duplicates import Original, PictureView
from imgfind.core.errors import UnreadablePhotoError
from imgfind.core.records import ContentId, Label, PixelArray, Verdict
from imgfind.core.store.rows import ComparedContent
from imgfind.core.thumbs import Previews

Pair = tuple[ContentId, ContentId]
Verdicts = dict[Pair, Verdict]

_PAIRS_A_TASK = 16
"""Pairs with one content in common that a thread compares at a stretch; cancelling waits for that long."""
_TASKS_AHEAD = 4
"""For each thread: enough that none waits for the previews to be read."""
_MAX_PIXELS = 60_000_000
"""Larger files are not read again to see whether every pixel agrees: two of them take 360 MB a thread."""
_CLOSE_PIXELS = 16_000_000
"""Of larger files of one size the previews say what they are to each other: two of 16 megapixels take half a second of
a core."""
_LOSSLESS = frozenset({"PNG", "TIFF", "WEBP", "JXL", "BMP", "DIB", "JPEG2000", "PSD", "RAW"})
"""Formats that may hold the very pixels of another format. Two files of one format, or a JPEG and its MPO, hold them
only where their previews are equal too. Nothing less than the files tells: previews of a JPEG and of its pixels as a
PNG differ by 0 to 3.5 grey levels on average, for one is decoded at reduced scale; those of a JPEG and a new JPEG of
quality 95 by 0.3 to 1.8 (58 photos)."""

_EXACT = frozenset({"PNG", "TIFF", "BMP", "DIB"})
"""Formats that lose nothing, so that what they do not show was never there."""

_T = TypeVar("_T")
_Read = TypeVar("_Read")
_R = TypeVar("_R")


class _Picture(NamedTuple):
    """A content and its cached preview, if there is one."""

    content: ComparedContent
    jpeg: bytes | None

    def pixels(self) -> PixelArray | None:
        """Return the preview, made anew where there is none; None where the picture cannot be had now."""
        if self.jpeg is not None:
            with contextlib.suppress(UnreadablePhotoError):  # damaged in the cache
                return preview_pixels(self.jpeg)
        made = reading.made_preview(self.content.path) if self.content.path and _is_as_indexed(self.content) else None
        return None if made is None else preview_pixels(made)

    def view(self) -> PictureView | None:
        """Return what is compared, None where the picture cannot be had now."""
        pixels = self.pixels()
        return None if pixels is None else view_of(self.content, pixels)


def compared(
    pairs: Collection[Pair], contents: Mapping[ContentId, ComparedContent], previews: Previews
) -> Generator[tuple[int, Verdicts], None, None]:
    """Yield the verdicts on ``pairs`` as they come, each time with the number of pairs dealt with.

    Pairs of which one picture cannot be had now are dealt with and have no verdict.
    """

    def read(task: list[Pair]) -> list[_Picture]:
        wanted = [task[0][0], *(right for _, right in task)]
        return [_Picture(contents[item], previews.get(contents[item].content_hash)) for item in wanted]

    there = sorted(pair for pair in pairs if contents.keys() >= set(pair))
    for task, verdicts in _in_threads(_tasks(there), read, _compared_with_first):
        yield len(task), verdicts


def previewed(
    contents: Iterable[ComparedContent], previews: Previews, use: Callable[[PixelArray], _R]
) -> Generator[tuple[ComparedContent, _R | None], None, None]:
    """Yield what ``use`` makes of the preview of each content, None where there is no picture to be had."""

    def work(picture: _Picture) -> _R | None:
        pixels = picture.pixels()
        return None if pixels is None else use(pixels)

    return _in_threads(contents, lambda item: _Picture(item, previews.get(item.content_hash)), work)


def preview_pixels(jpeg: bytes) -> PixelArray:
    """Decode a preview. Raises :class:`UnreadablePhotoError` where it is none."""
    return content.picture(io.BytesIO(jpeg), decode.PREVIEW_MAX_LONG_EDGE_PX, ".jpg").pixels


def view_of(item: ComparedContent, pixels: PixelArray) -> PictureView:
    """Return a content with its preview, as it is compared."""
    return PictureView(pixels, item.width_px, item.height_px, item.facts, item.phash)


def verdict_on(a: ComparedContent, b: ComparedContent, a_view: PictureView, b_view: PictureView) -> Verdict:
    """Return the verdict on two pictures; where only their files tell these are read, if they can be had now."""
    verdict = duplicates.verify(a_view, b_view)
    pages = duplicates.may_be_pages(verdict, a_view, b_view)
    may_agree = verdict.label is Label.RE_ENCODED and _may_have_same_pixels(a, b, a_view.pixels, b_view.pixels)
    whole = verdict.label is Label.RE_ENCODED and _can_be_read_whole(a, b, _MAX_PIXELS if may_agree else _CLOSE_PIXELS)
    originals = _originals(a, b, None if whole else duplicates.PAGE_EDGE_PX) if pages or whole else None
    if originals is None:
        return verdict
    one, other = originals
    whole = whole and one.pixels.shape == other.pixels.shape  # what stands in for a RAW picture may be smaller
    if whole and duplicates.same_pixels(one.pixels, other.pixels):
        return Verdict(Label.SAME_PIXELS, 1.0, 0, 1.0, "every pixel agrees")
    if pages and not duplicates.same_words(one.pixels, other.pixels, edited=verdict.label is Label.EDITED):
        return replace(verdict, label=Label.SAME_SCENE, reason="other words on the same page")
    edit = duplicates.fine_edit(one, other) if whole else None
    return replace(verdict, label=Label.EDITED, reason=edit) if edit else verdict


def _tasks(pairs: list[Pair]) -> Iterator[list[Pair]]:
    for _, group in groupby(pairs, key=lambda pair: pair[0]):
        of_one = list(group)
        yield from (of_one[start : start + _PAIRS_A_TASK] for start in range(0, len(of_one), _PAIRS_A_TASK))


def _compared_with_first(pictures: list[_Picture]) -> Verdicts:
    (first, first_view), *others = [(picture.content, picture.view()) for picture in pictures]
    return {
        (first.content_id, other.content_id): verdict_on(first, other, first_view, view)
        for other, view in others
        if first_view is not None and view is not None
    }


def _may_have_same_pixels(a: ComparedContent, b: ComparedContent, a_pixels: PixelArray, b_pixels: PixelArray) -> bool:
    converted = a.format != b.format and not _LOSSLESS.isdisjoint((a.format, b.format))
    return converted or np.array_equal(a_pixels, b_pixels)


def _can_be_read_whole(a: ComparedContent, b: ComparedContent, most_pixels: int) -> bool:
    """Tell whether two files have one size, and no more pixels than that."""
    same_size = (a.width_px, a.height_px) == (b.width_px, b.height_px)
    return same_size and a.width_px * a.height_px <= most_pixels


def _originals(a: ComparedContent, b: ComparedContent, edge_px: int | None) -> tuple[Original, Original] | None:
    """Read two files, whole or until their short edges have ``edge_px``; None where one cannot be had now."""
    found = []
    for item in (a, b):
        if item.path is None:
            return None
        try:
            pixels = reading.full_picture(item.path, edge_px or max(item.width_px, item.height_px)).pixels
        except UnreadablePhotoError:
            return None
        if not _is_as_indexed(item):
            return None
        found.append(Original(pixels, 0.0 if item.format in _EXACT else reading.rounding_step(item.path)))
    return found[0], found[1]


def _is_as_indexed(item: ComparedContent) -> bool:
    """Tell whether the file still has the size and time it was indexed with."""
    try:
        status = os.stat(item.path or "")
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == item.stamp


def _in_threads(
    items: Iterable[_T], read: Callable[[_T], _Read], work: Callable[[_Read], _R]
) -> Generator[tuple[_T, _R], None, None]:
    """Yield each item with what ``work`` makes, on all cores, of what ``read`` reads on this thread; in order."""
    threads = config.usable_cores()
    opencv.leave_cores()
    waiting: deque[tuple[_T, Future[_R]]] = deque()
    with ThreadPoolExecutor(threads, "compare") as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(work, read(item))))
                if len(waiting) > threads * _TASKS_AHEAD:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
