"""How a button shows that a photo is a favourite: a filled heart, and what a click will do. GUI thread only."""

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QToolButton

from imgfind.gui.icons import icon


def show_favourite(button: QToolButton, favourite: bool) -> None:
    """Make ``button`` show whether a photo is a favourite."""
    button.setIcon(icon("heart-filled" if favourite else "heart"))
    text = _tr("Remove from the favourites (F)") if favourite else _tr("Add to the favourites (F)")
    button.setToolTip(text)
    button.setAccessibleName(text)


def _tr(text: str) -> str:
    return QCoreApplication.translate("favourite_button", text)
