"""Lists by date, folder and mark: what stands where, what is counted, and that nothing walks the rows of all photos."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgfind.core import LibraryError
from imgfind.core.browsing import Counts, Folder
from imgfind.core.filters import DateFilter, NumberFilter, WordFilter
from imgfind.core.library import Library
from imgfind.core.records import FileProblem, Listing
from imgfind.core.store import Store, listing
from imgfind.core.store.conditions import condition
from tests.catalogue import DIM, file_at, hash_of, indexed
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint
from tests.released import as_of_schema

TAKEN = {
    "/p/2020/a.jpg": "2020-05-01T10:00:00",
    "/p/2020/b.jpg": "2020-05-31T23:59:59+02:00",
    "/p/2021/may/c.jpg": "2021-05-06",
    "/p/2021/may/d.jpg": "2021-05-06T07:08:09",
    "/p/e.jpg": "2019-12-31T00:00:00",
    "/p/new.jpg": None,
    "/q/f.jpg": "2021-01-01T00:00:00",
}


def fill(folder: Path, labels: dict[str, str], taken: dict[str, str | None], *, offline: str = "-") -> None:
    """Make a catalogue of photos given as path -> content, in the roots they begin with."""
    with closing(Store.create(folder)) as store:
        model = store.add_model("m", fingerprint="f", encoder_version=1, dim=DIM)
        roots = {root: store.add_root(root, volume=None) for root in sorted({f"/{p.split('/')[1]}" for p in labels})}
        photos = [indexed(roots[f"/{path.split('/')[1]}"], file_at(path), label) for path, label in labels.items()]
        store.save_batch(model, photos, [], decode_version=1)
        for path, moment in taken.items():
            store.database.execute("UPDATE photos SET taken_at = ? WHERE path = ?", (moment, os.fsencode(path)))
            is_offline = int(path.startswith(offline))
            store.database.execute("UPDATE photos SET offline = ? WHERE path = ?", (is_offline, os.fsencode(path)))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Return a library of photos that are all different, one root of which is away."""
    (tmp_path / "library").mkdir()
    fill(tmp_path / "library", {path: path for path in TAKEN}, TAKEN, offline="/q")
    with Library(tmp_path / "library") as library:
        yield library


@pytest.fixture
def nothing(tmp_path: Path) -> Iterator[Library]:
    """Return a library that does not exist."""
    with Library(tmp_path / "none") as library:
        yield library


def names(library: Library, found: Listing) -> list[str]:
    return [os.path.basename(path) for path in library.photos.paths(found.photo_ids.tolist())]


def ids(library: Library, *paths: str) -> list[int]:
    return [int(photo_id) for photo_id in library.photos.ids_of_paths(paths)]


def test_all_photos_come_newest_first_by_month_and_those_without_a_date_last(library: Library) -> None:
    found = library.photos.timeline()
    assert names(library, found) == ["d.jpg", "c.jpg", "f.jpg", "b.jpg", "a.jpg", "e.jpg", "new.jpg"]
    expected = [("2021-05", 0), ("2021-01", 2), ("2020-05", 3), ("2019-12", 5), ("undated", 6)]
    assert [tuple(section) for section in found.sections] == expected
    assert found.photo_ids.dtype == np.int64
    assert found.scores is None
    assert found.complete


def test_months_count_what_the_timeline_lists(library: Library) -> None:
    assert library.photos.months() == [("2021-05", 2), ("2021-01", 1), ("2020-05", 2), ("2019-12", 1), ("undated", 1)]
    library.photos.set_hidden(ids(library, "/p/2020/a.jpg", "/p/e.jpg", "/p/new.jpg"), on=True)
    assert library.photos.months() == [("2021-05", 2), ("2021-01", 1), ("2020-05", 1)]
    assert [section.key for section in library.photos.timeline().sections] == ["2021-05", "2021-01", "2020-05"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([DateFilter("2020-05", "2020-05")], ["b.jpg", "a.jpg"]),
        ([WordFilter("in", "/p/2021")], ["d.jpg", "c.jpg"]),
        ([WordFilter("in", "/p"), DateFilter(None, "2020")], ["b.jpg", "a.jpg", "e.jpg"]),
        ([WordFilter("is", "offline")], ["f.jpg"]),
        ([WordFilter("camera", "OF /P/E")], ["e.jpg"]),
        ([WordFilter("camera", "of /p", excluded=True)], ["f.jpg"]),
        ([NumberFilter("width", 641, None)], []),
        ([WordFilter("is", "favourite")], []),
    ],
)
def test_a_timeline_keeps_to_its_filters(library: Library, filters: list[WordFilter], expected: list[str]) -> None:
    assert names(library, library.photos.timeline(filters)) == expected


def test_a_folder_lists_the_folders_in_it_that_hold_photos(library: Library) -> None:
    assert library.photos.subfolders("/") == [
        Folder("/p", "p", 6, 0, has_subfolders=True),
        Folder("/q", "q", 1, 1, has_subfolders=False),
    ]
    assert library.photos.subfolders("/p") == [
        Folder("/p/2020", "2020", 2, 0, has_subfolders=False),
        Folder("/p/2021", "2021", 2, 0, has_subfolders=True),
    ]
    assert library.photos.subfolders("/p/2021") == [Folder("/p/2021/may", "may", 2, 0, has_subfolders=False)]
    assert library.photos.subfolders("/p/2021/may") == library.photos.subfolders("/elsewhere") == []


