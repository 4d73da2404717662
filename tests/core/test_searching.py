"""Ranking: terms into one vector, nearest contents, the photos that show them, in an order that never changes."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgfind.core import content, cutoff, models, reading
from imgfind.core.errors import ImgfindError, QueryError, UsageError
from imgfind.core.filters import WordFilter
from imgfind.core.indexing import IndexOptions
from imgfind.core.job import Job
from imgfind.core.library import Library
from imgfind.core.query import Region, parse
from imgfind.core.reading import ReadPhoto
from imgfind.core.records import Encoder, Hit, Listing, ModelId, PhotoId, Section
from imgfind.core.searching import NARROW, Searcher
from imgfind.core.store import ModelVectors, Store
from imgfind.core.vectors import VectorIndex
from tests.catalogue import DIM, file_at, indexed
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

REPOSITORY = Path(__file__).parent.parent.parent
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "pink": (255, 120, 120), "white": (255,) * 3}


def no_encoder(*_arguments: object, **_options: object) -> Encoder:
    pytest.fail("an encoder was loaded")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of five photos, one of each colour."""
    for name, colour in COLOURS.items():
        paint(tmp_path / "photos" / f"{name}.jpg", colour)
    return tmp_path / "photos"


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Library:
    """Return a library of these photos."""
    library = Library(tmp_path / "library", load_encoder=FakeEncoder)
    library.index([str(photos)])
    return library


def names(hits: list[Hit]) -> list[str]:
    return [Path(hit.path).stem for hit in hits]


def vector_of(library: Library, path: Path) -> np.ndarray:
    """Return what the encoder makes of a picture, by itself."""
    vector: np.ndarray = library._ready(1).picture_vector(path.read_bytes())
    return vector


# Ranking


def test_the_best_comes_first_and_scores_are_cosines(library: Library, photos: Path) -> None:
    hits = library.search("red", 5)

    assert names(hits)[:2] == ["red", "pink"]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    word = FakeEncoder(library._ready(1).model).encode_texts(["red"])[0]
    for hit in hits:
        assert hit.score == pytest.approx(float(word @ vector_of(library, Path(hit.path))), abs=2e-3)


def test_a_hit_says_what_is_known_of_the_photo(library: Library, photos: Path) -> None:
    hit = library.search("red", 1)[0]

    assert (hit.path, hit.width_px, hit.height_px, hit.offline) == (str(photos / "red.jpg"), 64, 48, False)


def test_k_bounds_the_hits_and_may_be_larger_than_the_library(library: Library) -> None:
    assert names(library.search("red", 2)) == ["red", "pink"]
    assert len(library.search("red", 1000)) == 5


@pytest.mark.parametrize("k", [0, -1])
def test_less_than_one_hit_cannot_be_asked_for(library: Library, k: int) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        library.search("red", k)
    with pytest.raises(UsageError, match="1 or more"):
        library.similar("photo.jpg", k)


def test_equal_scores_are_ordered_by_path_however_many_are_asked_for(library: Library, photos: Path) -> None:
    # The same pixels in different bytes: equal vectors of different contents, in an order of ids unlike that of paths.
    (photos / "blue.jpg").unlink()
    flat = Image.new("RGB", (64, 48), "blue")
    for number, name in enumerate(("z", "m", "a", "k", "b", "y")):
        flat.save(photos / f"{name}.png", compress_level=number)
        library.index()
    shutil.copyfile(photos / "z.png", photos / "c.png")
    library.index()

    everything = names(library.search("blue", 100, copies=True))

    assert everything[:7] == ["a", "b", "c", "k", "m", "y", "z"]
    for k in range(1, 8):
        assert names(library.search("blue", k, copies=True)) == everything[:k]


def test_every_copy_of_a_photo_can_be_a_hit(library: Library, photos: Path) -> None:
    shutil.copyfile(photos / "red.jpg", photos / "again.jpg")
    library.index()

    assert names(library.search("red", 3, copies=True)) == ["again", "red", "pink"]
    assert names(library.search("red", 1, copies=True)) == ["again"]


