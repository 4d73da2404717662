"""The sample photographs: those that scikit-image brings along, as ``queries.toml`` lists them, and the test data's.

Copies the former into folders, says where the latter are, and reads what is asked of them. Downloads nothing.
Thread-safe.
"""

import filecmp
import os
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

QUERIES_FILE = Path(__file__).resolve().with_name("queries.toml")


@dataclass(frozen=True, slots=True)
class Samples:
    """The content of ``queries.toml``.

    scikit-image's photos are named by their file names; those of the test data, which only ``expected`` knows, by their
    paths below ``photos/``, or all in one folder by its path with a slash at the end.
    """

    folders: dict[str, list[str]]
    demo_words: list[str]
    demo_picture: str
    demo_mixed_picture: str
    demo_mixed_words: str
    expected: dict[str, list[str]]

    @property
    def names(self) -> list[str]:
        """Return the names of scikit-image's photos."""
        return [name for names in self.folders.values() for name in names]

    def path(self, name: str) -> str:
        """Return the path of a photo below the folder it was laid out in."""
        return next(f"{folder}/{name}" for folder, names in self.folders.items() if name in names)


def load() -> Samples:
    """Read ``queries.toml``."""
    data = tomllib.loads(QUERIES_FILE.read_text("utf-8"))
    demo = data["demo"]
    mixed = demo["mixed"]
    return Samples(
        data["photos"],
        demo["words"],
        demo["picture"],
        mixed["picture"],
        mixed["words"],
        expected=data["expected"] | data["expected_in_test_data"],
    )


def photos_of_test_data() -> Path | None:
    """Return the folder of the test data's photos, where there is one.

    The test data are in ``$IMGFIND_TEST_DATA``, or else in ``shared`` beside the repository.
    """
    beside_the_repository = QUERIES_FILE.parent.parent.parent / "shared"
    photos = Path(os.environ.get("IMGFIND_TEST_DATA") or beside_the_repository).resolve() / "photos"
    return photos if photos.is_dir() else None


def lay_out(samples: Samples, target: Path) -> None:
    """Copy the photos below ``target``; those that are there already stay untouched, so that they count as unchanged.

    Raises :class:`OSError` where scikit-image lacks one or ``target`` cannot be written to.
    """
    import skimage  # noqa: PLC0415 - a development package: a demo of one's own photos goes without

    source = Path(skimage.__file__).parent / "data"
    for name in samples.names:
        copy = target / samples.path(name)
        if not (copy.exists() and filecmp.cmp(source / name, copy)):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, copy)
