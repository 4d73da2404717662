"""Numbers and facts, as both shells word them."""

import pytest

from imgfind.core import Facts, wording


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 KB"),
        (999_949, "999.9 KB"),
        (999_950, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (999_999_999, "1.0 GB"),
        (2 * 10**12, "2.0 TB"),
        (12_345 * 10**12, "12,345.0 TB"),
    ],
)
def test_sizes_round_to_the_next_unit(size_bytes, text):
    assert wording.size(size_bytes) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 photos"), (1, "1 photo"), (2, "2 photos"), (1234, "1,234 photos")])
def test_one_is_no_plural(number, text):
    assert wording.count(number, "photo") == text


@pytest.mark.parametrize(("per_s", "text"), [(0.123, "0.12"), (4.56, "4.6"), (12.3, "12"), (1234.5, "1,234")])
def test_slow_rates_are_not_rounded_to_nothing(per_s, text):
    assert wording.rate(per_s) == text


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(exposure_s=0.004, f_number=2.8, iso=400, focal_length_mm=50.0), "1/250 s, f/2.8, ISO 400, 50 mm"),
        (Facts(exposure_s=0.25, f_number=11.0), "1/4 s, f/11"),
        (Facts(exposure_s=0.3), "0.3 s"),
        (Facts(exposure_s=30.0, focal_length_mm=4.25), "30 s, 4.25 mm"),
        (Facts(exposure_s=1 / 8000), "1/8000 s"),
        (Facts(iso=102400), "ISO 102400"),
        (Facts(camera="X"), ""),
    ],
)
def test_an_exposure_reads_like_on_a_camera(facts: Facts, expected: str) -> None:
    assert wording.exposure(facts) == expected
