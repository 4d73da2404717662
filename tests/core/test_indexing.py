"""The pipeline: what is read, encoded and kept, in which portions, and what happens to what cannot be read."""

import builtins
import errno
import itertools
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest
from PIL import Image

from imgfind.core import decode, formats, indexing, pipeline, reading
from imgfind.core.errors import ImgfindError, ModelError
from imgfind.core.indexing import IndexOptions
from imgfind.core.job import Cancelled, Job, Progress
from imgfind.core.library import Library
from imgfind.core.records import FloatArray, FoundFile, ModelFiles, PixelArray
from imgfind.core.scan import scan
from tests.fake_encoder import FakeEncoder
from tests.pictures import age, paint

REPOSITORY = Path(__file__).parent.parent.parent


class Encoders:
    """Loads fake encoders and remembers what they were given."""

    def __init__(self, on_encode: Callable[[PixelArray], object] = lambda _batch: None) -> None:
        self.batches: list[int] = []
        self._on_encode = on_encode

    def __call__(self, model: ModelFiles, *, device: str, threads: int) -> FakeEncoder:
        loader = self

        class Watched(FakeEncoder):
            def encode_images(self, batch: PixelArray) -> FloatArray:
                loader.batches.append(len(batch))
                loader._on_encode(batch)
                return super().encode_images(batch)

        return Watched(model, device=device, threads=threads)

    @property
    def encoded(self) -> int:
        """How many pictures were encoded so far."""
        return sum(self.batches)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of six photos in two folders."""
    folder = tmp_path / "photos"
    for name in ("a.jpg", "b.jpg", "c.png", "sub/d.jpg", "sub/e.jpg", "sub/f.webp"):
        age(paint(folder / name), 100)
    return folder


@pytest.fixture
def encoders() -> Encoders:
    return Encoders()


@pytest.fixture
def library(tmp_path: Path, encoders: Encoders) -> Library:
    return Library(tmp_path / "library", load_encoder=encoders)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the paths of all photos that were opened since."""
    paths: list[str] = []

    def counting_open(path: str, mode: str) -> BinaryIO:
        paths.append(path)
        return builtins.open(path, mode)  # type: ignore[return-value]  # "rb" gives a binary file

    monkeypatch.setattr(reading, "open", counting_open, raising=False)
    return paths


def found_paths(library: Library, folder: Path | None = None) -> list[str]:
    """Return the photos a search finds, by path."""
    return sorted(hit.path for hit in library.search("red", 1000, str(folder) if folder else None, copies=True))


def files_in(folder: Path) -> list[str]:
    return sorted(str(file) for file in folder.rglob("*") if file.is_file())


def at_stage(stage: str, action: Callable[[], object]) -> Job:
    """Return a job that does something at its first progress of a stage."""
    waiting = [action]

    def on_progress(progress: Progress) -> None:
        if progress.stage == stage and waiting:
            waiting.pop()()

    return Job(on_progress)


# What is read and what is encoded


def test_every_photo_is_opened_once_and_encoded_once(
    library: Library, photos: Path, encoders: Encoders, opened: list[str]
) -> None:
    summary = library.index([str(photos)])

    assert sorted(opened) == files_in(photos) == found_paths(library)
    assert encoders.encoded == 6
    assert (summary.photos, summary.encoded, summary.reused, summary.problems) == (6, 6, 0, 0)


def test_a_run_with_nothing_new_opens_no_photo_and_loads_no_encoder(
    library: Library, photos: Path, tmp_path: Path, opened: list[str]
) -> None:
    library.index([str(photos)])
    opened.clear()
    again = Library(library.folder, load_encoder=lambda *_arguments, **_options: pytest.fail("loaded"))

    summary = again.index()

    assert opened == []
    assert (summary.photos, summary.unchanged, summary.encoded) == (6, 6, 0)


def test_only_the_photo_that_changed_is_read_and_encoded_again(
    library: Library, photos: Path, encoders: Encoders, opened: list[str]
) -> None:
    library.index([str(photos)])
    opened.clear()
    paint(photos / "b.jpg", (0, 0, 255))

    summary = library.index()

    assert opened == [str(photos / "b.jpg")]
    assert (summary.encoded, summary.unchanged, encoders.encoded) == (1, 5, 7)
    assert library.search("blue", 1)[0].path == str(photos / "b.jpg")
    assert len(found_paths(library)) == 6


