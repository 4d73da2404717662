"""Duplicates of a library from the first look to the trash: found, explained, decided about, removed, brought back."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgfind.core import duplicates, pipeline, trash, verifying
from imgfind.core.errors import ImgfindError, LibraryError, UsageError
from imgfind.core.grouping import Group
from imgfind.core.indexing import IndexOptions
from imgfind.core.job import Cancelled, Job
from imgfind.core.keeping import preference
from imgfind.core.library import Library
from imgfind.core.records import Label, PhotoId, Verdict
from imgfind.core.store import Store
from tests.fake_encoder import FakeEncoder
from tests.pictures import age

pytestmark = pytest.mark.skipif(not trash._HAS_NOTES, reason="knows where the trash of freedesktop.org is")

ALL = frozenset(Label)


@pytest.fixture(scope="session")
def picture(skimage_photos: Path) -> Image.Image:
    """Return a photograph of 512 x 512 pixels."""
    with Image.open(skimage_photos / "astronaut.png") as image:
        return image.convert("RGB")


@pytest.fixture(scope="session")
def other_picture(skimage_photos: Path) -> Image.Image:
    with Image.open(skimage_photos / "coffee.png") as image:
        return image.convert("RGB")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return an empty folder for photos."""
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as opened:
        yield opened


def save(image: Image.Image, path: Path, quality: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=quality)
    age(path, 100)
    return path


def copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    return target


def found(library: Library, photos: Path, **options: object) -> list[Group]:
    """Index the photos, compare them and return the groups."""
    library.index([str(photos)])
    library.duplicates.update()
    return library.duplicates.groups(**options)


def names(groups: list[Group]) -> list[list[str]]:
    """Return the names of the photos of each group, the kept one first."""
    return [
        [os.path.basename(photo.path) for photo in (group.kept, *(member.photo for member in group.members))]
        for group in groups
    ]


def labels(group: Group) -> dict[str, Label]:
    return {os.path.basename(member.photo.path): member.label for member in group.members}


def ids(library: Library, *files: Path) -> list[PhotoId]:
    return library.removing.ids_of([str(file) for file in files])


def compare_as(monkeypatch: pytest.MonkeyPatch, verdict: Verdict) -> list[int]:
    """Give every comparison this verdict; the list counts them."""
    calls: list[int] = []

    def verify(_a: object, _b: object) -> Verdict:
        calls.append(1)
        return verdict

    monkeypatch.setattr(duplicates, "verify", verify)
    return calls


# Found


@pytest.mark.parametrize(("from_s", "left"), [(0.0, range(1, 8)), (1000.0, [8])])
def test_pictures_are_described_as_they_are_indexed_where_the_encoder_takes_its_time(
    library: Library,
    photos: Path,
    picture: Image.Image,
    monkeypatch: pytest.MonkeyPatch,
    from_s: float,
    left: Sequence[int],
) -> None:
    monkeypatch.setattr(pipeline, "DESCRIBED_FROM_S", from_s)
    for number in range(8):
        save(picture.crop((40 * number, 0, 40 * number + 200, 150 + number)), photos / f"{number}.jpg")
    # How long the encoder takes is known after the first picture; by then some more are being read.
    library.index([str(photos)], IndexOptions(batch_size=1, jobs=1))
    assert library.duplicates.update().described in left
    library.index([str(photos)])
    assert library.duplicates.update().described == 0


def test_copies_of_every_stage_are_found_and_labelled(
    library: Library, photos: Path, picture: Image.Image, other_picture: Image.Image
) -> None:
    original = save(picture, photos / "original.jpg", 97)
    copy(original, photos / "same.jpg")
    Image.open(original).save(photos / "pixels.png")
    save(picture.resize((300, 300)), photos / "small.jpg")
    save(picture.transpose(Image.Transpose.ROTATE_90), photos / "turned.jpg")
    save(picture.crop((80, 80, 440, 440)), photos / "part.jpg")
    save(other_picture, photos / "other.jpg")

    (group,) = found(library, photos, prefer=[preference("type:jpeg"), preference("larger")])

    assert os.path.basename(group.kept.path) == "original.jpg"
    assert labels(group) == {
        "same.jpg": Label.IDENTICAL,
        "pixels.png": Label.SAME_PIXELS,
        "small.jpg": Label.RE_ENCODED,
        "turned.jpg": Label.TURNED,
        "part.jpg": Label.CROPPED,
    }
    assert group.label is Label.CROPPED


