"""Which files are photos, by name and by their first bytes, and which package reads them.

Owns the formats imgfind reads and the plug-ins for those that Pillow does not know: each is imported when the first
such picture is decoded, and a missing one is a problem that names its remedy. Decodes nothing. Safe on every thread.
"""

import enum
import functools
import importlib.util
import re
from dataclasses import dataclass

from PIL import Image

from imgfind.core.errors import UnreadablePhotoError

# Pillow asks the formats in this order: what photo folders are full of first, those without a magic number last.
FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "BMP", "DIB", "JPEG2000", "PPM", "PSD", "ICO", "ICNS", "QOI"),
    *("PCX", "DCX", "SGI", "SUN", "DDS", "BLP", "FTEX", "FLI", "MSP", "PIXAR", "XBM", "XPM", "XVTHUMB"),
    *("CUR", "GBR", "MCIDAS", "PCD", "TGA", "IM", "IMT", "SPIDER"),
)
"""All that Pillow opens but EPS, WMF, BUFR, GRIB, HDF5 and MPEG, which need other programs or hold no picture; IPTC,
which wraps any other format and would open it past this list; and FITS, whose compressed kind loops in Python over as
many pixels as the header claims, minutes for a small file."""

HEAD_BYTES = 64
"""How much of a file :func:`kind_of` wants to see."""

_STRANGE_SUFFIXES = frozenset(
    {
        # Pillow claims these too, but people use them for something else: workouts, circuit boards, Visio stencils and
        # audio plug-ins, Windows patches, raw video frames ...
        *(".fit", ".gbr", ".vst", ".vda", ".icb", ".msp", ".rgb", ".rgba", ".bw", ".im", ".pxr"),
        # ... or they hold game textures and mouse pointers, which nobody looks for among photos.
        *(".blp", ".dds", ".ftc", ".ftu", ".fli", ".flc", ".cur"),
    }
)

RAW_SUFFIXES = frozenset(
    {
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos"),
        *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
    }
)
"""``.raw`` is missing because disk images and samples of every kind are called so."""

_OTHER_SUFFIXES = frozenset(
    {".avif", ".heic", ".heif", ".heics", ".heifs", ".hif", ".jxl", ".jxr", ".wdp", ".hdp", *RAW_SUFFIXES}
)
"""Photos by name whatever Pillow and its plug-ins have registered."""


class Kind(enum.Enum):
    """Who reads a file, by the name people know. ``PLAIN`` is Pillow alone; JPEG XR is read by nobody."""

    PLAIN = "plain"
    HEIF = "HEIC"
    JXL = "JPEG XL"
    RAW = "camera RAW"
    JXR = "JPEG XR"


RISKY = frozenset({Kind.HEIF, Kind.JXL, Kind.RAW})
"""Large native decoders that may crash, hang or take all memory on a bad file: only used in a process of their own."""


@dataclass(frozen=True, slots=True)
class _Plugin:
    module: str
    remedy: str


_PLUGINS = {
    Kind.HEIF: _Plugin("pi_heif", "HEIC pictures need the plug-in pi-heif: pip install pi-heif"),
    Kind.JXL: _Plugin(
        "pillow_jxl", "JPEG XL pictures need the plug-in pillow-jxl-plugin (GPL-3): pip install 'imgfind[jxl]'"
    ),
    Kind.RAW: _Plugin("rawpy", "camera RAW pictures need the plug-in rawpy: pip install rawpy"),
}

# ISO/IEC 23008-12 (brands after "ftyp"; AVIF is Pillow's), 18181-2, 29199-2, and those RAW formats that are not TIFF.
_MAGIC = (
    (re.compile(rb".{4}ftyp(hei[cxms]|hev[cxms]|(mif[12]|msf1)(?!.*avi[fs]))", re.DOTALL), Kind.HEIF),
    (re.compile(rb"\xff\x0a|\x00\x00\x00\x0cJXL \r\n\x87\n"), Kind.JXL),
    (re.compile(rb"II\xbc\x01"), Kind.JXR),
    (re.compile(rb".{4}ftypcrx |FUJIFILMCCD-RAW|FOVb|\0MRM|IIU\0|IIR[OS]|MMOR", re.DOTALL), Kind.RAW),
)
_JPEG_OR_PNG = (b"\xff\xd8\xff", b"\x89PNG")


@functools.cache
def formats() -> tuple[str, ...]:
    """Return those of ``FORMATS`` that the installed Pillow has."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@functools.cache
def suffixes() -> frozenset[str]:
    """Return the lower-case suffixes, with their dot, of files that are photos by name, readable ones or not."""
    # MPO (two JPEGs in one file) is opened as JPEG but registers its own suffix.
    known = formats()
    readable = {suffix for suffix, name in Image.registered_extensions().items() if name in (*known, "MPO")}
    return frozenset((readable - _STRANGE_SUFFIXES) | _OTHER_SUFFIXES)


def kind_of(head: bytes, suffix: str) -> Kind:
    """Tell who reads a file that begins with ``head`` (:data:`HEAD_BYTES` or all of it).

    The suffix counts for RAW only: most RAW files are TIFF files whose first picture is a thumbnail, and would be taken
    for that. JPEG and PNG files that are merely called so are what they are.
    """
    for magic, kind in _MAGIC:
        if magic.match(head):
            return kind
    if head and suffix.lower() in RAW_SUFFIXES and not head.startswith(_JPEG_OR_PNG):
        return Kind.RAW
    return Kind.PLAIN


def check_readable(kind: Kind) -> None:
    """Raise :class:`UnreadablePhotoError` with the remedy where the plug-in is not installed; loads nothing.

    Transient, so that such files are tried again on every run: the plug-in may have come.
    """
    if kind is Kind.JXR:
        raise UnreadablePhotoError("JPEG XR pictures cannot be read; save a JPEG copy beside it to find it")
    plugin = _PLUGINS.get(kind)
    if plugin and importlib.util.find_spec(plugin.module) is None:
        raise UnreadablePhotoError(plugin.remedy, transient=True)


def plugin_formats(kind: Kind) -> tuple[str, ...]:
    """Load the plug-in and return the names under which Pillow knows its formats (RAW has none).

    Raises :class:`UnreadablePhotoError` as :func:`check_readable` does.
    """
    check_readable(kind)
    try:
        match kind:
            case Kind.HEIF:
                return _heif()
            case Kind.JXL:
                return _jxl()
            case _:
                return formats()
    except ImportError as error:
        raise UnreadablePhotoError(_PLUGINS[kind].remedy, transient=True) from error


@functools.cache
def _heif() -> tuple[str, ...]:
    import pi_heif

    # One thread: there is a decoder for every core. AVIF, which libheif could read as well, stays with Pillow.
    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    return ("HEIF",)


@functools.cache
def _jxl() -> tuple[str, ...]:
    from pillow_jxl import JpegXLImagePlugin

    JpegXLImagePlugin.DECODE_THREADS = 0  # none beside its own; -1 would be one for every core
    return ("JXL",)
