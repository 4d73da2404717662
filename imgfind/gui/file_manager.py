"""Hands files to other programs: opens a photo, shows it in the system's file manager.

GUI thread, and quick, but for :func:`check_there`, which waits for the disk and belongs into a lane.
"""

import os
import subprocess
import sys

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from imgfind.core import ImgfindError, paths


def url(path: str) -> QUrl:
    """Return the URL of a file, exact for names that are no text as well."""
    return QUrl.fromEncoded(paths.uri(path).encode())


def check_there(path: str) -> None:
    """Raise :class:`ImgfindError` where there is no such file."""
    if not os.path.exists(path):
        raise ImgfindError(f"{paths.displayed(path)} is not there; connect its drive, or update the library.")


def open_file(path: str) -> None:
    """Open a file with the program the system has for it. Raises :class:`ImgfindError` where there is none."""
    if not QDesktopServices.openUrl(url(path)):
        raise ImgfindError(f"No program opens {paths.displayed(path)}; choose one in the settings of your system.")


def show_in_folder(path: str) -> None:
    """Show a file, selected where the system can do that, in the file manager. Raises :class:`ImgfindError`."""
    if sys.platform == "win32":
        subprocess.Popen(["explorer", f"/select,{path}"])  # noqa: S603, S607 - the system's own program
    elif sys.platform == "darwin":
        subprocess.Popen(["open", "-R", path])  # noqa: S603, S607 - the system's own program
    elif not _shown_by_freedesktop(path):
        open_file(os.path.dirname(path))


def _shown_by_freedesktop(path: str) -> bool:
    """Ask the file manager over D-Bus (freedesktop.org, file-manager-interface); tell whether one will do it."""
    try:
        from PySide6.QtDBus import QDBusConnection, QDBusMessage  # noqa: PLC0415 - there is none on other systems
    except ImportError:
        return False
    bus = QDBusConnection.sessionBus()
    if not bus.isConnected():
        return False
    service = "org.freedesktop.FileManager1"
    message = QDBusMessage.createMethodCall(service, "/org/freedesktop/FileManager1", service, "ShowItems")
    message.setArguments([[url(path).toString(QUrl.ComponentFormattingOption.FullyEncoded)], ""])
    interface = bus.interface()
    known = interface.isServiceRegistered(service).value() or service in interface.activatableServiceNames().value()
    return bool(known) and bus.send(message)
