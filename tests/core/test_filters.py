"""Filters: what each value means, what is refused, and which photos of a real catalogue it leaves."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from imgfind.core import filters
from imgfind.core.filters import DateFilter, NumberFilter, WordFilter, parsed
from imgfind.core.records import Facts, ModelId
from imgfind.core.store import Store, date_photos, finding
from tests.catalogue import DIM, file_at, indexed

# Values


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2021", "2021", "2021"),
        ("2021-05", "2021-05", "2021-05"),
        ("2021-05-06", "2021-05-06", "2021-05-06"),
        ("=2021", "2021", "2021"),
        ("2021..2023-06", "2021", "2023-06"),
        ("2021 .. 2023-06", "2021", "2023-06"),
        ("..2019", None, "2019"),
        ("2019..", "2019", None),
        (">2021", "2022", None),
        (">2021-12", "2022-01", None),
        (">2021-02-28", "2021-03-01", None),
        (">= 2021", "2021", None),
        ("<2021", None, "2020"),
        ("<2021-01", None, "2020-12"),
        ("<2020-03-01", None, "2020-02-29"),
        ("<=2021", None, "2021"),
        ("2021-05..2021", "2021-05", "2021"),
    ],
)
def test_a_date_is_a_year_a_month_a_day_or_a_range(value: str, first: str | None, last: str | None) -> None:
    assert parsed("date", value) == DateFilter(first, last)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("yesterday", "as in 2021, 2021-05 or 2021-05-06"),
        ("21", "as in 2021"),
        ("2021-5", "as in 2021"),
        ("2021-13", "that exists"),
        ("2021-02-29", "that exists"),
        ("0000", "that exists"),
        ("2021-05-06T07", "as in 2021"),
        ("..", "a date is missing"),
        (">", "a date is missing"),
        ("2022..2021", "ends before it begins"),
        ("2021-06..2021-05-31", "ends before it begins"),
        ("2021..2022..2023", "as in 2021"),
        (">9999", "no date is before the year 1 or after the year 9999"),
        ("<0001-01-01", "no date is before"),
        ("<0001-01", "no date is before"),
        ("\u0662\u0660\u0662\u0661", "as in 2021"),
    ],
)
def test_other_dates_are_refused(value: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parsed("date", value)


@pytest.mark.parametrize(
    ("name", "value", "low", "high"),
    [
        ("size", ">2MB", 2_000_001, None),
        ("size", ">=2mb", 2_000_000, None),
        ("size", "<1.5KB", None, 1_499),
        ("size", "<=1.5 KB", None, 1_500),
        ("size", "1MB..3MB", 1_000_000, 3_000_000),
        ("size", "..1GB", None, 10**9),
        ("size", "1.0001KB..", 1001, None),
        ("size", "500", 500, 500),
        ("size", "0B", 0, 0),
        ("size", ">9999999999TB", 10**15, None),
        ("width", ">4000", 4001, None),
        ("width", "4000px", 4000, 4000),
        ("height", "1000..2000", 1000, 2000),
        ("height", "<1", None, 0),
    ],
)
def test_numbers_have_bounds_and_sizes_have_units(name: str, value: str, low: int | None, high: int | None) -> None:
    assert parsed(name, value) == NumberFilter(name, low, high)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("size", "big", "a size is a number with B, KB, MB or GB"),
        ("size", "2MiB", "a size is a number"),
        ("size", "-2MB", "a size is a number"),
        ("size", "1e9", "a size is a number"),
        ("size", "> ", "a number is missing"),
        ("size", "3MB..2MB", "no number lies in that range"),
        ("size", "0.5", "no number lies in that range"),
        ("size", "<0", "no number lies in that range"),
        ("width", "4K", "a width is a number of pixels, as in width:>4000"),
        ("height", "1.5", "a height is a number of pixels, as in height:>4000"),
        ("width", "..", "a number is missing, as in width:>4000 or width:1000..2000"),
        ("type", "photo", "'type:' knows jpeg, heic, png, .* and raw"),
        ("orientation", "left", "'orientation:' knows landscape, portrait and square"),
        ("is", "nice", "'is:' knows favourite, hidden, offline, online, raw and gps"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, value: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parsed(name, value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(("type", "JPG", "jpeg"), ("type", "heif", "heic"), ("type", "tif", "tiff"), ("type", "raw", "raw")),
        *(("orientation", "Portrait", "portrait"), ("is", "GPS", "gps"), ("is", "Favourite", "favourite")),
        *(("camera", "Canon EOS", "Canon EOS"), ("lens", " 50", " 50"), ("in", "My Photos", "My Photos")),
    ],
)
def test_words_of_fixed_lists_have_one_spelling_and_others_stay(name: str, value: str, expected: str) -> None:
    assert parsed(name, value) == WordFilter(name, expected)
    assert parsed(name, value, excluded=True) == WordFilter(name, expected, excluded=True)


def test_every_filter_has_an_example_that_can_be_read() -> None:
    for name, example in filters.EXAMPLES.items():
        assert example.startswith(f"{name}:")
        item = parsed(name, example.partition(":")[2].strip('"'))
        assert filters.name_of(item) == name


# What they find

PHOTOS = {
    "/p/2019/jpeg.jpg": ("JPEG", 4000, 3000, Facts("2019-12-31T23:59:59", "Canon EOS 7D", "EF50mm f/1.8", 1.0, 2.0)),
    "/p/2020/heic.heic": ("HEIF", 3000, 4000, Facts("2020-01-01T00:00:00+02:00", "Apple iPhone 12")),
    "/p/2020/raw.cr2": ("RAW", 6000, 4000, Facts("2020-06-15T12:00:00", "Canon EOS R5", "RF 50mm")),
    "/p/2020-02-29 scan.png": ("PNG", 1000, 1000, Facts()),
    "/q/mpo.jpg": ("MPO", 640, 480, Facts("2021-05-06T07:08:09", "OLYMPUS μ 800")),
}
SIZES = dict(zip(PHOTOS, (3_000_000, 2_000_000, 25_000_000, 999, 1_000), strict=True))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a catalogue of five photos, the last of them offline."""
    with closing(Store.create(tmp_path)) as store:
        root = store.add_root("/", volume=None)
        model = store.add_model("m", fingerprint="f", encoder_version=1, dim=DIM)
        for path, (name, width_px, height_px, facts) in PHOTOS.items():
            photo = indexed(root, file_at(path, size=SIZES[path]), path)
            assert photo.content is not None
            content = replace(photo.content, width_px=width_px, height_px=height_px, format=name, facts=facts)
            store.save_batch(model, [replace(photo, content=content)], [], decode_version=1)
        date_photos(store.database)
        store.database.execute("UPDATE photos SET offline = 1 WHERE path = ?", (b"/q/mpo.jpg",))
        yield store


