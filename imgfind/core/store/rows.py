"""The plain data the catalogue takes in and gives out."""

from dataclasses import dataclass
from typing import NamedTuple

from imgfind.core.records import (
    ContentId,
    Facts,
    FloatArray,
    FoundFile,
    ModelId,
    PerceptualHash,
    PhotoId,
    RootId,
)


def stamp(file: FoundFile) -> tuple[int, int]:
    """Return size and time of a file as the catalogue keeps and compares them."""
    # SQLite's integers end at the year 2262; file systems and broken clocks go further.
    return file.size_bytes, max(-(2**63), min(file.mtime_ns, 2**63 - 1))


class Root(NamedTuple):
    """A folder the user added; ``state`` is ``online``, ``missing`` or ``vanished`` (lost too much at once).

    ``volume`` names the file system it was on, where the system gives it a name.
    """

    root_id: RootId
    path: str
    state: str
    added_at: str
    photos: int
    offline: int
    volume: str | None = None


class Model(NamedTuple):
    """An encoder the library holds vectors of."""

    model_id: ModelId
    name: str
    fingerprint: str
    dim: int


@dataclass(frozen=True, slots=True)
class NewContent:
    """What decoding told about bytes not known before; ``width_px`` and ``height_px`` are upright.

    ``descriptor`` says how it is found among duplicates, None where that was not worked out.
    """

    width_px: int
    height_px: int
    format: str
    facts: Facts
    phash: PerceptualHash
    phash_version: int
    decode_version: int
    descriptor: bytes | None = None
    descriptor_version: int = 0


@dataclass(frozen=True, slots=True)
class IndexedPhoto:
    """A photo ready to be stored; ``content`` and ``vector`` are None where its bytes are known already."""

    root_id: RootId
    file: FoundFile
    content_hash: bytes
    size_bytes: int
    content: NewContent | None
    vector: FloatArray | None


@dataclass(frozen=True, slots=True)
class PhotoDetails:
    """All the catalogue knows of one photo; ``copies`` are the other paths with the same bytes.

    ``taken_at`` is the best answer there is and ``taken_at_source`` where it is from (:mod:`imgfind.core.taken`);
    ``facts.taken_at`` is the camera's own. ``favourite`` and ``hidden`` is what the user made it and its copies.
    """

    path: str
    root: str
    size_bytes: int
    mtime_ns: int
    offline: bool
    content_hash: bytes
    width_px: int
    height_px: int
    format: str
    facts: Facts
    phash_quality: int
    copies: tuple[str, ...]
    taken_at: str | None = None
    taken_at_source: str | None = None
    favourite: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class GroupedPhoto:
    """A photo that may show what another one shows, with all that decides which of them to keep.

    ``taken_at`` is the camera's own. ``has_film`` and ``is_linked`` (its bytes have another name on the disk, so that
    removing it frees nothing) are what the disk says; the catalogue does not know. ``chosen`` is 0 but for what the
    user chose to keep, and the higher the later that was.
    """

    photo_id: PhotoId
    content_id: ContentId
    path: str
    size_bytes: int
    mtime_ns: int
    width_px: int
    height_px: int
    format: str
    taken_at: str | None = None
    camera: str | None = None
    favourite: bool = False
    offline: bool = False
    has_film: bool = False
    is_linked: bool = False
    chosen: int = 0


@dataclass(frozen=True, slots=True)
class ComparedContent:
    """What is known of a content that is to be compared; ``path`` is one of its photos in reach, if there is any."""

    content_id: ContentId
    content_hash: bytes
    width_px: int
    height_px: int
    format: str
    facts: Facts
    phash: PerceptualHash
    path: str | None
    stamp: tuple[int, int]
