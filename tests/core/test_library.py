"""The face of the core: opening, describing, searching while indexing, changing the model, losing the caches."""

import contextlib
import functools
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from safetensors.numpy import save_file

from imgfind.core import library as library_module
from imgfind.core import reading
from imgfind.core.errors import ImgfindError, LibraryError, ModelError, UnreadablePhotoError, UsageError
from imgfind.core.indexing import IndexOptions
from imgfind.core.job import Cancelled, Job, Progress
from imgfind.core.library import Library
from imgfind.core.lock import LOCK_FILE, PID_FILE
from imgfind.core.reading import ReadPhoto
from imgfind.core.records import FileProblem, Hit, ModelFiles, Preprocess
from imgfind.core.store import PhotoDetails, schema
from imgfind.core.vectors import VectorIndex
from tests.fake_encoder import FakeEncoder
from tests.pictures import age, paint


class Encoders:
    """Loads fake encoders and remembers of which model."""

    def __init__(self) -> None:
        self.loaded: list[FakeEncoder] = []
        self.models: list[str] = []

    def __call__(self, model: ModelFiles, *, device: str, threads: int) -> FakeEncoder:
        self.models.append(model.name)
        self.loaded.append(FakeEncoder(model, device=device, threads=threads))
        return self.loaded[-1]

    @property
    def encoded(self) -> int:
        return sum(encoder.encoded for encoder in self.loaded)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of eight photos, half of them red."""
    for number in range(4):
        age(paint(tmp_path / "photos" / f"red{number}.jpg"), 100)
        age(paint(tmp_path / "photos" / f"blue{number}.jpg", (0, 0, 255)), 100)
    return tmp_path / "photos"


@pytest.fixture
def encoders() -> Encoders:
    return Encoders()


@pytest.fixture
def library(tmp_path: Path, encoders: Encoders) -> Library:
    return Library(tmp_path / "library", load_encoder=encoders)


@pytest.fixture
def other_model(tmp_path: Path) -> Path:
    """Return the folder of another model than the starter; no network is in it."""
    return write_model(tmp_path / "other-model", seed=0)


def write_model(folder: Path, seed: int) -> Path:
    folder.mkdir(exist_ok=True)
    model_cfg = {"embed_dim": 64, "vision_cfg": {"image_size": 32}, "text_cfg": {"context_length": 16}}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg}), "utf-8")
    save_file({"weight": np.full(8, seed, np.float16)}, folder / "open_clip_model.safetensors")
    return folder


def names(hits: list[Hit]) -> list[str]:
    return [Path(hit.path).stem for hit in hits]


def cancelling_job(after: int) -> Job:
    """Return a job that is cancelled when so many photos are stored."""

    def on_progress(progress: Progress) -> None:
        if progress.stage == "indexing" and progress.done >= after:
            job.cancel()

    job = Job(on_progress)
    return job


# Opening and describing


def test_naming_a_library_makes_nothing(library: Library, photos: Path) -> None:
    for ask in (
        library.status,
        library.roots,
        library.problems,
        lambda: library.search("red"),
        lambda: library.similar(str(photos / "red0.jpg")),
        lambda: library.show(str(photos / "red0.jpg")),
        lambda: library.preview(str(photos / "red0.jpg")),
    ):
        with pytest.raises(LibraryError, match="There is no imgfind library"):
            ask()
    assert not library.folder.exists()


def test_reading_changes_no_file_of_the_library(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    library.close()

    def files() -> dict[str, tuple[int, int]]:
        # SQLite's shared memory and an empty log come and go with every reader.
        found = (file for file in library.folder.rglob("*") if not file.name.endswith(("-shm", "-wal")))
        return {file.name: (file.stat().st_size, file.stat().st_mtime_ns) for file in found}

    before = files()
    library.search("red")
    library.similar(str(photos / "red0.jpg"))
    library.status(), library.roots(), library.problems(), library.preview(str(photos / "red0.jpg"))
    library.show(str(photos / "red0.jpg"))
    library.close()

    assert files() == before


def test_the_library_named_by_the_environment_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGFIND_LIBRARY", str(tmp_path / "named"))

    assert Library().folder == tmp_path / "named"


def test_a_library_without_a_name_is_refused() -> None:
    with pytest.raises(UsageError):
        Library("")


def test_folders_given_as_one_string_are_refused(library: Library, photos: Path) -> None:
    with pytest.raises(UsageError, match="as a list"):
        library.index(str(photos))


def test_a_file_where_the_library_should_be_is_refused(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "file").write_text("text")

    with pytest.raises(LibraryError, match="is a file"):
        Library(tmp_path / "file", load_encoder=FakeEncoder).index([str(photos)])


def test_the_status_counts_what_is_there(library: Library, photos: Path) -> None:
    shutil.copyfile(photos / "red0.jpg", photos / "copy.jpg")
    (photos / "broken.jpg").write_bytes(b"no picture")
    library.index([str(photos)])

    status = library.status()

    assert (status.photos, status.contents, status.vectors, status.problems, status.offline) == (9, 8, 8, 1, 0)
    assert (status.roots, status.model, status.target_model, status.device) == (1, "starter", "starter", "cpu")
    assert status.indexing_pid is None
    assert status.size_bytes == sum(file.stat().st_size for file in library.folder.rglob("*") if file.is_file())


def test_the_status_survives_files_that_go_away_while_it_looks(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.index([str(photos)])
    (library.folder / "gone.tmp").write_text("a file of a running indexer")
    original = Path.is_file

    def look_and_lose(path: Path) -> bool:
        there = original(path)
        if path.name == "gone.tmp":
            path.unlink()
        return there

    monkeypatch.setattr(Path, "is_file", look_and_lose)

    assert library.status().photos == 8


def test_a_photo_shows_what_is_known_of_it(library: Library, photos: Path) -> None:
    shutil.copyfile(photos / "red0.jpg", photos / "copy.jpg")
    library.index([str(photos)])

    details = library.show(str(photos / "red0.jpg"))

    assert isinstance(details, PhotoDetails)
    assert (details.path, details.root) == (str(photos / "red0.jpg"), str(photos))
    assert (details.width_px, details.height_px, details.format) == (64, 48, "JPEG")
    assert details.copies == (str(photos / "copy.jpg"),)


def test_a_file_with_a_problem_shows_it(library: Library, photos: Path) -> None:
    (photos / "broken.jpg").touch()
    library.index([str(photos)])

    assert library.show(str(photos / "broken.jpg")) == FileProblem(str(photos / "broken.jpg"), "the file is empty")


@pytest.mark.parametrize(("name", "message"), [("missing.jpg", "not in the library"), (".", "is a folder")])
def test_what_is_not_in_the_library_cannot_be_shown(library: Library, photos: Path, name: str, message: str) -> None:
    library.index([str(photos)])

    with pytest.raises(LibraryError, match=message):
        library.show(str(photos / name))
    assert library.preview(str(photos / name)) is None


def test_a_preview_is_a_small_jpeg_of_the_photo(library: Library, photos: Path) -> None:
    paint(photos / "large.png", (0, 255, 0), (600, 450))
    library.index([str(photos)])

    jpeg = library.preview(str(photos / "large.png"))

    assert jpeg is not None
    assert jpeg[:3] == b"\xff\xd8\xff"
    assert len(jpeg) < 60_000


# One indexer at a time, searches meanwhile


def test_a_second_indexer_is_refused_and_told_who_is_at_work(library: Library, photos: Path) -> None:
    messages: list[str] = []
    pids: list[int | None] = []

    def try_to_join(progress: Progress) -> None:
        if progress.stage == "indexing" and not messages:
            with Library(library.folder, load_encoder=FakeEncoder) as second:
                pids.append(second.status().indexing_pid)
                with pytest.raises(LibraryError) as refused:
                    second.index()
            messages.append(str(refused.value))

    library.index([str(photos)], None, Job(try_to_join))

    assert pids == [os.getpid()]
    assert f"being indexed by process {os.getpid()}" in messages[0]
    assert library.status().indexing_pid is None
    assert library.index().photos == 8, "the lock was not let go"


@pytest.mark.parametrize("text", [str(os.getpid()), "1", "not a number", ""], ids=["ours", "init", "text", "nothing"])
def test_a_pid_left_behind_by_a_killed_indexer_means_nothing(library: Library, photos: Path, text: str) -> None:
    library.index([str(photos)])
    (library.folder / PID_FILE).write_text(text)

    assert library.status().indexing_pid is None
    (library.folder / LOCK_FILE).unlink()
    assert library.status().indexing_pid is None
    assert not (library.folder / LOCK_FILE).exists(), "a look made a file"
    assert library.index().photos == 8
    assert not (library.folder / PID_FILE).exists()


def test_the_lock_is_let_go_after_a_failure(library: Library, photos: Path) -> None:
    with pytest.raises(Cancelled):
        library.index([str(photos)], IndexOptions(batch_size=2), cancelling_job(after=2))

    assert library.status().indexing_pid is None
    assert library.index().photos == 8


def test_an_error_of_the_system_is_not_taken_for_a_closed_library_folder(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError("something else entirely")

    monkeypatch.setattr(library_module.Indexer, "run", fail)

    with pytest.raises(OSError, match="something else entirely"):
        library.index([str(photos)])


def test_a_search_in_the_middle_of_indexing_sees_what_is_finished(library: Library, photos: Path) -> None:
    found: list[tuple[int, list[str]]] = []
    other = Library(library.folder, load_encoder=FakeEncoder)

    def search(progress: Progress) -> None:
        if progress.stage == "indexing":
            found.append((progress.done, names(other.search("red", 100))))

    with other:
        library.index([str(photos)], IndexOptions(batch_size=2), Job(search))

        assert [len(hits) for _, hits in found] == [done for done, _ in found]
        assert found[-1][1] == names(other.search("red", 100)) == names(library.search("red", 100))


def test_an_open_library_notices_what_others_add_and_delete(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    with Library(library.folder, load_encoder=FakeEncoder) as other:
        assert len(other.search("red", 100)) == 8
        paint(photos / "new.jpg", (0, 255, 0))
        (photos / "red0.jpg").unlink()
        library.index()

        assert names(other.search("green", 1)) == ["new"]
        assert "red0" not in names(other.search("red", 100))


# Changing the model


def test_the_old_model_answers_until_every_photo_has_its_new_vector(
    library: Library, photos: Path, encoders: Encoders, other_model: Path
) -> None:
    library.index([str(photos)])

    with pytest.raises(Cancelled):
        library.index([], IndexOptions(model=str(other_model), batch_size=2), cancelling_job(after=2))

    with Library(library.folder, load_encoder=encoders) as other:
        status = other.status()
        assert (status.model, status.target_model, status.vectors) == ("starter", str(other_model), 8)
        assert sorted(names(other.search("red", 4))) == [f"red{number}" for number in range(4)]
        assert encoders.models[-1] == "starter"

        summary = library.index()

        assert (summary.model, 0 < summary.encoded < 8) == (str(other_model), True)
        status = other.status()
        assert (status.model, status.target_model, status.vectors) == (str(other_model), str(other_model), 8)
        assert len(other.search("red", 100)) == 8, "an open library still asks the old model"
        assert encoders.models[-1] == str(other_model)
    assert library.index().encoded == 0


def test_going_back_to_the_former_model_encodes_only_what_it_has_not_seen(
    library: Library, photos: Path, encoders: Encoders, other_model: Path
) -> None:
    library.index([str(photos)])
    library.index([], IndexOptions(model=str(other_model)))
    paint(photos / "new.jpg")
    library.index()

    assert library.index([], IndexOptions(model="starter")).encoded == 1
    assert library.status().model == "starter"
    assert len(library.search("red", 100)) == 9


def test_photos_of_other_roots_hold_the_change_of_model_up(
    library: Library, photos: Path, tmp_path: Path, other_model: Path
) -> None:
    paint(tmp_path / "more" / "a.jpg")
    library.index([str(photos), str(tmp_path / "more")])

    library.index([str(photos)], IndexOptions(model=str(other_model)))

    assert library.status().model == "starter"
    library.index()
    assert library.status().model == str(other_model)


@pytest.mark.parametrize("lasting", [True, False])
def test_a_photo_that_became_unreadable_does_not_hold_the_change_of_model_up(
    library: Library, photos: Path, other_model: Path, monkeypatch: pytest.MonkeyPatch, lasting: bool
) -> None:
    library.index([str(photos)])
    original = reading.read_photo

    def failing_read(path: str, preprocess: Preprocess, known: frozenset[bytes], **options: bool) -> ReadPhoto:
        if path.endswith("red0.jpg"):
            raise UnreadablePhotoError("the disk could not read the file", transient=not lasting)
        return original(path, preprocess, known, **options)

    with monkeypatch.context() as patch:
        patch.setattr(reading, "read_photo", failing_read)
        assert library.index([], IndexOptions(model=str(other_model))).problems == 1

    assert library.status().model == str(other_model)
    assert len(library.search("red", 100)) == 7
    if not lasting:
        assert library.index().encoded == 1
        assert len(library.search("red", 100)) == 8


def test_photos_that_are_away_do_not_hold_the_change_of_model_up_and_are_encoded_when_they_are_back(
    library: Library, photos: Path, tmp_path: Path, other_model: Path
) -> None:
    paint(tmp_path / "usb" / "a.jpg")
    library.index([str(photos), str(tmp_path / "usb")])
    (tmp_path / "usb").rename(tmp_path / "unplugged")

    library.index([], IndexOptions(model=str(other_model)))

    assert library.status().model == str(other_model)
    (tmp_path / "unplugged").rename(tmp_path / "usb")
    assert library.index().encoded == 1
    assert len(library.search("red", 100)) == 9


def test_a_model_whose_files_changed_is_refused_until_the_photos_are_encoded_again(
    library: Library, photos: Path, other_model: Path, encoders: Encoders
) -> None:
    library.index([str(photos)], IndexOptions(model=str(other_model)))
    write_model(other_model, seed=1)
    library.close()

    with pytest.raises(ModelError, match="not the one the library was indexed with"):
        library.search("red")
    with pytest.raises(ModelError, match="not the one the library was indexed with"):
        library.similar(str(photos / "red0.jpg"))
    assert (library.index().encoded, encoders.encoded) == (8, 16)
    assert len(library.search("red", 100)) == 8


def test_a_first_run_that_never_began_leaves_no_model_behind_that_answers(
    library: Library, photos: Path, other_model: Path
) -> None:
    def cancel_at_once(progress: Progress) -> None:
        if progress.stage == "scanning":
            job.cancel()

    job = Job(cancel_at_once)
    with pytest.raises(Cancelled):
        library.index([str(photos)], IndexOptions(model=str(other_model)), job)
    with pytest.raises(Cancelled):
        library.index([], IndexOptions(model="starter", batch_size=2), cancelling_job(after=2))

    assert library.status().model == "starter"
    assert 2 <= len(library.search("red", 100)) < 8


# The caches are caches


def test_previews_and_search_graph_may_be_deleted_at_any_moment(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = names_and_scores(library, photos)
    monkeypatch.setattr(library_module, "VectorIndex", functools.partial(VectorIndex, exact_below=4))
    library.index()

    graphs = list((library.folder / "vectors").glob("*.hnsw"))
    assert len(graphs) == 1
    assert names_and_scores(library, photos) == exact
    with Library(library.folder, load_encoder=FakeEncoder) as other:
        shutil.rmtree(library.folder / "vectors")
        for file in library.folder.glob("previews.sqlite3*"):
            file.unlink()
        assert names_and_scores(other, photos) == exact
        assert other.preview(str(photos / "red0.jpg")), "it is made again from the photo"
    paint(photos / "new.jpg", (0, 255, 0))
    assert library.index().encoded == 1
    assert list((library.folder / "vectors").glob("*.hnsw")) == graphs
    assert library.preview(str(photos / "new.jpg")) is not None
    assert names(library.search("green", 1)) == ["new"]


def names_and_scores(library: Library, photos: Path) -> list[list[tuple[str, float]]]:
    """Index where that was not done, and return the hits of some queries."""
    if not (library.folder / "catalog.sqlite3").exists():
        library.index([str(photos)])
    answers = [library.search(text, k) for text in ("red", "sunset", "blue - red") for k in (1, 3, 8)]
    answers.append(library.similar(str(photos / "blue0.jpg"), 8))
    return [[(hit.path, hit.score) for hit in hits] for hits in answers]


@pytest.mark.parametrize("name", ["vectors", "previews.sqlite3"])
def test_caches_deleted_in_the_middle_of_a_run_do_no_harm(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(library_module, "VectorIndex", functools.partial(VectorIndex, exact_below=4))

    def delete(progress: Progress) -> None:
        if progress.stage == "indexing":
            shutil.rmtree(library.folder / name, ignore_errors=True)
            with contextlib.suppress(OSError):
                (library.folder / name).unlink()

    library.index([str(photos)], IndexOptions(batch_size=2), Job(delete))

    assert len(library.search("red", 100)) == 8
    paint(photos / "new.jpg")
    assert library.index().encoded == 1
    assert len(library.search("red", 100)) == 9


def test_vectors_are_kept_as_unit_rows_of_half_precision(library: Library, photos: Path) -> None:
    library.index([str(photos)])

    with contextlib.closing(sqlite3.connect(library.folder / "catalog.sqlite3")) as database:
        blobs = [blob for (blob,) in database.execute("SELECT vector FROM vectors")]

    rows = np.stack([np.frombuffer(blob, np.float16) for blob in blobs]).astype(np.float32)
    assert rows.shape == (8, 256)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=2e-3)


# The real thing


SAME_SCENE = {"chessboard_GRAY.png": "chessboard_RGB.png", "motorcycle_right.png": "motorcycle_left.png"}
"""Files that hold another one's picture once more; either is right."""


