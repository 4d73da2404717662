"""A screen of its own for a real process: Xvfb, xdotool as keyboard and mouse, and pictures of what is to be seen."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

LIMIT_S = 60.0
"""For anything a person waits for; a loaded machine of two cores takes a tenth of it."""

_SHOT = """
import sys
from PySide6.QtGui import QGuiApplication
application = QGuiApplication([])
assert application.primaryScreen().grabWindow(0).save(sys.argv[1])
"""
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


class VirtualScreen:
    """One X display and whoever sits in front of it."""

    def __init__(self, display: str, environment: Mapping[str, str]) -> None:
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
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            for number, title in self.windows().items():
                if re.search(pattern, title):
                    self.xdotool("windowfocus", number)
                    return title
        pytest.fail(f"no window is called {pattern!r}; there are {self.windows()}")

    def confirm(self, pattern: str) -> None:
        """Press Return until the dialog of this title is gone: one that still reads a folder takes no answer."""
        end = time.monotonic() + LIMIT_S
        while any(re.search(pattern, title) for title in self.windows().values()):
            assert time.monotonic() < end, f"the dialog {pattern!r} stays"
            self.keys("Return")

    def shot(self, file: Path) -> Path:
        """Save a picture of the whole screen."""
        file.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-c", _SHOT, str(file)], env=self.environment, check=True, capture_output=True)
        return file

    def copy(self, picture: Path) -> None:
        """Put a picture on the clipboard, as a screenshot program does."""
        self._ready(_CLIPBOARD, str(picture))

    def drag(self, files: list[Path], x: int, y: int) -> None:
        """Drag files from another program and drop them at a place."""
        source = self._ready(_DRAG_SOURCE, *(str(file) for file in files))
        assert source.stdout is not None
        self.xdotool("mousemove", "20", "20", "mousedown", "1")
        for step in range(1, 6):  # a hand does not jump
            self.xdotool("mousemove", str(20 + (x - 20) * step // 5), str(20 + (y - 20) * step // 5))
        assert source.stdout.readline() == "CopyAction\n"  # whoever is below would take it
        self.xdotool("mouseup", "1")
        while source.stdout.readline() != "dropped\n":
            pass
        # It stays: who took the drop asks for the data behind that.

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


@contextlib.contextmanager
def virtual_screen(size: str = "1280x800", environment: Mapping[str, str] = os.environ) -> Iterator[VirtualScreen]:
    """Return a new screen; skips where the programs are missing."""
    if shutil.which("Xvfb") is None or shutil.which("xdotool") is None:
        pytest.skip("needs Xvfb and xdotool; `make setup` installs them where it may")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24", "-nolisten", "tcp"],
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
