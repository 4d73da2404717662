"""Processes that decode, so that a decoder that crashes, hangs or takes all memory ends one of them and nothing else.

Owns the processes, their limits and the messages on their pipes; knows nothing of pictures. Every thread may ask; each
has a process to itself while it waits. They start when they are needed, go on to the next file, and end when they are
closed, or by themselves when this process is gone. One such process by itself is a :class:`Worker`.
"""

import json
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import IO, Any, BinaryIO

from imgfind.core.errors import UnreadablePhotoError

if sys.platform == "linux":
    import fcntl

TIME_LIMIT_S = 10.0
SECONDS_PER_MB = 0.25
"""On top of :data:`TIME_LIMIT_S`: what 12 megapixels take a small file to do, 150 take a large one."""
START_LIMIT_S = 60.0
MEMORY_LIMIT_BYTES = 3 * 1024**3
"""Of addresses, code and libraries among them: a 48-megapixel HEIC takes about a quarter. POSIX only."""
MOST_FILE_BYTES = MEMORY_LIMIT_BYTES // 6
"""Larger files are refused: the process holds the file, what it decodes to, and copies of both."""

WORKER_COMMAND = (sys.executable, "-P", "-m", "imgfind.core.decode_worker")

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""There are many processes, and every thread of the numeric libraries takes its share of the address space."""

_PIPE_BYTES = 1024 * 1024
"""What a pipe may hold, where that can be chosen: a sender waits, and a reader is woken, a fifteenth as often."""
_LENGTHS = struct.Struct(">IQ")
"""Before each message: how many bytes of JSON follow, and how many of data after them."""
_CHUNK_BYTES = 1024 * 1024
_MOST_TEXT_BYTES = 1024 * 1024
_LAST_WORDS_S = 1.0
"""How long a process that closed its pipe may take to end."""
_SIGKILL = -9


class Worker:
    """One process that greets and then answers, and its pipes; used by one thread at a time."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})) -> None:
        """Start the process. Raises OSError where there can be none, EOFError where it ends at once."""
        # The same modules as here, whatever folder is the current one.
        here = {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **here, **environment},
        )
        _widen(self._process.stdout)
        self.timed_out = False
        try:
            with self._within(START_LIMIT_S):
                self._answer()
        except EOFError:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Tell whether it can be asked again."""
        return not self.timed_out and self._process.poll() is None

    def ask(
        self, request: dict[str, Any], source: BinaryIO, size_bytes: int, limit_s: float
    ) -> tuple[dict[str, Any], bytes]:
        """Send a request with ``size_bytes`` of ``source`` and return the answer; EOFError where there comes none."""
        with self._within(limit_s):
            self._write(_head(request, size_bytes))
            while size_bytes:
                chunk = source.read(min(size_bytes, _CHUNK_BYTES))
                if not chunk:
                    raise UnreadablePhotoError("the file changed while it was read", transient=True)
                self._write(chunk)
                size_bytes -= len(chunk)
            return self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None, "opened as a pipe"
            with suppress(OSError):  # what was not sent yet
                pipe.close()
        self._process.wait()

    def end(self) -> int | None:
        """Return the exit status of a process that has stopped answering, None where it had to be ended."""
        status = None
        with suppress(subprocess.TimeoutExpired):
            status = self._process.wait(_LAST_WORDS_S)
        self.close()
        return status

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None, "opened as a pipe"
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except (OSError, ValueError) as error:  # the process is gone, or another thread has closed its pipes
            raise EOFError from error

    def _answer(self) -> tuple[dict[str, Any], bytes]:
        assert self._process.stdout is not None, "opened as a pipe"
        return receive(self._process.stdout)

    @contextmanager
    def _within(self, limit_s: float) -> Iterator[None]:
        """Kill the process where the block takes longer: reading from its pipe then ends."""

        def kill() -> None:
            self.timed_out = True
            self._process.kill()

        timer = threading.Timer(limit_s, kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # it may be at it already; from here on ``timed_out`` is the last word


class Workers:
    """A pool of processes, as many as threads ask at once."""

    def __init__(
        self,
        command: Sequence[str] = WORKER_COMMAND,
        *,
        time_limit_s: float = TIME_LIMIT_S,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    ) -> None:
        self._command = tuple(command)
        self._time_limit_s = time_limit_s
        self._memory_limit_bytes = memory_limit_bytes
        self._idle: list[Worker] = []
        self._lock = threading.Lock()
        self.failed = False
        """Whether a process crashed or had to be killed since this pool was made or closed."""

    def ask(self, request: dict[str, Any], source: BinaryIO, size_bytes: int) -> tuple[dict[str, Any], bytes]:
        """Have ``source`` (``size_bytes`` from where it stands) dealt with; return the answer and its data.

        Raises :class:`UnreadablePhotoError`, which says so where the process crashed, took too long or cannot start.
        """
        if size_bytes > MOST_FILE_BYTES:
            raise UnreadablePhotoError(f"the file is larger than {MOST_FILE_BYTES // 1024**2} MB")
        limit_s = time_limit_s(size_bytes, self._time_limit_s)
        worker = self._taken()
        try:
            answer = worker.ask(request | {"limit_s": limit_s}, source, size_bytes, limit_s)
        except EOFError as error:
            self.failed = True
            raise self._failure(worker, limit_s) from error
        except BaseException:
            worker.close()
            raise
        self._give_back(worker)
        return answer

    def close(self) -> None:
        """End the processes nobody is asking; later questions start new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
            self.failed = False
        for worker in idle:
            worker.close()

    def _taken(self) -> Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                worker.close()
        try:
            return Worker([*self._command, str(self._memory_limit_bytes)], ONE_THREAD)
        except (OSError, EOFError) as error:
            raise UnreadablePhotoError("the process that decodes it could not be started", transient=True) from error

    def _give_back(self, worker: Worker) -> None:
        if worker.alive:
            with self._lock:
                self._idle.append(worker)
        else:
            worker.close()

    def _failure(self, worker: Worker, limit_s: float) -> UnreadablePhotoError:
        if worker.timed_out:
            worker.close()
            return UnreadablePhotoError(f"its decoder took longer than {limit_s:g} seconds")
        # Killed from outside, most likely because the machine ran out of memory: another time it may work.
        if worker.end() == _SIGKILL:
            return UnreadablePhotoError("its decoder was killed, maybe for want of memory", transient=True)
        return UnreadablePhotoError("its decoder crashed")


