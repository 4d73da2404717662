"""Pictures people search by: taken from what was dropped or pasted, kept where they have no file, shown small.

What is dropped as a file is used where it is; a pasted bitmap becomes a PNG in a folder of the library, named after its
content. The functions that take a mime object belong to the GUI thread, :func:`keep` and :func:`thumbnail` to a worker.
"""

import contextlib
import math
import os
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QBuffer, QIODevice, QMimeData, QRect, QSize, Qt, QUrl
from PySide6.QtGui import QImage, QImageWriter, QPixmap

from imgfind.core import LibraryError, formats, hashes, reading
from imgfind.core.query import ImageTerm, Region

MOST_PICTURES = 20
"""Of one drop; more chips nobody can oversee, and a hundred thousand photos may hang on the pointer."""

KEPT_DAYS = 90
"""How long a pasted picture outlives its last use, unless a saved search names it; screenshots are megabytes."""

_NAME_CHARS = 32
"""Of the content hash in a file name: 128 bits."""


def local_path(url: QUrl) -> str | None:
    """Return the path of a file URL, exact for any name; None for what is not on this machine.

    :meth:`QUrl.toLocalFile` would replace bytes that are not UTF-8.
    """
    if url.scheme() != "file":
        return None
    if os.sep == "\\":
        return os.path.normpath(url.toLocalFile())
    if url.host() not in ("", "localhost"):
        return None
    encoded = url.path(QUrl.ComponentFormattingOption.FullyEncoded)
    return os.fsdecode(unquote_to_bytes(encoded)) or None


def paths_in(mime: QMimeData) -> list[str]:
    """Return the picture files that were dragged or copied, told by their names; at most ``MOST_PICTURES``."""
    found: list[str] = []
    for url in mime.urls() if mime.hasUrls() else ():
        path = local_path(url)
        if path and os.path.splitext(path)[1].lower() in formats.suffixes() and path not in found:
            found.append(path)
            if len(found) == MOST_PICTURES:
                break
    return found


def has_bitmap(mime: QMimeData) -> bool:
    """Tell whether a picture without a file was dragged or copied.

    Office programs offer a picture of every text they copy; then the text is meant. Browsers offer the address of a
    picture as its text; then the picture is.
    """
    if not mime.hasImage():
        return False
    return not mime.hasFormat("text/plain") or mime.text().strip().startswith(("http:", "https:", "data:"))


def bitmap_in(mime: QMimeData) -> QImage | None:
    """Return the picture that was dragged or copied as pixels; None where it cannot be had."""
    data = mime.imageData()
    image = data.toImage() if isinstance(data, QPixmap) else data
    return image if isinstance(image, QImage) and not image.isNull() else None


def keep(image: QImage, folder: Path) -> str:
    """Write a pasted picture into ``folder`` as PNG, unless it is there, and return its path; runs in a worker."""
    png = as_png(image)
    file = folder / f"{hashes.content_hash(png).hex()[:_NAME_CHARS]}.png"
    partial = file.with_suffix(".partial")
    try:
        if file.exists():
            os.utime(file)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(png)
            partial.replace(file)
    except OSError as error:
        raise LibraryError(f"The pasted picture cannot be kept in {folder}: {error.strerror or error}.") from error
    return str(file)


def forget_old(folder: Path, saved_queries: Iterable[str]) -> None:
    """Delete pasted pictures that were not used for ``KEPT_DAYS`` and that no saved query names; runs in a worker."""
    oldest_s = time.time() - KEPT_DAYS * 24 * 3600
    needed = "\n".join(saved_queries)
    for file in folder.glob("*.png"):
        with contextlib.suppress(OSError):  # somebody else did it, or holds it open; there is a next time
            if file.stat().st_mtime < oldest_s and file.name not in needed:
                file.unlink()


def as_png(image: QImage) -> bytes:
    """Return the picture as the bytes of a PNG file."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, b"PNG").write(image)
    return bytes(buffer.data().data())


def thumbnail(term: ImageTerm, size_px: QSize) -> QImage | None:
    """Return the picture, or the region that is meant, no larger than ``size_px``; None where it cannot be read.

    Runs in a worker.
    """
    jpeg = reading.made_preview(os.path.expanduser(term.path))
    if jpeg is None:
        return None
    image = QImage.fromData(jpeg)
    if term.region is not None:
        image = image.copy(region_px(term.region, image.size()))
    return image.scaled(size_px, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)


def large(path: str, edge_px: int) -> QImage:
    """Return the picture to choose a region of, its short edge about ``edge_px``; runs in a worker."""
    pixels = reading.full_picture(os.path.expanduser(path), edge_px).pixels
    height, width, channels = pixels.shape
    borrowed = QImage(pixels.data, width, height, channels * width, QImage.Format.Format_RGB888)
    return borrowed.convertToFormat(QImage.Format.Format_RGB32)


def region_px(region: Region, size: QSize) -> QRect:
    """Return the pixels of a region of a picture of this size; at least one."""
    width, height = size.width() / 100, size.height() / 100
    left, top = math.floor(region.left * width), math.floor(region.top * height)
    right, bottom = math.ceil(region.right * width), math.ceil(region.bottom * height)
    return QRect(left, top, max(right - left, 1), max(bottom - top, 1))
