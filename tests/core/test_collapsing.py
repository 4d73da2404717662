"""Copies among ranked hits become one: which, at what place, what stands for them, and how many are left to be had."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from imgfind.core.collapsing import Known, as_columns, as_hits, collapsed, families
from imgfind.core.deduplicating import Decision
from imgfind.core.duplicates import VERDICT_VERSION
from imgfind.core.grouping import ContentPair
from imgfind.core.library import Library
from imgfind.core.query import parse
from imgfind.core.records import ContentId, Hit, Label, PhotoId, Verdict
from imgfind.core.store import Store, copies
from imgfind.core.store import duplicates as noted
from tests.catalogue import DIM, file_at, indexed
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint


def pairs(*ids: tuple[int, int]) -> list[ContentPair]:
    return [(ContentId(a), ContentId(b)) for a, b in ids]


def contents(*ids: int) -> list[ContentId]:
    return [ContentId(number) for number in ids]


def known(alike: list[ContentPair], apart: list[ContentPair] | None = None) -> Known:
    return Known(alike, apart or [])


def hit(number: int, score: float, *, content: int = 0, width: int = 400, offline: bool = False) -> Hit:
    shows = ContentId(content or number)
    return Hit(f"/p/{number}.jpg", score, PhotoId(number), shows, width, 300, offline=offline)


# Which hits come together


def test_photos_of_one_content_are_one_picture() -> None:
    assert families(contents(7, 8, 7, 9, 7), known([])) == [[0, 2, 4], [1], [3]]


def test_contents_that_are_alike_are_one_picture_also_by_way_of_others() -> None:
    assert families(contents(5, 2, 9, 4, 1), known(pairs((1, 2), (2, 9)))) == [[0], [1, 2, 4], [3]]


def test_what_the_user_keeps_apart_stays_two_however_it_hangs_together() -> None:
    assert families(contents(1, 2, 3), known(pairs((1, 2)), pairs((1, 2)))) == [[0], [1], [2]]
    assert families(contents(1, 2, 3), known(pairs((1, 2), (2, 3)), pairs((1, 3)))) == [[0, 1], [2]]
    assert families(contents(1, 2, 3, 4), known(pairs((1, 2), (3, 4), (2, 3)), pairs((1, 4)))) == [[0, 1, 2], [3]]


def test_identical_files_that_are_all_to_be_kept_are_shown_one_by_one() -> None:
    assert families(contents(1, 2, 1, 1), known(pairs((1, 2)), pairs((1, 1)))) == [[0, 1], [2], [3]]


def test_ten_thousand_copies_are_one_picture() -> None:
    chain = pairs(*((number, number + 1) for number in range(1, 1000)))
    assert len(families(contents(*range(1, 1001)), known(chain, pairs((5, 2000))))) == 1
    assert len(families([ContentId(1)] * 10_000, known([]))) == 1


# What stands for them


def test_the_largest_in_reach_stands_for_its_picture_where_the_best_one_ranks() -> None:
    ranked = [hit(1, 0.9), hit(2, 0.8, width=100), hit(3, 0.7), hit(4, 0.6, width=800), hit(5, 0.5, width=900)]
    away = [*ranked[:4], hit(5, 0.5, width=900, offline=True)]
    shown = as_hits(collapsed(away, known(pairs((2, 4), (4, 5)))))
    assert [found.photo_id for found in shown] == [1, 4, 3]
    assert shown[1].copies == ("/p/2.jpg", "/p/5.jpg")
    assert shown[1].score == 0.8, "the place and the score are those of the best of them"
    assert [found.photo_id for found in as_hits(collapsed(ranked, known(pairs((2, 4), (4, 5)))))] == [1, 5, 3]


def test_of_equals_the_first_stands_for_the_others() -> None:
    shown = as_hits(collapsed([hit(1, 0.9, content=1), hit(2, 0.9, content=1)], known([])))
    assert [(found.photo_id, found.copies) for found in shown] == [(1, ("/p/2.jpg",))]


def test_copies_are_columns_of_a_listing() -> None:
    made = as_columns(collapsed([hit(1, 0.9), hit(2, 0.8), hit(3, 0.7), hit(4, 0.6)], known(pairs((1, 4), (2, 3)))))
    assert made is not None
    assert made.offsets.tolist() == [0, 1, 2]
    assert made.photo_ids.tolist() == [4, 3]
    assert made.scores.tolist() == pytest.approx([0.6, 0.7])
    assert as_columns(collapsed([hit(1, 0.9)], known([]))) is None


# What the catalogue says


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a catalogue of five contents, 1 to 5."""
    with contextlib.closing(Store.create(tmp_path)) as made:
        root = made.add_root("/r", volume=None)
        model = made.add_model("m", fingerprint="f", encoder_version=1, dim=DIM)
        photos = [indexed(root, file_at(f"/r/{name}.jpg"), name) for name in "abcde"]
        made.save_batch(model, photos, [], decode_version=1)
        verdicts = {
            (1, 2): Label.RE_ENCODED,
            (1, 3): Label.EDITED,
            (2, 5): Label.SAME_PIXELS,
            (3, 4): None,
        }
        noted.save_verdicts(
            made.database,
            VERDICT_VERSION,
            {(ContentId(a), ContentId(b)): Verdict(label, 1.0) for (a, b), label in verdicts.items()},
        )
        yield made


def test_only_the_first_three_stages_between_the_contents_asked_for_are_copies(store: Store) -> None:
    assert sorted(copies.alike(store.database, VERDICT_VERSION, contents(5, 4, 3, 2, 1))) == pairs((1, 2), (2, 5))
    assert list(copies.alike(store.database, VERDICT_VERSION, contents(1, 3, 5))) == []
    assert copies.alike(store.database, VERDICT_VERSION + 1, contents(1, 2)) == {}, "of another version"
    assert sorted(copies.family(store.database, VERDICT_VERSION, ContentId(5))) == [1, 2, 5]


