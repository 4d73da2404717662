"""A person's first hour with imgfind: the real program on a real screen, real photos, the built-in encoder."""

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtual_screen import VirtualScreen

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs an X server")

REPOSITORY = Path(__file__).parent.parent.parent
SCREENS = REPOSITORY / "demo" / "screens"
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
def screen(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> "Iterator[VirtualScreen]":
    monkeypatch.syspath_prepend(REPOSITORY / "packaging")
    from virtual_screen import missing_programs, virtual_screen

    if missing := missing_programs():
        pytest.skip(missing)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("QT_", "XDG_"))}
    with virtual_screen(environment=environment | {"IMGFIND_OFFLINE": "1", "XDG_RUNTIME_DIR": str(own_home)}) as made:
        yield made


def test_a_newcomer_finds_photos(screen: "VirtualScreen", photos: Path, tmp_path: Path, skimage_photos: Path) -> None:
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
    screen.wait_for(r"^cat - 7 photos")
    screen.shot(SCREENS / "typed.png")

    screen.keys("Down", "Home", "space")
    screen.wait_for(r"\.(png|jpg)")
    screen.shot(SCREENS / "viewer.png")
    screen.keys("Right", "Escape")
    screen.wait_for(r"^cat - 7 photos")

    screen.keys("ctrl+f", "Escape")
    screen.wait_for(r"All photos - 7 photos")
    screen.drag([skimage_photos / "coffee.png"], 640, 400)
    screen.wait_for(r"^image:coffee\.png - 7 photos")
    screen.shot(SCREENS / "dropped.png")

    screen.keys("Escape")
    screen.copy(screen.shot(tmp_path / "screenshot.png"))
    screen.keys("ctrl+v")
    screen.wait_for(r"^image:\w{32}\.png - 7 photos")
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
    assert second.wait(screen.LIMIT_S) == 0

    screen.keys("ctrl+q")
    assert window.wait(screen.LIMIT_S) == 0
    output, errors = window.communicate()
    assert (output, errors) == ("", "")
    with sqlite3.connect(library / "catalog.sqlite3") as catalogue:
        assert catalogue.execute("SELECT count(*) FROM photos").fetchone() == (7,)


FIRST, SECOND = (340, 200), (590, 200)
"""Two photos beside each other, in a window of its first size."""
ABOVE, UNDO, TARGET = (600, 62), (920, 67), (1180, 650)
"""A place over the photos that is none, the button of the message that will be there, and a place outside the grid."""


def test_the_mouse_does_it_too(screen: "VirtualScreen", photos: Path, tmp_path: Path, own_home: Path) -> None:
    library = tmp_path / "library"
    indexing = screen.start("-m", "imgfind", "index", "--library", str(library), str(photos))
    assert indexing.wait(screen.LIMIT_S) == 0
    window = screen.start("-m", "imgfind", "gui", "--library", str(library))
    screen.wait_for(r"All photos - 7 photos")

    screen.click(*FIRST)
    screen.keys("space")
    first = screen.wait_for(r"\.(png|jpg)").partition(" ")[0]
    screen.keys("Right")
    screen.wait_for(rf"^(?!{first}).*\.(png|jpg)")
    screen.keys("Escape")
    screen.wait_for(r"All photos - 7 photos")

    screen.click(*FIRST, button=3)
    screen.keys("Down", "Down", "Down", "Down", "Return")
    screen.wait_for(rf"^image:{first} - ")
    screen.keys("Escape")
    screen.wait_for(r"All photos - 7 photos")

    assert screen.drag_out(FIRST, TARGET) == [(photos / "Meine Fotos ☀" / first).as_uri()]

    screen.sweep(ABOVE, FIRST)
    screen.keys("Delete")
    screen.wait_for(r"All photos - 5 photos")
    screen.shot(SCREENS / "removed.png")
    screen.click(*UNDO)
    screen.wait_for(r"All photos - 7 photos")

    screen.xdotool("mousemove", *map(str, SECOND), "keydown", "ctrl", "click", "4", "keyup", "ctrl")
    screen.shot(SCREENS / "larger.png")
    screen.keys("ctrl+q")
    assert window.wait(screen.LIMIT_S) == 0
    assert window.communicate() == ("", "")
    assert list((own_home / ".local/share/Trash/files").iterdir()) == []
    assert "thumb_px=192" not in (own_home / ".config/imgfind/window.ini").read_text()


def test_copies_are_found_looked_at_and_removed(
    screen: "VirtualScreen", photos: Path, tmp_path: Path, own_home: Path
) -> None:
    folder = photos / "Meine Fotos ☀"
    for name in ("coffee.png", "chelsea.png"):
        with Image.open(folder / name) as picture:
            picture.convert("RGB").save(folder / f"copy of {name}.jpg", quality=85)
    library = tmp_path / "library"
    indexing = screen.start("-m", "imgfind", "index", "--library", str(library), str(photos))
    assert indexing.wait(screen.LIMIT_S) == 0
    window = screen.start("-m", "imgfind", "gui", "--library", str(library))
    screen.wait_for(r"All photos - 9 photos")

    screen.keys("ctrl+3")
    screen.wait_for(r"Duplicates - 2 groups")
    screen.shot(SCREENS / "duplicates-found.png")
    screen.keys("Right", "space")
    screen.rest()
    screen.shot(SCREENS / "duplicates-compared.png")
    screen.keys("Right", "k", "Left", "x", "Escape", "Delete")
    screen.wait_for("^Move to the trash")
    screen.confirm("^Move to the trash")
    screen.wait_for(r"Duplicates - 1 group\b")
    assert len(list((own_home / ".local/share/Trash/files").iterdir())) == 1
    screen.shot(SCREENS / "duplicates-removed.png")
    screen.keys("ctrl+z")
    screen.wait_for(r"Duplicates - 2 groups")
    assert list((own_home / ".local/share/Trash/files").iterdir()) == []

    screen.keys("ctrl+q")
    assert window.wait(screen.LIMIT_S) == 0
    assert window.communicate() == ("", "")
    with sqlite3.connect(library / "catalog.sqlite3") as catalogue:
        assert catalogue.execute("SELECT count(*) FROM choices").fetchone() == (1,)
        assert catalogue.execute("SELECT value FROM settings WHERE name = 'duplicate_groups'").fetchone() == ("2",)
