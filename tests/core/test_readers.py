"""Photos read by other processes: the same as here, whatever the files are and whatever becomes of the processes."""

import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import numpy as np
import pytest

from imgfind.core import decode, isolation, pipeline, readers, reading
from imgfind.core.errors import LibraryError
from imgfind.core.indexing import IndexOptions
from imgfind.core.job import Cancelled, Job, Progress
from imgfind.core.library import Library
from imgfind.core.models import find_model
from imgfind.core.readers import Here, Outcome, Processes, Run
from imgfind.core.reading import ReadPhoto
from imgfind.core.records import FileProblem, FloatArray, FoundFile, ModelId, PixelArray, Preprocess
from imgfind.core.store import KnownContents
from tests.command_line import child_environment
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

# A process that does something first when it is asked to read a photo of this name.
DOING = """
import os, sys, time
from imgfind.core import content, read_worker, reading
read = reading.read_photo
def read_photo(path, *arguments, **options):
    if "odd" in os.path.basename(path):
        {}
    return read(path, *arguments, **options)
reading.read_photo = read_photo
read_worker.main()
"""


@pytest.fixture(scope="module")
def preprocess() -> Preprocess:
    return find_model("starter").preprocess


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Return a library with one photo, ``known.jpg``."""
    library = Library(tmp_path / "library", load_encoder=FakeEncoder)
    paint(tmp_path / "photos" / "known.jpg")
    library.index([str(tmp_path / "photos")])
    return library


@pytest.fixture
def here(library: Library, preprocess: Preprocess) -> Iterator[Here]:
    known = KnownContents(library.folder, ModelId(1), decode_version=decode.DECODE_VERSION)
    yield Here(preprocess, known)
    known.close()
    reading.end_workers()


Start = Callable[..., Processes]


@pytest.fixture
def start(library: Library, preprocess: Preprocess, here: Here) -> Iterator[Start]:
    """Return a function that makes processes; code may be given for what they do with odd photos."""
    made: list[Processes] = []

    def start(odd: str | None = None) -> Processes:
        command = readers.COMMAND if odd is None else (sys.executable, "-c", DOING.format(odd))
        made.append(Processes(Run(preprocess, library.folder, ModelId(1)), here, command))
        return made[-1]

    yield start
    for processes in made:
        processes.close()


def found(path: Path | str) -> FoundFile:
    return FoundFile(str(path), os.stat(path).st_size, 0, 0, 0)


def found_in(folder: Path) -> list[FoundFile]:
    return [found(path) for path in sorted(folder.rglob("*")) if path.is_file()]


def assert_same(outcomes: list[Outcome], expected: list[Outcome]) -> None:
    assert len(outcomes) == len(expected)
    for one, other in zip(outcomes, expected, strict=True):
        if not isinstance(one, ReadPhoto) or not isinstance(other, ReadPhoto):
            assert one == other
            continue
        assert (one.content_hash, one.size_bytes, one.mtime_ns) == (
            other.content_hash,
            other.size_bytes,
            other.mtime_ns,
        )
        assert (one.content is None) == (other.content is None)
        assert one.core_s.keys() == other.core_s.keys()
        if one.content is not None and other.content is not None:
            np.testing.assert_array_equal(one.content.pixels, other.content.pixels)
            for name in ("width_px", "height_px", "format", "facts", "phash", "preview", "descriptor"):
                assert getattr(one.content, name) == getattr(other.content, name), name


@pytest.mark.parametrize(("describe", "folder"), [(False, "photos"), (True, "photos/camera"), (False, "hostile")])
def test_what_processes_read_is_what_is_read_here(
    start: Start, here: Here, test_data: Path, describe: bool, folder: str
) -> None:
    files = found_in(test_data / folder)[:400]
    chunks = [files[first : first + 16] for first in range(0, len(files), 16)]
    processes = start()
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lambda chunk: processes.read(chunk, describe=describe), chunks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are errors in tests alone
        expected = here.read(files, describe=describe)

    assert_same([outcome for chunk in outcomes for outcome in chunk], expected)
    assert 1 <= len(processes._idle) <= 2


def test_bytes_that_the_library_knows_are_not_decoded(start: Start, tmp_path: Path) -> None:
    new = paint(tmp_path / "new.jpg")
    known, fresh = start().read([found(tmp_path / "photos" / "known.jpg"), found(new)])
    assert isinstance(known, ReadPhoto)
    assert isinstance(fresh, ReadPhoto)
    assert known.content is None
    assert fresh.content is not None


@pytest.mark.skipif(os.name != "posix", reason="needs names of bytes")
def test_names_that_are_no_text_are_read(start: Start, here: Here, tmp_path: Path) -> None:
    try:
        path = paint(tmp_path / os.fsdecode(b"a\xff\nb.jpg"))
    except OSError:
        pytest.skip("the file system refuses such names")
    assert_same(start().read([found(path)]), here.read([found(path)]))


@pytest.mark.parametrize("end", ["os.abort()", "os._exit(0)", "time.sleep(1e9)"])
def test_what_a_process_ends_on_is_read_file_by_file_and_the_process_replaced(
    start: Start, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    if "sleep" in end:
        in_a_process = isolation.time_limit_s
        monkeypatch.setattr(isolation, "time_limit_s", lambda *size: 0.5 if len(size) == 1 else in_a_process(*size))
    files = [found(paint(tmp_path / name)) for name in ("a.jpg", "odd.jpg", "c.jpg")]
    processes = start(end)
    expected = here.read(files)

    assert_same(processes.read(files), expected)
    assert processes._idle == []
    assert_same(processes.read(files[:1]), expected[:1])
    assert len(processes._idle) == 1


def test_a_photo_that_crashes_every_decoder_is_that_photos_problem(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashing = (
        "import os; from imgfind.core import decode_worker;"
        "answer = decode_worker._answer;"
        "decode_worker._answer = lambda request, data, limit: os.abort() if b'deadly' in data"
        " else answer(request, data, limit);"
        "decode_worker.main()"
    )
    monkeypatch.setattr(reading, "_workers", isolation.Workers([sys.executable, "-c", crashing]))
    files = [found(paint(tmp_path / name)) for name in ("a.jpg", "odd.jpg", "c.jpg")]
    with open(files[1].path, "ab") as file:
        file.write(b"deadly")

    first, odd, last = start("os.abort()").read(files)

    assert isinstance(first, ReadPhoto)
    assert odd == FileProblem(files[1].path, "its decoder crashed")
    assert isinstance(last, ReadPhoto)


def test_where_no_process_can_start_photos_are_read_here(
    library: Library, preprocess: Preprocess, here: Here, tmp_path: Path
) -> None:
    files = [found(paint(tmp_path / "a.jpg"))]
    for command in (["/no/such/program"], [sys.executable, "-c", ""]):
        processes = Processes(Run(preprocess, library.folder, ModelId(1)), here, command)
        assert_same(processes.read(files), here.read(files))
        processes.close()


def test_a_mistake_of_ours_in_a_process_is_raised_here(start: Start, tmp_path: Path) -> None:
    processes = start("no_such_name")
    with pytest.raises(RuntimeError, match="no_such_name"):
        processes.read([found(paint(tmp_path / "odd.jpg"))])


def test_an_error_with_a_message_is_told_as_it_is(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Damaged:
        def __contains__(self, _: object) -> bool:
            raise LibraryError("The library is damaged.")

    processes = start('from imgfind.core.errors import LibraryError; raise LibraryError("The library is damaged.")')
    monkeypatch.setattr(processes._here, "_known", Damaged())
    with pytest.raises(LibraryError, match=r"^The library is damaged\.$"):
        processes.read([found(paint(tmp_path / "odd.jpg"))])


def test_processes_take_turns_with_large_pictures(start: Start, tmp_path: Path) -> None:
    asked = "from imgfind.core import decode; raise NameError(decode.large_pictures.lock_file)"
    processes = start(asked)
    with pytest.raises(RuntimeError) as raised:
        processes.read([found(paint(tmp_path / "odd.jpg"))])
    turn = str(processes._run["turn"])
    assert f"NameError: {turn}" in str(raised.value)
    with filelock.FileLock(turn):
        pass
    processes.close()
    assert not os.path.exists(os.path.dirname(turn))


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_the_processes_of_a_program_that_was_killed_end(library: Library, tmp_path: Path) -> None:
    paint(tmp_path / "more" / "a.jpg")
    killed = f"""