def test_copies_are_looked_up_by_index_from_both_sides(store: Store) -> None:
    def steps(sql: str, values: tuple[object, ...]) -> list[str]:
        plan = [row[3] for row in store.database.rows(f"EXPLAIN QUERY PLAN {sql}", values)]
        return [step for step in plan if "verdicts" in step or " v " in step]

    (step,) = steps(copies.ALIKE, ("[1, 2]", 3, VERDICT_VERSION))
    assert step.startswith("SEARCH v USING PRIMARY KEY (content_a=?")
    first, second = steps(copies.FAMILY, (1, 3, VERDICT_VERSION))
    assert first.startswith("SEARCH v USING PRIMARY KEY (content_a=?")
    assert second.startswith("SEARCH v USING INDEX verdicts_by_b (content_b=?")


# In a library


@pytest.fixture(scope="session")
def picture(skimage_photos: Path) -> Image.Image:
    with Image.open(skimage_photos / "astronaut.png") as image:
        return image.convert("RGB")


@pytest.fixture
def photos(tmp_path: Path, picture: Image.Image) -> Path:
    """Return a folder with a photo, its smaller copy, a file twice, and the photo in grey."""
    folder = tmp_path / "photos"
    paint(folder / "other.png", (0, 200, 0))
    picture.save(folder / "large.jpg", quality=92)
    picture.resize((300, 300)).save(folder / "small.jpg", quality=80)
    shutil.copyfile(folder / "small.jpg", folder / "twice.jpg")
    picture.convert("L").save(folder / "grey.jpg", quality=92)
    return folder


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Iterator[Library]:
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as made:
        made.index([str(photos)])
        made.duplicates.update()
        yield made


def names(hits: list[Hit]) -> list[str]:
    return [os.path.basename(found.path) for found in hits]


def copies_of(library: Library, photos: Path, name: str) -> list[str]:
    (found,) = library.photos.ids_of_paths([str(photos / name)])
    return [os.path.basename(path) for path in library.photos.near_copies(found)]


def test_a_search_shows_a_picture_once_and_names_its_copies(library: Library) -> None:
    hits = library.search("red", 10)
    assert sorted(names(hits)) == ["grey.jpg", "large.jpg", "other.png"]
    large = next(found for found in hits if found.path.endswith("large.jpg"))
    assert sorted(map(os.path.basename, large.copies)) == ["small.jpg", "twice.jpg"]
    assert [found.copies for found in hits if found is not large] == [(), ()]


def test_all_copies_are_hits_on_demand(library: Library, photos: Path) -> None:
    assert len(library.search("red", 10, copies=True)) == 5
    assert len(library.similar(str(photos / "large.jpg"), 10, copies=True)) == 4
    assert len(library.find(parse("red"), 10, copies=True).photo_ids) == 5


def test_as_many_pictures_come_as_were_asked_for(library: Library, photos: Path) -> None:
    for number in range(60):
        shutil.copyfile(photos / "small.jpg", photos / f"copy {number}.jpg")
    library.index()
    everything = library.search("red", 10)
    assert len(everything) == 3
    for k in (1, 2, 3):
        assert names(library.search("red", k)) == names(everything)[:k]


def test_similar_leaves_out_the_file_and_puts_its_copies_together(library: Library, photos: Path) -> None:
    assert names(library.similar(str(photos / "large.jpg"), 2)) == ["small.jpg", "grey.jpg"]


def test_a_listing_holds_the_copies_of_its_rows_and_knows_whether_there_are_more(library: Library) -> None:
    whole = library.find(parse("red"), 3)
    assert whole.complete
    assert whole.copies is not None
    assert len(whole.photo_ids) == 3
    assert len(whole.copies.offsets) == 4
    assert len(whole.copies.photo_ids) == 2
    assert not library.find(parse("red"), 2).complete


def test_what_is_listed_by_date_is_whole(library: Library) -> None:
    assert len(library.photos.timeline().photo_ids) == 5
    assert len(library.find(parse("type:jpeg"), 10).photo_ids) == 4
    assert len(library.search("type:jpeg", 10)) == 4


def test_a_copy_that_a_filter_leaves_out_is_none_of_the_hit(library: Library) -> None:
    (found,) = library.search("red width:<400 type:jpeg", 10)
    assert names([found]) == ["small.jpg"]
    assert [os.path.basename(path) for path in found.copies] == ["twice.jpg"]


@pytest.mark.parametrize("decision", ["different", "keep"])
def test_what_was_decided_to_stay_apart_is_shown_apart(library: Library, photos: Path, decision: Decision) -> None:
    large, small, twice = library.photos.ids_of_paths(
        [str(photos / f"{name}.jpg") for name in ("large", "small", "twice")]
    )
    decided = library.duplicates.decide(decision, [large], [small])
    assert sorted(names(library.search("red", 10))) == ["grey.jpg", "large.jpg", "other.png", "small.jpg"]
    assert copies_of(library, photos, "large.jpg") == []
    both = library.duplicates.decide(decision, [small, twice])
    assert len(library.search("red", 10)) == 5
    library.duplicates.undecide([*decided, *both])
    assert len(library.search("red", 10)) == 3


def test_a_photo_tells_its_copies_of_other_bytes(library: Library, photos: Path) -> None:
    assert copies_of(library, photos, "large.jpg") == ["small.jpg", "twice.jpg"]
    assert copies_of(library, photos, "twice.jpg") == ["large.jpg"]
    assert copies_of(library, photos, "grey.jpg") == []
