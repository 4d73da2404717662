"""The family of ``story.py``: its disks, its photos, its imgfind, and what is expected of it.

Runs imgfind as people do, as a command of its own, with a home of its own. What is expected is worked out from the
files on disk, one by one: which are there, which are copies of each other, what a model makes of each. One thread.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps
from samples import QUERIES_FILE

from imgfind.core import Library, encode, models, reading
from imgfind.core.errors import UnreadablePhotoError

ROOT = QUERIES_FILE.parent.parent
SAME_SCORE = 2e-3
"""Vectors are kept in half precision, and batches of other sizes round otherwise."""
SAME_PREVIEW = 6.0
"""Mean difference, of 255, between a preview and the photo itself made as small."""
BOTH_PX = (64, 64)


class WrongError(Exception):
    """Something is not as it has to be."""


class Family:
    """A folder with everything in it: the home, the pictures, the library and two places for a disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.pictures = self.home / "Pictures"
        self.library = self.home / "library"
        self.checks = 0
        self.indexed: list[Path] = []
        """The folders that were given to imgfind, as it knows them now."""
        self.away: dict[Path, Path] = {}
        """Those of them that are away -> where they lie meanwhile."""
        self.damaged: set[Path] = set()
        self.private: set[str] = set()
        """Names of folders that are left out."""
        self.pictures.mkdir(parents=True)

    # What people do

    def imgfind(self, *arguments: str | Path) -> str:
        """Run a command; return what it printed. Raises :class:`WrongError` where it fails."""
        print(f"    $ imgfind {' '.join(self._typed(argument) for argument in arguments)}", flush=True)
        done = subprocess.run(
            self._command(*arguments),
            env=self._environment(),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode != 0:
            raise WrongError(f"exit code {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def asked(self, *arguments: str | Path) -> dict[str, Any]:
        """Run a command with ``--json``; return its document."""
        document: dict[str, Any] = json.loads(self.imgfind(*arguments, "--json"))
        return document

    def index(self, *arguments: str | Path) -> dict[str, Any]:
        """Index; return the summary."""
        print(f"    $ imgfind index {' '.join(self._typed(argument) for argument in arguments)}", flush=True)
        with self._indexing(*arguments) as child:
            summary = self._reports(child, until=None)
        if child.returncode != 0 or summary is None:
            raise WrongError(f"indexing ended with {child.returncode}")
        return summary

    def kill_index(self, after: int, *arguments: str | Path) -> None:
        """Index, and kill the process once it has reported ``after`` photos as done."""
        print(f"    $ imgfind index {' '.join(self._typed(argument) for argument in arguments)}", flush=True)
        with self._indexing(*arguments) as child:
            self._reports(child, until=after)
            child.kill()
        self.check(f"killed (SIGKILL) after {after} photos", child.returncode not in (0, 1, 2))

    def _indexing(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command("index", *arguments, "--progress", "json"),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def _reports(self, child: subprocess.Popen[str], *, until: int | None) -> dict[str, Any] | None:
        """Read the child's progress up to ``until`` photos, or to its end; return the summary, if there is one."""
        assert child.stderr is not None
        for line in child.stderr:
            if not line.startswith("{"):
                print(f"      {line.rstrip()}", flush=True)
                continue
            report: dict[str, Any] = json.loads(line)
            if report["stage"] == "done":
                return report
            if until is not None and report["stage"] == "indexing" and report["done"] >= until:
                return None
        return None

    def _command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "imgfind", *(os.fspath(argument) for argument in arguments)]

    def _environment(self) -> dict[str, str]:
        own = {name: str(self.home) for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")}
        foreign = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE")
        kept = {name: value for name, value in os.environ.items() if name not in foreign}
        return kept | own | {"IMGFIND_LIBRARY": str(self.library), "IMGFIND_OFFLINE": "1", "PYTHONPATH": str(ROOT)}

    def _typed(self, argument: str | Path) -> str:
        """Return an argument as it would be typed, with short paths."""
        text = os.fspath(argument).replace(str(self.home), "~").replace(str(self.folder), "")
        return f"'{text}'" if " " in text else text

    # What is on the disks

    def photos(self) -> dict[Path, Path]:
        """Return every file that has to be a photo of the library: its path there -> where its bytes are now."""
        found = {}
        for folder in self.indexed:
            now = self.away.get(folder, folder)
            found.update({folder / file.relative_to(now): file for file in sorted(now.rglob("*")) if file.is_file()})
        return {
            path: file
            for path, file in found.items()
            if path not in self.damaged and not self.private.intersection(path.parts)
        }

    def contents(self) -> int:
        """Return how many different photos there are, whatever they are called."""
        return len({hashlib.sha256(file.read_bytes()).digest() for file in self.photos().values()})

    # What has to be right

    def check(self, what: str, right: object, found: object = "") -> None:
        """Print what was looked at; raise :class:`WrongError` where it is wrong."""
        self.checks += 1
        print(f"    {'✓' if right else '✗'} {what}{f' ({found})' if found else ''}", flush=True)
        if not right:
            raise WrongError(what)

    def equal(self, what: str, found: object, expected: object) -> None:
        """Check that two values are equal."""
        self.check(f"{what}: {found}", found == expected, "" if found == expected else f"expected {expected}")

    def check_counts(self) -> None:
        """Check that the library counts what is on the disks, the one that is away included."""
        photos = self.photos()
        status = self.asked("status")
        contents = self.contents()
        offline = sum(any(path.is_relative_to(folder) for folder in self.away) for path in photos)
        self.equal("photos in the library", status["photos"], len(photos))
        self.equal("photos on a disk that is away", status["offline"], offline)
        self.equal("problems", status["problems"], len(self.damaged))
        # Contents that are on show nowhere are kept for a while, so there may be more vectors than these.
        self.check(f"at least {contents} different ones have a vector", status["vectors"] >= contents)

    def check_similar(self, path: Path, copies: set[Path]) -> None:
        """Check that a picture, shown as a file from elsewhere, finds itself and its copies before all others."""
        shown = Path(shutil.copy(self.photos()[path], self.folder / f"shown{path.suffix}"))
        hits = self.asked("similar", shown, "--copies", "-k", str(len(copies) + 2))["hits"]
        shown.unlink()
        first = {Path(hit["path"]) for hit in hits[: len(copies) + 1]}
        self.check(
            f"the picture of {path.name} finds it" + (" and its copies" if copies else ""), first == copies | {path}
        )

    def check_search(self, words: str, *names: str) -> None:
        """Check that words find one of the photos called ``names`` first."""
        hits = self.asked("search", words, "-k", "3")["hits"]
        first = Path(hits[0]["path"]).name
        self.check(f"'{words}' finds {first} first", first in names, "" if first in names else f"expected {names}")

    def check_ranking(self, words: str, model_name: str) -> None:
        """Check scores and order of a search against every photo, read and encoded here and now."""
        model = models.find_model(model_name)
        encoder = encode.load_encoder(model, device="cpu", threads=1)
        query = encoder.encode_texts([words])[0]
        score_of: dict[bytes, float] = {}
        exact: dict[str, float] = {}
        for path, file in self.photos().items():
            data = file.read_bytes()
            if data not in score_of:
                read = reading.read_photo(str(file), model.preprocess)
                assert read.content is not None, "nothing is known beforehand"
                score_of[data] = float(encoder.encode_images(read.content.pixels[np.newaxis])[0] @ query)
            exact[str(path)] = score_of[data]
        hits = self.asked("search", words, "--copies", "-k", "1000")["hits"]
        found = {hit["path"]: hit["score"] for hit in hits}
        self.check("every photo is among the answers, and nothing else", set(found) == set(exact))
        worst = max(abs(found[path] - exact[path]) for path in exact)
        self.check("their scores are what comparing with each file gives", worst < SAME_SCORE, f"off by {worst:.1e}")
        self.check("they come best first", list(found.values()) == sorted(found.values(), reverse=True))

    def check_previews(self) -> None:
        """Check that every photo has its preview, and that it shows the photo, of a disk that is away as well."""
        with Library(self.library) as library:
            previews = {path: library.preview(str(path)) for path in self.photos()}
        self.check(f"{len(previews)} photos have a preview", all(previews.values()))
        worst = max(_difference(preview or b"", self.photos()[path]) for path, preview in previews.items())
        self.check("each shows its photo", worst < SAME_PREVIEW, f"off by {worst:.1f} of 255 at most")


def is_photo(file: Path) -> bool:
    """Tell whether a file can be read at all; what the test data hold is not all fit for a family."""
    try:
        with open(file, "rb") as stream:
            _opened(stream)
            reading.read_photo(str(file), models.find_model(models.STARTER).preprocess)
    except (OSError, UnreadablePhotoError):
        return False
    return True


def _opened(stream: Any) -> Image.Image:
    """Open a picture with Pillow and its plug-in alone, upright, in sRGB and small."""
    import pi_heif

    pi_heif.register_heif_opener()
    image = ImageOps.exif_transpose(Image.open(stream))
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("L", "RGB"):
        colours = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        image = ImageCms.profileToProfile(image, colours, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    return image.convert("RGB").resize(BOTH_PX, Image.Resampling.BOX)


def _difference(preview: bytes, file: Path) -> float:
    with open(file, "rb") as stream:
        right = np.asarray(_opened(stream), np.float32)
    return float(np.abs(np.asarray(_opened(io.BytesIO(preview)), np.float32) - right).mean())