def test_a_group_of_eight_orientations_says_how_each_is_turned(
    library: Library, photos: Path, picture: Image.Image
) -> None:
    turns = (None, 0, 3, 1, 5, 4, 6, 2)  # Pillow's names of what EXIF orientations 1 to 8 do
    for turn, transpose in enumerate(turns):
        image = picture if transpose is None else picture.transpose(Image.Transpose(transpose))
        save(image, photos / f"{turn}.jpg", 95 if turn == 0 else 90)
    (group,) = found(library, photos)
    assert {os.path.basename(member.photo.path): member.turn for member in group.members} == {
        f"{turn}.jpg": turn for turn in range(1, 8)
    }
    around_5 = library.duplicates.kept_instead(group, next(m.photo for m in group.members if m.turn == 5).photo_id)
    assert len(around_5.members) == 7
    assert next(m.turn for m in around_5.members if m.photo == group.kept) == 7, "the way back"


def test_only_what_is_new_is_compared(
    library: Library, photos: Path, picture: Image.Image, other_picture: Image.Image
) -> None:
    assert not library.duplicates.is_due()
    save(picture, photos / "a.jpg")
    save(picture, photos / "b.jpg", 60)
    library.index([str(photos)])
    assert library.duplicates.is_due()
    first = library.duplicates.update()
    assert (first.described, first.proposed, first.compared, first.found, first.left) == (2, 1, 1, 1, 0)
    assert not library.duplicates.is_due()
    again = library.duplicates.update()
    assert (again.described, again.proposed, again.compared) == (0, 0, 0)

    save(picture, photos / "c.jpg", 40)
    save(other_picture, photos / "d.jpg", 40)
    assert [len(group.members) for group in found(library, photos)] == [2]
    later = library.duplicates.update()
    assert (later.described, later.compared) == (0, 0)


