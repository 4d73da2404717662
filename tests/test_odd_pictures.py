"""Odd and hostile files in one folder: each ends as a photo or as a problem; nothing crashes, nothing hangs."""

from collections import Counter
from pathlib import Path

import pytest

from imgfind.core.formats import suffixes
from imgfind.core.library import Library
from tests import odd_pictures
from tests.command_line import child_environment, run_child
from tests.fake_encoder import FakeEncoder

WATCHED = """
import faulthandler
from imgfind.core.job import Job
def report(job, progress=None, report=Job.report):
    # Said for every single file. What takes much longer than a decoder's process may (10 s, and starting another) ends
    # the child, with a trace of where it was.
    faulthandler.dump_traceback_later(30, exit=True)
    report(job, progress)
Job.report = report
"""

SEED = 3


@pytest.fixture(scope="module")
def hostile(test_data: Path) -> dict[str, bytes]:
    """Return name -> bytes of the hostile files of the test data."""
    return files_below(test_data / "hostile")


@pytest.fixture(scope="module")
def from_phones_and_cameras(test_data: Path) -> dict[str, bytes]:
    """Return name -> bytes of HEIC, AVIF, JPEG XL and RAW files, whole ones."""
    folders = (test_data / "photos" / name for name in ("heic", "jxl", "raw"))
    return {name: data for folder in folders for name, data in files_below(folder).items()}


def files_below(folder: Path) -> dict[str, bytes]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {"-".join(file.relative_to(folder).parts): file.read_bytes() for file in files}


def lay_out(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files under names that make photos of them; what they really are is seen by their first bytes."""
    folder.mkdir()
    for name, data in files.items():
        known = Path(name).suffix.lower() in suffixes()
        (folder / (name if known else f"{name}.jpg")).write_bytes(data)


def check_that_each_is_a_photo_or_a_problem(photos: Path, library: Path) -> Counter[str]:
    """Index a folder; return how many problems there are with files of which beginning of the name."""
    # Damaged files make Pillow warn, which tests turn into errors and users' runs do not.
    environment = child_environment(PYTHONWARNINGS="ignore")
    outcome = run_child("index", photos, "--library", library, prelude=WATCHED, env=environment)
    assert outcome.code == 0, outcome.err
    with Library(library, load_encoder=FakeEncoder) as indexed:
        found = {hit.path for hit in indexed.search("red", 100_000, copies=True)}
        problems = {problem.path: problem.reason for problem in indexed.problems()}
        assert indexed.status().photos == len(found)
    assert found | set(problems) == {str(file) for file in photos.iterdir()}
    assert not found & set(problems)
    assert all(problems.values())
    return Counter(Path(path).name.split("-")[0] for path in problems)


def test_whatever_pillow_writes_is_a_photo(tmp_path: Path) -> None:
    lay_out(tmp_path / "photos", odd_pictures.whole())
    problems = check_that_each_is_a_photo_or_a_problem(tmp_path / "photos", tmp_path / "library")
    assert problems == {}


def test_damaged_files_end_as_photos_or_as_problems(tmp_path: Path) -> None:
    files = odd_pictures.mangled(odd_pictures.whole(), SEED)
    lay_out(tmp_path / "photos", files)
    problems = check_that_each_is_a_photo_or_a_problem(tmp_path / "photos", tmp_path / "library")
    assert 0.2 < problems.total() / len(files) < 0.8, "neither too tame nor all of it rubbish"


def test_hostile_files_end_as_photos_or_as_problems(tmp_path: Path, hostile: dict[str, bytes]) -> None:
    lay_out(tmp_path / "photos", hostile)
    problems = check_that_each_is_a_photo_or_a_problem(tmp_path / "photos", tmp_path / "library")
    assert problems


def test_damaged_files_of_phones_and_cameras_end_as_photos_or_as_problems(
    tmp_path: Path, from_phones_and_cameras: dict[str, bytes]
) -> None:
    lay_out(tmp_path / "photos", odd_pictures.mangled(from_phones_and_cameras, SEED))
    problems = check_that_each_is_a_photo_or_a_problem(tmp_path / "photos", tmp_path / "library")
    assert problems