import os, signal
from imgfind.core.models import find_model
from imgfind.core.readers import Here, Processes, Run
from imgfind.core.records import FoundFile
preprocess = find_model("starter").preprocess
from pathlib import Path
processes = Processes(Run(preprocess, Path({str(library.folder)!r}), 1), Here(preprocess, ()))
processes.read([FoundFile({str(tmp_path / "more" / "a.jpg")!r}, 0, 0, 0, 0)])
print(processes._idle[0]._process.pid, processes._folder.name, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    program = subprocess.run(
        [sys.executable, "-c", killed], stdout=subprocess.PIPE, env=child_environment(), timeout=60, check=False
    )
    assert program.returncode == -signal.SIGKILL
    pid, folder = int(program.stdout.split()[0]), program.stdout.split()[1]
    gone = threading.Event()
    for _ in range(600):
        if not is_running(pid):
            break
        gone.wait(0.05)
    assert not is_running(pid)
    assert not os.path.exists(folder), "nothing is left of it"


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that ended and was not asked for its status does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


# Whole runs


class OnAccelerator(FakeEncoder):
    """Says that it is elsewhere than on the cores that read."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]  # whatever it takes
        self.device = "cuda"


@pytest.fixture
def from_the_first(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let processes read as soon as the encoder is known; return a list of how many files each was asked for."""
    monkeypatch.setattr(pipeline, "PROCESSES_FROM", 0)
    monkeypatch.setattr(pipeline, "FIRST_BATCH", 2)
    asked: list[int] = []

    class Watched(Processes):
        def read(self, files: list[FoundFile], *, describe: bool = False) -> list[Outcome]:  # type: ignore[override]
            asked.append(len(files))
            return super().read(files, describe=describe)

    monkeypatch.setattr(pipeline, "Processes", Watched)
    return asked


def rows(library: Library) -> list[tuple[object, ...]]:
    store = library._access.existing()
    assert store is not None
    return store.database.rows(
        "SELECT path, photos.size_bytes, mtime_ns, hash, width_px, height_px, format, phash, vector FROM photos"
        " JOIN contents USING (content_id) JOIN vectors USING (content_id) ORDER BY path"
    )


def test_a_library_is_the_same_whoever_read_it(tmp_path: Path, test_data: Path, from_the_first: list[int]) -> None:
    folders = [str(test_data / "photos" / "camera"), str(test_data / "photos" / "orientation")]
    by_threads = Library(tmp_path / "threads", load_encoder=FakeEncoder)
    threads = by_threads.index(folders)
    assert from_the_first == []
    by_processes = Library(tmp_path / "processes", load_encoder=OnAccelerator)
    processes = by_processes.index(folders, IndexOptions(jobs=2))

    assert from_the_first
    assert max(from_the_first) > 1
    assert sum(from_the_first) > processes.encoded / 2
    assert (processes.encoded, processes.problems) == (threads.encoded, threads.problems)
    assert rows(by_processes) == rows(by_threads)


@pytest.mark.parametrize(("chunk_bytes", "most"), [(1, 1), (10**9, pipeline.CHUNK_FILES)])
def test_a_process_is_given_a_bounded_number_of_files_and_bytes(
    tmp_path: Path, from_the_first: list[int], monkeypatch: pytest.MonkeyPatch, chunk_bytes: int, most: int
) -> None:
    monkeypatch.setattr(pipeline, "CHUNK_BYTES", chunk_bytes)
    for number in range(60):
        paint(tmp_path / "photos" / f"{number}.jpg")
    library = Library(tmp_path / "library", load_encoder=OnAccelerator)
    assert library.index([str(tmp_path / "photos")], IndexOptions(batch_size=4, jobs=1)).encoded == 60
    assert max(from_the_first) == most


@pytest.mark.parametrize(("device", "calls"), [("cuda", 2), ("mps", 1)])
def test_an_accelerator_is_fed_by_as_many_threads_as_it_bears(tmp_path: Path, device: str, calls: int) -> None:
    for number in range(40):
        paint(tmp_path / "photos" / f"{number}.jpg")
    running: list[int] = []
    most = 0
    together = threading.Event()

    class Watched(OnAccelerator):
        def encode_images(self, batch: PixelArray) -> FloatArray:
            nonlocal most
            running.append(len(batch))
            most = max(most, len(running))
            if len(running) == calls:
                together.set()
            together.wait(60)
            rows = super().encode_images(batch)
            running.pop()
            return rows

    def load(*arguments: object, **options: object) -> Watched:
        encoder = Watched(*arguments, **options)
        encoder.device = device
        return encoder

    library = Library(tmp_path / "library", load_encoder=load)
    library.index([str(tmp_path / "photos")], IndexOptions(batch_size=4, jobs=4))
    assert most == calls


def test_few_photos_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "Processes", lambda *_: pytest.fail("a process for a few photos"))
    for number in range(40):
        paint(tmp_path / "photos" / f"{number}.jpg")
    assert Library(tmp_path / "library", load_encoder=OnAccelerator).index([str(tmp_path / "photos")]).encoded == 40


def test_a_cancelled_run_ends_its_processes_and_keeps_what_was_stored(
    tmp_path: Path, from_the_first: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(120):
        paint(tmp_path / "photos" / f"{number:03}.jpg")
    ended: list[Processes] = []
    close = Processes.close

    def closing(processes: Processes) -> None:
        close(processes)
        ended.append(processes)

    monkeypatch.setattr(Processes, "close", closing)
    library = Library(tmp_path / "library", load_encoder=OnAccelerator)

    def on_progress(progress: Progress) -> None:
        if progress.stage == "indexing" and progress.done >= 10 and from_the_first:
            job.cancel()

    job = Job(on_progress)
    with pytest.raises(Cancelled):
        library.index([str(tmp_path / "photos")], IndexOptions(batch_size=4, jobs=2), job)

    assert [processes._idle for processes in ended] == [[]]
    stored = library.status().photos
    assert 10 <= stored < 120
    assert library.index().encoded == 120 - stored