def test_a_folder_does_not_count_what_is_hidden(library: Library) -> None:
    library.photos.set_hidden(ids(library, "/p/2020/a.jpg", "/q/f.jpg"), on=True)
    assert library.photos.subfolders("/") == [Folder("/p", "p", 5, 0, has_subfolders=True)]
    assert library.photos.subfolders("/p")[0] == Folder("/p/2020", "2020", 1, 0, has_subfolders=False)


NAMES = st.lists(
    st.sampled_from(["a", "a b", "a.", "A", "ä", "z\udcff", "line\nbreak", "%_", "a-"]), min_size=1, max_size=4
)


@settings(max_examples=30, deadline=None)  # each makes a catalogue on the disk
@given(st.sets(NAMES.map(tuple), max_size=12))
def test_folders_agree_with_walking_all_paths(
    tmp_path_factory: pytest.TempPathFactory, trees: set[tuple[str, ...]]
) -> None:
    photos = ["/".join(("/p", *tree)) + "/x.jpg" for tree in trees] + ["/p/direct.jpg", "/p/zz.jpg"]
    folder = tmp_path_factory.mktemp("library")
    fill(folder, {path: ascii(path) for path in photos}, {})
    with Library(folder) as library:
        open_folders = ["/p"]
        while open_folders:
            at = open_folders.pop()
            expected: dict[bytes, list[str]] = {}
            for path in photos:
                if path.startswith(at + "/") and "/" in path[len(at) + 1 :]:
                    expected.setdefault(os.fsencode(path[len(at) + 1 :].split("/")[0]), []).append(path)
            found = library.photos.subfolders(at)
            assert {os.fsencode(item.name): item.photos for item in found} == {
                name: len(below) for name, below in expected.items()
            }
            assert len(found) == len(expected)
            for item in found:
                assert item.path == f"{at}/{item.name}"
                below = expected[os.fsencode(item.name)]
                assert item.has_subfolders == any("/" in path[len(item.path) + 1 :] for path in below)
            open_folders += [item.path for item in found]


def test_folders_are_sorted_as_people_sort(tmp_path: Path) -> None:
    photos = [f"/p/{name}/x.jpg" for name in ("b", "C", "a b", "A", "Ä")]
    fill(tmp_path, {path: path for path in photos}, {})
    with Library(tmp_path) as library:
        assert [folder.name for folder in library.photos.subfolders("/p")] == ["A", "a b", "Ä", "b", "C"]


def test_everything_is_counted_and_hidden_photos_apart(library: Library) -> None:
    with closing(Store.open(library.folder, readonly=False)) as store:
        root = store.roots()[0].root_id
        problem = FileProblem("/p/bad.jpg", "broken")
        store.save_batch(store.add_model("m", fingerprint="f", encoder_version=1, dim=DIM), [], [
            (root, file_at(problem.path), problem)
        ], decode_version=1)  # fmt: skip
    library.photos.set_favourite(ids(library, "/p/e.jpg", "/p/2020/a.jpg"), on=True)
    assert library.photos.counts() == Counts(photos=7, offline=1, problems=1, favourites=2, roots=2)
    library.photos.set_hidden(ids(library, "/p/e.jpg", "/q/f.jpg"), on=True)
    assert library.photos.counts() == Counts(photos=5, offline=0, problems=1, favourites=1, hidden=2, roots=2)
    assert len(library.photos.timeline().photo_ids) == library.photos.counts().photos


def test_cards_come_in_the_order_asked_for_without_those_that_are_gone(library: Library) -> None:
    first, second = ids(library, "/q/f.jpg", "/p/2021/may/c.jpg")
    library.photos.set_favourite([second], on=True)
    cards = library.photos.cards([second, 999, first])
    assert [card.path for card in cards] == ["/p/2021/may/c.jpg", "/q/f.jpg"]
    assert cards[0].photo_id == second
    assert (cards[0].content_hash, cards[0].width_px, cards[0].height_px) == (hash_of(cards[0].path), 640, 480)
    assert [(card.taken_at, card.offline, card.favourite) for card in cards] == [
        ("2021-05-06", False, True),
        ("2021-01-01T00:00:00", True, False),
    ]


def test_thousands_of_ids_may_be_asked_for_as_an_array(library: Library) -> None:
    every = library.photos.timeline().photo_ids
    assert len(library.photos.cards(np.tile(every, 300))) == 300 * len(every)
    assert library.photos.cards([]) == library.photos.paths([]) == library.photos.ids_of_paths([]) == []


def test_details_are_those_of_the_path(library: Library) -> None:
    photo_id = ids(library, "/p/e.jpg")[0]
    library.photos.set_favourite([photo_id], on=True)
    details = library.photos.details(photo_id)
    assert details is not None
    assert details == library.show("/p/e.jpg")
    assert (details.path, details.favourite, details.hidden) == ("/p/e.jpg", True, False)
    assert library.photos.details(999) is None


