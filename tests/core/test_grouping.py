"""Who is in a group: stars around the photo to keep, made of verdicts alone."""

import pytest

from imgfind.core import apart
from imgfind.core.grouping import DUPLICATES, Rules, grouped, kept_instead, turned
from imgfind.core.keeping import Preference
from imgfind.core.records import Label, Verdict
from imgfind.core.wording import Reason
from tests.grouped import alike, numbers, photo

ALL = frozenset(Label)
DIFFERENT = Verdict(None)


def stars(photos, verdicts, rules=None):
    """Return the groups as numbers; nothing may be left to compare."""
    found = grouped(photos, verdicts, rules or Rules())
    assert found.missing == set()
    return [numbers(group) for group in found.groups]


def test_a_copy_stands_beside_the_better_photo():
    large = photo(2, width_px=4000, height_px=3000)
    (group,) = grouped([photo(1), large], alike((1, 2), area=0.5), Rules()).groups
    assert numbers(group) == (2, [1])
    assert (group.label, group.similarity, group.gain_bytes) == (Label.RE_ENCODED, 0.9, 1000)
    assert group.reason == "4000x3000 against 400x300"
    assert group.members[0].area == 0.5


def test_files_of_the_same_bytes_need_no_verdict():
    (group,) = grouped([photo(n, content=7) for n in range(10_000)], {}, Rules()).groups
    assert numbers(group) == (0, list(range(1, 10_000)))
    assert (group.label, group.similarity) == (Label.IDENTICAL, 1.0)


def test_all_photos_of_a_content_stand_beside_the_kept_one():
    photos = [photo(1, size_bytes=9000), photo(2, 5), photo(3, 5), photo(4, 1)]
    assert stars(photos, alike((1, 5))) == [(1, [4, 2, 3])]


def test_pictures_that_differ_and_those_nobody_compared_make_no_group():
    assert stars([photo(1), photo(2), photo(3)], {(1, 2): DIFFERENT}) == []


def test_every_member_has_to_be_compared_with_the_kept_photo():
    photos = [photo(n) for n in (1, 2, 3)]
    chain = alike((1, 2), (2, 3))
    found = grouped(photos, chain, Rules())
    assert (found.groups, found.missing) == ([], {(1, 3)})
    assert stars(photos, chain | alike((1, 3))) == [(1, [2, 3])]


def test_one_that_is_like_a_member_but_not_like_the_kept_one_shares_a_group_with_that_member():
    photos = [photo(1, width_px=4000), photo(2), photo(3)]
    verdicts = alike((1, 2), (2, 3)) | {(1, 3): DIFFERENT}
    assert sorted(stars(photos, verdicts)) == [(1, [2]), (2, [3])]


def test_who_is_only_left_out_by_what_was_asked_for_makes_no_group_of_its_own():
    photos = [photo(1, width_px=4000), photo(2), photo(3)]
    verdicts = alike((1, 2), (2, 3), label=Label.CROPPED) | alike((1, 3))
    assert stars(photos, verdicts, Rules(frozenset({Label.CROPPED}))) == [(1, [2])]
    parted = apart.decided([(1, 3)], {})
    assert stars(photos, verdicts, Rules(apart=parted)) == [(1, [2])]


def test_a_long_burst_is_compared_as_its_groups_grow_and_never_all_with_all():
    count, reach = 400, 10
    known = alike(*((a, a + step) for a in range(1, count) for step in (1, 2) if a + step <= count))
    asked = []

    def compare(missing):
        asked.extend(missing)
        near = alike(*(pair for pair in missing if abs(pair[0] - pair[1]) <= reach))
        return dict.fromkeys(missing, DIFFERENT) | near

    photos = [photo(number) for number in range(1, count + 1)]
    found = grouped(photos, known, Rules(), compare)
    assert found.missing == set()
    assert sum(1 + len(group.members) for group in found.groups) >= count
    assert len(asked) == len(set(asked)) < 3 * count


def test_what_nobody_can_compare_is_missing_and_its_photos_are_in_no_group():
    photos = [photo(number) for number in range(1, 6)]
    known = alike((1, 2), (2, 3), (4, 5))
    found = grouped(photos, known, Rules(), lambda _missing: {})
    assert (list(map(numbers, found.groups)), found.missing) == ([(4, [5])], {(1, 3)})


def test_a_far_end_of_a_chain_is_not_even_compared():
    photos = [photo(n, width_px=4000 - n) for n in range(1, 6)]
    found = grouped(photos, alike((1, 2), (2, 3), (3, 4), (4, 5)) | {(1, 3): DIFFERENT, (3, 5): DIFFERENT}, Rules())
    assert found.missing == set()
    assert sorted(map(numbers, found.groups)) == [(1, [2]), (3, [4]), (4, [5])]


@pytest.mark.parametrize(("labels", "expected"), [({Label.RE_ENCODED}, [(1, [2])]), ({Label.EDITED}, [(1, [3])])])
def test_only_the_stages_asked_for_count(labels, expected):
    verdicts = alike((1, 2)) | alike((1, 3), label=Label.EDITED) | {(2, 3): DIFFERENT}
    assert stars([photo(1), photo(2), photo(3)], verdicts, Rules(frozenset(labels))) == expected


