"""The plain data that travels between the stages; no behaviour beyond what the data itself defines.

Paths are ``str`` as :func:`os.fsdecode` gives them (surrogates stand for bytes that are not UTF-8). Immutable, so safe
on every thread.
"""

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NewType, Protocol

import numpy as np
from numpy.typing import NDArray

RootId = NewType("RootId", int)
PhotoId = NewType("PhotoId", int)
ContentId = NewType("ContentId", int)
ModelId = NewType("ModelId", int)
VectorId = NewType("VectorId", int)

FloatArray = NDArray[np.float32]
"""Unit rows ``[n, dim]`` or one unit vector ``[dim]``."""
IdArray = NDArray[np.int64]
"""Vector ids ``[n]``, ascending unless said otherwise; or the photo ids of a :class:`Listing`."""
PixelArray = NDArray[np.uint8]
"""sRGB pixels ``[height, width, 3]`` or a batch ``[n, height, width, 3]``, 0-255."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file the scan came across. ``inode`` is 0 where the file system has none to offer."""

    path: str
    size_bytes: int
    mtime_ns: int
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the camera wrote into the photo.

    ``taken_at`` is ISO 8601 local time, with the offset where the camera recorded one; ``latitude`` and ``longitude``
    are WGS 84 degrees, north and east positive; ``focal_length_mm`` is the true one.
    """

    taken_at: str | None = None
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    exposure_s: float | None = None
    f_number: float | None = None
    iso: int | None = None
    focal_length_mm: float | None = None


@dataclass(frozen=True, slots=True)
class PerceptualHash:
    """256 bits of how a picture looks, and how much they can be trusted (``quality`` 0-100, 0 = flat)."""

    bits: bytes
    quality: int


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How an encoder wants its pictures: open_clip's ``preprocess_cfg`` as plain data.

    ``resize_mode`` is ``shortest`` (then centre crop), ``longest`` (then pad with ``fill_color``) or ``squash``.
    ``mean`` and ``std`` are per channel, for pixels scaled to 0-1.
    """

    width_px: int
    height_px: int
    interpolation: str
    resize_mode: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fill_color: int = 0


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """An encoder as it lies on disk: an open_clip configuration, its weights, and what the configuration says.

    ``name`` finds it again (``starter``, ``ViT-B-32-256/datacomp_s34b_b86k``, ``hf-hub:org/repo`` or an absolute
    folder). ``merges`` is the model's own byte-pair merges file; None means CLIP's standard one. ``fingerprint`` is the
    one of :func:`imgfind.core.models.fingerprint` where it is known already.
    """

    name: str
    config: Path
    weights: Path
    merges: Path | None
    dim: int
    context_length: int
    preprocess: Preprocess
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file that could not be read, and why; ``transient`` ones are tried again on every run."""

    path: str
    reason: str
    transient: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A photo that answers a query.

    ``score`` is the cosine between query and photo, -1 to 1, higher is better; None where only filters were asked for.
    ``taken_at`` is the best answer there is (see :mod:`imgfind.core.taken`), local time or only a day. ``copies`` are
    paths of other photos of the same picture that it stands for, best first; the score is then that of the best of all.
    """

    path: str
    score: float | None
    photo_id: PhotoId
    content_id: ContentId
    width_px: int
    height_px: int
    taken_at: str | None = None
    offline: bool = False
    copies: tuple[str, ...] = ()


class Section(NamedTuple):
    """A heading in a :class:`Listing`.

    ``key`` says what stands below: a month (``2021-05``), ``undated``, ``strong`` or ``weaker``. ``first`` is its first
    row.
    """

    key: str
    first: int


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """The photos that the rows of a :class:`Listing` stand for beside their own, as columns.

    Those of row n are ``photo_ids[offsets[n] : offsets[n + 1]]``, the best first, with their own ``scores``.
    """

    offsets: IdArray
    photo_ids: IdArray
    scores: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """Photos in the order they are shown, as columns: a million of them are a few megabytes.

    ``scores`` are cosines, None where nothing was ranked. ``sections`` are ascending and begin at row 0, or there are
    none. ``complete`` is false where more could be had by asking for more. ``copies`` is None where no row stands for
    others.
    """

    photo_ids: IdArray
    sections: tuple[Section, ...] = ()
    scores: FloatArray | None = None
    complete: bool = True
    copies: Copies | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What a thumbnail shows of a photo."""

    photo_id: PhotoId
    path: str
    content_hash: bytes
    width_px: int
    height_px: int
    taken_at: str | None
    offline: bool
    favourite: bool


class Label(enum.IntEnum):
    """What was verified about two pictures: the stages of a duplicate, the closest first.

    ``SAME_SCENE`` is another shot, and never called a duplicate.
    """

    IDENTICAL = 1
    SAME_PIXELS = 2
    RE_ENCODED = 3
    EDITED = 4
    TURNED = 5
    CROPPED = 6
    SAME_SCENE = 7


@dataclass(frozen=True, slots=True)
class Verdict:
    """What two pictures, a and b, are to each other; ``label`` None where they are different pictures.

    ``similarity`` 0-1 says how well what both show agrees. ``turn`` 0-7 is the EXIF orientation, minus 1, that leads
    from a to b. ``area`` is the share of the larger picture's area that both show. ``reason`` is ready to be shown.
    """

    label: Label | None
    similarity: float = 0.0
    turn: int = 0
    area: float = 0.0
    reason: str = ""


class Encoder(Protocol):
    """Turns pictures and words into unit vectors of one space."""

    @property
    def dim(self) -> int:
        """Return the length of the vectors."""

    @property
    def device(self) -> str:
        """Name the device it runs on: ``cpu``, ``cuda``, ``mps``, ``xpu``."""

    def encode_images(self, batch: PixelArray) -> FloatArray:
        """Encode uint8 sRGB pixels ``[n, height, width, 3]`` already fitted to the model's size."""

    def encode_texts(self, texts: list[str]) -> FloatArray:
        """Encode texts, one unit row each."""