def test_paths_that_are_no_text_are_found_again(tmp_path: Path) -> None:
    odd = ["/p/\udcff/new\nline.jpg", "/p/ä.jpg"]
    fill(tmp_path, {path: ascii(path) for path in odd}, {})
    with Library(tmp_path) as library:
        assert library.photos.paths(library.photos.ids_of_paths([*odd, "/p/none.jpg"])) == odd


def test_a_library_that_does_not_exist_has_nothing_and_is_not_made(nothing: Library) -> None:
    photos = nothing.photos
    photos.prepare()
    for found in (photos.timeline(), photos.timeline([WordFilter("is", "hidden")])):
        assert len(found.photo_ids) == 0
        assert found.sections == ()
    assert photos.months() == photos.subfolders("/") == photos.saved_searches() == photos.excludes() == []
    assert photos.cards([1]) == photos.paths([1]) == photos.ids_of_paths(["/p"]) == []
    assert photos.details(1) is None
    assert photos.revision() is None
    assert photos.counts() == Counts()
    assert not nothing.folder.exists()


def test_an_empty_library_has_nothing_either(nothing: Library) -> None:
    nothing.photos.set_excludes(["*.tmp"])
    assert len(nothing.photos.timeline().photo_ids) == 0
    assert nothing.photos.months() == []
    assert nothing.photos.counts() == Counts()


def test_the_revision_changes_with_every_change_and_with_nothing_else(library: Library) -> None:
    seen = [library.photos.revision()]
    library.photos.timeline()
    assert library.photos.revision() == seen[0]
    library.photos.set_favourite([1], on=True)
    seen.append(library.photos.revision())
    with closing(Store.open(library.folder, readonly=False)) as store:
        store.set_setting("a", "b")
    seen.append(library.photos.revision())
    library.close()
    seen.append(library.photos.revision())
    assert len(set(seen)) == 4


def test_a_library_of_an_earlier_release_is_brought_up_to_date_first(tmp_path: Path) -> None:
    paint(tmp_path / "photos" / "a.png", (255, 0, 0))
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as library:
        library.index([str(tmp_path / "photos")])
    with Library(as_of_schema(tmp_path / "library", 2)) as library:
        with pytest.raises(LibraryError, match="from an older imgfind"):
            library.photos.timeline()
        library.photos.prepare()
        assert names(library, library.photos.timeline()) == ["a.png"]
    with Library(as_of_schema(tmp_path / "library", 2)) as library:
        library.photos.set_favourite([1], on=True)
        assert [card.favourite for card in library.photos.cards([1])] == [True]


def plans(library: Library, *statements: tuple[str, Sequence[object]]) -> list[str]:
    with closing(Store.open(library.folder, readonly=True)) as store:
        return [
            row[3] for sql, values in statements for row in store.database.rows(f"EXPLAIN QUERY PLAN {sql}", values)
        ]


@pytest.mark.parametrize("ask", ["timeline", "months", "counts", "subfolders"])
def test_what_is_asked_for_at_every_change_reads_no_row_of_all_photos(
    library: Library, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    asked: list[tuple[str, Sequence[object]]] = []
    with closing(Store.open(library.folder, readonly=True)) as store:
        rows = store.database.rows

        def noted(sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
            asked.append((sql, values))
            return rows(sql, values)

        monkeypatch.setattr(store.database, "rows", noted)
        getattr(listing, ask)(store.database, *(["/"] if ask == "subfolders" else []))
    read = [step for step in plans(library, *asked) if "TEMP B-TREE" in step or step.startswith(("SCAN", "SEARCH"))]
    assert read
    for step in read:
        is_whole_walk = step.startswith("SCAN") and "COVERING INDEX" not in step
        assert not is_whole_walk or step in ("SCAN months", "SCAN CONSTANT ROW"), step
        assert ask != "timeline" or "TEMP B-TREE" not in step, step


def test_marked_photos_are_found_by_their_index_and_not_among_all(library: Library) -> None:
    for state in ("favourite", "hidden"):
        where, values = condition([WordFilter("is", state)])
        steps = plans(library, (f"SELECT p.photo_id FROM photos AS p WHERE {where}", values))
        assert not [step for step in steps if step.startswith("SCAN")]


def test_a_library_that_is_deleted_is_not_read_on(library: Library) -> None:
    assert len(library.photos.timeline().photo_ids)
    shutil.rmtree(library.folder)
    assert len(library.photos.timeline().photo_ids) == 0
    with pytest.raises(LibraryError):
        library.roots()


def test_a_library_that_takes_the_place_of_another_is_read(library: Library, tmp_path: Path) -> None:
    before = library.photos.revision(), len(library.photos.timeline().photo_ids)
    with Library(tmp_path / "other", load_encoder=FakeEncoder) as other:
        other.index([str(paint(tmp_path / "one" / "only.png").parent)])
    shutil.rmtree(library.folder)
    os.rename(tmp_path / "other", library.folder)
    assert len(library.photos.timeline().photo_ids) == 1
    assert library.photos.revision() != before[0]
