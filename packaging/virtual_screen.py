"""A screen of its own for a real process: Xvfb, xdotool as keyboard and mouse, and pictures of what is to be seen.

The tests of the window use it, and ``screenshots.py``. Linux only.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from PIL import Image, ImageChops, ImageGrab

PROGRAMS = ("Xvfb", "xdotool")
_STILL_LOOKS = 40
"""How often a picture is taken at most until two are the same; something on the screen may never rest."""
_STILL_S = 0.3
"""Between two of them: longer than a preview takes to appear, and not half a blink of a text cursor."""

_CLIPBOARD = """
import sys
from PySide6.QtGui import QGuiApplication, QImage
application = QGuiApplication([])
application.clipboard().setImage(QImage(sys.argv[1]))
print("ready", flush=True)
application.exec()
"""
_DRAG_SOURCE = """
import sys
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDrag
from PySide6.QtWidgets import QApplication, QLabel

class Source(QLabel):
    def mousePressEvent(self, event):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(path) for path in sys.argv[1:]])
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.actionChanged.connect(lambda action: print(action.name, flush=True))
        drag.exec(Qt.DropAction.CopyAction)
        self.hide()
        print("dropped", flush=True)

application = QApplication([])
application.setQuitOnLastWindowClosed(False)
source = Source("drag me")
source.setWindowFlags(Qt.WindowType.X11BypassWindowManagerHint)
source.setGeometry(0, 0, 90, 40)
source.show()
print("ready", flush=True)
application.exec()
"""
_DROP_TARGET = """
import sys
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QLabel

class Target(QLabel):
    def dragEnterEvent(self, event):
        event.acceptProposedAction()
        print("entered", flush=True)

    def dropEvent(self, event):
        event.acceptProposedAction()
        print(*(bytes(url.toEncoded()).decode() for url in event.mimeData().urls()), flush=True)
        QTimer.singleShot(0, application.quit)  # once the other side has been told

