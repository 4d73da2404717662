"""Takes pictures of the window: the real program on a virtual screen, in all its states and looks.

    make screenshots                                     all of it, and those that README.md shows
    .venv/bin/python packaging/screenshots.py --looks light --scenes viewer problems

They go to ``demo/screens/LOOK/SCENE.png``, and those of the README to ``docs/``. The libraries are made once, in
``demo/screenshots/``; 10,000 photos take some minutes. Needs Xvfb and xdotool; nothing is downloaded.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image
from sample_libraries import GROWING, LIBRARIES, Home, provide
from virtual_screen import VirtualScreen, missing_programs, virtual_screen

ROOT = Path(__file__).resolve().parent.parent
SCREENS = ROOT / "demo" / "screens"
HOME = Home(ROOT / "demo" / "screenshots")
DOCS = ROOT / "docs"
_BEGINNING_LOOKS = 8
"""While the screen looks the same, the window looks for new photos: two seconds after its start that is over."""
README_LIMIT_BYTES = 250_000
"""For each picture in the README; all of them together should load at once."""
_JPEG_QUALITY = 85
_CRASHED = "imgfind has a bug"
_OFFERED = ("test-data",)
"""The libraries for which the standard model is offered."""


@dataclass(frozen=True, slots=True)
class Look:
    """How the window looks on one kind of screen."""

    theme: str
    scale: int = 1
    size: tuple[int, int] = (1280, 720)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in front of the window; places are in logical pixels."""

    screen: VirtualScreen
    scale: int

    def keys(self, *names: str) -> None:
        """Press keys, one after the other."""
        self.screen.keys(*names)

    def search(self, query: str, title: str = "") -> None:
        """Type a query and wait until the window's title tells of the answer: by default what was typed."""
        self.screen.keys("ctrl+f")
        self.screen.type(query)
        self.screen.wait_for(title or f"^{re.escape(query)} - ")

    def click(self, x: int, y: int, button: int = 1) -> None:
        """Click at a place of the window."""
        self.screen.click(x * self.scale, y * self.scale, button)

    def wait_for(self, title: str) -> None:
        """Wait for a window of this title."""
        self.screen.wait_for(title)


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture: what somebody does in the window of a library to see it, from all photos on."""

    name: str
    library: str
    act: Callable[[Person], object]
    dialog: str = ""
    """The title of the window that is open in the end, where there is one."""
    after: Sequence[str] = ("Escape", "Escape")
    """The keys that leave it."""


LOOKS = {
    "light": Look("light"),
    "dark": Look("dark"),
    "light-2x": Look("light", 2, (2560, 1440)),
    "dark-2x": Look("dark", 2, (2560, 1440)),
    "light-wide": Look("light", 1, (2560, 1440)),
    "dark-wide": Look("dark", 1, (2560, 1440)),
}
README_LOOK = Look("light", 1, (1280, 800))
README = {
    "window": ("light", "chosen"),
    "window-search": ("light", "chips"),
    "window-dark": ("dark", "viewer"),
    "window-duplicates": ("light", "duplicates-marked"),
}
"""Name in ``docs/`` -> theme and scene."""


def _nothing(_: Person) -> None:
    """Look at what is there."""


def _choose_first(person: Person) -> None:
    person.keys("ctrl+f", "Down", "Home")


def _settings(page: int) -> Callable[[Person], None]:
    def act(person: Person) -> None:
        person.keys("ctrl+comma")
        person.wait_for("^Settings")
        person.keys(*["Home"], *["Down"] * page)

    return act


def _chips(person: Person) -> None:
    picture = HOME.pictures / "People" / "astronaut.png"
    person.search(f'image:"{picture}" - writing date:2025', "date:2025")
    person.keys("Return")
    person.search("a smiling woman", "a smiling woman")
    person.keys("Down", "Home")


def _region(person: Person) -> None:
    picture = HOME.pictures / "People" / "astronaut.png"
    person.search(f'image:"{picture}"', "image:astronaut.png - ")
    person.keys("Return", "Home", "Left", "Return", *["Down"] * 5, "Return")


def _viewer(person: Person) -> None:
    _choose_first(person)
    person.keys("Right", "Right", "space")
    person.wait_for(r"\.(png|jpg)")


def _trash(person: Person) -> None:
    _choose_first(person)
    person.keys("Right", "Delete")


def _duplicates(person: Person) -> None:
    person.keys("ctrl+3")
    person.wait_for(r"Duplicates - \d+ groups")


def _marked(person: Person) -> None:
    _duplicates(person)
    person.keys("r")
    person.wait_for("^Mark by rule")
    person.screen.confirm("^Mark by rule")
    person.wait_for("Duplicates")


def _removal(person: Person) -> None:
    _marked(person)
    person.keys("Delete")
    person.wait_for("^Move to the trash")
    person.screen.confirm("^Move to the trash")
    person.wait_for("Duplicates")


def _decided(person: Person) -> None:
    _duplicates(person)
    person.keys("Right", "k", "Right", "n")
    person.screen.rest()
    person.keys("d")


SCENES = [
    Scene("first-launch", "empty", _nothing),
    Scene("empty-favourites", "empty", lambda person: person.keys("ctrl+2")),
    Scene("empty-problems", "empty", lambda person: person.keys("ctrl+4")),
    Scene("all-photos", "some", _nothing),
    Scene("chosen", "some", _choose_first),
    Scene("many-chosen", "some", lambda person: (_choose_first(person), person.keys("shift+End"))),
    Scene("search", "some", lambda person: person.search("an animal")),
    Scene("chips", "some", _chips),
    Scene("chip-menu", "some", lambda person: (_chips(person), person.keys("ctrl+f", "Home", "Left", "Return"))),
    Scene("region", "some", _region, dialog="Search by a part"),
    Scene("bad-query", "some", lambda person: person.keys("ctrl+f", "a", "space", "plus", "space", "plus", "Return")),
    Scene("nothing-found", "some", lambda person: person.search("moon camera:leica", "leica")),
    Scene("viewer", "some", _viewer),
    Scene("viewer-zoomed", "some", lambda person: (_viewer(person), person.keys("plus", "plus", "plus"))),
    Scene("favourites", "some", lambda person: person.keys("ctrl+2")),
    Scene("no-duplicates", "empty", lambda person: person.keys("ctrl+3")),
    Scene("duplicates", "copies", _duplicates),
    Scene("duplicates-rule", "copies", lambda person: (_duplicates(person), person.keys("r")), dialog="Mark by rule"),
    Scene("duplicates-menu", "copies", lambda person: (_duplicates(person), person.click(400, 260, 3))),
    Scene("duplicates-marked", "copies", _marked, after=["u"]),
    Scene("compare", "copies", lambda person: (_duplicates(person), person.keys("Right", "Right", "space"))),
    Scene("compare-difference", "copies", lambda person: (_duplicates(person), person.keys("Right", "space", "3"))),
    Scene(
        "compare-zoomed", "copies", lambda person: (_duplicates(person), person.keys("Right", "space", *["plus"] * 3))
    ),
    Scene("decided", "copies", _decided, dialog="Decided", after=["Escape", "ctrl+z", "ctrl+z"]),
    Scene("duplicates-removed", "copies", _removal, after=["ctrl+z"]),
    Scene("problems", "some", lambda person: person.keys("ctrl+4")),
    Scene("offline", "some", lambda person: (person.search("is:offline"), person.keys("Down", "Home"))),
    Scene("context-menu", "some", lambda person: (_choose_first(person), person.click(400, 220, 3))),
    Scene("main-menu", "some", lambda person: person.keys("F10")),
    Scene("save-search", "some", lambda person: (person.search("coffee"), person.keys("ctrl+s")), dialog="Save"),
    *(Scene(f"settings-{page}", "some", _settings(page), dialog="Settings") for page in range(5)),
    Scene("shortcuts", "some", lambda person: person.keys("F1"), dialog="Keyboard"),
    Scene("about", "some", lambda person: person.keys("F10", "Up", "Up", "Return"), dialog="About"),
    Scene("trashed", "some", _trash, after=["ctrl+z"]),
    Scene("facts", "test-data", lambda person: (person.search("camera:canon"), person.keys("Down", "Home"))),
    Scene("narrow-search", "test-data", lambda person: person.search("a hat")),
    Scene("many", "many", _nothing),
    Scene("many-scrolled", "many", lambda person: (_choose_first(person), person.keys(*["Next"] * 12))),
    Scene("many-search", "many", lambda person: person.search("a cup of coffee")),
    Scene("indexing", GROWING, lambda person: person.wait_for(r"All photos - \d,?\d+ photos")),
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the pictures; exit 1 with a sentence where that is impossible."""
    parser = argparse.ArgumentParser(description="Take pictures of the window in all its states.")
    names = [scene.name for scene in SCENES]
    parser.add_argument("--looks", nargs="+", choices=LOOKS, default=list(LOOKS), metavar="LOOK")
    parser.add_argument("--scenes", nargs="+", choices=names, default=names, metavar="SCENE")
    parser.add_argument("--readme", action="store_true", help="only those that README.md shows")
    options = parser.parse_args(arguments)
    if missing_programs():
        sys.exit(f"screenshots: {missing_programs()}")
    if not options.readme:
        for look in options.looks:
            take(LOOKS[look], [scene for scene in SCENES if scene.name in options.scenes], SCREENS / look)
    if options.readme or (options.looks, options.scenes) == (list(LOOKS), names):
        take_for_readme()


