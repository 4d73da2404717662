"""Back and forward, without a window."""

from imgfind.gui.history import MOST_ENTRIES, History


def test_a_new_window_is_at_all_photos_with_no_way_back() -> None:
    history = History()
    assert history.present.query == ""
    assert not history.can_go_back
    assert not history.can_go_forward


def test_back_and_forward_return_to_the_row_that_was_left() -> None:
    history = History()
    history.visit("dog", row=40)
    assert history.back(row=7).row == 40
    assert history.forward(row=40).query == "dog"
    assert history.present.row == 7


def test_the_same_query_again_is_no_new_entry() -> None:
    history = History()
    history.visit("dog")
    history.visit("dog")
    history.back()
    assert not history.can_go_back


def test_going_elsewhere_forgets_what_was_ahead() -> None:
    history = History()
    for query in ("dog", "cat", "cow"):
        history.visit(query)
    history.back()
    history.back()
    history.visit("sea")
    assert not history.can_go_forward
    assert history.back().query == "dog"


def test_the_letters_of_a_word_are_one_entry() -> None:
    history = History()
    history.visit("in:/holidays")
    for typed in ("d", "do", "dog"):
        history.visit(typed, settled=False)
    assert history.back().query == "in:/holidays"
    assert history.forward().query == "dog"


def test_after_enter_the_next_word_is_an_entry_of_its_own() -> None:
    history = History()
    history.visit("dog", settled=False)
    history.settle()
    history.visit("cat", settled=False)
    assert history.back().query == "dog"


def test_steps_past_either_end_stay_there() -> None:
    history = History()
    history.visit("dog")
    assert history.forward().query == "dog"
    assert history.back().query == ""
    assert history.back().query == ""


def test_only_so_many_entries_are_kept() -> None:
    history = History()
    for number in range(2 * MOST_ENTRIES):
        history.visit(str(number))
    steps = 0
    while history.can_go_back:
        history.back()
        steps += 1
    assert steps == MOST_ENTRIES - 1
    assert history.present.query == str(MOST_ENTRIES)