SEARCH_IN_A_CHILD = """
import json, sys
sys.path.insert(0, ".")
from imgfind.core.library import Library
from tests.fake_encoder import FakeEncoder
hits = Library(sys.argv[1], load_encoder=FakeEncoder).search(sys.argv[2], 100)
print(json.dumps([[hit.path, hit.score] for hit in hits]))
"""


def test_another_process_gives_the_same_hits_in_the_same_order(library: Library, photos: Path) -> None:
    for number in range(20):
        shutil.copyfile(photos / "red.jpg", photos / f"copy{number}.jpg")
    library.index()
    here = [[hit.path, hit.score] for hit in library.search("sunset + 2*red", 100)]

    for seed in ("1", "2"):
        child = subprocess.run(
            [sys.executable, "-c", SEARCH_IN_A_CHILD, str(library.folder), "sunset + 2*red"],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        assert json.loads(child.stdout) == here


# Terms


def test_terms_are_added_and_subtracted(library: Library) -> None:
    red, white = FakeEncoder(library._ready(1).model).encode_texts(["red", "white"])
    assert names(library.search("red + white", 1)) == ["pink"]
    for text, wanted in (("red + white", red + white), ("2*red - 0.5*white", 2 * red - white / 2)):
        for hit in library.search(text, 5):
            score = wanted @ vector_of(library, Path(hit.path)) / np.linalg.norm(wanted)
            assert hit.score == pytest.approx(float(score), abs=2e-3)


def test_weights_count(library: Library) -> None:
    assert names(library.search("3*red + blue", 1)) == ["red"]
    assert names(library.search("red + 3*blue", 1)) == ["blue"]
    scores = {hit.path: hit.score for hit in library.search("2*red + 2*blue", 5)}
    assert scores == pytest.approx({hit.path: hit.score for hit in library.search("red + blue", 5)}, abs=1e-6)


def test_pictures_are_terms_too(library: Library, photos: Path) -> None:
    assert names(library.search(f"image:{photos / 'green.jpg'}", 1)) == ["green"]
    assert names(library.search(f"image:{photos / 'red.jpg'} + white", 1)) == ["pink"]
    assert names(library.search(f'white - image:"{photos / "red.jpg"}"', 5))[-1] == "red"
    assert names(library.search(f"red 0.2*image:{photos / 'blue.jpg'}", 1)) == ["red"]


def test_terms_that_cancel_each_other_out_are_refused(library: Library, photos: Path) -> None:
    with pytest.raises(UsageError, match="cancel each other out"):
        library.search("red - red")
    with pytest.raises(UsageError, match="cancel each other out"):
        library.search(f"image:{photos / 'red.jpg'} - image:{photos / 'red.jpg'}")


@pytest.mark.parametrize("text", ["", "   ", "- red", "near:here red", "date:soon"])
def test_a_query_that_cannot_be_parsed_is_refused(library: Library, text: str) -> None:
    with pytest.raises(QueryError):
        library.search(text)


# Folders


def test_only_photos_below_the_folder_are_found(library: Library, photos: Path) -> None:
    wanted = photos / "Füße \N{CAMERA}"
    inside = [paint(wanted / "a.jpg"), paint(wanted / "deeper" / "b.jpg")]
    paint(photos / "Füße \N{CAMERA} 2" / "sibling.jpg")
    paint(photos / "Füße \N{CAMERA}.jpg")
    shutil.copyfile(inside[0], photos / "copy outside.jpg")
    library.index()

    hits = library.search("red", 100, str(wanted))

    assert sorted(hit.path for hit in hits) == [str(path) for path in inside]
    assert library.similar(str(photos / "red.jpg"), 100, f"{wanted}/") == library.similar(
        str(photos / "red.jpg"), 100, str(wanted)
    )


def test_a_narrow_folder_is_searched_to_its_end(library: Library, photos: Path) -> None:
    for number in range(50):
        paint(photos / f"red{number}.jpg")
    far = paint(photos / "sub" / "far.jpg", (0, 255, 255))
    library.index()

    assert [hit.path for hit in library.search("red", 1, str(photos / "sub"))] == [str(far)]


def test_a_folder_that_is_not_there_is_refused(library: Library, photos: Path) -> None:
    with pytest.raises(ImgfindError, match="does not exist"):
        library.search("red", 5, str(photos / "missing"))


def test_a_folder_without_indexed_photos_gives_no_hits(library: Library, tmp_path: Path) -> None:
    assert library.search("red", 5, str(tmp_path / "library")) == []


# Filters


def test_filters_and_words_go_together(library: Library, photos: Path) -> None:
    paint(photos / "2021-05-06 red.jpg")
    paint(photos / "2021-05-07 blue.png", (0, 0, 255))
    library.index()

    assert names(library.search("red date:2021", 10)) == ["2021-05-06 red", "2021-05-07 blue"]
    assert names(library.search("date:2021 -type:png red", 10)) == ["2021-05-06 red"]
    assert names(library.search("blue type:jpeg", 1)) == ["blue"]


def test_filters_alone_give_the_newest_without_scores_or_an_encoder(library: Library, photos: Path) -> None:
    for day in ("2021-05-06", "2021-05-08", "2021-05-07"):
        paint(photos / f"{day}.jpg")
    library.index()
    without = Library(library.folder, load_encoder=no_encoder)

    hits = without.search("date:2021 -date:2021-05-06", 10)

    assert [(hit.path, hit.score, hit.taken_at) for hit in hits] == [
        (str(photos / "2021-05-08.jpg"), None, "2021-05-08"),
        (str(photos / "2021-05-07.jpg"), None, "2021-05-07"),
    ]
    assert names(without.search("date:2021", 1)) == ["2021-05-08"]


def test_folders_in_a_query_are_those_of_a_shell(
    library: Library, photos: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(photos / "sub folder" / "a.jpg")
    paint(own_home / "b.jpg")
    library.index([str(photos), str(own_home)])
    monkeypatch.chdir(photos)

    assert names(library.search('in:"sub folder" red', 10)) == ["a"]
    assert names(library.search("in:~ red", 10)) == ["b"]
    assert names(library.search('in:. -in:"sub folder"', 10, str(photos))) == sorted(COLOURS)
    assert names(library.search(f"in:{own_home}")) == ["b"]
    with pytest.raises(ImgfindError, match="does not exist"):
        library.search("in:nowhere red")


def test_a_folder_beside_the_query_is_one_more_place_to_look(library: Library, photos: Path) -> None:
    for name in ("a", "b"):
        paint(photos / name / f"{name}.jpg")
    library.index()

    assert names(library.search(f"in:{photos / 'a'} red", 10, str(photos / "a"))) == ["a"]


MANY = 20_000
RARE = (7, 12_345, 19_999)
COMMON = 3
"""One photo in so many is portrait."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    """Return a search over 20,000 made-up photos in a graph; three are PNG, and every third is portrait."""
    folder = tmp_path_factory.mktemp("large")
    with closing(Store.create(folder)) as store:
        rows = np.random.default_rng(0).normal(size=(MANY, DIM)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        model_id = store.add_model("m", fingerprint="f", encoder_version=1, dim=DIM)
        root = store.add_root("/p", volume=None)
        photos = []
        for number, row in enumerate(rows):
            photo = replace(indexed(root, file_at(f"/p/{number:05}.jpg"), str(number)), vector=row)
            assert photo.content is not None
            height_px = 900 if number % COMMON == 0 else 480
            name = "PNG" if number in RARE else "JPEG"
            photos.append(replace(photo, content=replace(photo.content, format=name, height_px=height_px)))
        store.save_batch(model_id, photos, [], decode_version=1)
        index = VectorIndex(folder / "1.hnsw", DIM, ModelVectors(store.database, model_id, DIM), exact_below=1000)
        index.refresh(Job())
        assert (folder / "1.hnsw").exists()
        model = replace(models.find_model("starter"), dim=DIM)
        yield Searcher(store, index, model, model_id, lambda: pytest.fail("an encoder was loaded"))


def expected(searcher: Searcher, query: np.ndarray, k: int, wanted: Callable[[int], bool]) -> list[str]:
    """Return the best by comparing with everything, one by one."""
    scored = []
    for ids, rows in ModelVectors(searcher.store.database, searcher.model_id, DIM).read():
        scored.extend(zip((rows.astype(np.float64) @ query).tolist(), (ids - 1).tolist(), strict=True))
    best = sorted((-score, number) for score, number in scored if wanted(number))
    return [f"/p/{number:05}.jpg" for _, number in best[:k]]


def directions() -> list[np.ndarray]:
    rows = np.random.default_rng(1).normal(size=(10, DIM)).astype(np.float32)
    return list(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_three_photos_among_many_are_found_however_unlike_the_query(large: Searcher) -> None:
    rare = [WordFilter("type", "png")]
    for query in directions():
        found = [hit.path for hit in large._ranked(query, 20, rare)]
        assert found == expected(large, query, 20, lambda number: number in RARE)
        assert len(found) == 3


@pytest.mark.parametrize("k", [1, 20, 1000])
def test_a_wide_filter_gives_the_best_of_what_it_leaves(large: Searcher, k: int) -> None:
    assert MANY / COMMON > NARROW, "or it is not wide"
    for query in directions()[:3]:
        found = [hit.path for hit in large._ranked(query, k, [WordFilter("orientation", "portrait")])]
        exact = expected(large, query, k, lambda number: number % COMMON == 0)
        assert len(found) == k
        # A graph may miss one now and then.
        assert len(set(found) & set(exact)) >= 0.95 * k


def test_a_wide_filter_that_leaves_only_the_farthest_is_searched_to_its_end(large: Searcher) -> None:
    query = directions()[0]
    nearest = expected(large, query, MANY, lambda number: True)
    far = nearest[MANY // 2 :]
    with large.store.database.transaction():
        large.store.database.execute("UPDATE photos SET offline = 1")
        large.store.database.execute_many(
            "UPDATE photos SET offline = 0 WHERE path = ?", ((os.fsencode(path),) for path in far)
        )

    assert [hit.path for hit in large._ranked(query, 20, [WordFilter("is", "online")])] == far[:20]


# Pictures as queries


def test_similar_leaves_out_the_photo_itself_but_not_its_copies(library: Library, photos: Path) -> None:
    shutil.copyfile(photos / "red.jpg", photos / "copy.jpg")
    library.index()

    assert names(library.similar(str(photos / "red.jpg"), 2)) == ["copy", "pink"]
    assert len(library.similar(str(photos / "red.jpg"), 100)) == 5


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_similar_knows_the_photo_under_another_name(
    library: Library, photos: Path, tmp_path: Path, link: "type[os.link]"
) -> None:
    link(photos / "red.jpg", tmp_path / "other-name.jpg")

    assert names(library.similar(str(tmp_path / "other-name.jpg"), 1)) == ["pink"]


def test_similar_takes_a_relative_path(library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)

    assert names(library.similar("red.jpg", 1)) == ["pink"]


def test_similar_takes_a_picture_that_is_not_in_the_library(library: Library, tmp_path: Path) -> None:
    other = paint(tmp_path / "other.png", (0, 250, 10), (30, 90))

    hits = library.similar(str(other), 3)

    assert (len(hits), hits[0].path.endswith("green.jpg")) == (3, True)


def test_similar_takes_the_bytes_of_a_picture(library: Library, photos: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), "blue").save(file, "PNG")

    assert names(library.similar(file.getvalue(), 1)) == ["blue"]
    assert names(library.similar((photos / "red.jpg").read_bytes(), 1)) == ["red"], "bytes are no file to leave out"


def test_a_picture_whose_bytes_are_in_the_library_needs_no_encoder_and_no_decoding(
    library: Library, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(photos / "red.jpg", tmp_path / "elsewhere.jpg")
    monkeypatch.setattr("imgfind.core.content.decoded", lambda *_, **_named: pytest.fail("a picture was decoded"))
    monkeypatch.setattr("imgfind.core.decode.decode", lambda *_, **__: pytest.fail("a picture was decoded"))
    without = Library(library.folder, load_encoder=no_encoder)

    assert names(without.similar(str(photos / "red.jpg"), 1)) == ["pink"]
    assert names(without.similar(str(tmp_path / "elsewhere.jpg"), 1)) == ["red"]
    assert names(without.search(f"2*image:{photos / 'red.jpg'} + image:{photos / 'pink.jpg'}", 2)) == ["red", "pink"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *(("missing.jpg", "there is no such file"), (".", "no file")),
        *(("text.jpg", "not a picture"), ("a.heic", "not a picture")),
    ],
)
def test_what_is_no_picture_is_refused_as_a_query(library: Library, tmp_path: Path, name: str, reason: str) -> None:
    for file in ("text.jpg", "a.heic"):
        (tmp_path / file).write_bytes(b"no picture")

    with pytest.raises(ImgfindError, match=reason):
        library.similar(str(tmp_path / name))
    with pytest.raises(ImgfindError, match=reason):
        library.search(f"image:{tmp_path / name}")


def test_bytes_that_are_no_picture_are_refused_as_a_query(library: Library) -> None:
    with pytest.raises(ImgfindError, match="standard input cannot be used"):
        library.similar(b"no picture")


# Photos that are gone or away


@pytest.mark.parametrize("in_folder", [True, False])
def test_photos_that_are_gone_take_no_places_among_the_hits(library: Library, photos: Path, in_folder: bool) -> None:
    reds = [paint(photos / f"red{number}.jpg") for number in range(50)]
    library.index()
    for red in reds:
        red.unlink()
    library.index([], IndexOptions(confirm_missing=True))

    hits = library.search("red", 5, str(photos) if in_folder else None)
    assert (names(hits)[:2], len(hits)) == (["red", "pink"], 5)
    assert len(library.similar(str(photos / "red.jpg"), 4)) == 4


def test_photos_that_are_away_are_found_and_marked(library: Library, photos: Path, tmp_path: Path) -> None:
    near = paint(tmp_path / "near" / "near.jpg", (0, 0, 0))
    library.index([str(near.parent)])
    photos.rename(tmp_path / "unplugged")
    library.index()

    assert {Path(hit.path).stem: hit.offline for hit in library.search("red", 10)} == {
        **dict.fromkeys(COLOURS, True),
        "near": False,
    }
    assert names(library.similar(str(tmp_path / "unplugged" / "red.jpg"), 1)) == ["red"]


# Regions of pictures


@pytest.fixture
def two_halves(tmp_path: Path) -> Path:
    """Return a picture that is red above and blue below, stored lying on its side."""
    pixels = np.zeros((120, 90, 3), np.uint8)
    pixels[:60, :, 0] = pixels[60:, :, 2] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    path = tmp_path / "halves.png"
    Image.fromarray(np.rot90(pixels)).save(path, exif=exif)
    return path


def test_a_region_is_searched_by_what_it_shows_of_the_upright_picture(library: Library, two_halves: Path) -> None:
    assert names(library.search(f"image[0,0,100,50]:{two_halves}", 1)) == ["red"]
    assert names(library.search(f"image[0,50,100,100]:{two_halves}", 1)) == ["blue"]
    assert names(library.search(f"image[40,90,40.1,90.1]:{two_halves}", 1)) == ["blue"], "a single pixel will do"


def test_a_region_of_a_photo_of_the_library_is_not_the_whole_photo(library: Library, two_halves: Path) -> None:
    library.index([str(two_halves.parent)])

    [whole, *_] = library.search(f"image:{two_halves}", 1)
    [part, *_] = library.search(f"image[0,0,100,50]:{two_halves}", 1)

    assert (Path(whole.path).stem, Path(part.path).stem) == ("halves", "red")


def test_a_region_is_cut_out_in_the_other_process_too(
    library: Library, two_halves: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgfind.core.reading._isolated", lambda *_: True)

    assert names(library.search(f"image[0,50,100,100]:{two_halves}", 1)) == ["blue"]


def test_a_small_region_has_as_many_pixels_as_a_whole_picture(tmp_path: Path) -> None:
    large = paint(tmp_path / "large.jpg", size=(4000, 3000))
    preprocess = models.find_model("starter").preprocess
    edges = (256, 200)

    with large.open("rb") as file:
        part = content.decoded(file, preprocess, ".jpg", Region(0, 0, 10, 10))

    assert Image.open(io.BytesIO(part.preview)).size > edges
    assert (part.width_px, part.height_px) == (4000, 3000)


def test_a_query_picture_is_read_again_only_when_it_has_changed(
    library: Library, two_halves: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = reading.read_photo

    def noted(path: str, *arguments: Any, **options: Any) -> ReadPhoto:
        read.append(path)
        return original(path, *arguments, **options)

    monkeypatch.setattr(reading, "read_photo", noted)
    for text in (f"image:{two_halves}", f"image:{two_halves} + r", f"image:{two_halves} + red"):
        library.search(text, 1)
    assert read == [str(two_halves)]

    paint(two_halves, (0, 255, 0))
    assert names(library.search(f"image:{two_halves}", 1)) == ["green"]


# Listings and explanations


@pytest.fixture
def colourful(tmp_path: Path) -> Library:
    """Return a library of forty photos from green to blue and three red ones."""
    for number in range(40):
        paint(tmp_path / "photos" / f"other{number:02}.jpg", (100, 60 + 5 * number, 255 - 5 * number))
    for number in range(3):
        paint(tmp_path / "photos" / f"red{number}.jpg")
    library = Library(tmp_path / "library", load_encoder=FakeEncoder)
    library.index([str(tmp_path / "photos")])
    return library


def stems(library: Library, listing: Listing) -> list[str]:
    return [Path(path).stem for path in library.photos.paths(listing.photo_ids.tolist())]


def test_a_listing_says_where_the_weaker_matches_begin(colourful: Library) -> None:
    found = colourful.find(parse("red"), 100)

    assert sorted(stems(colourful, found)[:3]) == ["red0", "red1", "red2"]
    assert found.sections == (Section("strong", 0), Section("weaker", 3))
    assert found.scores is not None
    assert found.scores.tolist() == [hit.score for hit in colourful.search("red", 100)]
    assert found.photo_ids.tolist() == [hit.photo_id for hit in colourful.search("red", 100)]
    assert found.complete


def test_the_line_does_not_move_with_what_is_asked_for(colourful: Library) -> None:
    few = colourful.find(parse("red"), 2)
    more = colourful.find(parse("red"), 5)
    filtered = colourful.find(parse("red type:jpeg"), 100)

    assert (few.sections, few.complete) == ((Section("strong", 0),), False)
    assert (more.sections, more.complete) == ((Section("strong", 0), Section("weaker", 3)), False)
    assert more.photo_ids[:2].tolist() == few.photo_ids.tolist()
    assert filtered.sections == more.sections
    assert colourful.find(parse("red"), 43).complete


def test_the_line_follows_photos_that_come_later(colourful: Library, tmp_path: Path) -> None:
    colourful.find(parse("blue"), 100)
    for number in range(60):
        paint(tmp_path / "photos" / f"new{number}.jpg")
    colourful.index()

    found = colourful.find(parse("red"), 100)

    assert found.sections[0].key == "weaker", "most photos are red by now"


def test_a_small_library_has_no_line(library: Library) -> None:
    assert library.find(parse("red"), 10).sections == ()


def test_filters_alone_give_the_timeline(library: Library, photos: Path) -> None:
    paint(photos / "2021-05-06.jpg")
    library.index()
    found = Library(library.folder, load_encoder=no_encoder).find(parse("date:2021"), 1)

    assert stems(library, found) == ["2021-05-06"]
    assert (found.sections, found.scores) == ((Section("2021-05", 0),), None)


def test_folders_in_a_listed_query_are_those_of_a_shell(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(photos / "sub" / "a.jpg")
    library.index()
    monkeypatch.chdir(photos)

    assert stems(library, library.find(parse("in:sub red"), 10)) == ["a"]
    assert stems(library, library.find(parse("in:sub"), 10)) == ["a"]


def test_a_library_that_is_not_there_yet_has_nothing_to_find(tmp_path: Path) -> None:
    library = Library(tmp_path / "library", load_encoder=no_encoder)
    library.warm_up()

    for text in ("red", "date:2021"):
        found = library.find(parse(text), 10)
        assert (found.photo_ids.tolist(), found.sections, found.complete) == ([], (), True)
    assert not library.folder.exists()


def test_warming_up_loads_the_encoder_once(library: Library) -> None:
    loaded: list[FakeEncoder] = []

    def load(*arguments: Any, **options: Any) -> FakeEncoder:
        loaded.append(FakeEncoder(*arguments, **options))
        return loaded[-1]

    warm = Library(library.folder, load_encoder=load)
    warm.warm_up()
    warm.search("red")

    assert len(loaded) == 1


def test_each_term_is_explained_by_itself(colourful: Library, two_halves: Path) -> None:
    query = parse(f"2*red - green + image[0,50,100,100]:{two_halves} type:jpeg")
    photo_id = colourful.find(parse("red"), 1).photo_ids.tolist()[0]

    red, green, blue = colourful.explain(query, photo_id)

    assert (red.term, green.term, blue.term) == query.terms
    assert red.cosine == pytest.approx(colourful.search("red", 1)[0].score, abs=1e-3)
    assert red.strength is not None
    assert green.strength is not None
    assert red.strength > 0.5 > green.strength


def test_without_terms_or_without_a_vector_there_is_nothing_to_explain(library: Library) -> None:
    [photo_id] = library.find(parse("red"), 1).photo_ids.tolist()

    assert library.explain(parse("date:2021"), photo_id) == []
    assert library.explain(parse("red"), PhotoId(999)) == []
    assert [score.strength for score in library.explain(parse("red"), photo_id)] == [None]


def test_the_background_of_a_large_library_is_a_sample_of_it(large: Searcher) -> None:
    sample = large._read_vectors_behind(large.store.vector_id_bounds(large.model_id))
    assert len(sample) == cutoff.SAMPLE

    everything = np.concatenate([rows for _, rows in ModelVectors(large.store.database, large.model_id, DIM).read()])
    for query in directions():
        behind, whole = large._background(query), cutoff.background(everything.astype(np.float32) @ query)
        assert behind is not None
        assert whole is not None
        assert behind.median == pytest.approx(whole.median, abs=0.1)
        assert behind.spread == pytest.approx(whole.spread, rel=0.15)


def test_gaps_between_vectors_leave_the_sample_whole(large: Searcher) -> None:
    ids = large.store.vector_ids_near(large.model_id, np.array([-5, 1, 1, 2, MANY, MANY + 1]))

    assert ids.tolist() == [1, 2, MANY]
    assert large.store.vector_id_bounds(ModelId(99)) == (0, 0)
    assert large.store.vector_ids_near(ModelId(99), np.array([0, 1])).tolist() == []
