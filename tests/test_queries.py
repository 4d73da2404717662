"""What README.md says about the built-in encoder is measured here again, with the real encoder on real photographs."""

import os
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

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
def measured(tables: ModuleType, sample: Any, test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what README.md is about, measured once for all workers of pytest-xdist: it takes half a minute."""
    base = tmp_path_factory.getbasetemp()
    file = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "measured.pickle"
    with FileLock(f"{file}.lock"):
        if not file.exists():
            folder = tmp_path_factory.mktemp("measured")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("XDG_CONFIG_HOME", str(folder))  # wider than the fixture that guards the user's own
                patch.delenv("IMGFIND_LIBRARY", raising=False)
                file.write_bytes(pickle.dumps(tables.measure(sample, test_data.resolve() / "photos", folder)))
    return pickle.loads(file.read_bytes())


def random_means(photos: int, right: list[int], draws: int = 20_000) -> np.ndarray:
    """Return mean reciprocal ranks of random orders, with so many right photos among ``photos`` for each query."""
    random = np.random.default_rng(0)
    means = np.zeros(draws)
    for count in right:
        # The places of the right photos are a draw without replacement; column by column, each behind those before.
        not_first = np.array([(photos - place - count + 1) / (photos - place + 1) for place in range(1, photos + 1)])
        beyond = np.cumprod(np.clip(not_first, 0, 1))  # P(first place > 1), P(first place > 2), ...
        means += 1 / (1 + np.searchsorted(-beyond, -random.random(draws)))
    return means / len(right)


def share_found_first(ranks: list[Any]) -> float:
    return sum(rank.place == 1 for rank in ranks) / len(ranks)


def test_each_query_looks_for_a_sample_photo_or_one_of_the_test_data(sample: Any, skimage_photos: Path) -> None:
    looked_for = {name for right in sample.expected.values() for name in right}

    assert {name for name in looked_for if "/" not in name} <= set(sample.names)
    assert all((skimage_photos / name).is_file() for name in sample.names)
    assert {sample.demo_picture, sample.demo_mixed_picture} <= set(sample.names)


def test_the_tables_in_the_readme_are_true(tables: ModuleType, sample: Any, measured: Any) -> None:
    text = (REPOSITORY / "README.md").read_text("utf-8")

    assert tables.brought_up_to_date(text, sample, measured) == text


def test_at_least_16_queries_find_their_photo_clearly_earlier_than_by_chance(tables: ModuleType, measured: Any) -> None:
    mean = tables.mean_reciprocal_rank(rank.place for rank in measured.ranks.values())
    by_chance = tables.mean_chance(measured, measured.ranks)
    as_good = random_means(measured.photos, list(measured.right.values())) >= mean

    assert len(measured.ranks) >= 16
    assert mean >= 2 * by_chance  # measured 3.8 times
    assert (1 + as_good.sum()) / (1 + as_good.size) < 0.001


def test_queries_for_single_photos_are_clearly_better_than_chance_too(
    tables: ModuleType, sample: Any, measured: Any
) -> None:
    narrow = [words for words, right in sample.expected.items() if not any(name.endswith("/") for name in right)]
    mean = tables.mean_reciprocal_rank(measured.ranks[words].place for words in narrow)
    as_good = random_means(measured.photos, [measured.right[words] for words in narrow]) >= mean

    assert mean >= 2 * tables.mean_chance(measured, narrow)  # measured 5.9 times
    assert (1 + as_good.sum()) / (1 + as_good.size) < 0.001


def test_resized_encoded_and_mirrored_copies_find_their_original_first(tables: ModuleType, measured: Any) -> None:
    whole = {change: ranks for change, ranks in measured.copies.items() if change != tables.CUT}

    assert len(whole) == 3
    assert all(len(ranks) == measured.pictures >= 200 for ranks in whole.values())
    assert share_found_first([rank for ranks in whole.values() for rank in ranks]) >= 0.95  # measured 0.989
    assert min(map(share_found_first, whole.values())) >= 0.95  # mirrored 0.966, the others 1


def test_half_of_a_photo_often_finds_the_whole_first(tables: ModuleType, measured: Any) -> None:
    assert share_found_first(measured.copies[tables.CUT]) >= 0.6  # measured 0.65; by chance 0.005


def test_random_orders_are_drawn_as_the_exact_chance_says(tables: ModuleType) -> None:
    assert random_means(1, [1], 10) == pytest.approx(1)
    assert random_means(5, [5], 10) == pytest.approx(1)
    for photos, right in ((214, 1), (214, 16), (3, 2)):
        assert random_means(photos, [right]).mean() == pytest.approx(tables.chance(photos, right), rel=0.05)


def test_a_rank_counts_the_wrong_photos_before_the_first_right_one(tables: ModuleType) -> None:
    found = [("a", 0.9), ("b", 0.5), ("c", 0.4997), ("d", 0.1)]

    assert tables.rank(found, ["d"]) == tables.Rank(4, 4, 4)
    assert tables.rank(found, ["d", "a"]) == tables.Rank(1, 1, 1)
    assert tables.rank(found, ["c"]) == tables.Rank(3, 2, 3)
    assert tables.rank(found, ["b"]) == tables.Rank(2, 2, 3)
    assert tables.rank([("x/a", 0.9), ("d", 0.8), ("d/a", 0.1)], ["d/"]) == tables.Rank(3, 3, 3)


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
    """Return a measurement in which every query, and one of four mirrored copies, has the same rank."""
    first = tables.Rank(1, 1, 1)
    return tables.Measured(
        photos=9,
        pictures=4,
        right=dict.fromkeys(sample.expected, 2),
        ranks=dict.fromkeys(sample.expected, rank),
        copies={"mirrored": [first, first, first, rank], tables.CUT: [rank] * 4},
    )


def test_tables_are_written_between_their_markers_only(tables: ModuleType, sample: Any) -> None:
    measured = invented(tables, sample, tables.Rank(2, 2, 2))

    text = tables.brought_up_to_date(README_WITHOUT_TABLES, sample, measured)

    assert text.startswith("# imgfind\n<!-- queries:begin -->\n| query |")
    assert "\n| a cat | chelsea.png | 2 of 9 |\n" in text
    assert "\n| a hat | any of 2 in clothing/hat/ | 2 of 9 |\n" in text
    assert "\n| a cannon | Nikon E950.jpg | 2 of 9 |\n" in text
    assert f"0 have a right photo first, {len(sample.expected)} within the first five" in text
    assert "is **0.50**; photos in random order would give 0.46," in text
    assert "<!-- queries:end -->\nbetween\n<!-- copies:begin -->\n" in text
    assert f"\n| mirrored | 3 of 4 (75.0%) |\n| {tables.CUT} | 0 of 4 (0.0%) |\n" in text
    assert text.endswith("together: **75.0%**.\n<!-- copies:end -->\nbehind\n")
    assert tables.brought_up_to_date(text, sample, measured) == text


def test_written_figures_stay_while_only_equal_scores_have_changed_places(tables: ModuleType, sample: Any) -> None:
    written = tables.brought_up_to_date(README_WITHOUT_TABLES, sample, invented(tables, sample, tables.Rank(2, 2, 2)))

    equal = invented(tables, sample, tables.Rank(1, 1, 2))
    better = tables.brought_up_to_date(written, sample, invented(tables, sample, tables.Rank(1, 1, 1)))

    assert tables.brought_up_to_date(written, sample, equal) == written
    assert "| a cat | chelsea.png | 1 of 9 |" in better
    assert "| mirrored | 4 of 4 (100.0%) |" in better


def test_without_the_test_data_the_generator_says_so_and_leaves_the_readme(
    tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGFIND_TEST_DATA", str(tmp_path))
    monkeypatch.setattr(tables, "README", tmp_path / "README.md")
    tables.README.write_text(README_WITHOUT_TABLES, "utf-8")

    with pytest.raises(SystemExit, match=r"^readme_tables: .*missing; set IMGFIND_TEST_DATA"):
        tables.main([])

    assert tables.README.read_text("utf-8") == README_WITHOUT_TABLES


def test_other_photographs_than_those_asked_for_are_refused(
    tables: ModuleType, sample: Any, tmp_path: Path, skimage_photos: Path
) -> None:
    from imgfind.core import ImgfindError

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "moon.png").write_bytes((skimage_photos / "moon.png").read_bytes())

    with pytest.raises(ImgfindError, match=f"^No photo for .* {re.escape(str(tmp_path / 'other'))}; set IMGFIND"):
        tables.measure(sample, tmp_path / "other", tmp_path)


def test_a_readme_without_a_place_for_the_tables_is_refused(tables: ModuleType, sample: Any) -> None:
    from imgfind.core import ImgfindError

    with pytest.raises(ImgfindError, match="<!-- copies:begin -->"):
        tables.brought_up_to_date(
            README_WITHOUT_TABLES.replace("copies:begin", "copy"),
            sample,
            invented(tables, sample, tables.Rank(1, 1, 1)),
        )
