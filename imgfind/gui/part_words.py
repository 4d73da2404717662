"""How a part of a query is put to people: a few words, an icon, and a sentence for those who hear it.

Pure functions; GUI thread, for the translations.
"""

import os

from PySide6.QtCore import QCoreApplication

from imgfind.core.filters import DateFilter, NumberFilter, WordFilter
from imgfind.core.paths import displayed
from imgfind.core.query import ImageTerm, TextTerm
from imgfind.gui import texts
from imgfind.gui.query_parts import Part, is_excluded, name

_ICONS = {
    "image": "image",
    "in": "folder",
    "date": "calendar",
    "camera": "camera",
    "lens": "aperture",
    "type": "file-image",
    "size": "hard-drive",
    "width": "move-horizontal",
    "height": "move-vertical",
    "orientation": "rectangle-vertical",
}
_STATE_ICONS = {"favourite": "heart", "hidden": "eye-off", "offline": "unplug", "gps": "map-pin", "raw": "aperture"}


def icon_name(part: Part) -> str | None:
    """Return the icon of a part; None for words, which say it all."""
    if isinstance(part, WordFilter) and part.name == "is":
        return _STATE_ICONS.get(part.value, "hard-drive")
    return _ICONS.get(name(part))


def words(part: Part) -> str:
    """Return the words on the chip, without the minus and the weight: ``May 2021``, ``Holidays``, ``2 MB or more``."""
    match part:
        case TextTerm():
            return displayed(part.text)
        case ImageTerm():
            return displayed(_file_name(part.path))
        case DateFilter():
            return _dates(part)
        case NumberFilter():
            return _numbers(part)
        case WordFilter():
            return _word(part)


def description(part: Part) -> str:
    """Return what the part asks for in full, for a tooltip and for those who hear it."""
    shown = displayed(part.path) if isinstance(part, ImageTerm) else words(part)
    if isinstance(part, WordFilter) and part.name == "in":
        shown = displayed(part.value)
    kind = {
        "text": "{}",
        "image": _tr("Part of the picture {}")
        if isinstance(part, ImageTerm) and part.region
        else _tr("The picture {}"),
        "in": _tr("In the folder {}"),
        "camera": _tr("Camera: {}"),
        "lens": _tr("Lens: {}"),
        "type": _tr("File type: {}"),
        "width": _tr("Width: {}"),
        "height": _tr("Height: {}"),
    }.get(name(part), "{}")
    asked = kind.format(shown)
    if isinstance(part, TextTerm | ImageTerm) and abs(part.weight) != 1:
        asked = _tr("{}, counting {} times").format(asked, factor(part.weight))
    return _tr("Not: {}").format(asked) if is_excluded(part) else asked


def factor(weight: float) -> str:
    """Return a weight as people write it: ``2``, ``0.5``."""
    return f"{abs(weight):g}"


def _word(part: WordFilter) -> str:
    match part.name:
        case "in":
            return displayed(_file_name(part.value))
        case "type":
            return part.value.upper()
        case "orientation":
            return {"landscape": _tr("Landscape"), "portrait": _tr("Portrait"), "square": _tr("Square")}[part.value]
        case "is":
            states = {
                "favourite": _tr("Favourites"),
                "hidden": _tr("Hidden"),
                "offline": _tr("Offline"),
                "online": _tr("In reach"),
                "raw": _tr("RAW"),
                "gps": _tr("With a place"),
            }
            return states.get(part.value, part.value)
        case _:
            return displayed(part.value)


def _file_name(path: str) -> str:
    return os.path.basename(path.rstrip("/" + os.sep)) or path


def _dates(part: DateFilter) -> str:
    first, last = (_date(bound) if bound else None for bound in (part.first, part.last))
    if first is None or last is None:
        return _tr("Since {}").format(first) if last is None else _tr("Until {}").format(last)
    return first if part.first == part.last else f"{first} – {last}"


def _date(bound: str) -> str:
    return texts.moment(bound) if bound.count("-") == 2 else texts.month(bound)


def _numbers(part: NumberFilter) -> str:
    low, high = (None if bound is None else _number(part.name, bound) for bound in (part.low, part.high))
    if low is None or high is None:
        return _tr("{} or more").format(low) if high is None else _tr("{} or less").format(high)
    return low if part.low == part.high else f"{low} – {high}"


def _number(filter_name: str, value: int) -> str:
    return texts.size(value) if filter_name == "size" else _tr("{} px").format(texts.number(value))


def _tr(text: str) -> str:
    return QCoreApplication.translate("part_words", text)