def left(store: Store, *conditions: str) -> list[str]:
    """Return the paths that the filters leave, sorted; ``-name:value`` leaves out."""
    wanted = []
    for text in conditions:
        name, _, value = text.removeprefix("-").partition(":")
        wanted.append(parsed(name, value, excluded=text.startswith("-")))
    newest = {hit.path for hit in store.newest(wanted, 100)}
    # The way of queries with words must agree.
    ids = store.vector_ids(ModelId(1), wanted)
    by_vectors = {hit.path for hit in store.hits(ModelId(1), dict.fromkeys(ids.tolist(), 1.0), wanted)}
    assert newest == by_vectors
    assert len(ids) == len(newest)
    return sorted(newest)


JPEG, HEIC, RAW, PNG, MPO = PHOTOS
ALL = sorted(PHOTOS)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], ALL),
        (["in:/p"], [JPEG, HEIC, RAW, PNG]),
        (["in:/p/2020"], [HEIC, RAW]),
        (["-in:/p/2020"], [JPEG, PNG, MPO]),
        (["in:/p/2019", "in:/q"], [JPEG, MPO]),
        (["in:/p", "-in:/p/2020", "-in:/p/2019"], [PNG]),
        (["date:2019"], [JPEG]),
        (["date:2020"], [HEIC, RAW, PNG]),
        (["date:2020-01-01"], [HEIC]),
        (["date:2020-02-29"], [PNG]),
        (["date:2020-02"], [PNG]),
        (["date:2019..2020-01"], [JPEG, HEIC]),
        (["date:>2020-02-28"], [RAW, PNG, MPO]),
        (["date:<2020"], [JPEG]),
        (["date:..2020-02-28"], [JPEG, HEIC]),
        (["-date:2020"], [JPEG, MPO]),
        (["date:2019", "date:2021"], [JPEG, MPO]),
        (["camera:canon"], [JPEG, RAW]),
        (["camera:CANON EOS r"], [RAW]),
        (["camera:\N{GREEK CAPITAL LETTER MU} 8"], [MPO]),
        (["-camera:canon"], [HEIC, PNG, MPO]),
        (["camera:apple", "camera:olympus"], [HEIC, MPO]),
        (["camera:%"], []),
        (["lens:50MM"], [JPEG, RAW]),
        (["lens:50mm", "-camera:7d"], [RAW]),
        (["type:jpeg"], [JPEG, MPO]),
        (["type:jpeg", "type:png"], [JPEG, MPO, PNG]),
        (["type:heic"], [HEIC]),
        (["-type:raw"], [JPEG, HEIC, PNG, MPO]),
        (["size:>2MB"], [JPEG, RAW]),
        (["size:<1KB"], [PNG]),
        (["size:>=1KB", "size:<=2MB"], [HEIC, MPO]),
        (["-size:>2MB", "-size:<1KB"], [HEIC, MPO]),
        (["width:>4000"], [RAW]),
        (["width:3000..4000", "height:3000"], [JPEG]),
        (["orientation:portrait"], [HEIC]),
        (["orientation:square", "orientation:portrait"], [PNG, HEIC]),
        (["-orientation:landscape"], [HEIC, PNG]),
        (["is:offline"], [MPO]),
        (["is:online", "is:raw"], [RAW]),
        (["is:gps"], [JPEG]),
        (["-is:gps", "-is:offline"], [HEIC, RAW, PNG]),
        (["is:online", "is:offline"], []),
    ],
)
def test_each_filter_leaves_exactly_what_it_says(store: Store, conditions: list[str], expected: list[str]) -> None:
    assert left(store, *conditions) == sorted(expected)


