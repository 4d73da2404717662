"""Who reads the files of an index run: this process, or others that send back what they read.

Between the calls that decode, Python lets one thread of a process run at a time, so that more cores help threads only
up to a point. A fast encoder is fed by processes, each of which gets a chunk of files and answers once for all of them.
On few cores they bring nothing: 2 cores read 151 photos a second by threads and 132 by processes. What a process
crashes on, or never ends, is read again file by file, each in a decoder of its own, so that the problem has the right
name; the process is replaced. Every thread may ask.
"""

import io
import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imgfind.core import content, isolation, reading
from imgfind.core.errors import UnreadablePhotoError
from imgfind.core.reading import ReadPhoto
from imgfind.core.records import FileProblem, FoundFile, ModelId, Preprocess

COMMAND = (sys.executable, "-P", "-m", "imgfind.core.read_worker")
_ENVIRONMENT = isolation.ONE_THREAD | {"MALLOC_TOP_PAD_": str(16 * 1024 * 1024)}
"""glibc gives the memory of each picture back to the system at once, and asks for it again for the next one: with room
left at the top a photo of 500 x 375 takes a process 5.1 ms of a core, as it takes a thread, and without it 6.3."""
_TURN_FILE = "large pictures.lock"

Outcome = ReadPhoto | FileProblem


class Here:
    """Reads in this process, on the thread that asks."""

    def __init__(self, preprocess: Preprocess, known: Container[bytes], *, isolate: bool = False) -> None:
        """``isolate`` decodes every file in a process of its own."""
        self._preprocess = preprocess
        self._known = known
        self._isolate = isolate

    def read(self, files: Sequence[FoundFile], *, describe: bool = False, isolate: bool = False) -> list[Outcome]:
        """Read files; an unreadable one comes back as its problem."""
        return [self._read(file.path, describe=describe, isolate=isolate or self._isolate) for file in files]

    def _read(self, path: str, *, describe: bool, isolate: bool) -> Outcome:
        try:
            return reading.read_photo(path, self._preprocess, self._known, isolate=isolate, describe=describe)
        except UnreadablePhotoError as error:
            return FileProblem(path, error.reason, error.transient)


@dataclass(frozen=True, slots=True)
class Run:
    """What a process has to know of an index run, the same for every file.

    ``library`` is its folder: a process asks the catalogue itself whether bytes need no decoding.
    """

    preprocess: Preprocess
    library: Path
    model_id: ModelId
    isolate: bool = False


class Processes:
    """Reads in other processes, as many as threads ask at once; they start when they are needed."""

    def __init__(self, run: Run, here: Here, command: Sequence[str] = COMMAND) -> None:
        """Start nothing yet; ``here`` reads what the processes cannot."""
        self._here = here
        self._command = tuple(command)
        self._idle: list[isolation.Worker] = []
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="imgfind-", ignore_cleanup_errors=True)
        self._run = {
            "preprocess": asdict(run.preprocess),
            "library": os.fspath(run.library),
            "model_id": run.model_id,
            "isolate": run.isolate,
            "turn": os.path.join(self._folder.name, _TURN_FILE),
        }

    def read(self, files: Sequence[FoundFile], *, describe: bool = False) -> list[Outcome]:
        """Read files; an unreadable one comes back as its problem. Raises RuntimeError for a mistake of ours."""
        try:
            worker = self._taken()
        except (OSError, EOFError):  # no room for another process
            return self._here.read(files, describe=describe)
        limit_s = sum(isolation.time_limit_s(file.size_bytes) for file in files)
        request = self._run | {"paths": [file.path for file in files], "describe": describe, "limit_s": limit_s}
        try:
            answer, data = worker.ask(request, io.BytesIO(), 0, limit_s)
        except EOFError:
            worker.close()
            return self._here.read(files, describe=describe, isolate=True)
        except BaseException:
            worker.close()
            raise
        with self._lock:
            self._idle.append(worker)
        if "bug" in answer:
            raise RuntimeError(answer["bug"])
        if "error" in answer:  # this process will meet it too, and can tell it as it is
            return self._here.read(files, describe=describe)
        return from_message(answer, data)

    def close(self) -> None:
        """End the processes; nobody may be asking."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()
        self._folder.cleanup()

    def _taken(self) -> isolation.Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                worker.close()
        return isolation.Worker(self._command, _ENVIRONMENT)


def to_message(outcomes: Sequence[Outcome]) -> tuple[dict[str, Any], bytes]:
    """Return ``outcomes`` as what JSON can hold and the bytes it cannot."""
    headers: list[dict[str, Any]] = []
    bodies: list[bytes] = []
    for outcome in outcomes:
        if isinstance(outcome, FileProblem):
            headers.append({"problem": asdict(outcome)})
            continue
        described, body = content.to_message(outcome.content) if outcome.content is not None else (None, b"")
        headers.append(
            {
                "hash": outcome.content_hash.hex(),
                "size_bytes": outcome.size_bytes,
                "mtime_ns": outcome.mtime_ns,
                "content": described,
                "core_s": outcome.core_s,
                "length": len(body),
            }
        )
        bodies.append(body)
    return {"outcomes": headers}, b"".join(bodies)


def from_message(header: dict[str, Any], body: bytes) -> list[Outcome]:
    """Return what :func:`to_message` was given."""
    outcomes: list[Outcome] = []
    rest = memoryview(body)  # slices of bytes would copy every picture once more
    for one in header["outcomes"]:
        if "problem" in one:
            outcomes.append(FileProblem(**one["problem"]))
            continue
        own, rest = rest[: one["length"]], rest[one["length"] :]
        outcomes.append(
            ReadPhoto(
                bytes.fromhex(one["hash"]),
                one["size_bytes"],
                one["mtime_ns"],
                None if one["content"] is None else content.from_message(one["content"], own),
                Counter(one["core_s"]),
            )
        )
    return outcomes