def time_limit_s(size_bytes: int, least_s: float = TIME_LIMIT_S) -> float:
    """Return how long dealing with a file of this size may take."""
    return least_s + SECONDS_PER_MB * (size_bytes // 1_000_000)


@contextmanager
def alarm(limit_s: float) -> Iterator[None]:
    """End this process in a decoder that hangs where nobody is left to kill it; the system does, Python need not run.

    Later than the limit, so that whoever asked can tell a late answer from a crash.
    """
    if sys.platform == "win32":
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, 2 * limit_s + 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return, in a process that answers, where questions come in and answers go out; libraries may print elsewhere.

    Signals that reach every process of a terminal are ignored from here on: whoever asks decides what becomes of it.
    """
    questions, answers = (os.fdopen(os.dup(number), mode) for number, mode in ((0, "rb"), (1, "wb")))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    return questions, answers


def send(pipe: IO[bytes], header: dict[str, Any], body: bytes) -> None:
    """Write one message."""
    pipe.write(_head(header, len(body)))
    pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Read one message. Raises EOFError where the other side is gone or does not speak this language."""
    try:
        text_bytes, body_bytes = _LENGTHS.unpack(_exactly(pipe, _LENGTHS.size))
        if text_bytes > _MOST_TEXT_BYTES or body_bytes > MOST_FILE_BYTES:
            raise EOFError
        header = json.loads(_exactly(pipe, text_bytes))
        return header, _exactly(pipe, body_bytes)
    except (ValueError, OSError) as error:
        raise EOFError from error


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold more, where the system knows how and allows it."""
    if sys.platform == "linux" and pipe is not None:
        with suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _head(header: dict[str, Any], body_bytes: int) -> bytes:
    text = json.dumps(header).encode()
    return _LENGTHS.pack(len(text), body_bytes) + text


def _exactly(pipe: IO[bytes], size_bytes: int) -> bytes:
    data = pipe.read(size_bytes)
    if len(data) < size_bytes:
        raise EOFError
    return data