application = QApplication([])
target = Target("drop here", acceptDrops=True)
target.setWindowFlags(Qt.WindowType.X11BypassWindowManagerHint)
target.setGeometry(*map(int, sys.argv[1:]), 90, 90)
target.show()
print("ready", flush=True)
application.exec()
"""

Point = tuple[int, int]


class VirtualScreen:
    """One X display and whoever sits in front of it."""

    LIMIT_S = 60.0
    """For anything a person waits for; a loaded machine of two cores takes a tenth of it."""

    def __init__(self, display: str, environment: Mapping[str, str]) -> None:
        self._display = display
        self.environment = {**environment, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        self.environment.pop("WAYLAND_DISPLAY", None)
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Start ``python ARGUMENTS`` on this screen."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=self.environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        return process

    def xdotool(self, *arguments: str) -> str:
        """Run one xdotool command and return what it prints."""
        found = subprocess.run(
            ["xdotool", *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        return found.stdout

    def keys(self, *names: str) -> None:
        """Press keys, one after the other: ``ctrl+f``, ``space``."""
        self.xdotool("key", "--delay", "40", *names)

    def type(self, text: str) -> None:
        """Type a text as a person would."""
        self.xdotool("type", "--delay", "25", text)

    def click(self, x: int, y: int, button: int = 1) -> None:
        """Click somewhere."""
        self.xdotool("mousemove", str(x), str(y), "click", str(button))

    def windows(self) -> dict[str, str]:
        """Return the windows that are to be seen, id -> title."""
        ids = self.xdotool("search", "--onlyvisible", "--name", ".").split()
        return {number: self.xdotool("getwindowname", number).strip() for number in ids}

    def wait_for(self, pattern: str) -> str:
        """Wait until the title of a window matches, and return it; fails with all titles where none does.

        The window gets the keyboard, as a window manager would do it, of which there is none.
        """
        end = time.monotonic() + self.LIMIT_S
        while time.monotonic() < end:
            for number, title in self.windows().items():
                if re.search(pattern, title):
                    self.xdotool("windowfocus", number)
                    return title
            self._check_alive()
        raise TimeoutError(f"no window is called {pattern!r}; there are {self.windows()}")

    def _check_alive(self) -> None:
        """Raise what a program said that has failed: nobody needs to wait for its windows."""
        for process in self._processes:
            if process.poll():
                raise ChildProcessError(f"exit code {process.returncode}: {process.communicate()[1]}")

    def confirm(self, pattern: str) -> None:
        """Press Return until the dialog of this title is gone: one that still reads a folder takes no answer."""
        end = time.monotonic() + self.LIMIT_S
        while any(re.search(pattern, title) for title in self.windows().values()):
            assert time.monotonic() < end, f"the dialog {pattern!r} stays"
            self.keys("Return")

    def shot(self, file: Path) -> Path:
        """Save a picture of the whole screen."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._seen().save(file)
        return file

    def shot_at_rest(self, file: Path) -> Path:
        """Save a picture of the whole screen once nothing moves there any more."""
        self.rest()
        return self.shot(file)

    def rest(self, looks: int = 1) -> None:
        """Wait until the screen has looked the same so many times in a row."""
        before, same = self._seen(), 0
        for _ in range(_STILL_LOOKS):
            time.sleep(_STILL_S)
            now = self._seen()
            same = same + 1 if ImageChops.difference(before, now).getbbox() is None else 0
            if same == looks:
                return
            before = now

    def _seen(self) -> Image.Image:
        return ImageGrab.grab(xdisplay=self._display)

    def copy(self, picture: Path) -> None:
        """Put a picture on the clipboard, as a screenshot program does."""
        self._ready(_CLIPBOARD, str(picture))

    def drag(self, files: list[Path], x: int, y: int) -> None:
        """Drag files from another program and drop them at a place."""
        source = self._ready(_DRAG_SOURCE, *(str(file) for file in files))
        assert source.stdout is not None
        self._press_and_move((20, 20), (x, y))
        assert source.stdout.readline() == "CopyAction\n"  # whoever is below would take it
        self.xdotool("mouseup", "1")
        while source.stdout.readline() != "dropped\n":
            pass
        # It stays: who took the drop asks for the data behind that.

    def sweep(self, start: Point, end: Point) -> None:
        """Press the mouse, move it, let go."""
        self._press_and_move(start, end)
        self.xdotool("mouseup", "1")

    def drag_out(self, start: Point, end: Point) -> list[str]:
        """Drag what is at ``start`` onto another program at ``end``; return the URLs of the files it is given."""
        target = self._ready(_DROP_TARGET, str(end[0] - 45), str(end[1] - 45))
        assert target.stdout is not None
        self._press_and_move(start, end)
        assert target.stdout.readline() == "entered\n"
        self.xdotool("mouseup", "1")
        urls = target.stdout.readline().split()
        target.wait(self.LIMIT_S)
        return urls

    def _press_and_move(self, start: Point, end: Point) -> None:
        self.xdotool("mousemove", str(start[0]), str(start[1]), "mousedown", "1")
        for step in range(1, 6):  # a hand does not jump
            x, y = (a + (b - a) * step // 5 for a, b in zip(start, end, strict=True))
            self.xdotool("mousemove", str(x), str(y))

    def _ready(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a small program of ours and return it once it is ready."""
        process = self.start("-c", program, *arguments)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
        return process

    def close(self) -> None:
        """End whatever was started here and is still there."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


def missing_programs() -> str:
    """Return which programs a screen needs and are not there, and what installs them; nothing where all are."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"needs {' and '.join(missing)}; `make setup` installs them where it may" if missing else ""


@contextlib.contextmanager
def virtual_screen(size: str = "1280x800", environment: Mapping[str, str] = os.environ) -> Iterator[VirtualScreen]:
    """Return a new screen; :func:`missing_programs` tells whether there can be one."""
    reading, writing = os.pipe()
    # By itself Xvfb begins anew when its last program has gone, xdotool say, and refuses who comes while it does.
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as numbers:
        number = numbers.readline().strip()
    screen = VirtualScreen(f":{number}", environment)
    try:
        yield screen
    finally:
        screen.close()
        server.terminate()
        server.wait()
