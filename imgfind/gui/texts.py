"""Wording that several widgets share: numbers, dates, time left. Pure functions; GUI thread, for the translations.

What the command line says in the same words is in :mod:`imgfind.core.wording`.
"""

import html
import os

from PySide6.QtCore import QCoreApplication, QDate, QLocale
from PySide6.QtGui import Qt

from imgfind.core import paths, wording
from imgfind.gui.places import UNDATED

size = wording.size


def number(value: int) -> str:
    """Return a whole number as people of this locale write it: ``12,480``."""
    locale = QLocale()
    locale.setNumberOptions(QLocale.NumberOption.DefaultNumberOptions)  # the C locale leaves the separators out
    return locale.toString(value)


def counted(value: int, one: str, many: str) -> str:
    """Return a number of things: ``1 photo``, ``2,000 photos``."""
    return f"{number(value)} {one if value == 1 else many}"


def photos(value: int) -> str:
    """Return a number of photos."""
    return counted(value, _tr("photo"), _tr("photos"))


def path(path: str) -> str:
    """Return a path for people: on one line, and from ``~`` on where it is in their home folder."""
    home = os.path.expanduser("~")
    is_at_home = os.name == "posix" and home != "/" and paths.is_below(path, home)
    return paths.displayed("~" + path[len(home) :] if is_at_home else path)


def tip(text: str) -> str:
    """Return a text as a tool tip shows it letter by letter: of one with ``<b>`` in a file name Qt would make HTML."""
    return f"<qt>{html.escape(text)}</qt>".replace("\n", "<br>") if Qt.mightBeRichText(text) else text


def month(key: str) -> str:
    """Return the name of ``2021-05``, ``2021`` or ``undated``: May 2021, 2021, No date."""
    year, _, month_of_year = key.partition("-")
    return f"{month_alone(key)} {year}" if month_of_year else month_alone(key)


def month_alone(key: str) -> str:
    """Return :func:`month` for a place below its year: May, 2021, No date."""
    if key == UNDATED:
        return _tr("No date")
    year, _, month_of_year = key.partition("-")
    return QLocale().standaloneMonthName(int(month_of_year)) if month_of_year else year


def moment(taken_at: str) -> str:
    """Return when a photo was taken (ISO 8601, a moment or a day) in this locale's way; no seconds, no offset."""
    day = QDate.fromString(taken_at[:10], "yyyy-MM-dd")
    if not day.isValid():
        return taken_at
    shown = QLocale().toString(day, "d MMMM yyyy")
    clock = taken_at[11:16]
    return f"{shown}, {clock}" if clock else shown


def time_left(eta_s: float) -> str:
    """Return how long something will still take, no more exact than is known."""
    minutes = round(eta_s / 60)
    if eta_s < 50:
        return _tr("less than a minute left")
    if minutes < 60:
        return _tr("about {} left").format(counted(max(minutes, 1), _tr("minute"), _tr("minutes")))
    hours = round(eta_s / 3600)
    return _tr("about {} left").format(counted(hours, _tr("hour"), _tr("hours")))


def _tr(text: str) -> str:
    return QCoreApplication.translate("texts", text)
