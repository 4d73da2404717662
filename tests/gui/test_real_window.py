"""A person's first hour with imgfind: the real program on a real screen, real photos, the built-in encoder."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gui.virtual_screen import LIMIT_S, VirtualScreen, virtual_screen

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs an X server")

SCREENS = Path(__file__).parent.parent.parent / "demo" / "screens"
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "camera.png", "motorcycle_left.png", "page.png")


@pytest.fixture
def photos(tmp_path: Path, skimage_photos: Path) -> Path:
    """Return a folder with some of scikit-image's photos and a file that is none, below a name that is not plain."""
    folder = tmp_path / "photos" / "Meine Fotos ☀"
    folder.mkdir(parents=True)
    for name in PHOTOS:
        (folder / name).write_bytes((skimage_photos / name).read_bytes())
    (folder / "broken.jpg").write_bytes(b"no picture at all")
    return folder.parent


@pytest.fixture
def screen(own_home: Path) -> Iterator[VirtualScreen]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("QT_", "XDG_"))}
    with virtual_screen(environment=environment | {"IMGFIND_OFFLINE": "1", "XDG_RUNTIME_DIR": str(own_home)}) as made:
        yield made


def test_a_newcomer_finds_photos(screen: VirtualScreen, photos: Path, tmp_path: Path, skimage_photos: Path) -> None:
    library = tmp_path / "library"
    window = screen.start("-m", "imgfind", "gui", "--library", str(library))
    screen.wait_for(r"All photos.*imgfind")
    screen.shot(SCREENS / "first-launch.png")

    screen.keys("ctrl+o")
    screen.wait_for("Add a folder")
    screen.type(str(photos))
    screen.confirm("Add a folder")
    screen.wait_for(r"All photos - 7 photos")
    screen.shot(SCREENS / "all-photos.png")

    screen.keys("ctrl+f")
    screen.type("cat")
    screen.wait_for(r"^cat - \d+ match")
    screen.shot(SCREENS / "typed.png")

    screen.keys("Down", "Home", "space")
    screen.wait_for(r"\.(png|jpg)")
    screen.shot(SCREENS / "viewer.png")
    screen.keys("Right", "Escape")
    screen.wait_for(r"^cat - \d+ match")

    screen.keys("ctrl+f", "Escape")
    screen.wait_for(r"All photos - 7 photos")
    screen.drag([skimage_photos / "coffee.png"], 640, 400)
    screen.wait_for(r"^image:coffee\.png - \d+ match")
    screen.shot(SCREENS / "dropped.png")

    screen.keys("Escape")
    screen.copy(screen.shot(tmp_path / "screenshot.png"))
    screen.keys("ctrl+v")
    screen.wait_for(r"^image:\w{32}\.png - \d+ match")
    screen.keys("ctrl+f")
    screen.type("rocket")
    screen.wait_for(r"^image:\w+\.png \+ rocket")
    screen.keys("Home", "Left", "minus")
    screen.wait_for(r"^- image:\w+\.png \+ rocket")
    screen.shot(SCREENS / "without-a-picture.png")

    screen.keys("ctrl+4")
    screen.wait_for("^Problems")
    screen.shot(SCREENS / "problems.png")

    second = screen.start("-m", "imgfind", "gui", "--library", str(library))
    assert second.wait(LIMIT_S) == 0

    screen.keys("ctrl+q")
    assert window.wait(LIMIT_S) == 0
    output, errors = window.communicate()
    assert (output, errors) == ("", "")
    with sqlite3.connect(library / "catalog.sqlite3") as catalogue:
        assert catalogue.execute("SELECT count(*) FROM photos").fetchone() == (7,)
