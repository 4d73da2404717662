"""From the bytes of a photo to an upright sRGB picture within limits, its EXIF facts, its preview and model input.

Owns the guards around Pillow and the geometry of what encoders are fed. Does not walk disks and keeps nothing. Every
function may run on several threads at once, each with its own file. Pictures of the kinds in
:data:`imgfind.core.formats.RISKY` are decoded here like all others; that this happens in a process of its own is for
the caller to see to.
"""

import contextlib
import errno
import functools
import io
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, TypeVar

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from imgfind.core import exif, formats, raw
from imgfind.core.errors import UnreadablePhotoError
from imgfind.core.formats import Kind
from imgfind.core.records import Facts, PixelArray, Preprocess

MAX_PIXELS = 178_956_970
"""Pictures that claim more are refused before they are loaded: twice Pillow's default, where Pillow itself gives up."""

LARGE_PIXELS = 40_000_000
"""Pictures that still have more pixels after :meth:`PIL.Image.Image.draft` are decoded one at a time: each may take up
to a gigabyte for a moment, and there is a thread for every core."""
large_pictures: contextlib.AbstractContextManager[object] = threading.Lock()
"""Held by whoever decodes one of these; a process that is one of many puts a lock here that they share."""

DECODE_VERSION = 2
"""Goes up whenever more files can be read, or the same file gives other facts or dimensions."""
MODEL_INPUT_VERSION = 1
"""Goes up whenever :func:`decode` and :func:`model_input` give an encoder other pixels for the same photo."""
PREVIEW_VERSION = 1
"""Goes up whenever :func:`preview` gives another picture for the same photo."""
PREVIEW_EDGE_PX = 256
"""Short edge of a preview: enough for most encoders and for telling duplicates from look-alikes."""
PREVIEW_MAX_LONG_EDGE_PX = 1024
_PREVIEW_QUALITY = 78
"""Gives 15.1 KB on average (9 to 22 KB from the 5th to the 95th percentile) over 191 camera and phone photos."""

# Pillow knows one limit, warns above it and refuses above twice as much. Photos of 90 to 179 megapixels come out of
# today's cameras and deserve no warning; set once at import, where no other thread decodes yet.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

