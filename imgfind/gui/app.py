"""The program behind ``imgfind gui``: the application, its window, and how both end.

GUI thread only, of a process of its own.
"""

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from imgfind import __version__
from imgfind.core import Library, config, remote_encoder
from imgfind.gui import crash, theme
from imgfind.gui.main_window import MainWindow
from imgfind.gui.preferences import Preferences
from imgfind.gui.single_instance import SingleInstance, instance_key, raise_running


def run(library: str | None) -> int:
    """Show the window of ``library`` (None: the user's own) until it is closed; return the exit code.

    Where a window of this library is open already, that one comes to the front. Raises
    :class:`~imgfind.core.ImgfindError` where the library cannot be one.
    """
    folder = Library(library).folder  # checks the name and the configuration
    application = QApplication(sys.argv[:1])
    application.setApplicationName("imgfind")
    application.setApplicationDisplayName("imgfind")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("imgfind")
    application.setWindowIcon(QIcon(str(config.resources_folder() / "icons" / "imgfind.svg")))
    key = instance_key(folder)
    if raise_running(key):
        return 0
    crash.install(application)
    preferences = Preferences()
    theme.choose_style(application)
    theme.apply(preferences.theme)
    application.styleHints().colorSchemeChanged.connect(lambda _: theme.apply(preferences.theme))
    window = MainWindow(folder, lambda: Library(folder, load_encoder=remote_encoder.load), preferences)
    instance = SingleInstance(key, window)
    instance.raised.connect(window.come_forward)
    _quit_on_signals(application, window.close)
    window.show()
    code = application.exec()
    remote_encoder.close()  # whoever waits for an answer of it need not
    if not window.shut_down():
        # A call is under way that nothing interrupts; Python ending around a thread in C++ would abort the process.
        logging.shutdown()
        os._exit(code)
    return code


def _quit_on_signals(parent: QObject, close: Callable[[], object]) -> None:
    """Close the window on Ctrl-C and SIGTERM.

    Python runs its handlers only between two of its own instructions, and Qt's event loop has none: the signal's number
    on a socket wakes it up (Python, signal.set_wakeup_fd).
    """
    ours, pythons = socket.socketpair()
    for end in (ours, pythons):
        end.setblocking(False)
    signal.set_wakeup_fd(pythons.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    notifier = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Read, parent)

    def woken() -> None:
        ours.recv(64)
        close()

    notifier.activated.connect(woken)
    notifier.setProperty("sockets", (ours, pythons))  # they live as long as the notifier
