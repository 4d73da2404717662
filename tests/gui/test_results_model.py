from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

from imgfind.core import Library
from imgfind.core.records import Listing, Section
from imgfind.gui.results_model import CardRole, PhotoIdRole, ResultsModel, ScoreRole, mime_data_of
from imgfind.gui.tasks import TaskRunner
from imgfind.gui.thumb_loader import ThumbLoader


def listing_of(*photo_ids: int, sections: tuple[Section, ...] = (), scores: list[float] | None = None) -> Listing:
    """Return a listing of some photos."""
    return Listing(
        np.array(photo_ids, np.int64), sections, np.array(scores, np.float32) if scores is not None else None
    )


@pytest.fixture
def model(runner: TaskRunner) -> ResultsModel:
    """Return an empty model."""
    return ResultsModel(ThumbLoader(runner))


@pytest.fixture
def all_photos(library_folder: Path) -> Iterator[Listing]:
    """Return a listing of the whole library."""
    with Library(library_folder) as library:
        yield library.photos.timeline()


def test_the_model_keeps_qts_rules(model: ResultsModel, qtmodeltester: Any) -> None:
    model.set_listing(listing_of(5, 3, 9))
    model.set_listing(listing_of(5, 3, 9, 4), keep=True)
    qtmodeltester.check(model)


def test_rows_are_made_from_the_columns_of_the_listing(model: ResultsModel) -> None:
    model.set_listing(listing_of(5, 3, 9, scores=[0.5, 0.25, 0.125]))
    assert model.rowCount() == 3
    assert model.rowCount(model.index(0)) == 0
    assert model.photo_id(1) == 3
    assert model.index(1).data(PhotoIdRole) == 3
    assert model.index(1).data(ScoreRole) == 0.25
    assert model.row_of(9) == 2
    assert model.row_of(77) is None
    assert model.photo_ids([range(1), range(2, 3)]) == [5, 9]
    assert model.rows_of([9, 3, 77]) == [range(1, 3)]
    assert model.rows_of([77]) == []


def test_a_listing_that_is_not_ranked_has_no_scores(model: ResultsModel) -> None:
    model.set_listing(listing_of(5))
    assert model.index(0).data(ScoreRole) is None


def test_a_million_rows_are_taken_as_they_are(model: ResultsModel) -> None:
    model.set_listing(Listing(np.arange(1_000_000)))
    assert model.rowCount() == 1_000_000
    assert model.row_of(999_999) == 999_999


def test_headings_say_what_stands_below(model: ResultsModel) -> None:
    keys = ("2021-05", "undated", "strong", "weaker")
    model.set_listing(listing_of(*range(9), sections=tuple(Section(key, 2 * at) for at, key in enumerate(keys))))
    titles = [model.section_title(number) for number in range(len(keys))]
    assert titles == ["May 2021", "No date", "", "Weaker matches"]


def test_headings_count_what_is_complete(model: ResultsModel) -> None:
    sections = (Section("strong", 0), Section("weaker", 2))
    model.set_listing(Listing(np.arange(6), sections))
    assert [model.section_count(0), model.section_count(1)] == [2, 4]
    model.set_listing(Listing(np.arange(6), sections, complete=False))
    assert [model.section_count(0), model.section_count(1)] == [2, None]


def test_cards_and_pixmaps_come_when_they_are_wanted(model: ResultsModel, all_photos: Listing, qtbot: Any) -> None:
    model.set_listing(all_photos)
    index = model.index(0)
    assert index.data(Qt.ItemDataRole.DecorationRole) is None
    assert index.data(CardRole) is None
    with qtbot.waitSignal(model.dataChanged) as changed:
        model.want([range(6)])
    assert [changed.args[0].row(), changed.args[1].row()] == [0, 5]
    card = index.data(CardRole)
    assert card.photo_id == model.photo_id(0)
    assert index.data() == Path(card.path).name
    assert index.data(Qt.ItemDataRole.ToolTipRole) == card.path
    assert not index.data(Qt.ItemDataRole.DecorationRole).isNull()


def test_selected_photos_travel_as_file_urls(model: ResultsModel, all_photos: Listing, qtbot: Any) -> None:
    model.set_listing(all_photos)
    with qtbot.waitSignal(model.dataChanged):
        model.want([range(6)])
    data = model.mimeData([model.index(0), model.index(2)])
    assert [url.toLocalFile() for url in data.urls()] == [model.index(row).data(CardRole).path for row in (0, 2)]
    assert model.mimeTypes() == ["text/uri-list"]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/a b/c#1.jpg", b"file:///a%20b/c%231.jpg"),
        ("/100%.jpg", b"file:///100%25.jpg"),
        ("/line\nbreak.jpg", b"file:///line%0Abreak.jpg"),
        ("/caf\udce9.jpg", b"file:///caf%E9.jpg"),
        ("/ä.jpg", b"file:///%C3%A4.jpg"),
    ],
)
def test_any_file_name_survives_the_way_to_another_program(path: str, uri: bytes) -> None:
    assert mime_data_of([path]).data("text/uri-list").data().strip() == uri


def test_more_of_the_same_listing_only_adds_rows(model: ResultsModel, qtbot: Any) -> None:
    model.set_listing(listing_of(5, 3))
    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.rowsInserted):
        model.set_listing(listing_of(5, 3, 9), keep=True)
    assert model.photo_id(2) == 9


def test_the_same_listing_again_resets_nothing(model: ResultsModel, qtbot: Any) -> None:
    model.set_listing(listing_of(5, 3))
    with qtbot.assertNotEmitted(model.modelReset), qtbot.assertNotEmitted(model.rowsInserted):
        model.set_listing(listing_of(5, 3, scores=[0.2, 0.1]), keep=True)
    assert model.score(0) == pytest.approx(0.2)


def test_other_headings_over_the_same_photos_are_a_change(model: ResultsModel, qtbot: Any) -> None:
    model.set_listing(listing_of(5, 3, sections=(Section("2021-05", 0),)))
    with qtbot.waitSignal(model.modelReset):
        model.set_listing(listing_of(5, 3, sections=(Section("2021-04", 0),)), keep=True)
