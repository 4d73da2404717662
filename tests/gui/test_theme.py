"""Light and dark, also on desktops that know neither."""

import sys
from collections.abc import Iterator

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QDialog, QDialogButtonBox, QVBoxLayout
from pytestqt.qtbot import QtBot

from imgfind.gui import theme


@pytest.fixture(autouse=True)
def system_theme(qapp: QApplication) -> Iterator[None]:
    yield
    theme.apply("system")


def lightness(colour: QColor) -> float:
    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF())


def contrast(one: QColor, other: QColor) -> float:
    """WCAG 2.1, contrast ratio."""
    lighter, darker = sorted((lightness(one), lightness(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_dark_is_dark_and_light_is_light(qapp: QApplication) -> None:
    windows = {}
    for name in theme.THEMES:
        theme.apply(name)
        windows[name] = lightness(qapp.palette().color(QPalette.ColorRole.Window))
    assert windows["dark"] < 0.1
    assert windows["light"] > 0.7


@pytest.mark.parametrize("name", theme.THEMES)
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("WindowText", "Window"),
        ("Text", "Base"),
        ("ButtonText", "Button"),
        ("HighlightedText", "Highlight"),
        ("Link", "Base"),
    ],
)
def test_text_can_be_read(qapp: QApplication, name: str, text: str, ground: str) -> None:
    theme.apply(name)
    palette = qapp.palette()
    assert contrast(palette.color(QPalette.ColorRole[text]), palette.color(QPalette.ColorRole[ground])) >= 4.5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems' palettes are whole")
@pytest.mark.parametrize("name", ["system", "light"])
def test_a_desktop_without_shades_gets_some(qapp: QApplication, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    flat = QPalette(QColor("#faf9f8"), QColor("#faf9f8"))
    flat.setColor(QPalette.ColorRole.Base, flat.color(QPalette.ColorRole.Window))
    monkeypatch.setattr(QApplication, "palette", lambda *_: flat)  # as GNOME's, which only GNOME has

    theme.apply(name)

    monkeypatch.undo()
    palette = qapp.palette()
    assert palette.color(QPalette.ColorRole.Base) != palette.color(QPalette.ColorRole.Window)


def test_the_buttons_of_a_dialog_have_no_icons(qtbot: QtBot) -> None:
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
    dialog = QDialog()
    QVBoxLayout(dialog).addWidget(box)
    qtbot.addWidget(dialog)
    theme.without_icons(dialog)
    assert all(button.icon().isNull() for button in box.buttons())