def test_a_part_of_a_picture_that_comes_later_is_found_among_what_is_known(
    library: Library,
    photos: Path,
    picture: Image.Image,
    other_picture: Image.Image,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imgfind.core.store.duplicates._DESCRIPTORS_AT_ONCE", 2)
    save(other_picture, photos / "other.jpg")
    save(picture, photos / "a.jpg")
    Image.new("RGB", (400, 300), "white").save(photos / "blank.png")
    assert found(library, photos) == []
    save(other_picture.crop((40, 40, 380, 380)), photos / "z-part of other.jpg")
    save(picture.crop((80, 80, 440, 440)), photos / "z-part.jpg")
    groups = sorted(names(found(library, photos)))
    assert groups == [["a.jpg", "z-part.jpg"], ["other.jpg", "z-part of other.jpg"]]


def test_what_was_found_is_there_after_a_restart(library: Library, photos: Path, picture: Image.Image) -> None:
    save(picture, photos / "a.jpg")
    save(picture, photos / "b.jpg", 60)
    before = found(library, photos)
    library.close()
    with Library(library.folder, load_encoder=FakeEncoder) as later:
        assert later.duplicates.groups() == before
        assert not later.duplicates.is_due()


def test_a_photo_that_comes_back_from_the_trash_is_compared_with_what_came_meanwhile(
    library: Library, photos: Path, picture: Image.Image
) -> None:
    path = save(picture, photos / "a.jpg")
    library.index([str(photos)])
    library.duplicates.update()
    batch = library.removing.remove(ids(library, path)).batch
    save(picture, photos / "b.jpg", 60)
    assert found(library, photos) == []
    library.removing.undo(batch)
    assert library.duplicates.is_due()
    assert names(found(library, photos)) == [["a.jpg", "b.jpg"]]


def test_a_new_version_of_the_comparison_compares_all_pairs_again(
    library: Library, photos: Path, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(picture, photos / "a.jpg")
    save(picture, photos / "b.jpg", 60)
    assert len(found(library, photos)) == 1
    monkeypatch.setattr("imgfind.core.deduplicating.VERDICT_VERSION", duplicates.VERDICT_VERSION + 1)
    compare_as(monkeypatch, Verdict(None))
    assert library.duplicates.is_due()
    assert library.duplicates.groups() == [], "nothing is removed for what an earlier version said"
    assert library.duplicates.update().compared == 1
    assert library.duplicates.groups() == []


def test_without_previews_the_files_are_read(library: Library, photos: Path, picture: Image.Image) -> None:
    save(picture, photos / "a.jpg")
    save(picture, photos / "b.jpg", 60)
    library.index([str(photos)])
    (library.folder / "previews.sqlite3").unlink()
    library.duplicates.update()
    assert names(library.duplicates.groups()) == [["a.jpg", "b.jpg"]]


def test_what_cannot_be_had_now_is_compared_later(library: Library, photos: Path, picture: Image.Image) -> None:
    save(picture, photos / "a.jpg")
    save(picture, photos / "b.jpg", 60)
    library.index([str(photos)])
    (library.folder / "previews.sqlite3").unlink()
    photos.rename(photos.parent / "away")
    library.index()
    summary = library.duplicates.update()
    assert (summary.described, summary.compared, summary.left) == (0, 0, 1)
    assert not library.duplicates.is_due(), "there is no more to be done about it now"
    (photos.parent / "away").rename(photos)
    assert names(found(library, photos)) == [["a.jpg", "b.jpg"]]


def test_a_file_that_changed_is_not_taken_for_what_was_indexed(
    library: Library, photos: Path, picture: Image.Image, other_picture: Image.Image
) -> None:
    save(picture, photos / "a.jpg")
    save(picture, photos / "b.jpg", 60)
    library.index([str(photos)])
    (library.folder / "previews.sqlite3").unlink()
    save(other_picture, photos / "b.jpg", 61)
    assert library.duplicates.update().left == 1
    assert library.duplicates.groups() == []


def test_cancelling_keeps_what_is_done(
    library: Library, photos: Path, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        save(picture, photos / f"{number}.jpg", 90 - number)
    library.index([str(photos)])
    monkeypatch.setattr(verifying, "_PAIRS_A_TASK", 1)

    def stop_when_comparing(progress) -> None:
        if progress.stage == "comparing" and progress.done >= 3:
            job.cancel()

    job = Job(stop_when_comparing)
    with pytest.raises(Cancelled):
        library.duplicates.update(job)
    assert library.duplicates.is_due()
    left = library.duplicates.update()
    assert 0 < left.compared <= 12
    assert left.proposed == 0
    assert len(library.duplicates.groups()[0].members) == 5


def test_pixels_are_the_same_only_if_the_files_say_so(
    library: Library, photos: Path, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a caption"
    picture.save(photos / "a.jpg", quality=90)
    picture.save(photos / "b.jpg", quality=90, exif=exif)
    assert list(labels(found(library, photos)[0]).values()) == [Label.SAME_PIXELS]

    pixels = np.asarray(picture).copy()
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(photos / "c.png")
    picture.save(photos / "d.png")
    (group,) = found(library, photos, labels={Label.SAME_PIXELS, Label.RE_ENCODED}, prefer=[preference("type:png")])
    assert labels(group)[{"c.png": "d.png", "d.png": "c.png"}[os.path.basename(group.kept.path)]] is Label.RE_ENCODED


# Groups


def test_groups_can_be_narrowed(library: Library, photos: Path, picture: Image.Image) -> None:
    first = save(picture, photos / "in" / "a.jpg")
    copy(first, photos / "in" / "b.jpg")
    save(picture, photos / "c.jpg", 60)
    assert len(found(library, photos)[0].members) == 2
    groups = library.duplicates.groups
    assert names(groups({Label.IDENTICAL})) == [["a.jpg", "b.jpg"]]
    assert names(groups(folder=str(photos / "in"))) == [["a.jpg", "b.jpg"]]
    assert groups(min_similarity=1.0)[0].similarity == 1.0
    with pytest.raises(ImgfindError, match="does not exist"):
        groups(folder=str(photos / "nowhere"))


def test_hidden_photos_are_in_no_group(library: Library, photos: Path, picture: Image.Image) -> None:
    save(picture, photos / "a.jpg")
    hidden = save(picture, photos / "b.jpg", 60)
    library.index([str(photos)])
    library.photos.set_hidden(ids(library, hidden), on=True)
    assert found(library, photos) == []


def test_a_rule_makes_another_photo_the_kept_one_and_all_are_compared_with_it(
    library: Library, photos: Path, picture: Image.Image
) -> None:
    save(picture, photos / "whole.jpg", 95)
    save(picture.crop((0, 0, 512, 256)), photos / "top.jpg")
    save(picture.crop((0, 256, 512, 512)), photos / "bottom.jpg")
    assert names(found(library, photos)) == [["whole.jpg", "bottom.jpg", "top.jpg"]]
    smaller = library.duplicates.groups(prefer=[preference("smaller")])
    assert sorted(map(tuple, names(smaller))) == [("bottom.jpg", "whole.jpg"), ("top.jpg", "whole.jpg")]


def test_files_of_one_shot_are_left_alone_unless_asked_for(
    library: Library, photos: Path, picture: Image.Image
) -> None:
    save(picture, photos / "IMG_1.jpg", 95)
    save(picture, photos / "IMG_1-edit.jpg", 60)
    still = save(picture.rotate(180), photos / "live.jpg", 70)
    age(still, -10)
    assert names(found(library, photos)) == [["IMG_1.jpg", "live.jpg"]]
    assert len(library.duplicates.groups(with_pairs=True)[0].members) == 2

    (group,) = library.duplicates.groups(prefer=[preference("newest")])
    left_alone = {str(member.left_alone) for member in group.members}
    assert left_alone == {"it belongs to IMG_1.jpg", "it belongs to IMG_1-edit.jpg"}

    (photos / "live.MOV").write_bytes(b"a film")
    (group,) = library.duplicates.groups(prefer=[preference("oldest")])
    assert str(group.members[0].left_alone) == "it belongs to the film of a Live Photo"
    assert library.duplicates.remove([group]).trashed == 0
    assert still.exists()
    (group,) = library.duplicates.groups({Label.TURNED}, with_pairs=True)
    assert [member.left_alone for member in group.members] == [None, None]


def test_a_library_that_is_not_there_has_no_duplicates_and_none_are_looked_for(library: Library) -> None:
    assert library.duplicates.groups() == []
    assert library.duplicates.decisions() == []
    assert not library.duplicates.is_due()
    with pytest.raises(LibraryError):
        library.duplicates.update()
    with pytest.raises(LibraryError):
        library.duplicates.plan([])
    assert not library.folder.exists()


def test_only_a_photo_of_the_group_can_be_kept_instead(library: Library, photos: Path, picture: Image.Image) -> None:
    a = save(picture, photos / "a.jpg")
    copy(a, photos / "b.jpg")
    (group,) = found(library, photos)
    with pytest.raises(UsageError):
        library.duplicates.kept_instead(group, PhotoId(99))
    assert names([library.duplicates.kept_instead(group, group.members[0].photo.photo_id)]) == [["b.jpg", "a.jpg"]]


# Decisions


@pytest.mark.parametrize("decision", ["different", "keep"])
def test_a_decision_holds_for_what_has_the_same_bytes_or_pixels_and_can_be_taken_back(
    library: Library, photos: Path, picture: Image.Image, decision: str
) -> None:
    a, b = save(picture, photos / "a.jpg", 95), save(picture, photos / "b.jpg", 60)
    assert len(found(library, photos)) == 1
    decided = library.duplicates.decide(decision, ids(library, a, b))
    assert library.duplicates.groups() == []

    Image.open(b).save(photos / "pixels of b.png")
    copy(a, photos / "moved" / "bytes of a.jpg")
    a.unlink()
    assert names(found(library, photos)) == [["b.jpg", "pixels of b.png"]]
    (shown,) = library.duplicates.decisions()
    assert (shown.decision, (shown.hash_a, shown.hash_b)) == (decision, decided[0])
    moved = ids(library, photos / "moved" / "bytes of a.jpg", b)
    assert {shown.photo_a, shown.photo_b} == set(moved)

    library.duplicates.undecide(decided)
    assert [len(names(library.duplicates.groups())[0])] == [3]
    assert library.duplicates.decisions() == []


def test_a_decision_between_one_and_the_others_says_nothing_of_these(
    library: Library, photos: Path, picture: Image.Image
) -> None:
    files = [save(picture, photos / f"{number}.jpg", 90 - number) for number in range(3)]
    assert len(found(library, photos)[0].members) == 2
    one, *others = ids(library, *files)
    library.duplicates.decide("different", [one], others)
    assert names(library.duplicates.groups()) == [["1.jpg", "2.jpg"]]


def test_identical_files_can_be_kept_both(library: Library, photos: Path, picture: Image.Image) -> None:
    a = save(picture, photos / "a.jpg")
    b = copy(a, photos / "b.jpg")
    assert len(found(library, photos)) == 1
    library.duplicates.decide("keep", ids(library, a, b))
    assert library.duplicates.groups() == []


def test_a_decision_outlasts_the_contents_it_is_about(library: Library, photos: Path, picture: Image.Image) -> None:
    a, b = save(picture, photos / "a.jpg"), save(picture, photos / "b.jpg", 60)
    found(library, photos)
    library.duplicates.decide("different", ids(library, a, b))
    data = [path.read_bytes() for path in (a, b)]
    a.unlink()
    b.unlink()
    library.index(options=IndexOptions(confirm_missing=True))
    with library._access.changing() as store:
        store.database.execute("UPDATE contents SET vanished_at = '2000-01-01T00:00:00Z'")
    library.care.prune()
    assert library._store().database.value("SELECT count(*) FROM verdicts") == 0
    for path, content in zip((photos / "new" / "a.jpg", photos / "new" / "b.jpg"), data, strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert found(library, photos) == []


@pytest.mark.parametrize("gone", ["ab", "a", "b"])
def test_a_decision_passes_to_what_has_the_same_pixels_when_its_contents_are_pruned(
    library: Library, photos: Path, picture: Image.Image, gone: str
) -> None:
    files = {"a": save(picture, photos / "a.jpg", 95), "b": save(picture, photos / "b.jpg", 60)}
    for name, file in files.items():
        Image.open(file).save(photos / f"pixels of {name}.png")
    assert len(found(library, photos)) == 1
    library.duplicates.decide("different", ids(library, *files.values()))
    before = names(library.duplicates.groups())
    assert sorted(map(sorted, before)) == [["a.jpg", "pixels of a.png"], ["b.jpg", "pixels of b.png"]]

    for name in gone:
        files[name].unlink()
    library.index(options=IndexOptions(confirm_missing=True))
    with library._access.changing() as store:
        store.database.execute("UPDATE contents SET vanished_at = '2000-01-01T00:00:00Z' WHERE vanished_at IS NOT NULL")
    library.care.prune()
    left = [group for group in map(sorted, before) if group[0][0] not in gone]
    assert sorted(map(sorted, names(found(library, photos)))) == sorted(left)


# What the user chose to keep


def kept_and_chosen(library: Library, photos: Path, picture: Image.Image) -> tuple[PhotoId, PhotoId]:
    """Make a group of a large and a small photo; return both."""
    save(picture, photos / "large.jpg")
    save(picture.resize((256, 256)), photos / "small.jpg")
    (group,) = found(library, photos)
    return group.kept.photo_id, group.members[0].photo.photo_id


def test_what_was_chosen_is_kept_from_then_on_and_not_when_that_is_taken_back(
    library: Library, photos: Path, picture: Image.Image
) -> None:
    large, small = kept_and_chosen(library, photos, picture)
    choices = [library.duplicates.choose(photo_id) for photo_id in (small, large, small)]
    with Library(library.folder, load_encoder=FakeEncoder) as later:
        (group,) = later.duplicates.groups()
        assert names([group]) == [["small.jpg", "large.jpg"]]
        assert group.reason.startswith("chosen")
        assert [choice.choice_id for choice in later.duplicates.choices()] == choices[::-1]
        assert {os.path.basename(choice.path) for choice in later.duplicates.choices()} == {"large.jpg", "small.jpg"}
        for left, kept in (([0, 1], "large.jpg"), ([0], "small.jpg"), ([], "large.jpg")):
            later.duplicates.unchoose(choices[len(left) :])
            assert names(later.duplicates.groups())[0][0] == kept


def test_a_choice_moves_with_the_photo_and_gives_way_to_a_rule(
    library: Library, photos: Path, picture: Image.Image
) -> None:
    _, small = kept_and_chosen(library, photos, picture)
    library.duplicates.choose(small)
    (photos / "elsewhere").mkdir()
    (photos / "small.jpg").rename(photos / "elsewhere" / "moved.jpg")
    assert names(found(library, photos)) == [["moved.jpg", "large.jpg"]]
    assert names(library.duplicates.groups(prefer=[preference("larger")])) == [["large.jpg", "moved.jpg"]]


def test_of_identical_files_the_very_one_is_kept_that_was_chosen(
    library: Library, photos: Path, picture: Image.Image
) -> None:
    first = save(picture, photos / "a.jpg")
    copy(first, photos / "b.jpg")
    copy(first, photos / "c.jpg")
    (group,) = found(library, photos)
    assert group.kept.path == str(first)
    library.duplicates.choose(group.members[1].photo.photo_id)
    assert names(library.duplicates.groups()) == [["c.jpg", "a.jpg", "b.jpg"]]


def test_what_is_out_of_reach_is_not_kept_however_it_was_chosen(
    library: Library, tmp_path: Path, picture: Image.Image
) -> None:
    save(picture, tmp_path / "here" / "large.jpg")
    save(picture.resize((256, 256)), tmp_path / "drive" / "small.jpg")
    library.index([str(tmp_path / "here"), str(tmp_path / "drive")])
    library.duplicates.update()
    (group,) = library.duplicates.groups()
    library.duplicates.choose(group.members[0].photo.photo_id)
    assert names(library.duplicates.groups()) == [["small.jpg", "large.jpg"]]
    (tmp_path / "drive").rename(tmp_path / "unplugged")
    library.index()
    assert names(library.duplicates.groups()) == [["large.jpg", "small.jpg"]]


def test_only_a_photo_of_the_library_can_be_chosen(library: Library, photos: Path, picture: Image.Image) -> None:
    kept_and_chosen(library, photos, picture)
    with pytest.raises(UsageError, match="no longer in the library"):
        library.duplicates.choose(PhotoId(99))


# While an update is at work


def test_groups_are_counted_when_all_is_compared(library: Library, photos: Path, picture: Image.Image) -> None:
    kept_and_chosen(library, photos, picture)
    assert library.photos.counts().duplicates == 1
    library.duplicates.note_count(7)
    assert library.photos.counts().duplicates == 7
    library.duplicates.update()
    assert library.photos.counts().duplicates == 1


def test_what_is_known_can_be_had_without_comparing_anything(
    library: Library, photos: Path, picture: Image.Image, other_picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, image in (("a", picture), ("b", other_picture)):
        for number in range(3):
            save(image, photos / f"{name}{number}.jpg", 95 - 20 * number)
    before = names(found(library, photos))
    with contextlib.closing(Store.open(library.folder, readonly=False)) as store:
        kept = library.duplicates.groups()[0].kept.content_id
        store.database.execute("UPDATE verdicts SET version = 0 WHERE ? IN (content_a, content_b)", (kept,))
    monkeypatch.setattr(verifying, "compared", None)
    known = names(library.duplicates.groups(only_known=True))
    assert before[1] in known
    assert before[0] not in known
