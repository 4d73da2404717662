"""Light, dark, or as the system has it. GUI thread only."""

import os
import sys

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QDialogButtonBox, QStyleFactory, QWidget

THEMES = ("system", "light", "dark")

_SCHEMES = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}
_ACCENT = "#2676ad"
"""A little darker than Fusion's own blue, on which white text has a contrast of 3.7; here it has 4.9."""
_QUIET_BAR = """
QScrollBar { background: transparent; border: none; }
QScrollBar:vertical { width: 12px; }
QScrollBar:horizontal { height: 12px; }
QScrollBar::handle { background: rgba(128, 128, 128, 45%); border-radius: 4px; margin: 2px; }
QScrollBar::handle:hover, QScrollBar::handle:pressed { background: rgba(128, 128, 128, 80%); }
QScrollBar::handle:vertical { min-height: 36px; }
QScrollBar::handle:horizontal { min-width: 36px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
"""
"""Half-transparent grey is right in light and dark, for a style sheet does not hear of another palette."""


def choose_style(app: QApplication) -> None:
    """Take Fusion under Linux, where other styles are strangers to Qt's palettes, unless the user has chosen one."""
    if sys.platform.startswith("linux") and "QT_STYLE_OVERRIDE" not in os.environ:
        app.setStyle(QStyleFactory.create("Fusion"))


def quieten(area: QAbstractScrollArea) -> None:
    """Give ``area`` slim scroll bars without arrows where its style is Fusion, whose own ones are those of 2010."""
    if area.style().name() == "fusion":
        for bar in (area.verticalScrollBar(), area.horizontalScrollBar()):
            bar.setStyleSheet(_QUIET_BAR)


def without_icons(dialog: QWidget) -> None:
    """Take the icons from the buttons that end a dialog, which Qt draws under Linux as it did in 2005."""
    for box in dialog.findChildren(QDialogButtonBox):
        for button in box.buttons():
            button.setIcon(QIcon())


def apply(theme: str) -> None:
    """Show all windows in one of ``THEMES``, now and from now on."""
    hints = QGuiApplication.styleHints()
    QApplication.setPalette(QPalette())  # as the system has it
    hints.setColorScheme(_SCHEMES[theme])
    if not sys.platform.startswith("linux"):
        return
    # A Linux desktop that Qt does not know has no scheme, and does not take one; what Qt knows of GNOME's light colours
    # (6.11) is one grey for windows and fields, and white for all shades.
    now, palette = hints.colorScheme(), QApplication.palette()
    is_flat = palette.color(QPalette.ColorRole.Base) == palette.color(QPalette.ColorRole.Window)
    if now == Qt.ColorScheme.Unknown or is_flat or (theme != "system" and now != _SCHEMES[theme]):
        is_dark = theme == "dark" or (theme == "system" and now == Qt.ColorScheme.Dark)
        QApplication.setPalette(_fusion_palette(is_dark=is_dark))


def _fusion_palette(*, is_dark: bool) -> QPalette:
    """Return the palette Fusion has where it knows the scheme (qt_fusionPalette in Qt's qplatformtheme sources)."""
    window = QColor("#323232" if is_dark else "#efefef")
    text = QColor("#f0f0f0" if is_dark else "#000000")
    faint = QColor("#828282" if is_dark else "#a0a0a0")
    placeholder = QColor(text)
    placeholder.setAlpha(150)
    role = QPalette.ColorRole
    colours = {
        role.WindowText: text,
        role.Button: window,
        role.Light: window.lighter(150),
        role.Dark: window.darker(150),
        role.Mid: window.darker(130),
        role.Midlight: window.darker(130).lighter(110),
        role.Text: text,
        role.BrightText: QColor(Qt.GlobalColor.white),
        role.ButtonText: text,
        role.Base: window.darker(140) if is_dark else QColor(Qt.GlobalColor.white),
        role.Window: window,
        role.Shadow: window.darker(200),
        role.Highlight: QColor(_ACCENT),
        role.HighlightedText: QColor(Qt.GlobalColor.white),
        role.Accent: QColor(_ACCENT),
        role.Link: QColor("#7ab8e6" if is_dark else "#1a5f91"),
        role.LinkVisited: QColor("#c39bd3" if is_dark else "#6c3483"),
        role.AlternateBase: window.darker(115) if is_dark else QColor("#f7f7f7"),
        role.ToolTipBase: window.lighter(120) if is_dark else QColor("#ffffdc"),
        role.ToolTipText: text,
        role.PlaceholderText: placeholder,
    }
    palette = QPalette()
    for colour_role, colour in colours.items():
        palette.setColor(colour_role, colour)
    disabled = QPalette.ColorGroup.Disabled
    for colour_role in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        palette.setColor(disabled, colour_role, faint)
    palette.setColor(disabled, role.Base, window)
    palette.setColor(disabled, role.Highlight, window.darker(120))
    return palette
