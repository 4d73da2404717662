"""The folders of a library: added, removed, found again at another place, and given up."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from imgfind.core import lock, roots, volumes
from imgfind.core.errors import ImgfindError, LibraryBusyError, LibraryError
from imgfind.core.library import Library
from imgfind.core.records import FloatArray, ModelFiles, PixelArray
from imgfind.core.store import Store
from tests.catalogue import vanished
from tests.fake_encoder import FakeEncoder
from tests.pictures import age, paint

NAMES = ("a.jpg", "b.jpg", "sub/c.jpg", "sub/\udcff.jpg")


class Encoders:
    """Loads fake encoders and counts the pictures they saw."""

    def __init__(self) -> None:
        self.encoded = 0

    def __call__(self, model: ModelFiles, *, device: str, threads: int) -> FakeEncoder:
        loader = self

        class Counting(FakeEncoder):
            def encode_images(self, batch: PixelArray) -> FloatArray:
                loader.encoded += len(batch)
                return super().encode_images(batch)

        return Counting(model, device=device, threads=threads)


@pytest.fixture
def encoders() -> Encoders:
    return Encoders()


@pytest.fixture
def library(tmp_path: Path, encoders: Encoders) -> Library:
    return Library(tmp_path / "library", load_encoder=encoders)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of four photos."""
    if os.name != "posix":
        pytest.skip("names that are no text")
    for name in NAMES:
        age(paint(tmp_path / "photos" / name), 100)
    return tmp_path / "photos"


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Return volume -> mount points; every folder that is added is on the volume ``V``."""
    mounted: dict[str, list[str]] = {"V": []}
    monkeypatch.setattr(volumes, "folders_of", lambda identity: mounted[identity])
    monkeypatch.setattr("imgfind.core.indexing.volume_identity", lambda _folder: "V")
    monkeypatch.setattr(volumes, "volume_identity", lambda _folder: "V")
    return mounted


def found(library: Library) -> list[str]:
    """Return the photos a search finds, by path."""
    return sorted(hit.path for hit in library.search("red", 100))


def below(folder: Path) -> list[str]:
    return sorted(str(folder / name) for name in NAMES)


def states(library: Library) -> dict[str, str]:
    return {root.path: root.state for root in library.roots()}


def vanished_contents(library: Library) -> int:
    with contextlib.closing(Store.open(library.folder, readonly=True)) as store:
        return vanished(store)


# add


def test_an_added_folder_is_read_by_the_next_index(library: Library, photos: Path) -> None:
    assert library.add_roots([str(photos)]) == [str(photos)]
    assert [(root.path, root.photos) for root in library.roots()] == [(str(photos), 0)]
    assert library.index().encoded == 4
    assert found(library) == below(photos)


def test_adding_what_is_there_adds_nothing(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    assert library.add_roots([str(photos), str(photos / "sub")]) == []
    assert len(library.roots()) == 1


def test_a_folder_above_a_root_takes_it_in(library: Library, photos: Path) -> None:
    library.index([str(photos / "sub")])
    library.add_roots([str(photos)])
    assert [(root.path, root.photos) for root in library.roots()] == [(str(photos), 2)]
    assert library.index().encoded == 2


@pytest.mark.parametrize("name", ["missing", "photos/a.jpg", "empty"])
def test_a_folder_that_cannot_be_indexed_is_not_added(
    library: Library, photos: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImgfindError):
        library.add_roots([str(photos), str(tmp_path / name)])
    assert not library.folder.exists()


# remove


@pytest.mark.parametrize("is_away", [False, True])
def test_a_removed_root_is_forgotten_and_its_files_are_not_touched(
    library: Library, photos: Path, encoders: Encoders, is_away: bool
) -> None:
    (photos / "broken.jpg").write_text("no picture")
    other = paint(photos.parent / "other" / "x.jpg")
    shutil.copy2(photos / "a.jpg", other.parent)
    library.index([str(photos), str(other.parent)])
    if is_away:
        photos.rename(photos.with_name("away"))
        library.index()
    removed = library.remove_root(str(photos))
    assert (removed.path, removed.photos) == (str(photos), 4)
    assert found(library) == [str(other.parent / "a.jpg"), str(other)]
    assert states(library) == {str(other.parent): "online"}
    assert library.problems() == []
    assert vanished_contents(library) == 3
    assert len(list((photos.with_name("away") if is_away else photos).rglob("*.jpg"))) == 5
    # Adding it again needs no encoding.
    if is_away:
        photos.with_name("away").rename(photos)
    encoded = encoders.encoded
    assert library.index([str(photos)]).reused == 4
    assert encoders.encoded == encoded
    assert vanished_contents(library) == 0


def test_what_is_no_root_is_not_removed(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    with pytest.raises(ImgfindError, match=r"is only a part of .*/photos; name that one"):
        library.remove_root(str(photos / "sub"))
    for folder in ("", str(photos.parent), "/nowhere"):
        with pytest.raises(ImgfindError, match="is no folder of the library; see: imgfind roots"):
            library.remove_root(folder)
    assert found(library) == below(photos)


def test_a_root_is_meant_by_any_name_that_leads_to_it(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    (photos.parent / "link").symlink_to(photos)
    assert library.remove_root(str(photos.parent / "link")).path == str(photos)
    assert library.roots() == []


# relocate


@pytest.mark.parametrize("new_name", ["new", "photos/deeper", "."], ids=["beside", "below", "above"])
def test_a_root_that_moved_is_known_at_its_new_place_without_reading(
    library: Library, photos: Path, encoders: Encoders, tmp_path: Path, new_name: str
) -> None:
    home = tmp_path / "disk" / "photos"
    home.parent.mkdir()
    photos.rename(home)
    (home / "broken.jpg").write_text("no picture")
    library.index([str(home)])
    vectors, before = encoders.encoded, library.show(str(home / "a.jpg"))
    away = home.rename(tmp_path / "away")
    library.index()
    assert states(library) == {str(home): "missing"}
    new = Path(os.path.normpath(home.parent / new_name))
    if new_name == ".":
        new.rmdir()
    new.parent.mkdir(exist_ok=True)
    away.rename(new)
    assert library.relocate_root(str(home), str(new)) == 4
    assert states(library) == {str(new): "online"}
    assert found(library) == below(new)
    assert not any(hit.offline for hit in library.search("red"))
    assert library.show(str(new / "a.jpg")).content_hash == before.content_hash  # type: ignore[union-attr]  # a photo
    assert [problem.path for problem in library.problems()] == [str(new / "broken.jpg")]
    summary = library.index()
    assert (summary.unchanged, summary.changed, summary.offline) == (5, 0, 0)
    assert encoders.encoded == vectors


def test_a_root_cannot_be_relocated_to_where_it_or_another_one_is(
    library: Library, photos: Path, tmp_path: Path
) -> None:
    other = paint(tmp_path / "other" / "sub" / "x.jpg").parent
    library.index([str(photos), str(other)])
    for new in (other, other.parent):
        with pytest.raises(ImgfindError, match=r"is in the library already, through .*/other/sub; take one of the two"):
            library.relocate_root(str(photos), str(new), force=True)
    with pytest.raises(ImgfindError, match="is where the library has it already"):
        library.relocate_root(str(photos), str(photos))
    with pytest.raises(ImgfindError, match="does not exist"):
        library.relocate_root(str(photos), str(tmp_path / "missing"), force=True)
    assert found(library) == [str(other / "x.jpg"), *below(photos)]


@pytest.mark.parametrize(("kept", "plausible"), [(2, True), (1, False), (0, False)])
def test_a_folder_with_few_of_the_photos_is_refused_unless_forced(
    library: Library, photos: Path, tmp_path: Path, kept: int, plausible: bool
) -> None:
    library.index([str(photos)])
    new = tmp_path / "new"
    shutil.copytree(photos, new)
    for number, name in enumerate(NAMES):
        if number >= kept:
            age(new / name, 7)
    if plausible:
        assert library.relocate_root(str(photos), str(new)) == 4
    else:
        with pytest.raises(
            ImgfindError, match=rf"Of 4 photos of .* {kept} are in .*; check the folder, or add --force"
        ):
            library.relocate_root(str(photos), str(new))
        assert states(library) == {str(photos): "online"}
        assert library.relocate_root(str(photos), str(new), force=True) == 4
    assert library.index().unchanged == kept


def test_only_a_sample_of_a_large_root_is_looked_for(
    library: Library, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.index([str(photos)])
    new = tmp_path / "new"
    shutil.copytree(photos, new)
    monkeypatch.setattr(roots, "_SAMPLE_PHOTOS", 2)
    for name in NAMES:
        (new / name).unlink()
    with pytest.raises(ImgfindError, match="Of 2 photos"):
        library.relocate_root(str(photos), str(new))


# forget


def test_offline_photos_below_a_folder_are_given_up(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    away = photos.rename(photos.with_name("away"))
    library.index()
    assert library.forget_offline(str(photos / "sub")) == 2
    assert found(library) == below(photos)[:2]
    assert states(library) == {str(photos): "missing"}
    assert vanished_contents(library) == 2
    assert library.forget_offline(str(photos)) == 2
    assert [(root.path, root.photos) for root in library.roots()] == [(str(photos), 0)]
    away.rename(photos)
    assert library.index().reused == 4


def test_a_root_that_vanished_is_whole_again_when_the_rest_is_given_up(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    for name in NAMES:
        (photos / name).unlink()
    library.index()
    assert states(library) == {str(photos): "vanished"}
    library.forget_offline(str(photos / "sub"))
    assert states(library) == {str(photos): "vanished"}
    library.forget_offline(str(photos))
    assert states(library) == {str(photos): "online"}


def test_photos_that_are_there_are_not_given_up(library: Library, photos: Path) -> None:
    library.index([str(photos)])
    for folder in (str(photos), "/nowhere", ""):
        with pytest.raises(ImgfindError, match="is offline; 'imgfind index' finds out what is away"):
            library.forget_offline(folder)
    assert found(library) == below(photos)


# A drive that came back elsewhere


@pytest.mark.parametrize("below_mount", ["", "photos", "media/usb/photos"])
def test_a_drive_that_is_mounted_elsewhere_is_recognised(
    library: Library, photos: Path, drive: dict[str, list[str]], tmp_path: Path, below_mount: str
) -> None:
    home = tmp_path / "media" / "usb" / "photos"
    home.parent.mkdir(parents=True)
    photos.rename(home)
    assert library.index([str(home)]).elsewhere == []
    mount = tmp_path / "media" / "usb 1"
    (mount / below_mount).parent.mkdir(parents=True, exist_ok=True)
    new = home.rename(mount / below_mount)
    drive["V"] = [str(tmp_path / "unrelated"), str(mount)]
    assert library.index().elsewhere == [(str(home), str(new))]
    # It is the same for the folder itself and for one below it.
    for named in (home, home / "sub"):
        with pytest.raises(
            ImgfindError, match=r"The drive of .* seems to be at .* now; if so, run: imgfind roots relo"
        ):
            library.index([str(named)])
    assert states(library) == {str(home): "missing"}
    library.relocate_root(str(home), str(new))
    assert library.index().elsewhere == []


def test_another_folder_of_the_drive_is_not_taken_for_the_root(
    library: Library, photos: Path, drive: dict[str, list[str]], tmp_path: Path
) -> None:
    library.index([str(photos)])
    photos.rename(tmp_path / "away")
    paint(tmp_path / "mount" / "photos" / "a.jpg")
    drive["V"] = [str(tmp_path / "mount")]
    assert library.index().elsewhere == []
    with pytest.raises(ImgfindError, match="does not exist"):
        library.index([str(photos)])


def test_a_mount_point_that_is_empty_is_no_reason_not_to_look_elsewhere(
    library: Library, photos: Path, drive: dict[str, list[str]], tmp_path: Path
) -> None:
    library.index([str(photos)])
    photos.rename(tmp_path / "mount")
    photos.mkdir()
    drive["V"] = [str(tmp_path / "mount")]
    summary = library.index()
    assert (summary.offline, summary.elsewhere) == (4, [(str(photos), str(tmp_path / "mount"))])


# The same files by two ways


def test_a_second_way_to_the_same_files_brings_no_second_photos(library: Library, photos: Path, tmp_path: Path) -> None:
    library.index([str(photos)])
    second = tmp_path / "second"
    shutil.copytree(photos, second, copy_function=os.link)
    summary = library.index([str(second)])
    assert (summary.photos, summary.changed) == (4, 0)
    # What was carried over has no other path any more.
    (photos / "a.jpg").rename(tmp_path / "carried")
    (second / "a.jpg").unlink()
    (tmp_path / "carried").rename(second / "a.jpg")
    assert library.index([str(second)]).reused == 1
    assert library.index().photos == 4
    assert found(library) == sorted([*below(photos)[1:], str(second / "a.jpg")])


# One at a time


@pytest.mark.parametrize(
    "change",
    [
        lambda library, photos: library.add_roots([str(photos / "sub")]),
        lambda library, photos: library.remove_root(str(photos)),
        lambda library, photos: library.relocate_root(str(photos), str(photos / "sub"), force=True),
        lambda library, photos: library.forget_offline(str(photos)),
    ],
    ids=["add", "remove", "relocate", "forget"],
)
def test_nothing_changes_while_an_indexer_runs(
    library: Library, photos: Path, change: Callable[[Library, Path], object]
) -> None:
    library.index([str(photos)])
    with lock.held(library.folder), pytest.raises(LibraryBusyError, match="is being indexed by process"):
        change(library, photos)
    assert states(library) == {str(photos): "online"}
    assert found(library) == below(photos)


def test_without_a_library_there_is_nothing_to_change(library: Library, photos: Path) -> None:
    for change in (
        lambda: library.remove_root(str(photos)),
        lambda: library.relocate_root(str(photos), str(photos)),
        lambda: library.forget_offline(str(photos)),
    ):
        with pytest.raises(LibraryError, match="There is no imgfind library"):
            change()
    assert not library.folder.exists()
