"""One imgfind command in a process of its own, and what it says.

The child gets a session of its own, so that Ctrl-C in the terminal of the window does not reach it, and so that it can
be killed with everything it started. It ends by itself when this program is gone, even where that was killed: then the
pipe closes that it has for its standard input. Owns the process and its pipes; does not know what the lines mean. GUI
thread, but for one thread that reads.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

IMGFIND = (sys.executable, "-P", "-m", "imgfind")

ENDS_WITH_INPUT = "IMGFIND_ENDS_WITH_INPUT"
"""Set for children: ``imgfind`` then ends when its standard input does, which is a pipe from here, unless it has read a
byte before."""

GRACE_S = 10.0
"""A batch is half a second's work, but loading a large model or hashing it cannot be interrupted."""

_CHUNK_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended.

    ``status`` is negative where a signal killed it, ``killed`` true where it was us, after the grace. ``last_words`` is
    the last line on stderr that was no JSON.
    """

    status: int
    last_words: str = ""
    killed: bool = False


class _Bell(QObject):
    """What the reader rings. Nobody deletes it before the reader has ended, unlike the process with its window."""

    rung = Signal()


class ChildProcess(QObject):
    """A running command.

    Signals:
        said(list): JSON objects the child wrote since the last time, in order.
        ended(Ending): it is gone, after the last ``said``.
    """

    said = Signal(object)  # Qt's own types lose the bytes of names that are not UTF-8
    ended = Signal(object)

    def __init__(self, command: Sequence[str], parent: QObject | None = None, *, grace_s: float = GRACE_S) -> None:
        """Start ``command``. Raises OSError where there can be no process."""
        super().__init__(parent)
        self._lines: deque[dict[str, Any]] = deque()
        self._told = threading.Event()
        self._ending: Ending | None = None
        self._stopping = self._killed = self._over = False
        self._bell = _Bell()
        self._bell.rung.connect(self._on_heard, Qt.ConnectionType.QueuedConnection)
        self._grace = QTimer(self, singleShot=True, interval=round(grace_s * 1000))
        self._grace.timeout.connect(self.kill)
        self._process = _started(command)
        self._reader = threading.Thread(target=self._read, name="imgfind-child", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    @property
    def is_stopping(self) -> bool:
        """Tell whether it was asked to end."""
        return self._stopping

    def stop(self) -> None:
        """Ask the child to end; kill it where it has not by the end of the grace."""
        if self._stopping:
            return
        self._stopping = True
        with contextlib.suppress(OSError):  # it ended at this very moment
            self._process.terminate()
        self._grace.start()

    @Slot()
    def kill(self) -> None:
        """End the child, and whatever it started, at once."""
        self._killed = True
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def let_go(self) -> None:
        """Let the child live on when this program ends."""
        assert self._process.stdin is not None, "opened as a pipe"
        with contextlib.suppress(OSError, ValueError):  # it has ended
            self._process.stdin.write(b"\n")

    def finish(self, wait_s: float) -> None:
        """Stop, and wait for the end without an event loop: for a window that is gone already."""
        self._grace.stop()
        with contextlib.suppress(OSError):
            self._process.terminate()
        self._reader.join(wait_s)
        if self._reader.is_alive():
            self.kill()
            self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr is not None, "opened as a pipe"
        last_words = ""
        with self._process.stderr as stream:
            for line in _lines(stream):
                said = _json_object(line)
                if said is None:
                    last_words = line.decode("utf-8", "replace").strip() or last_words
                else:
                    self._lines.append(said)
                    self._tell()
        self._ending = Ending(self._process.wait(), last_words, self._killed)
        assert self._process.stdin is not None, "opened as a pipe"
        self._process.stdin.close()
        self._tell(once_more=True)

    def _tell(self, *, once_more: bool = False) -> None:
        """Wake the GUI thread, unless it has not yet taken what it was woken for."""
        if once_more or not self._told.is_set():
            self._told.set()
            self._bell.rung.emit()

    @Slot()
    def _on_heard(self) -> None:
        self._told.clear()
        ending = self._ending  # before the lines: nothing is said after it
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if lines:
            self.said.emit(lines)
        if ending is not None and not self._over:
            self._over = True
            self._grace.stop()
            self.ended.emit(ending)


def _started(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    # The same modules as here, whatever folder is the current one.
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        ENDS_WITH_INPUT: "1",
    }
    return subprocess.Popen(  # noqa: S603 - our own program
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=environment,
        **options,
    )


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield lines as they come. Of the bare pipe: a thread that waits in a buffered one holds up the program's end."""
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _json_object(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(b"{"):
        return None
    with contextlib.suppress(ValueError):
        value = json.loads(line)
        if isinstance(value, dict):
            return value
    return None