def halved(image: Image.Image) -> Image.Image:
    return image.resize((max(1, image.width // 2), max(1, image.height // 2)))


def centre(image: Image.Image) -> Image.Image:
    """Keep half the area."""
    width, height = round(image.width * 0.5**0.5), round(image.height * 0.5**0.5)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def scene(path: str) -> str:
    name = Path(path).name
    return SAME_SCENE.get(name, name)


@pytest.mark.parametrize(
    ("edit", "at_least"),
    [
        (lambda image: image, 0.95),  # all of 28
        (halved, 0.95),  # all
        (ImageOps.mirror, 0.9),  # 26: the grey textures of grass and gravel are taken for each other
        (centre, 0.8),  # 24: two chessboards, whose border is gone; grass; a retina
    ],
    ids=["saved as JPEG", "halved", "mirrored", "centre half"],
)
def test_the_built_in_encoder_finds_a_photo_by_an_edited_copy(
    starter_library: Library, tmp_path: Path, edit: Callable[[Image.Image], Image.Image], at_least: float
) -> None:
    originals = [hit.path for hit in starter_library.search("a photo", 1000)]
    missed = []
    for path in originals:
        with Image.open(path) as image:
            edit(image.convert("RGB")).save(tmp_path / "query.jpg", quality=80)
        if scene(starter_library.similar(str(tmp_path / "query.jpg"), 1)[0].path) != scene(path):
            missed.append(path)

    assert len(originals) >= 25
    assert 1 - len(missed) / len(originals) >= at_least, missed


def test_a_large_model_indexes_and_searches(tmp_path: Path, skimage_photos: Path, random_vit_folder: Path) -> None:
    for name in ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "coins.png"):
        (tmp_path / "photos").mkdir(exist_ok=True)
        shutil.copyfile(skimage_photos / name, tmp_path / "photos" / name)
    library = Library(tmp_path / "library")

    summary = library.index([str(tmp_path / "photos")], IndexOptions(model=str(random_vit_folder), device="cpu"))

    assert (summary.encoded, summary.problems) == (5, 0)
    hits = library.search("a cup of coffee", 5)
    assert len({hit.path for hit in hits}) == 5
    assert library.status().model == str(random_vit_folder.resolve())
    shutil.copyfile(tmp_path / "photos" / "coffee.png", tmp_path / "elsewhere.png")
    with Image.open(tmp_path / "elsewhere.png") as image:
        image.convert("RGB").save(tmp_path / "elsewhere.jpg", quality=95)
    for query in ("elsewhere.png", "elsewhere.jpg"):
        best = library.similar(str(tmp_path / query), 1)[0]
        assert (Path(best.path).name, best.score > 0.99) == ("coffee.png", True)


def test_a_new_library_is_not_put_among_other_files(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "letter.txt").write_text("dear all")

    library = Library(tmp_path / "holiday", load_encoder=FakeEncoder)
    with pytest.raises(LibraryError, match="holds other files and no library"):
        library.index([str(photos)])

    assert [file.name for file in (tmp_path / "holiday").iterdir()] == ["letter.txt"]


def test_a_folder_that_is_away_can_still_be_searched(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    photos.rename(photos.with_name("away"))

    assert library.search("red", folder=str(photos))
    with pytest.raises(ImgfindError, match="does not exist"):
        library.search("red", folder=str(photos.with_name("never seen")))


def test_a_preview_that_is_not_cached_is_made_from_the_photo(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    cached = library.preview(str(photos / "red0.jpg"))
    (library.folder / "previews.sqlite3").unlink()

    assert library.preview(str(photos / "red0.jpg")) == cached is not None
    (photos / "red0.jpg").unlink()
    assert library.preview(str(photos / "red0.jpg")) is None


def test_indexing_updates_a_library_of_an_older_schema(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.index([str(photos)])
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE later (a TEXT)"))
    monkeypatch.setattr(schema, "SCHEMA_VERSION", len(schema.MIGRATIONS))
    newer = Library(library.folder, load_encoder=FakeEncoder)

    with pytest.raises(LibraryError, match="run 'imgfind index' once"):
        newer.search("red")
    assert newer.index().unchanged == 8
    assert newer.search("red")


def test_neither_search_nor_update_reads_the_weights_to_know_that_they_are_the_same(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.index([str(photos)])
    monkeypatch.setattr(library_module.models, "fingerprint", lambda _model: pytest.fail("the weights were hashed"))

    again = Library(library.folder, load_encoder=FakeEncoder)
    assert again.search("red")
    assert again.index().unchanged == 8


@pytest.mark.parametrize("wrong", [{"jobs": -1}, {"batch_size": -1}])
def test_negative_numbers_are_refused_before_anything_happens(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        IndexOptions(**wrong)