def test_a_photo_that_was_only_touched_is_read_but_not_encoded(
    library: Library, photos: Path, encoders: Encoders, opened: list[str]
) -> None:
    library.index([str(photos)])
    opened.clear()
    os.utime(photos / "b.jpg")

    summary = library.index()

    assert opened == [str(photos / "b.jpg")]
    assert (summary.encoded, summary.reused, encoders.encoded) == (0, 1, 6)
    library.index()
    assert len(opened) == 1, "its new date was not kept"


def test_renamed_and_moved_photos_keep_their_vectors_without_being_opened(
    library: Library, photos: Path, encoders: Encoders, opened: list[str]
) -> None:
    library.index([str(photos)])
    opened.clear()
    (photos / "a.jpg").rename(photos / "renamed.jpg")
    (photos / "b.jpg").rename(photos / "sub" / "b.jpg")
    (photos / "sub").rename(photos / "other")

    summary = library.index()

    assert opened == []
    assert (summary.moved, summary.gone, encoders.encoded) == (5, 0, 6)
    assert found_paths(library) == files_in(photos)


def test_copies_are_read_but_not_encoded(library: Library, photos: Path, encoders: Encoders, opened: list[str]) -> None:
    library.index([str(photos)])
    opened.clear()
    shutil.copyfile(photos / "a.jpg", photos / "copy.jpg")

    summary = library.index()

    assert opened == [str(photos / "copy.jpg")]
    assert (summary.encoded, summary.reused, encoders.encoded) == (0, 1, 6)
    assert found_paths(library) == files_in(photos)


@pytest.mark.parametrize("batch_size", [1, 3, 0])
def test_exact_copies_are_encoded_once_even_where_they_fall_into_different_batches(
    library: Library, tmp_path: Path, encoders: Encoders, batch_size: int
) -> None:
    # The first two names lie side by side, the others far apart; all are read ahead before the first one is stored.
    original = paint(tmp_path / "photos" / "a.jpg")
    for number in range(9):
        paint(tmp_path / "photos" / f"m{number}.jpg")
    for name in ("b.jpg", "y.jpg", "z.jpg"):
        shutil.copyfile(original, tmp_path / "photos" / name)

    summary = library.index([str(tmp_path / "photos")], IndexOptions(batch_size=batch_size, jobs=4))

    assert (encoders.encoded, summary.encoded, summary.reused, summary.photos) == (10, 10, 3, 13)
    assert library.status().vectors == 10
    assert found_paths(library) == files_in(tmp_path / "photos")


def test_deleted_photos_go_and_need_no_encoding_when_they_come_back(
    library: Library, photos: Path, tmp_path: Path, encoders: Encoders
) -> None:
    library.index([str(photos)])
    (photos / "a.jpg").rename(tmp_path / "away.jpg")

    summary = library.index()

    assert (summary.photos, summary.gone) == (5, 1)
    assert found_paths(library) == files_in(photos)
    (tmp_path / "away.jpg").rename(photos / "back.jpg")
    assert (library.index().reused, encoders.encoded) == (1, 6)
    assert found_paths(library) == files_in(photos)


def test_a_root_that_is_away_keeps_its_photos_until_it_is_back(
    library: Library, photos: Path, tmp_path: Path, encoders: Encoders
) -> None:
    library.index([str(photos)])
    before = files_in(photos)
    photos.rename(tmp_path / "unplugged")

    summary = library.index()

    assert (summary.photos, summary.offline, summary.gone) == (6, 6, 0)
    assert [item.path for item in summary.unlisted] == [str(photos)]
    hits = library.search("red", 10)
    assert sorted(hit.path for hit in hits) == before
    assert all(hit.offline for hit in hits)
    (tmp_path / "unplugged").rename(photos)
    assert (library.index().offline, encoders.encoded) == (0, 6)
    assert not any(hit.offline for hit in library.search("red", 10))