@pytest.mark.parametrize("value", ["'", '"; DROP TABLE photos; --', "%", "_", "\\", "?", "*", "\udcff", "\n"])
@pytest.mark.parametrize("name", ["in", "camera", "lens"])
def test_values_are_never_sql(store: Store, name: str, value: str) -> None:
    assert left(store, f"{name}:{value}") == []
    assert left(store, f"-{name}:{value}") == ALL


def test_a_photo_whose_copy_passes_is_left_out_itself(store: Store) -> None:
    copy = indexed(store.roots()[0].root_id, file_at("/q/copy.jpg", size=SIZES["/p/2019/jpeg.jpg"]), "/p/2019/jpeg.jpg")
    store.save_batch(ModelId(1), [replace(copy, content=None, vector=None)], [], decode_version=1)
    for wanted, path in (("/p", "/p/2019/jpeg.jpg"), ("/q", "/q/copy.jpg")):
        inside = [WordFilter("in", wanted), WordFilter("camera", "7d")]
        ids = store.vector_ids(ModelId(1), inside)
        assert [hit.path for hit in store.hits(ModelId(1), {int(ids[0]): 1.0}, inside)] == [path]


# Order and limits


@pytest.mark.parametrize("few", [1, 1000])
def test_the_newest_come_first_then_by_path_whichever_way_they_are_found(
    store: Store, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_FEW", few)
    store.database.execute("UPDATE photos SET taken_at = NULL WHERE path = ?", (JPEG.encode(),))
    moment = ("2021-05-06T07:08:09", HEIC.encode())
    store.database.execute("UPDATE photos SET taken_at = ? WHERE path = ?", moment)
    order = [HEIC, MPO, RAW, PNG, JPEG]
    for k in (1, 3, 5, 50):
        hits = store.newest([], k)
        assert [hit.path for hit in hits] == order[:k]
        assert {hit.score for hit in hits} == {None}


def test_a_limit_bounds_the_vectors(store: Store) -> None:
    every = set(store.vector_ids(ModelId(1), []).tolist())
    some = store.vector_ids(ModelId(1), [], 2).tolist()
    assert len(every) == 5
    assert len(some) == 2
    assert some == sorted(some)
    assert set(some) < every
