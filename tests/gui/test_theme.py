"""Light and dark, also on desktops that know neither."""

from collections.abc import Iterator

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

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
