"""What is under review, without a window: rows, filters, marks and rules."""

from dataclasses import replace

from imgfind.core.grouping import DUPLICATES, Group, Member
from imgfind.core.records import ContentId, Label, PhotoId
from imgfind.core.store.rows import GroupedPhoto
from imgfind.core.wording import Reason
from imgfind.gui.review import ALIKE, Review, Shown, chosen_by_rule, sum_of


def photo(number: int, folder: str = "/photos", size_bytes: int = 1000, **others: object) -> GroupedPhoto:
    made = GroupedPhoto(
        PhotoId(number), ContentId(number), f"{folder}/{number}.jpg", size_bytes, 0, 40 * number, 30, "JPEG"
    )
    return replace(made, **others)  # type: ignore[arg-type]


def member(number: int, label: Label = Label.RE_ENCODED, left_alone: Reason | None = None, **others: object) -> Member:
    return Member(photo(number, **others), label, 0.99, 0, 1.0, left_alone)  # type: ignore[arg-type]


def group(kept: int, *members: Member, **others: object) -> Group:
    return Group(photo(kept, **others), (Reason("oldest"),), members)  # type: ignore[arg-type]


def reviewed(*groups: Group) -> Review:
    review = Review()
    review.set_groups(list(groups))
    return review


def going(groups: list[Group]) -> list[int]:
    return [each.photo.photo_id for one in groups for each in one.members]


def test_each_group_has_its_kept_photo_first() -> None:
    review = reviewed(group(1, member(2), member(3)), group(4, member(5)))
    assert review.photo_ids.tolist() == [1, 2, 3, 4, 5]
    assert [review.at(row).photo.photo_id for row in range(5)] == [1, 2, 3, 4, 5]
    assert [review.at(row).member is None for row in range(5)] == [True, False, False, True, False]
    assert [review.number_of(row) for row in range(5)] == [0, 0, 0, 1, 1]


def test_groups_are_filtered_by_label_folder_and_gain() -> None:
    edited = group(1, member(2, Label.IDENTICAL), member(3, Label.EDITED))
    away = group(4, member(5, folder="/photos/away", size_bytes=10**7))
    scene = group(6, member(7, Label.SAME_SCENE))
    review = reviewed(edited, away, scene)
    assert list(review.groups) == [edited, away], "another shot is no duplicate"
    for shown, found in (
        (Shown(frozenset({Label.IDENTICAL})), [edited]),
        (Shown(frozenset({Label.SAME_SCENE})), [scene]),
        (Shown(folder="/photos/away"), [away]),
        (Shown(folder="/photos/aw"), []),
        (Shown(least_gain_bytes=10**6), [away]),
    ):
        review.show(shown)
        assert list(review.groups) == found
    assert [review.count({label}) for label in (Label.IDENTICAL, Label.EDITED, Label.SAME_SCENE)] == [1, 1, 1]
    assert review.count(DUPLICATES) == 2


def test_what_is_counted_and_removed_is_what_is_shown() -> None:
    review = reviewed(group(1, member(2), member(3, Label.EDITED)), group(4, member(5, Label.CROPPED)))
    review.mark([PhotoId(2), PhotoId(5)], to_go=True)
    assert (review.marked_count, review.marked_bytes) == (2, 2000)
    review.show(Shown(frozenset({Label.CROPPED})))
    assert (review.marked_count, review.marked_bytes) == (1, 1000)
    assert going(review.marked()) == [5]
    review.show(Shown())
    assert going(review.marked()) == [2, 5]
    review.mark([PhotoId(2), PhotoId(3)], to_go=False)
    assert (review.marked_count, review.marked_bytes) == (1, 1000)


def test_marking_twice_counts_once() -> None:
    review = reviewed(group(1, member(2)))
    for _ in range(2):
        review.mark([PhotoId(2)], to_go=True)
    assert review.marked_count == 1
    review.unmark_all()
    assert (review.marked_count, review.marked_bytes) == (0, 0)


def test_marks_outlive_new_groups_but_not_those_that_are_kept_now() -> None:
    review = reviewed(group(1, member(2), member(3)))
    review.mark([PhotoId(2), PhotoId(3)], to_go=True)
    review.set_groups([group(2, member(1), member(3)), group(8, member(9))])
    assert going(review.marked()) == [3]
    assert review.marked_count == 1


def test_what_is_kept_somewhere_cannot_be_marked() -> None:
    review = reviewed(group(1, member(2), member(3)), group(2, member(4)))
    assert [review.why_not(review.at(row)) for row in range(5)] == ["kept", "elsewhere", None, "kept", None]


def test_what_the_core_leaves_alone_cannot_be_marked() -> None:
    review = reviewed(group(1, member(2, left_alone=Reason("it belongs to a film"))), group(3, member(4), offline=True))
    assert review.why_not(review.at(1)) == Reason("it belongs to a film")
    assert review.why_not(review.at(3)) == "offline"


def test_a_rule_marks_what_is_alike_and_never_what_must_stay() -> None:
    groups = [
        group(1, member(2, Label.IDENTICAL), member(3, Label.EDITED), member(4, left_alone=Reason("offline"))),
        group(5, member(1), member(6)),
        group(7, member(8), offline=True),
        group(9, member(10, Label.SAME_SCENE)),
    ]
    assert going(chosen_by_rule(groups, ALIKE)) == [2, 6]
    assert going(chosen_by_rule(groups, frozenset(Label))) == [2, 3, 6]


def test_hard_links_gain_nothing() -> None:
    assert sum_of([group(1, member(2, is_linked=True), member(3))]) == (2, 1, 1000)


def test_a_replaced_group_takes_the_place_of_the_other() -> None:
    first, second = group(1, member(2), member(3)), group(4, member(5))
    review = reviewed(first, second)
    other = group(3, member(1), member(2))
    review.replace_group(first, other)
    assert list(review.groups) == [other, second]
    review.replace_group(other, replace(other, members=()))
    assert list(review.groups) == [second]