def test_a_root_that_is_suddenly_empty_keeps_its_photos_until_that_is_confirmed(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    shutil.rmtree(photos)
    photos.mkdir()

    assert library.index().offline == 6
    assert library.index().offline == 6
    summary = library.index([], IndexOptions(confirm_missing=True))

    assert (summary.photos, summary.gone, summary.offline) == (0, 6, 0)
    assert found_paths(library) == []


def test_a_folder_that_cannot_be_listed_keeps_its_photos(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.index([str(photos)])
    before = files_in(photos)
    original = os.scandir

    def failing_scandir(folder: str) -> object:
        if folder == str(photos / "sub"):
            raise OSError(errno.EIO, "Input/output error")
        return original(folder)

    monkeypatch.setattr(os, "scandir", failing_scandir)
    (photos / "a.jpg").unlink()

    summary = library.index()

    assert [(item.path, item.reason) for item in summary.unlisted] == [(str(photos / "sub"), "Input/output error")]
    assert (summary.photos, summary.gone) == (5, 1)
    assert found_paths(library) == [path for path in before if not path.endswith("a.jpg")]


def test_excluded_photos_are_left_out_of_this_run_and_of_later_ones(
    library: Library, photos: Path, opened: list[str]
) -> None:
    library.index([str(photos)], IndexOptions(excludes=("sub",)))
    library.index()

    assert sorted(opened) == [str(photos / name) for name in ("a.jpg", "b.jpg", "c.png")]


# Portions


def test_excluding_most_photos_is_no_loss_of_a_drive(library: Library, tmp_path: Path) -> None:
    for number in range(30):
        paint(tmp_path / "many" / ("private" if number < 25 else "public") / f"{number}.jpg")
    library.index([str(tmp_path / "many")])

    summary = library.index([], IndexOptions(excludes=("private",)))

    assert (summary.gone, summary.offline, summary.photos) == (25, 0, 5)
    assert library.roots()[0].state == "online"


@pytest.mark.parametrize(("room_for", "most_ahead"), [(10_000, 2 + 2 * 4), (5, 5)])
def test_only_a_bounded_number_of_photos_is_read_ahead_of_a_slow_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room_for: int, most_ahead: int
) -> None:
    for number in range(100):
        paint(tmp_path / "photos" / f"{number}.png", size=(8, 8))
    in_work, stored, most_in_work = 0, 0, 0
    enough = threading.Event()

    class WatchedPool(ThreadPoolExecutor):
        def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
            nonlocal in_work, most_in_work
            if function.__name__ == "read":
                in_work += 1
                most_in_work = max(most_in_work, in_work - stored)
                if in_work > 2 * 4:
                    enough.set()
            return super().submit(function, *arguments, **options)

    def on_progress(progress: Progress) -> None:
        nonlocal stored
        stored = progress.done if progress.stage == "indexing" else 0

    monkeypatch.setattr(pipeline, "ThreadPoolExecutor", WatchedPool)
    monkeypatch.setattr(pipeline, "LOOK_AHEAD_BYTES", room_for * 64 * 64 * 3)
    monkeypatch.setattr(pipeline, "BATCH_S", 1e9)
    # The encoder is slower than all the reading that may be done meanwhile.
    library = Library(tmp_path / "library", load_encoder=Encoders(lambda _batch: enough.wait(60)))

    library.index([str(tmp_path / "photos")], IndexOptions(batch_size=4, jobs=2), Job(on_progress))

    assert in_work == 100
    assert enough.is_set(), "nothing was read while the encoder worked"
    # Besides, one batch is being filled, and one more than there are threads waits to be encoded.
    assert most_in_work <= most_ahead + (1 + 3) * 4


class Clock:
    """Stands in for the clocks of :mod:`time`; moves when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.module = SimpleNamespace(monotonic=lambda: self.now_s, thread_time=lambda: self.now_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (indexing, pipeline):
        monkeypatch.setattr(module, "time", clock.module)
    return clock


@pytest.mark.parametrize(
    ("seconds_per_photo", "sizes"),
    [
        (0.0625, [16, 6, 6, 6]),
        (0.0001, [16, 32, 64, 128, 256, 256]),  # at most doubled, and never more than 256
        (10.0, [16, 1, 1, 1]),
    ],
)
def test_a_batch_holds_as_much_as_the_encoder_manages_in_less_than_half_a_second(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds_per_photo: float, sizes: list[int]
) -> None:
    for number in range(sum(sizes)):
        paint(tmp_path / "photos" / f"{number:03}.png", size=(8, 8))

    class OneAfterAnother(ThreadPoolExecutor):
        def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
            future = super().submit(function, *arguments, **options)
            wait([future])
            return future

    def take_time(batch: PixelArray) -> None:
        clock.now_s += len(batch) * seconds_per_photo

    monkeypatch.setattr(pipeline, "ThreadPoolExecutor", OneAfterAnother)
    encoders = Encoders(take_time)

    Library(tmp_path / "library", load_encoder=encoders).index([str(tmp_path / "photos")])

    assert encoders.batches == sizes


def test_a_batch_is_closed_when_reading_is_slow(tmp_path: Path, clock: Clock) -> None:
    for number in range(30):
        paint(tmp_path / "photos" / f"{number:02}.png", size=(8, 8))

    class SlowDisk(Job):
        def report(self, progress: Progress | None = None) -> None:
            if progress is None:  # before every file that is taken from the reading threads
                clock.now_s += pipeline.BATCH_S / 4.5
            super().report(progress)

    encoders = Encoders()
    Library(tmp_path / "library", load_encoder=encoders).index(
        [str(tmp_path / "photos")], IndexOptions(batch_size=16), SlowDisk()
    )

    assert encoders.batches == [6, 6, 6, 6, 6]


def test_a_batch_size_can_be_chosen(photos: Path, library: Library, encoders: Encoders) -> None:
    library.index([str(photos)], IndexOptions(batch_size=4))

    assert sorted(encoders.batches) == [2, 4]


def test_every_finished_batch_can_be_seen_from_outside_before_the_next_one_is_stored(
    library: Library, photos: Path
) -> None:
    seen: list[tuple[int, int]] = []

    def look(progress: Progress) -> None:
        if progress.stage == "indexing":
            with Library(library.folder) as other:
                seen.append((progress.done, other.status().photos))

    library.index([str(photos)], IndexOptions(batch_size=2), Job(look))

    assert [done for done, _ in seen][:3] == [2, 4, 6]
    assert all(done == photos_seen for done, photos_seen in seen)


def test_progress_counts_photos_and_problems_up_to_the_total(photos: Path, library: Library) -> None:
    (photos / "broken.jpg").write_bytes(b"no picture")
    reports: list[Progress] = []

    library.index([str(photos)], IndexOptions(batch_size=2), Job(reports.append))

    stages = list(dict.fromkeys(report.stage for report in reports))
    assert stages == ["scanning", "loading the model", "indexing", "backing up"]
    last = [report for report in reports if report.stage == "indexing"]
    assert [report.total for report in last] == [7] * len(last)
    assert [report.done for report in last] == sorted(report.done for report in last)
    assert (last[-1].done, last[-1].problems, last[-1].eta_s) == (7, 1, 0)


def test_what_was_done_before_the_model_was_loaded_does_not_count_for_the_speed(clock: Clock) -> None:
    pace = indexing._Pace(1000)
    clock.now_s += 1
    pace.progress(500, 0)
    clock.now_s += 60
    pace.begin()
    clock.now_s += 10

    progress = pace.progress(100, 0)

    assert (progress.done, progress.per_s, progress.eta_s) == (600, 10, 40)


# Stopping and failing


def test_a_cancelled_run_keeps_finished_batches_and_the_next_one_does_only_the_rest(
    library: Library, photos: Path, opened: list[str]
) -> None:
    for number in range(20):
        paint(photos / f"more {number:02}.jpg")
    job = at_stage("indexing", lambda: job.cancel())  # noqa: PLW0108  # the job is what is just being made

    with pytest.raises(Cancelled):
        library.index([str(photos)], IndexOptions(batch_size=2, jobs=2), job)

    kept = found_paths(library)
    assert 2 <= len(kept) <= 2 * (1 + 2 + 1), "stored are the first batch and at most those that were being encoded"
    opened.clear()
    assert library.index().encoded == 26 - len(kept)
    assert sorted(opened) == [path for path in files_in(photos) if path not in kept]
    assert found_paths(library) == files_in(photos)


def test_a_run_cancelled_before_its_first_batch_can_be_begun_again(library: Library, photos: Path) -> None:
    job = at_stage("scanning", lambda: job.cancel())  # noqa: PLW0108  # the job is what is just being made

    with pytest.raises(Cancelled):
        library.index([str(photos)], None, job)

    assert library.status().photos == 0
    assert [root.path for root in library.roots()] == [str(photos)]
    assert library.index().encoded == 6


def test_a_bug_in_the_middle_is_raised_and_keeps_what_was_stored(tmp_path: Path, photos: Path) -> None:
    rounds = itertools.count()

    def fail_late(_batch: PixelArray) -> None:
        if next(rounds) == 2:
            raise ZeroDivisionError

    library = Library(tmp_path / "library", load_encoder=Encoders(fail_late))

    with pytest.raises(ZeroDivisionError):
        library.index([str(photos)], IndexOptions(batch_size=2, jobs=1))

    assert library.status().photos == 4
    assert library.index().encoded == 2


# Files that cannot be read


def huge_png() -> bytes:
    """Return a PNG of 57 bytes that claims 20,000 x 20,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        import zlib

        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_files_that_are_no_readable_pictures_are_named_and_the_rest_is_indexed(library: Library, photos: Path) -> None:
    whole = (photos / "a.jpg").read_bytes()
    (photos / "empty.jpg").touch()
    (photos / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "text.png").write_text("not a picture")
    (photos / "huge.png").write_bytes(huge_png())
    (photos / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    Image.new("RGB", (64, 64), "red").save(photos / "mislabelled.jpg", format="PNG")

    summary = library.index([str(photos)])

    assert (summary.photos, summary.problems) == (7, 5)
    reasons = {Path(problem.path).name: problem.reason for problem in library.problems()}
    assert reasons.keys() == {"empty.jpg", "truncated.jpg", "text.png", "huge.png", "phone.heic"}
    assert reasons["empty.jpg"] == "the file is empty"
    assert reasons["truncated.jpg"] == "the file is cut short"
    assert "400 megapixels" in reasons["huge.png"]
    assert "HEIC" in reasons["phone.heic"]
    assert str(photos / "mislabelled.jpg") in found_paths(library)


def test_a_hopeless_file_is_tried_again_only_when_it_changed(library: Library, photos: Path, opened: list[str]) -> None:
    broken = photos / "broken.jpg"
    broken.write_bytes(b"no picture")
    library.index([str(photos)])
    opened.clear()

    assert library.index().problems == 0
    assert opened == []
    paint(broken)
    assert library.index().encoded == 1
    assert (opened, library.problems()) == ([str(broken)], [])


def test_a_photo_that_became_hopeless_is_no_longer_found(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    (photos / "a.jpg").write_bytes(b"no picture")

    summary = library.index()

    assert (summary.photos, summary.problems) == (5, 1)
    assert str(photos / "a.jpg") not in found_paths(library)


def test_a_photo_that_cannot_be_read_for_now_is_kept_and_tried_on_every_run(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.index([str(photos)])
    os.utime(photos / "a.jpg")

    def failing_open(path: str, mode: str) -> BinaryIO:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(reading, "open", failing_open, raising=False)
        assert library.index().problems == 1
        assert library.index().problems == 1

    assert found_paths(library) == files_in(photos)
    assert library.index().problems == 0
    assert library.problems() == []


def test_a_file_deleted_between_scan_and_reading_is_a_problem_until_the_next_run(
    library: Library, photos: Path
) -> None:
    summary = library.index([str(photos)], None, at_stage("scanning", (photos / "a.jpg").unlink))

    assert (summary.photos, summary.problems) == (5, 1)
    assert [problem.path for problem in library.problems()] == [str(photos / "a.jpg")]
    assert (library.index().photos, library.problems()) == (5, [])


def test_a_file_that_changes_while_it_is_read_is_taken_in_by_the_next_run(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = decode.decode

    def decode_during_change(file: BinaryIO, *, min_edge_px: int, suffix: str) -> decode.DecodedPhoto:
        paint(photos / "a.jpg", (0, 0, 255), (80, 80))
        return original(file, min_edge_px=min_edge_px, suffix=suffix)

    with monkeypatch.context() as patch:
        patch.setattr(decode, "decode", decode_during_change)
        for file in files_in(photos)[1:]:
            Path(file).unlink()
        assert library.index([str(photos)]).problems == 1

    assert library.index().encoded == 1
    assert library.search("blue", 1)[0].score > 0.9


INDEX_AS_NOBODY = """
import os, sys
sys.path.insert(0, ".")
from imgfind.core.library import Library
from tests.fake_encoder import FakeEncoder
# Loads all modules: as nobody they may be out of reach.
Library(sys.argv[1] + "/first", load_encoder=FakeEncoder).index([sys.argv[1] + "/photos"])
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
summary = Library(sys.argv[1] + "/library", load_encoder=FakeEncoder).index([sys.argv[1] + "/photos"])
print(summary.photos, summary.problems, len(summary.unlisted))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_files_and_folders_without_permission_are_named_and_the_rest_is_indexed() -> None:
    # Not tmp_path: its parents are closed to anyone but the user, and root's permissions bind nobody.
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o777)
        photos = Path(root, "photos")
        for name in ("open.jpg", "closed.jpg", "locked/a.jpg"):
            paint(photos / name)
        try:
            os.chmod(photos, 0o755)
            os.chmod(photos / "closed.jpg", 0)
            os.chmod(photos / "locked", 0)
            command = [sys.executable, "-c", INDEX_AS_NOBODY, root]
            environment = {**os.environ, "HOME": root}
            child = subprocess.run(
                command, cwd=REPOSITORY, env=environment, capture_output=True, check=False, text=True
            )
            assert child.stderr == ""
            assert child.stdout.split() == ["1", "1", "1"]
            library = Library(Path(root, "library"), load_encoder=FakeEncoder)
            assert [(problem.reason, problem.transient) for problem in library.problems()] == [
                ("no permission to read the file", True)
            ]
        finally:
            os.chmod(photos / "locked", 0o700)


STRANGE_NAMES = [
    b"two words.jpg",
    b"new\nline.jpg",
    b"quotes'\".jpg",
    b"latin1-\xe9\xff.jpg",
    "emoji-\N{CAMERA WITH FLASH}.jpg".encode(),
    b"-rf.jpg",
    b"long-" + b"x" * 246 + b".jpg",
    b"dot./a.jpg",
    "gpj.\N{RIGHT-TO-LEFT OVERRIDE}exe.jpg".encode(),
    b"percent%41*?[a].JPG",
    b"back\\slash;semi.jpg",
]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse some of these names")
def test_photos_with_strange_names_are_indexed_found_and_followed(
    library: Library, tmp_path: Path, encoders: Encoders
) -> None:
    root = os.fsencode(tmp_path / "photos")
    paths = sorted(os.fsdecode(os.path.join(root, name)) for name in STRANGE_NAMES)
    for path in paths:
        paint(Path(path))

    library.index([os.fsdecode(root)])

    assert found_paths(library) == paths
    for path in paths:
        assert path not in [hit.path for hit in library.similar(path, 20)]
        assert library.preview(path) is not None
    library.index()
    assert encoders.encoded == len(STRANGE_NAMES)


# Folders


@pytest.mark.parametrize("content", [None, "notes.txt"])
def test_a_new_folder_without_pictures_is_refused_and_no_library_is_made(
    library: Library, tmp_path: Path, content: str | None
) -> None:
    (tmp_path / "empty").mkdir()
    if content:
        (tmp_path / "empty" / content).write_text("text")

    with pytest.raises(ImgfindError, match="There is no picture in"):
        library.index([str(tmp_path / "empty")])

    assert not library.folder.exists()


@pytest.mark.parametrize(
    ("folders", "options", "message"),
    [
        (["missing"], IndexOptions(), "does not exist"),
        (["photos", "missing"], IndexOptions(), "does not exist"),
        (["photos/a.jpg"], IndexOptions(), "is a file"),
        (["photos"], IndexOptions(model="no-such-model"), "no model 'no-such-model'"),
        ([], IndexOptions(), "nothing to index yet"),
    ],
)
def test_a_request_that_cannot_be_met_makes_no_library(
    library: Library, photos: Path, folders: list[str], options: IndexOptions, message: str
) -> None:
    with pytest.raises(ImgfindError, match=message):
        library.index([str(photos.parent / folder) for folder in folders], options)

    assert not library.folder.exists()


def test_a_request_that_cannot_be_met_changes_nothing_in_a_library(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    before = library.roots(), library.status()
    (photos / "a.jpg").unlink()

    with pytest.raises(ImgfindError):
        library.index([str(photos.parent / "missing")])
    with pytest.raises(ModelError):
        library.index([], IndexOptions(model="no-such-model"))

    assert (library.roots(), library.status()) == before


def test_a_folder_below_a_root_updates_that_part_only(library: Library, photos: Path, opened: list[str]) -> None:
    library.index([str(photos)])
    opened.clear()
    paint(photos / "new.jpg")
    paint(photos / "sub" / "new.jpg")
    (photos / "a.jpg").unlink()
    (photos / "sub" / "d.jpg").unlink()

    summary = library.index([str(photos / "sub")])

    assert opened == [str(photos / "sub" / "new.jpg")]
    assert (summary.gone, summary.encoded, summary.photos) == (1, 1, 6)
    assert [root.path for root in library.roots()] == [str(photos)]
    assert str(photos / "a.jpg") in found_paths(library)


def test_a_parent_takes_in_the_roots_below_it(library: Library, photos: Path, encoders: Encoders) -> None:
    library.index([str(photos / "sub")])

    library.index([str(photos)])

    assert [(root.path, root.photos) for root in library.roots()] == [(str(photos), 6)]
    assert encoders.encoded == 6
    assert found_paths(library) == files_in(photos)


def test_folders_that_overlap_give_one_root_and_every_photo_once(
    library: Library, photos: Path, opened: list[str]
) -> None:
    library.index([str(photos / "sub"), str(photos), f"{photos}/", f"{photos}/sub/../sub"])

    assert [root.path for root in library.roots()] == [str(photos)]
    assert sorted(opened) == files_in(photos)


@pytest.mark.parametrize("names", [["photos", "link"], ["link", "photos"]])
@pytest.mark.parametrize("together", [True, False])
def test_the_same_folder_under_the_name_of_a_link_gives_no_second_copies(
    library: Library, photos: Path, names: list[str], together: bool
) -> None:
    (photos.parent / "link").symlink_to(photos)
    folders = [str(photos.parent / name) for name in names]

    for part in [folders] if together else [folders[:1], folders[1:]]:
        library.index(part)

    assert library.status().photos == 6
    assert len(library.roots()) == 1
    library.index([folders[1]])
    assert library.status().photos == 6


def test_a_folder_below_a_root_can_be_named_through_a_link(library: Library, photos: Path, opened: list[str]) -> None:
    library.index([str(photos)])
    (photos.parent / "link").symlink_to(photos / "sub")
    paint(photos / "sub" / "new.jpg")
    opened.clear()

    library.index([str(photos.parent / "link")])

    assert opened == [str(photos / "sub" / "new.jpg")]
    assert [(root.path, root.photos) for root in library.roots()] == [(str(photos), 7)]


def test_a_folder_and_a_link_into_it_give_one_root(library: Library, photos: Path) -> None:
    (photos.parent / "a-link").symlink_to(photos / "sub")

    library.index([str(photos.parent / "a-link"), str(photos)])

    assert [(root.path, root.photos) for root in library.roots()] == [(str(photos), 6)]


def test_a_folder_that_a_root_only_links_to_stays_when_the_root_is_scanned(library: Library, photos: Path) -> None:
    elsewhere = photos.parent / "elsewhere"
    paint(elsewhere / "x.jpg")
    library.index([str(photos)])
    (photos / "link").symlink_to(elsewhere)
    assert library.index().photos == 6, "links to folders are not followed"

    library.index([str(photos / "link")])

    assert library.status().photos == 7
    assert library.index().photos == 7


def test_hard_links_and_links_to_files_count_once(library: Library, photos: Path) -> None:
    os.link(photos / "b.jpg", photos / "hard.jpg")
    (photos / "soft.jpg").symlink_to(photos / "b.jpg")

    library.index([str(photos)])

    assert library.status().photos == 6


# Real pictures


def test_every_file_found_becomes_a_photo_or_a_named_problem(
    tmp_path: Path, skimage_photos: Path, test_data: Path
) -> None:
    library = Library(tmp_path / "library", load_encoder=FakeEncoder)
    folders = [str(skimage_photos), str(test_data / "photos"), str(test_data / "hostile")]
    found = [
        item.path
        for folder in folders
        for item in scan(folder, suffixes=formats.suffixes(), job=Job())
        if isinstance(item, FoundFile)
    ]

    summary = library.index(folders)

    assert len(found) > 100
    assert summary.photos + summary.problems == len(found)
    assert sorted([problem.path for problem in library.problems()] + found_paths(library)) == sorted(found)
    assert not any(problem.transient for problem in library.problems())
    problems = {problem.path for problem in library.problems()}
    # Samples of 64 bits, in planes: no photo, and nothing Pillow knows.
    assert {path for path in problems if path.startswith(str(skimage_photos))} <= {
        f"{skimage_photos}/multipage_rgb.tif"
    }
