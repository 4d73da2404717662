"""The script that takes pictures of the window: that its scenes fit together, and that one of them is to be seen."""

from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

PACKAGING = Path(__file__).parent.parent / "packaging"


@pytest.fixture
def screenshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the script, which imports its neighbours by their bare names as scripts do, with a home of its own."""
    monkeypatch.syspath_prepend(PACKAGING)
    import screenshots

    monkeypatch.setattr(screenshots, "HOME", screenshots.Home(tmp_path / "home"))
    return screenshots


def test_every_scene_has_a_name_of_its_own_and_a_library(screenshots: ModuleType) -> None:
    names = [scene.name for scene in screenshots.SCENES]
    assert len(set(names)) == len(names)
    assert {scene.library for scene in screenshots.SCENES} == set(screenshots.LIBRARIES)
    assert {scene for _, scene in screenshots.README.values()} <= set(names)


def test_a_scene_becomes_a_picture_that_the_window_fills(screenshots: ModuleType, tmp_path: Path) -> None:
    if missing := screenshots.missing_programs():
        pytest.skip(missing)
    scenes = [scene for scene in screenshots.SCENES if scene.name == "first-launch"]

    screenshots.take(screenshots.LOOKS["dark"], scenes, tmp_path)

    with Image.open(tmp_path / "first-launch.png") as picture:
        assert picture.size == (1280, 720)
        corners = [picture.convert("L").getpixel(place) for place in ((0, 0), (1279, 0), (0, 719), (1279, 719))]
    assert all(20 < corner < 80 for corner in corners), "dark, but not the black of a screen without a window"
