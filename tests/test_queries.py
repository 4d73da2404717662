"""What README.md says about the built-in encoder is measured here again, with the real encoder on real photographs."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def tables() -> Iterator[ModuleType]:
    """Return the generator of the tables, which imports its neighbours by their bare names as scripts do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REPOSITORY / "packaging")
        import readme_tables

        yield readme_tables


@pytest.fixture(scope="module")
def sample(tables: ModuleType) -> Any:
    return tables.samples.load()


@pytest.fixture(scope="module")
def measured(tables: ModuleType, sample: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))  # wider than the fixture that keeps tests from the user's own
        patch.delenv("IMGFIND_LIBRARY", raising=False)
        return tables.measure(sample, folder)


def test_there_are_enough_queries_and_each_looks_for_a_sample_photo(sample: Any, skimage_photos: Path) -> None:
    assert len(sample.expected) >= 16
    assert {name for right in sample.expected.values() for name in right} <= set(sample.names)
    assert all((skimage_photos / name).is_file() for name in sample.names)
    assert {sample.demo_picture, sample.demo_mixed_picture} <= set(sample.names)


def test_the_tables_in_the_readme_are_true(tables: ModuleType, sample: Any, measured: Any) -> None:
    text = (REPOSITORY / "README.md").read_text("utf-8")
    if "<!-- queries:begin -->" not in text:
        pytest.skip("README.md has no tables yet")

    assert tables.brought_up_to_date(text, sample, measured) == text


def test_the_starter_finds_photos_by_words_more_often_than_chance(
    tables: ModuleType, sample: Any, measured: Any
) -> None:
    ranks = [rank.place for rank in measured.ranks.values()]

    # Measured 1.44 times chance: these photographs (microscope, grey textures) are far from what it was trained on. A
    # broken tokenizer or transform brings this to about 1.
    assert tables.mean_reciprocal_rank(ranks) > 1.25 * tables.mean_chance(sample)


def test_changed_copies_find_their_original(sample: Any, measured: Any) -> None:
    shares = [found / len(sample.names) for found in measured.found_copies.values()]

    assert len(shares) == 4
    assert min(shares) >= 0.75  # measured 0.85; chance is 0.05


def test_a_rank_counts_the_wrong_photos_before_the_first_right_one(tables: ModuleType) -> None:
    found = [("a", 0.9), ("b", 0.5), ("c", 0.4997), ("d", 0.1)]

    assert tables.rank(found, ["d"]) == tables.Rank(4, 4, 4)
    assert tables.rank(found, ["d", "a"]) == tables.Rank(1, 1, 1)
    assert tables.rank(found, ["c"]) == tables.Rank(3, 2, 3)
    assert tables.rank(found, ["b"]) == tables.Rank(2, 2, 3)


def test_chance_is_the_mean_reciprocal_rank_of_random_orders(tables: ModuleType) -> None:
    assert tables.chance(1, 1) == 1
    assert tables.chance(4, 1) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert tables.chance(3, 2) == pytest.approx((1 + 1 + 1 / 2) / 3)
    assert tables.chance(5, 5) == 1


README_WITHOUT_TABLES = """# imgfind
<!-- queries:begin -->
<!-- queries:end -->
between
<!-- copies:begin --><!-- copies:end -->
behind
"""


def invented(tables: ModuleType, sample: Any, rank: Any) -> Any:
    """Return a measurement in which every query has the same rank."""
    return tables.Measured(len(sample.names), dict.fromkeys(sample.expected, rank), {"mirrored": 7})


def test_tables_are_written_between_their_markers_only(tables: ModuleType, sample: Any) -> None:
    measured = invented(tables, sample, tables.Rank(2, 2, 2))

    text = tables.brought_up_to_date(README_WITHOUT_TABLES, sample, measured)

    assert text.startswith("# imgfind\n<!-- queries:begin -->\n| query |")
    assert f"| a cat | chelsea.png | 2 of {len(sample.names)} |\n" in text
    assert f"0 have their photo first, {len(sample.expected)} within the first three" in text
    assert "<!-- queries:end -->\nbetween\n<!-- copies:begin -->\n" in text
    assert f"| mirrored | 7 of {len(sample.names)} |\n<!-- copies:end -->\nbehind\n" in text
    assert tables.brought_up_to_date(text, sample, measured) == text


def test_a_written_rank_stays_while_only_equal_scores_have_changed_places(tables: ModuleType, sample: Any) -> None:
    written = tables.brought_up_to_date(README_WITHOUT_TABLES, sample, invented(tables, sample, tables.Rank(2, 2, 2)))

    equal = invented(tables, sample, tables.Rank(3, 2, 3))
    other = invented(tables, sample, tables.Rank(3, 3, 3))

    assert tables.brought_up_to_date(written, sample, equal) == written
    assert "| a cat | chelsea.png | 3 of " in tables.brought_up_to_date(written, sample, other)


def test_a_readme_without_a_place_for_the_tables_is_refused(tables: ModuleType, sample: Any) -> None:
    from imgfind.core import ImgfindError

    with pytest.raises(ImgfindError, match="<!-- copies:begin -->"):
        tables.brought_up_to_date(
            README_WITHOUT_TABLES.replace("copies:begin", "copy"),
            sample,
            invented(tables, sample, tables.Rank(1, 1, 1)),
        )
