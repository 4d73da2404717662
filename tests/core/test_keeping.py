"""Which photo of a group is kept, and what is said of it."""

import pytest

from imgfind.core import keeping
from imgfind.core.errors import UsageError
from imgfind.core.keeping import Preference, preference
from tests.grouped import photo

DAY_NS = 86_400 * 10**9


def chosen(*photos, prefer=(), edited=False):
    """Return the number of the photo that is kept, and the reason; whatever order they come in."""
    kept = keeping.chosen(photos, prefer, edited=edited)
    assert keeping.chosen(photos[::-1], prefer, edited=edited) == kept
    others = [item for item in photos if item is not kept]
    return kept.photo_id, "; ".join(map(str, keeping.reasons(kept, others, prefer, edited=edited)))


def test_the_reason_says_all_that_counts_most_first():
    best = photo(1, width_px=4000, height_px=3000, camera="Canon")
    assert chosen(photo(2, width_px=1600, height_px=1200), best) == (
        1,
        "4000x3000 against 1600x1200; has camera data; oldest",
    )


def test_a_reason_that_does_not_hold_against_all_is_not_given():
    large, camera = photo(3, width_px=4000), photo(2, camera="Canon", size_bytes=9000)
    assert chosen(large, camera, photo(1)) == (3, "4000x300 against 400x300")


@pytest.mark.parametrize(("edited", "kept"), [(False, 2), (True, 1)])
def test_only_of_edited_pictures_the_camera_counts_more_than_pixels(edited, kept):
    """An enlarged poster is no original, but a full copy without metadata is better than a small one with."""
    assert chosen(photo(1, camera="Canon"), photo(2, width_px=4000), edited=edited)[0] == kept


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        ({"offline": False}, {"offline": True, "width_px": 4000}, "in reach"),
        ({"favourite": True}, {"width_px": 4000}, "a favourite"),
        ({"taken_at": "2021-05-01T10:00:00"}, {"size_bytes": 2000}, "has camera data"),
        ({"has_film": True}, {"size_bytes": 2000}, "has its film"),
        ({"format": "HEIF"}, {"size_bytes": 2000}, "is HEIF"),
        ({}, {"format": "BMP", "size_bytes": 2000}, "is JPEG"),
        ({"size_bytes": 3000}, {}, "3.0 KB against 1.0 KB"),
        ({"mtime_ns": 5 * DAY_NS}, {"mtime_ns": 6 * DAY_NS}, "oldest"),
    ],
)
def test_what_makes_a_photo_the_better_one(better, worse, reason):
    plain = {"mtime_ns": DAY_NS}
    kept, told = chosen(photo(1, **(plain | better)), photo(2, **(plain | worse)))
    assert (kept, told.split("; ")[0]) == (1, reason)


@pytest.mark.parametrize(("edited", "kept"), [(False, 2), (True, 1)])
def test_of_edited_pictures_the_oldest_counts_more_than_the_largest_file(edited, kept):
    """Noise makes files larger as well."""
    original, copy = photo(1, mtime_ns=DAY_NS), photo(2, mtime_ns=2 * DAY_NS, size_bytes=9000)
    assert chosen(original, copy, edited=edited)[0] == kept


def test_a_few_more_bytes_are_no_sign_of_quality():
    original, saved_again = photo(1, mtime_ns=DAY_NS), photo(2, mtime_ns=2 * DAY_NS, size_bytes=1500)
    assert chosen(original, saved_again) == (1, "oldest")


def test_bytes_are_compared_in_one_format_only():
    original, converted = photo(1, mtime_ns=DAY_NS), photo(2, mtime_ns=2 * DAY_NS, size_bytes=9000, format="PNG")
    assert chosen(original, converted) == (1, "oldest")


@pytest.mark.parametrize(("width_px", "kept"), [(600, 1), (4000, 2)])
def test_of_edited_pictures_a_frame_counts_for_nothing_but_many_more_pixels_do(width_px, kept):
    original, framed = photo(1, mtime_ns=DAY_NS), photo(2, mtime_ns=2 * DAY_NS, width_px=width_px)
    assert chosen(original, framed, edited=True)[0] == kept


@pytest.mark.parametrize(
    "name", ["a (1)", "a(2)", "a copy", "a copy 2", "a - Copy", "a - Copy (2)", "a~2", "Copy of a", "a - Kopie"]
)
def test_names_of_copies_are_known(name):
    original, copy = photo(2, path="/p/a.jpg", mtime_ns=0), photo(1, path=f"/p/{name}.jpg", mtime_ns=0)
    assert chosen(copy, original) == (2, "not named as a copy")


@pytest.mark.parametrize("name", ["photocopy", "IMG (final)", "copy", "(1)", "hardcopy"])
def test_names_that_only_look_so_are_not(name):
    assert not keeping._COPY_MARK.fullmatch(name)


def test_of_equals_the_first_by_name_is_kept():
    assert chosen(photo(1, path="/p/b.jpg", mtime_ns=0), photo(2, path="/p/a.jpg", mtime_ns=0)) == (2, "first by name")


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ("larger", 1),
        ("smaller", 2),
        ("oldest", 3),
        ("newest", 1),
        ("type:PNG", 2),
        ("type:jpg", 1),
        ("in:/p/best", 3),
    ],
)
def test_rules_of_the_user_decide(rule, kept):
    photos = [
        photo(1, width_px=900, taken_at="2022-01-01T00:00:00"),
        photo(2, width_px=100, taken_at="2021-01-01T00:00:00", format="PNG"),
        photo(3, width_px=500, mtime_ns=DAY_NS, path="/p/best/3.jpg"),
    ]
    assert chosen(*photos, prefer=[preference(rule)])[0] == kept


def test_the_first_rule_decides_first():
    photos = [photo(1, format="PNG"), photo(2, format="PNG", mtime_ns=0), photo(3, mtime_ns=-DAY_NS)]
    assert chosen(*photos, prefer=[preference("type:png"), preference("oldest")])[0] == 2
    assert chosen(*photos, prefer=[preference("oldest"), preference("type:png")])[0] == 3


@pytest.mark.parametrize("text", ["", "in:", "in", "type:doc", "type:", "older", "oldest:", "date:2021"])
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(UsageError):
        preference(text)


def test_rules_are_read():
    assert [preference(text) for text in ("in:/a:b", "type:JPG", "newest")] == [
        Preference("in", "/a:b"),
        Preference("type", "jpeg"),
        Preference("newest"),
    ]