_REDUCIBLE_MODES = frozenset({"L", "LA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "I", "F"})
_PROFILE_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_MAX_ASPECT = 16
_CUT_SHORT = re.compile(r"truncated|not enough image data|unexpected end", re.IGNORECASE)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """A photo as people see it: ``image`` is upright, sRGB, mode RGB, detached from its file and maybe scaled down.

    ``width_px`` and ``height_px`` are those of the file, upright; ``format`` is Pillow's name ("JPEG", "MPO", "PNG",
    "HEIF") or "RAW".
    """

    image: Image.Image
    width_px: int
    height_px: int
    format: str
    facts: Facts


def decode(file: BinaryIO, *, min_edge_px: int, suffix: str = "") -> DecodedPhoto:
    """Decode the first picture in ``file``, at a reduced scale that leaves the short edge at least ``min_edge_px``.

    ``file`` must be seekable; its position is lost, it is not closed. ``suffix`` tells camera RAW files from the TIFF
    files they look like. Transparency is laid over white, colour profiles become sRGB; without a profile CMYK is
    converted by the plain formula. Samples of 16 bits or more are taken to range from 0 to 65535, floating point ones
    from 0 to 1; where they exceed that, the picture's own range is stretched.

    Raises :class:`UnreadablePhotoError` for whatever is wrong with the file, and nothing else.
    """
    with _problems():
        file.seek(0)
        head = file.read(formats.HEAD_BYTES)
        if not head:
            raise UnreadablePhotoError("the file is empty")
        kind = formats.kind_of(head, suffix)
        names = formats.plugin_formats(kind)
        return _raw(file, min_edge_px) if kind is Kind.RAW else _decoded(_opened(file, names, kind), min_edge_px)


def _decoded(image: Image.Image, min_edge_px: int) -> DecodedPhoto:
    name, (width, height) = image.format or "", image.size
    drafted = image.draft("RGB", (min_edge_px, min_edge_px)) is not None
    large = image.width * image.height > LARGE_PIXELS
    with large_pictures if large else contextlib.nullcontext():
        image.load()
        if not drafted:  # some formats (TIFF, ICO, HEIF) know their true size only now
            width, height = image.size
        # After load: in PNG files EXIF may stand behind the pixels, and Pillow turns TIFF files by itself.
        tags = _optional(image.getexif, Image.Exif())
        orientation = 1 if _is_upright(image) else _optional(lambda: exif.orientation(tags), 1)
        upright = _upright(_shrunk(_srgb(_shrunk(image, min_edge_px)), min_edge_px), orientation)
    if orientation >= 5:
        width, height = height, width
    return DecodedPhoto(upright, width, height, name, _facts(tags))


def _is_upright(image: Image.Image) -> bool:
    """Tell whether the decoder has turned the picture, so that EXIF, which may be stale, must not turn it again.

    ISO/IEC 23008-12 and 18181-1 keep the orientation beside the pixels. A JPEG packed into JPEG XL is the exception:
    the plug-in hands out that JPEG's pixels as they are.
    """
    return image.format == "HEIF" or (image.format == "JXL" and not getattr(image, "jpeg", False))


def _raw(file: BinaryIO, min_edge_px: int) -> DecodedPhoto:
    picture = raw.read(file, min_edge_px=min_edge_px, max_pixels=MAX_PIXELS)
    if picture.jpeg is None:
        assert picture.image is not None, "a RAW picture is either its preview or developed"
        shown = DecodedPhoto(_shrunk(picture.image, min_edge_px), 0, 0, "", Facts())
    else:
        shown = _decoded(_opened(io.BytesIO(picture.jpeg), ("JPEG",), Kind.PLAIN), min_edge_px)
        lies = (shown.image.width > shown.image.height) != (picture.width_px > picture.height_px)
        if lies and picture.turn is not None:  # the preview does not say how the camera was held
            shown = replace(shown, image=shown.image.transpose(picture.turn))
    facts = _facts(_optional(lambda: raw.tags_of(file), Image.Exif()))
    known = facts if facts.taken_at or facts.camera else shown.facts
    return replace(shown, width_px=picture.width_px, height_px=picture.height_px, format="RAW", facts=known)


def rounding_step(file: BinaryIO) -> float | None:
    """Return the step that a JPEG file rounds the mean luma of blocks to, from its head; None for any other file."""
    file.seek(0)
    with contextlib.suppress(UnreadablePhotoError), _problems():
        tables = getattr(Image.open(file, formats=("JPEG", "MPO")), "quantization", None)
        return float(tables[0][0]) if tables and 0 in tables else None
    return None


def preview(image: Image.Image) -> bytes:
    """Return ``image`` (mode RGB), as :func:`shrunk` leaves it, as a JPEG."""
    out = io.BytesIO()
    shrunk(image).save(out, "JPEG", quality=_PREVIEW_QUALITY)
    return out.getvalue()


def shrunk(image: Image.Image) -> Image.Image:
    """Return ``image`` (mode RGB) at the size of its preview, never scaled up.

    The short edge is ``PREVIEW_EDGE_PX`` unless the picture is smaller, or so long that its long edge is capped at
    ``PREVIEW_MAX_LONG_EDGE_PX``.
    """
    scale = min(1.0, PREVIEW_EDGE_PX / min(image.size), PREVIEW_MAX_LONG_EDGE_PX / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # Hamming is as sharp as bicubic at the price of bilinear: 1.4 ms from 500x375, Lanczos 3.1. Optimised Huffman
    # tables would save 3 % of the bytes for half as much time again.
    return image.resize(size, Image.Resampling.HAMMING) if size != image.size else image


def model_input(image: Image.Image, preprocess: Preprocess) -> PixelArray:
    """Fit ``image`` (mode RGB) to a model: pixels ``[height_px, width_px, 3]``.

    Bit for bit what open_clip's own transform feeds a model before it normalises (open_clip/transform.py,
    ``image_transform`` with ``is_train=False``), with one exception: strips longer than 16
    times their width are first cut to that around their centre; scaling a whole one up can take gigabytes.
    """
    want = (preprocess.width_px, preprocess.height_px)
    bilinear = preprocess.interpolation == "bilinear"
    resample = Image.Resampling.BILINEAR if bilinear else Image.Resampling.BICUBIC
    if preprocess.resize_mode == "squash":
        return np.asarray(_resized(image, want, resample), dtype=np.uint8)
    image = _without_extremes(image)
    if preprocess.resize_mode == "longest":
        size = _fitted(image.size, max(image.width / want[0], image.height / want[1]))
        return np.asarray(_centred(_resized(image, size, resample), want, preprocess.fill_color), dtype=np.uint8)
    if want[0] == want[1]:
        short, long = min(image.size), max(image.size)
        size = (want[0], int(want[0] * long / short))
        size = size if image.width <= image.height else size[::-1]
    else:  # open_clip forgets the interpolation here, so it is bicubic whatever the model says
        size = _fitted(image.size, min(image.width / want[0], image.height / want[1]))
        resample = Image.Resampling.BICUBIC
    return np.asarray(_centred(_resized(image, size, resample), want, fill=0), dtype=np.uint8)


def _opened(file: BinaryIO, names: tuple[str, ...], kind: Kind) -> Image.Image:
    """Identify the picture and refuse it by what its header says; no pixels are read (but by JPEG XL's plug-in)."""
    file.seek(0)
    try:
        image = Image.open(file, formats=names)
    except UnidentifiedImageError as error:
        what = "picture imgfind can read" if kind is Kind.PLAIN else f"{kind.value} picture that can be read"
        raise UnreadablePhotoError(f"not a {what}, or a damaged one") from error
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise UnreadablePhotoError(_too_large(pixels))
    if pixels == 0:
        raise UnreadablePhotoError("the picture has no pixels")
    return image


@contextlib.contextmanager
def _problems() -> Iterator[None]:
    """Turn whatever a bad file makes Pillow raise into :class:`UnreadablePhotoError`."""
    try:
        yield
    except UnreadablePhotoError:
        raise
    except Exception as error:
        raise _problem(error) from error


def _optional(read: Callable[[], _T], fallback: _T) -> _T:
    """Return ``read()``, or ``fallback`` where a damaged detail must not lose the photo; disk errors still raise."""
    try:
        return read()
    except Exception as error:
        problem = _problem(error)
        if problem.transient:
            raise problem from error
        return fallback


def _problem(error: Exception) -> UnreadablePhotoError:
    """Say in one line what ``error`` means for the photo."""
    if isinstance(error, MemoryError):
        return UnreadablePhotoError("not enough memory to open it", transient=True)
    # Pillow's own OSErrors carry no number. EINVAL and EOVERFLOW come from a lying file that sends it to an impossible
    # position, all others from the disk.
    number = error.errno if isinstance(error, OSError) else None
    if number is not None and number not in (errno.EINVAL, errno.EOVERFLOW):
        return UnreadablePhotoError(f"reading failed: {os.strerror(number)}", transient=True)
    message = "".join(char for char in " ".join(str(error).split()) if char.isprintable())[:120]
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        claimed = re.search(r"\((\d+) pixels\)", message)
        return UnreadablePhotoError(_too_large(int(claimed[1]) if claimed else None))
    if isinstance(error, EOFError) or _CUT_SHORT.search(message):
        return UnreadablePhotoError("the file is cut short")
    return UnreadablePhotoError(f"the picture is damaged ({message or type(error).__name__})")


def _too_large(pixels: int | None) -> str:
    claim = f"claims {pixels / 1e6:,.0f} megapixels" if pixels else "is too large"
    return f"{claim}; imgfind reads pictures of up to {MAX_PIXELS / 1e6:.0f} megapixels"


def _facts(tags: Image.Exif) -> Facts:
    """Return what EXIF says; every detail may be missing or broken by itself."""
    latitude, longitude = _optional(lambda: exif.position(tags), None) or (None, None)
    return Facts(
        taken_at=_optional(lambda: exif.taken_at(tags), None),
        camera=_optional(lambda: exif.camera(tags), None),
        lens=_optional(lambda: exif.lens(tags), None),
        latitude=latitude,
        longitude=longitude,
        exposure_s=_optional(lambda: exif.exposure_s(tags), None),
        f_number=_optional(lambda: exif.f_number(tags), None),
        iso=_optional(lambda: exif.iso(tags), None),
        focal_length_mm=_optional(lambda: exif.focal_length_mm(tags), None),
    )


def _shrunk(image: Image.Image, min_edge_px: int) -> Image.Image:
    """Return ``image`` with a short edge of at most twice ``min_edge_px``, but never less than that by shrinking."""
    factor = -(-min(image.size) // (2 * min_edge_px))
    return image.reduce(factor) if factor > 1 and image.mode in _REDUCIBLE_MODES else image


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    image = image.transpose(_TURNS[orientation]) if orientation in _TURNS else image.copy()
    image.info.clear()  # nothing of the file (profile, comment) may end up in what is saved from here
    return image


def _srgb(image: Image.Image) -> Image.Image:
    """Return ``image`` in mode RGB as sRGB on white."""
    profile = image.info.get("icc_profile")
    image = _opaque(image)
    converted = _optional(lambda: _profiled(image, profile), None)
    return converted or image.convert("RGB")


def _opaque(image: Image.Image) -> Image.Image:
    """Return ``image`` in mode L, RGB, CMYK or LAB."""
    if image.mode.startswith("I") or image.mode == "F":
        return _levels(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        canvas = Image.new("RGB", image.size, "white")
        canvas.paste(image, mask=image)
        return canvas
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB", "CMYK", "LAB") else image.convert("RGB")


def _levels(image: Image.Image) -> Image.Image:
    """Return a picture of wide samples (modes I;16, I, F) in mode L; see :func:`decode` for the ranges."""
    samples = np.asarray(image)
    if samples.dtype.kind == "f":
        samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = (0.0, 1.0) if samples.dtype.kind == "f" else (0.0, 65535.0)
    least, most = float(samples.min()), float(samples.max())
    if least < low or most > high:
        low, high = least, most
    scaled = samples.astype(np.float32)
    scaled -= low
    scaled *= 255.0 / ((high - low) or 1.0)
    return Image.fromarray(np.rint(scaled, out=scaled).astype(np.uint8))


def _profiled(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Return ``image`` as sRGB by its colour profile, or None if there is nothing to do."""
    if image.mode != "LAB" and not profile:
        return None
    transform = _to_srgb(profile or b"", image.mode)
    return ImageCms.applyTransform(image, transform) if transform else None


@functools.lru_cache(maxsize=16)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Build the transform of one profile, None if it is sRGB already or made for another mode.

    Shared between threads, hence without Little CMS's one-pixel cache (its manual on cmsFLAGS_NOCACHE).
    """
    if mode == "LAB":
        source = ImageCms.createProfile("LAB")
    else:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        source = opened.profile
        if _PROFILE_MODES.get(source.xcolor_space) != mode or "sRGB" in (source.profile_description or ""):
            return None
    return ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(source),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.PERCEPTUAL,
        ImageCms.Flags.NOCACHE,
    )


def _without_extremes(image: Image.Image) -> Image.Image:
    limit = _MAX_ASPECT * min(image.size)
    if max(image.size) <= limit:
        return image
    return _centred(image, (min(image.width, limit), min(image.height, limit)), fill=0)


def _fitted(size: tuple[int, int], ratio: float) -> tuple[int, int]:
    return max(1, round(size[0] / ratio)), max(1, round(size[1] / ratio))


def _resized(image: Image.Image, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
    return image if image.size == size else image.resize(size, resample)


def _centred(image: Image.Image, size: tuple[int, int], fill: int) -> Image.Image:
    """Pad with ``fill``, then cut to ``size`` around the centre, rounding as torchvision's center_crop does."""
    missing = [max(0, wanted - have) for wanted, have in zip(size, image.size, strict=True)]
    if any(missing):
        border = (missing[0] // 2, missing[1] // 2, (missing[0] + 1) // 2, (missing[1] + 1) // 2)
        image = ImageOps.expand(image, border, fill=(fill, fill, fill))
    left, top = round((image.width - size[0]) / 2), round((image.height - size[1]) / 2)
    return image.crop((left, top, left + size[0], top + size[1]))
