"""Changing the model: who answers meanwhile, what holds the switch up and what does not, and giving space back."""

import contextlib
import errno
import os
from pathlib import Path

import pytest

from imgfind.core.errors import LibraryError, ModelError
from imgfind.core.indexing import IndexOptions
from imgfind.core.job import Cancelled, Job, Progress
from imgfind.core.library import VECTORS_FOLDER, Library
from imgfind.core.records import ModelFiles
from imgfind.core.store import Store, encoders
from imgfind.core.switching import ModelUse
from imgfind.core.vectors import index as vector_index
from tests.fake_encoder import FakeEncoder
from tests.hub import model_files
from tests.pictures import age, paint


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder with three photos and one in a sub-folder."""
    for name in ("a.jpg", "b.jpg", "c.jpg", "sub/d.jpg"):
        age(paint(tmp_path / "photos" / name), 100)
    return tmp_path / "photos"


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Library:
    """Return a library of the photos, indexed with the starter."""
    library = Library(tmp_path / "library", load_encoder=FakeEncoder)
    library.index([str(photos)])
    return library


@pytest.fixture
def other(tmp_path: Path) -> str:
    """Return the name of another model."""
    return write_model(tmp_path / "other", tensor_bytes=100)


def write_model(folder: Path, tensor_bytes: int) -> str:
    folder.mkdir(exist_ok=True)
    for name, data in model_files(tensor_bytes=tensor_bytes).items():
        (folder / name).write_bytes(data)
    return str(folder)


def use_of(library: Library, name: str) -> ModelUse:
    (use,) = [use for use in library.model_uses() if use.name == name]
    return use


def found(library: Library) -> set[str]:
    return {Path(hit.path).name for hit in library.search("red", 100)}


def index_but_stop_after(library: Library, done: int) -> None:
    def on_progress(progress: Progress) -> None:
        if progress.stage == "indexing" and progress.done >= done:
            job.cancel()

    job = Job(on_progress)
    with pytest.raises(Cancelled):
        library.index([], IndexOptions(batch_size=1, jobs=1), job)


def test_a_model_that_was_chosen_waits_for_the_next_run(library: Library, other: str) -> None:
    assert library.use_model(other) == ModelUse(other, False, True, 0, 4, 0)

    assert library.status().model == "starter"
    assert len(found(library)) == 4
    assert library.index().encoded == 4
    assert use_of(library, other) == ModelUse(other, True, True, 4, 0, 0)
    assert use_of(library, "starter") == ModelUse("starter", False, False, 4, 0, 0)


def test_a_change_that_is_interrupted_again_and_again_does_no_work_twice(library: Library, other: str) -> None:
    library.use_model(other)
    waiting = [4]
    while waiting[-1] > 1:
        index_but_stop_after(library, 1)
        waiting.append(use_of(library, other).waiting)
        assert waiting[-1] < waiting[-2]
        assert library.status().model == "starter"
        assert len(found(library)) == 4

    assert library.index().encoded == waiting[-1]
    assert library.status().model == other
    assert library.index().encoded == 0


def test_going_back_is_immediate_where_all_vectors_are_there(library: Library, other: str) -> None:
    library.use_model(other)
    library.index()

    assert library.use_model("starter").is_active
    assert library.status().model == "starter"


def test_a_change_that_is_called_off_leaves_the_old_model(library: Library, other: str) -> None:
    library.use_model(other)
    index_but_stop_after(library, 1)

    assert library.use_model("starter") == ModelUse("starter", True, True, 4, 0, 0)
    assert library.index().encoded == 0


def test_a_model_that_does_not_run_changes_nothing(tmp_path: Path, library: Library, other: str) -> None:
    def failing(model: ModelFiles, *, device: str, threads: int) -> FakeEncoder:
        raise ModelError("It does not run.")

    with Library(library.folder, load_encoder=failing) as broken, pytest.raises(ModelError, match="does not run"):
        broken.use_model(other)
    with pytest.raises(ModelError, match="no model"):
        library.use_model("nobody-knows-it")

    assert [use.name for use in library.model_uses()] == ["starter"]


def test_no_library_is_made_by_choosing_a_model(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no imgfind library"):
        Library(tmp_path / "none", load_encoder=FakeEncoder).use_model("starter")
    assert Library(tmp_path / "none").model_uses() == []
    assert not (tmp_path / "none").exists()


def test_photos_below_a_folder_that_cannot_be_listed_do_not_hold_the_switch_up(
    library: Library, photos: Path, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.use_model(other)
    original = os.scandir

    def failing_scandir(folder: str) -> object:
        if folder == str(photos / "sub"):
            raise OSError(errno.EIO, "Input/output error")
        return original(folder)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", failing_scandir)
        assert library.index().encoded == 3

    assert library.status().model == other
    assert found(library) == {"a.jpg", "b.jpg", "c.jpg"}
    assert use_of(library, other).waiting == 1
    assert library.index().encoded == 1
    assert found(library) == {"a.jpg", "b.jpg", "c.jpg", "d.jpg"}


def test_photos_that_are_away_are_not_found_after_the_switch_until_they_are_back(
    library: Library, photos: Path, tmp_path: Path, other: str
) -> None:
    paint(tmp_path / "usb" / "far.jpg")
    library.index([str(tmp_path / "usb")])
    (tmp_path / "usb").rename(tmp_path / "unplugged")
    library.index()
    assert "far.jpg" in found(library), "the old model knows it"

    assert library.use_model(other) == ModelUse(other, False, True, 0, 4, 1)
    assert "far.jpg" in found(library)
    assert library.index().encoded == 4
    assert use_of(library, other) == ModelUse(other, True, True, 4, 0, 1)
    assert found(library) == {"a.jpg", "b.jpg", "c.jpg", "d.jpg"}

    (tmp_path / "unplugged").rename(tmp_path / "usb")
    assert library.index().encoded == 1
    assert use_of(library, other) == ModelUse(other, True, True, 5, 0, 0)
    assert "far.jpg" in found(library)


# Giving space back


def test_the_vectors_of_a_model_that_is_not_used_go_with_their_graph(
    library: Library, photos: Path, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_index.VectorIndex.__init__, "__kwdefaults__", {"exact_below": 2})
    library.index()
    library.use_model(other)
    library.index()

    def graphs() -> set[str]:
        return {file.name.partition(".")[0] for file in (library.folder / VECTORS_FOLDER).iterdir()}

    before = graphs()
    assert len(before) == 2

    assert library.remove_model("starter").vectors == 4

    assert graphs() == before - {"1"}
    assert [use.name for use in library.model_uses()] == [other]
    assert len(found(library)) == 4
    assert library.index().encoded == 0
    library.close()
    assert library.use_model("starter").waiting == 4


def test_the_catalogue_shrinks(tmp_path: Path, library: Library, other: str) -> None:
    library.use_model(other)
    library.index()
    library.close()
    with contextlib.closing(Store.create(library.folder)) as store:
        # As much as a thousand photos have.
        store.database.execute("CREATE TABLE ballast (bytes BLOB)")
        store.database.execute("INSERT INTO ballast VALUES (zeroblob(1000000))")
        store.database.execute("DROP TABLE ballast")

    removal = library.remove_model("starter")

    assert removal.freed_bytes > 900_000
    assert len(found(library)) == 4


def test_a_removal_that_was_interrupted_can_be_done_again(
    library: Library, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.use_model(other)
    library.index()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(vector_index.VectorIndex, "refresh", killed)
        with pytest.raises(KeyboardInterrupt):
            library.remove_model("starter")
    assert len(found(library)) == 4

    library.remove_model("starter")
    library.close()
    with contextlib.closing(Store.open(library.folder, readonly=True)) as store:
        assert [held.name for held in encoders.held_models(store.database)] == [other]


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_models_in_use_are_not_removed(library: Library, other: str, interrupted: bool) -> None:
    library.use_model(other)
    if interrupted:
        index_but_stop_after(library, 1)

    for name in ("starter", other):
        with pytest.raises(ModelError, match="This library uses the model"):
            library.remove_model(name)
    assert len(found(library)) == 4


def test_vectors_of_former_files_of_a_model_in_use_can_be_removed(library: Library, tmp_path: Path, other: str) -> None:
    library.use_model(other)
    library.index()
    write_model(Path(other), tensor_bytes=200)
    library.index()
    assert [use.name for use in library.model_uses()] == ["starter", other, other]

    removal = library.remove_model(other)

    assert (removal.vectors, removal.in_use) == (4, True)
    assert [use.name for use in library.model_uses()] == ["starter", other]
    assert len(found(library)) == 4


def test_a_model_nobody_knows_leaves_everything(library: Library) -> None:
    assert library.remove_model("nobody").vectors == 0
    assert len(found(library)) == 4


def test_nothing_is_removed_while_the_library_is_indexed(library: Library, other: str) -> None:
    library.use_model(other)
    refusals: list[str] = []

    def on_progress(progress: Progress) -> None:
        if not refusals:
            with pytest.raises(LibraryError) as raised:
                Library(library.folder).remove_model("starter")
            refusals.append(str(raised.value))

    library.index([], None, Job(on_progress))
    assert "being indexed by" in refusals[0]
    assert library.remove_model("starter").vectors == 4