def take_for_readme() -> None:
    """Take the pictures of README.md and write them into ``docs/``."""
    for name, (theme, wanted) in README.items():
        look = replace(README_LOOK, theme=theme)
        take(look, [scene for scene in SCENES if scene.name == wanted], SCREENS / "readme")
        file = DOCS / f"{name}.jpg"
        with Image.open(SCREENS / "readme" / f"{wanted}.png") as picture:
            picture.convert("RGB").save(file, quality=_JPEG_QUALITY, subsampling=0, optimize=True, progressive=True)
        if file.stat().st_size > README_LIMIT_BYTES:
            sys.exit(f"screenshots: {file} is larger than {README_LIMIT_BYTES} bytes")


def take(look: Look, scenes: Sequence[Scene], target: Path) -> None:
    """Take the pictures of some scenes in one look."""
    for library in LIBRARIES:
        shown = [scene for scene in scenes if scene.library == library]
        if shown:
            with _window(look, provide(HOME, library)) as person:
                for scene in shown:
                    _take(person, scene, target / f"{scene.name}.png")


def _take(person: Person, scene: Scene, file: Path) -> None:
    print(file)
    scene.act(person)
    if scene.dialog:
        person.wait_for(scene.dialog)
    person.screen.shot_at_rest(file)
    titles = person.screen.windows().values()
    if any(title.startswith(_CRASHED) for title in titles):
        sys.exit(f"screenshots: the window has a bug, to be seen in {file}")
    person.keys(*scene.after)
    person.wait_for("imgfind")
    person.keys("Escape", "Escape", "Escape", "ctrl+1")
    person.wait_for("All photos")


@contextmanager
def _window(look: Look, library: Path) -> Iterator[Person]:
    """Open the window of a library on a screen of its own; it fills it."""
    home = HOME.folder
    settings = home / ".config" / "imgfind" / "window.ini"
    settings.parent.mkdir(parents=True, exist_ok=True)
    dismissed = str(library.name not in _OFFERED).lower()
    settings.write_text(f"[look]\ntheme={look.theme}\n[offers]\nmodel_dismissed={dismissed}\n", "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("QT_", "XDG_"))}
    environment |= {"HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    if library.name not in _OFFERED:  # what could not be fetched is not offered
        environment["IMGFIND_OFFLINE"] = "1"
    environment |= {"QT_SCALE_FACTOR": str(look.scale)}
    width, height = map(str, look.size)
    with virtual_screen(f"{width}x{height}", environment) as screen:
        program = screen.start("-m", "imgfind", "gui", "--library", str(library))
        screen.wait_for("All photos")
        for number in screen.windows():
            screen.xdotool("windowsize", number, width, height)
        screen.rest(_BEGINNING_LOOKS)
        yield Person(screen, look.scale)
        screen.keys("ctrl+q")
        program.wait(screen.LIMIT_S)


if __name__ == "__main__":
    main()
