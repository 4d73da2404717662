"""Camera RAW files: the preview inside where it is large enough, else the sensor's pixels at half size.

Knows LibRaw (through rawpy, imported on the first call) and nothing of what becomes of the picture. LibRaw can crash on
bad files: to be called in a process of its own. Safe on every thread.
"""

import contextlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from imgfind.core.errors import UnreadablePhotoError

if TYPE_CHECKING:
    import rawpy

_TURNS = {3: Image.Transpose.ROTATE_180, 5: Image.Transpose.ROTATE_90, 6: Image.Transpose.ROTATE_270}
"""LibRaw's ``flip``: 3 upside down, 5 and 6 a quarter turn against and with the clock are needed."""

# TIFF files but for the number in their header: Olympus' "IIRO", "IIRS" and "MMOR".
_TIFF_HEADERS = {b"IIRO": b"II*\0", b"IIRS": b"II*\0", b"MMOR": b"MM\0*"}


@dataclass(frozen=True, slots=True)
class RawPicture:
    """What a RAW file shows: ``jpeg`` as the camera wrote it, with its own EXIF, or upright ``image`` (mode RGB).

    ``width_px`` and ``height_px`` are of the sensor's picture, upright; ``turn`` makes ``jpeg`` upright where that does
    not say itself how it was held.
    """

    jpeg: bytes | None
    image: Image.Image | None
    turn: Image.Transpose | None
    width_px: int
    height_px: int


def read(file: BinaryIO, *, min_edge_px: int, max_pixels: int) -> RawPicture:
    """Read a RAW file from its start.

    The preview is used where its short edge is at least ``min_edge_px``, the edge from which everything else is made:
    a larger one would be scaled down to that at once, and the camera's own development is what people know. Else the
    picture is developed, by half where that leaves ``min_edge_px``.

    Raises :class:`UnreadablePhotoError` where LibRaw cannot make anything of the file or it claims more than
    ``max_pixels``, and what Pillow raises for bad previews.
    """
    import rawpy

    file.seek(0)
    try:
        with rawpy.imread(file) as opened:
            sizes = opened.sizes
            turned = sizes.flip in (5, 6)
            width_px, height_px = (sizes.height, sizes.width) if turned else (sizes.width, sizes.height)
            jpeg, image = _preview(opened)
            if min(_size(jpeg, image)) < min_edge_px:
                if sizes.raw_width * sizes.raw_height > max_pixels:
                    raise UnreadablePhotoError(f"it has more than {max_pixels / 1e6:.0f} megapixels and no preview")
                # Cameras that LibRaw does not know yet may still have a small preview.
                with contextlib.suppress(*([rawpy.LibRawError] if jpeg or image else [])):
                    jpeg, image = None, _developed(opened, min_edge_px)
    except rawpy.LibRawUnsufficientMemoryError as error:
        raise MemoryError from error
    except rawpy.LibRawFileUnsupportedError as error:
        raise UnreadablePhotoError("not a camera RAW picture LibRaw can read, or a damaged one") from error
    except rawpy.LibRawError as error:
        raise UnreadablePhotoError(f"the picture is damaged ({_message(error)})") from error
    return RawPicture(jpeg, image, _TURNS.get(sizes.flip), width_px, height_px)


def _preview(opened: "rawpy.RawPy") -> tuple[bytes | None, Image.Image | None]:
    """Return the largest preview as JPEG or as upright picture; neither where there is none that can be used."""
    import rawpy

    try:
        thumb = opened.extract_thumb()
    except rawpy.LibRawError:
        return None, None
    if isinstance(thumb.data, bytes):
        return thumb.data, None
    image = Image.fromarray(thumb.data).convert("RGB")
    turn = _TURNS.get(opened.sizes.flip)
    return None, image if turn is None else image.transpose(turn)


def _size(jpeg: bytes | None, image: Image.Image | None) -> tuple[int, int]:
    if jpeg is not None:
        with contextlib.suppress(OSError), Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as opened:
            return opened.size
    return image.size if image else (0, 0)


def _developed(opened: "rawpy.RawPy", min_edge_px: int) -> Image.Image:
    half_size = min(opened.sizes.width, opened.sizes.height) >= 2 * min_edge_px
    return Image.fromarray(opened.postprocess(half_size=half_size, use_camera_wb=True))


def tags_of(file: BinaryIO) -> Image.Exif:
    """Return the file's own EXIF, most RAW files being TIFF files; Pillow raises all sorts of things for the others.

    Reads from ``file`` as long as the tags are used.
    """
    file.seek(0)
    header = _TIFF_HEADERS.get(file.read(4))
    source = io.BytesIO(header + file.read()) if header else file
    source.seek(0)
    tags = Image.Exif()
    tags.load_from_fp(source)
    return tags


def _message(error: Exception) -> str:
    """Return what LibRaw says; rawpy hands its bytes through."""
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