def test_what_is_less_alike_than_asked_for_is_left_out():
    verdicts = alike((1, 2)) | alike((1, 3), similarity=0.7) | {(2, 3): DIFFERENT}
    assert stars([photo(1), photo(2), photo(3)], verdicts, Rules(min_similarity=0.8)) == [(1, [2])]


def test_eight_orientations_are_one_group_and_turns_are_seen_from_the_kept_photo():
    turns = {number: alike((number, 9), label=Label.TURNED, turn=number - 1) for number in range(2, 9)}
    verdicts = {pair: verdict for found in turns.values() for pair, verdict in found.items()}
    photos = [*(photo(number) for number in range(2, 9)), photo(9, camera="Canon")]
    (group,) = grouped(photos, verdicts, Rules()).groups
    assert group.kept.photo_id == 9
    assert {m.photo.photo_id: m.turn for m in group.members} == {2: 1, 3: 2, 4: 3, 5: 4, 6: 7, 7: 6, 8: 5}


@pytest.mark.parametrize("turn", range(8))
def test_turning_back_and_forth_changes_nothing(turn):
    verdict = Verdict(Label.TURNED, turn=turn)
    assert turned(turned(verdict)) == verdict


def test_shots_of_a_scene_are_groups_of_their_own_without_the_copies_beside_them():
    burst = alike((1, 2), (1, 3), (2, 3), label=Label.SAME_SCENE)
    verdicts = burst | alike((1, 4)) | alike((2, 4), (3, 4), label=Label.SAME_SCENE)
    photos = [photo(1, size_bytes=2000), photo(2), photo(3), photo(4), photo(5, 2)]
    assert stars(photos, verdicts, Rules(ALL)) == [(1, [4]), (2, [5]), (1, [2, 3])]
    assert stars(photos, verdicts) == [(1, [4]), (2, [5])]
    (*_, scene) = grouped(photos, verdicts, Rules(ALL)).groups
    assert scene.label is Label.SAME_SCENE
    assert Label.SAME_SCENE not in DUPLICATES


def test_another_photo_can_be_kept_and_who_is_not_like_it_drops_out():
    (group,) = grouped([photo(1), photo(2), photo(3)], alike((1, 2), (1, 3)) | {(2, 3): DIFFERENT}, Rules()).groups
    other = kept_instead(group, group.members[0].photo, alike((1, 2)) | {(2, 3): DIFFERENT}, Rules())
    assert (*numbers(other), other.reason) == (2, [1], "chosen")


def test_a_rule_of_the_user_comes_before_all_else():
    photos = [photo(1, width_px=4000), photo(2, path="/p/best/2.jpg")]
    assert stars(photos, alike((1, 2)), Rules(prefer=(Preference("in", "/p/best"),))) == [(2, [1])]


def test_what_is_left_alone_or_has_another_name_gains_nothing():
    photos = [photo(1, size_bytes=5000), photo(2), photo(3, is_linked=True), photo(4)]
    rules = Rules(left_alone=lambda item: Reason("it stays") if item.photo_id == 2 else None)
    (group,) = grouped(photos, alike((1, 2), (1, 3), (1, 4)), rules).groups
    assert [member.gain_bytes for member in group.members] == [0, 0, 1000]
    assert group.gain_bytes == 1000


def test_groups_come_by_gain_and_in_the_same_order_whatever_the_photos_come_in():
    photos = [photo(n, size_bytes=100 * (1 + n // 2)) for n in range(40)]
    verdicts = alike(*((n, n + 1) for n in range(0, 40, 2)))
    found = stars(photos, verdicts)
    assert found == [(n, [n + 1]) for n in range(38, -1, -2)]
    assert stars(reversed(photos), dict(reversed(verdicts.items()))) == found


def test_a_decision_parts_contents_and_all_that_have_the_same_pixels():
    verdicts = alike((1, 2), (1, 3), (2, 4)) | alike((3, 5), (2, 6), label=Label.SAME_PIXELS)
    is_apart = apart.decided([(1, 3)], verdicts)
    assert [pair for pair in [(1, 2), (1, 3), (1, 5), (3, 5), (2, 6)] if is_apart(*pair)] == [(1, 3), (1, 5)]
    same = apart.decided([(2, 6), (7, 7)], verdicts)
    assert [pair for pair in [(2, 6), (6, 2), (2, 2), (1, 2), (1, 6), (7, 7)] if same(*pair)] == [
        (2, 6),
        (6, 2),
        (7, 7),
    ]


def test_identical_files_may_be_decided_to_be_kept():
    photos = [photo(1, 7), photo(2, 7), photo(3, 7)]
    assert stars(photos, {}, Rules(apart=apart.decided([(7, 7)], {}))) == []


@pytest.mark.parametrize(
    ("name", "other"), [("a.jpg", "a.cr2"), ("a.jpg", "a-edit.jpg"), ("IMG_0001.heic", "IMG_E0001.heic")]
)
def test_files_of_one_shot_are_groups_of_their_own(name, other):
    places = [("/p", name, 1), ("/p", other, 2), ("/copies", name, 1), ("/copies", other, 2)]
    photos = [photo(n, content, f"{folder}/{file}") for n, (folder, file, content) in enumerate(places, start=1)]
    assert sorted(stars(photos, alike((1, 2)), Rules(apart=apart.of_one_shot(photos)))) == [(1, [3]), (2, [4])]
