"""What a person waits for asks the catalogue for rows by an index, so that it takes no longer as the library grows."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imgfind.core.database import Database
from imgfind.core.library import Library
from imgfind.core.query import parse
from imgfind.core.records import PhotoId
from imgfind.core.store import Store
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

FEW = ("roots", "models", "settings", "CONSTANT")
"""What holds a handful of rows, however many photos there are; CONSTANT is a SELECT without a table."""

ASKED: dict[str, Callable[[Library, str, PhotoId], object]] = {
    "search": lambda library, _path, _photo: library.search("red"),
    "find": lambda library, _path, _photo: library.find(parse("red"), 10),
    "similar": lambda library, path, _photo: library.similar(path),
    "explain": lambda library, _path, photo: library.explain(parse("red"), photo),
    "show": lambda library, path, _photo: library.show(path),
    "pairs": lambda library, path, _photo: library.pairs(path),
    "cards": lambda library, _path, photo: library.photos.cards([photo]),
    "details": lambda library, _path, photo: library.photos.details(photo),
    "ids of paths": lambda library, path, _photo: library.photos.ids_of_paths([path]),
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of photos, indexed into a library that knows its own statistics."""
    folder = tmp_path / "photos"
    for number in range(30):
        paint(folder / f"{number}.png", (255, number, 0))
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as library:
        library.index([str(folder)])
    return folder


def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Sequence[object]]]:
    """Return the list to which every statement that is run from now on is added."""
    asked: list[tuple[str, Sequence[object]]] = []
    for name in ("rows", "one", "value"):
        original = getattr(Database, name)

        def noted(self: Database, sql: str, values: Sequence[object] = (), original: Any = original) -> Any:
            asked.append((sql, values))
            return original(self, sql, values)

        monkeypatch.setattr(Database, name, noted)
    return asked


def is_walk(step: str) -> bool:
    """Tell whether a step of a plan goes through all rows of a table, or all entries of an index."""
    # The one kind of virtual table there is, json_each, holds what was asked about.
    return step.startswith("SCAN") and "VIRTUAL TABLE" not in step and step.split()[1] not in FEW


@pytest.mark.parametrize("what", ASKED)
def test_no_table_is_walked_for_an_answer(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    path = str(photos / "7.png")
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as library:
        photo = library.photos.ids_of_paths([path])[0]
        asked = asked_for(monkeypatch)
        assert ASKED[what](library, path, photo) is not None
        monkeypatch.undo()
    statements = [(sql, values) for sql, values in asked if sql.lstrip().startswith(("SELECT", "WITH"))]
    assert statements
    with closing(Store.open(tmp_path / "library", readonly=True)) as store:
        for sql, values in statements:
            for *_, step in store.database.rows(f"EXPLAIN QUERY PLAN {sql}", values):
                assert not is_walk(step), f"{step}: {sql}"


def test_a_walk_would_be_noticed(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_for(monkeypatch)
    with closing(Store.open(tmp_path / "library", readonly=True)) as store:
        store.database.rows("SELECT photo_id FROM photos WHERE size_bytes = 1")
        ((sql, values),) = [(sql, values) for sql, values in asked if "size_bytes = 1" in sql]
        steps = [step for *_, step in store.database.rows(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any(is_walk(step) for step in steps)
