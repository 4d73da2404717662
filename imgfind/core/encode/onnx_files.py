"""Where a model's towers lie that were converted for ONNX Runtime: a cache beside the user's other caches.

A folder for each fingerprint of a model and each set of versions that converted it. It may be deleted at any moment and
is made anew; it is written aside and renamed, so what is found was finished. What was not used for long is removed when
something new is written. Every process may call; knows neither torch nor ONNX.
"""

import contextlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from imgfind.core import config
from imgfind.core.encode.rows import first_line

log = logging.getLogger(__name__)

IMAGES, TEXTS, QUANTIZED = "images.onnx", "texts.onnx", "images-int8.onnx"
_MANIFEST = "manifest.json"
_FORMAT = 1
"""Of what is converted, and how; to be raised when another file would come out."""
_UNUSED_DAYS = 60
_TRIED_AGAIN_DAYS = 7
"""What could not be converted may have lacked memory."""
_DAY_S = 24 * 3600.0
_PARTIAL = ".partial-"


@dataclass(frozen=True, slots=True)
class Towers:
    """The converted towers of one model in ``folder``; ``key`` names model and versions."""

    folder: Path
    key: str

    @property
    def images(self) -> Path:
        """Return the file of the tower that encodes pictures."""
        return self.folder / IMAGES

    @property
    def texts(self) -> Path:
        """Return the file of the tower that encodes words."""
        return self.folder / TEXTS

    @property
    def quantized(self) -> Path:
        """Return the file of the pictures' tower in 8 bits, which need not exist."""
        return self.folder / QUANTIZED


class UnusableError(Exception):
    """The model cannot be converted, and hardly will be with these versions."""


def folder() -> Path:
    """Return the folder of all converted towers."""
    return config.cache_folder() / "towers"


def place_of(fingerprint: str, versions: dict[str, str]) -> Towers:
    """Return where the towers of a model belong; they need not be there."""
    made_by = blake3(json.dumps(versions | {"format": str(_FORMAT)}, sort_keys=True).encode()).hexdigest()
    key = f"{fingerprint[:32]}-{made_by[:16]}"
    return Towers(folder() / key, key)


def is_there(place: Towers) -> bool:
    """Tell whether the towers are there and whole. Raises :class:`UnusableError` where they were found impossible."""
    file = place.folder / _MANIFEST
    if _is_whole(place):
        _note_use(file)
        return True
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        reason = json.loads(file.read_text("utf-8"))["unusable"]
        if time.time() - file.stat().st_mtime < _TRIED_AGAIN_DAYS * _DAY_S:
            raise UnusableError(str(reason))
    return False


def make(place: Towers, convert: Callable[[Path], None]) -> None:
    """Have ``convert`` write the towers into a folder, and put it in its place.

    Raises OSError where it cannot be written. An :class:`UnusableError` of ``convert`` is noted, and raised.
    """
    place.folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_unused(place.folder.parent)
    aside = Path(tempfile.mkdtemp(prefix=f"{place.key}{_PARTIAL}", dir=place.folder.parent))
    try:
        try:
            convert(aside)
            noted: dict[str, object] = {"sizes": {name: (aside / name).stat().st_size for name in (IMAGES, TEXTS)}}
        except UnusableError as error:
            noted = {"unusable": first_line(error)}
            for file in aside.iterdir():
                file.unlink()
            _put(place, aside, noted)
            raise
        if not _is_whole(place):  # another process was quicker, and uses it already
            _put(place, aside, noted)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def remove(place: Towers) -> None:
    """Remove the towers, as far as that is possible."""
    shutil.rmtree(place.folder, ignore_errors=True)


def _is_whole(place: Towers) -> bool:
    try:
        sizes = json.loads((place.folder / _MANIFEST).read_text("utf-8"))["sizes"].items()
        return all((place.folder / name).stat().st_size == size for name, size in sizes)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def _put(place: Towers, aside: Path, noted: dict[str, object]) -> None:
    (aside / _MANIFEST).write_text(json.dumps(noted), "utf-8")
    for file in aside.iterdir():
        with file.open("rb+") as written:
            os.fsync(written.fileno())  # or a power cut leaves files of the right size with nothing in them
    remove(place)
    # Where another process was quicker, what it put there does as well.
    with contextlib.suppress(OSError):
        aside.rename(place.folder)
    if not (place.folder / _MANIFEST).exists():
        raise OSError(f"{place.folder} cannot be replaced")


def _note_use(manifest: Path) -> None:
    """Keep what is used from being removed; writes once a day."""
    with contextlib.suppress(OSError):  # on a read-only disk nothing is removed either
        if time.time() - manifest.stat().st_mtime > _DAY_S:
            os.utime(manifest)


def _remove_unused(parent: Path) -> None:
    now = time.time()
    for entry in parent.iterdir():
        with contextlib.suppress(OSError):
            used = entry / _MANIFEST if (entry / _MANIFEST).exists() else entry
            # What another process is writing just now is a few minutes old at most.
            days = 1 if _PARTIAL in entry.name else _UNUSED_DAYS
            if now - used.stat().st_mtime > days * _DAY_S:
                shutil.rmtree(entry)
