"""From a query to a listing: the newest wins, more on demand, again when the library has changed."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from imgfind.core import Library
from imgfind.core.query import parse
from imgfind.gui import finder as finder_module
from imgfind.gui.finder import Finder
from imgfind.gui.tasks import TaskRunner
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint


def test_no_query_lists_all_photos(qtbot: QtBot, runner: TaskRunner) -> None:
    finder = Finder(runner)
    with qtbot.waitSignal(finder.found) as found:
        finder.find(None)
    query, listing, keep = found.args
    assert query is None
    assert len(listing.photo_ids) == 6
    assert listing.scores is None
    assert not keep


def test_words_rank_the_photos(qtbot: QtBot, runner: TaskRunner, library_folder: Path) -> None:
    finder = Finder(runner)
    with qtbot.waitSignal(finder.found) as found:
        finder.find(parse("red"))
    listing = found.args[1]
    with Library(library_folder, load_encoder=FakeEncoder) as library:
        best = library.photos.paths([int(listing.photo_ids[0])])
    assert Path(best[0]).name == "red.png"
    assert listing.scores is not None


def test_of_fifty_queries_typed_at_once_only_the_last_is_answered(qtbot: QtBot, runner: TaskRunner) -> None:
    finder = Finder(runner)
    answered: list[object] = []
    finder.found.connect(lambda query, _listing, _keep: answered.append(query))
    queries = [parse(f"red {number}") for number in range(50)]
    for query in queries:
        finder.find(query)
    qtbot.waitUntil(lambda: bool(answered) and answered[-1] == queries[-1])
    assert len(answered) <= 2  # the first may have been running already
    assert finder.query == queries[-1]


def test_more_hits_keep_those_that_are_shown(qtbot: QtBot, runner: TaskRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finder_module, "FIRST_HITS", 2)
    finder = Finder(runner)
    with qtbot.waitSignal(finder.found) as first:
        finder.find(parse("blue"))
    with qtbot.waitSignal(finder.found) as second:
        finder.more()
    few, many = first.args[1], second.args[1]
    assert len(few.photo_ids) == 2
    assert not few.complete
    assert len(many.photo_ids) == 6
    assert many.photo_ids[:2].tolist() == few.photo_ids.tolist()
    assert second.args[2]


def test_new_photos_come_in_when_the_library_has_changed(
    qtbot: QtBot, runner: TaskRunner, photos: Path, library_folder: Path
) -> None:
    finder = Finder(runner)
    with qtbot.waitSignal(finder.found):
        finder.find(None)
    paint(photos / "more.png")
    with Library(library_folder, load_encoder=FakeEncoder) as library:
        library.index()
    with qtbot.waitSignal(finder.found) as found:
        finder.refresh()
    assert len(found.args[1].photo_ids) == 7
    assert found.args[2]


def test_a_query_that_cannot_be_answered_is_told(qtbot: QtBot, runner: TaskRunner) -> None:
    finder = Finder(runner)
    with qtbot.waitSignal(finder.failed) as failed:
        finder.find(parse("image:/nowhere/at/all.jpg"))
    assert "all.jpg" in failed.args[0]
