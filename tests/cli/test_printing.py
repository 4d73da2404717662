"""How results look: numbers, columns and documents, whatever the names in them hold."""

import json
import sys

import pytest

from imgfind.cli import printing
from imgfind.core import Facts, Hit, ImgfindError
from imgfind.core.records import ContentId, PhotoId
from imgfind.core.store import Root


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
    assert printing.size(size_bytes) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 photos"), (1, "1 photo"), (2, "2 photos"), (1234, "1,234 photos")])
def test_one_is_no_plural(number, text):
    assert printing.count(number, "photo") == text


@pytest.mark.parametrize(("per_s", "text"), [(0.123, "0.12"), (4.56, "4.6"), (12.3, "12"), (1234.5, "1,234")])
def test_slow_rates_are_not_rounded_to_nothing(per_s, text):
    assert printing.rate(per_s) == text


def test_columns_are_as_wide_as_their_widest_cell(capsys):
    printing.table([("1", "0.5", "a  b"), ("10", "-0.25", "c")], ("", "score", "photo"), right=frozenset({0, 1}))
    assert capsys.readouterr().out == "    score  photo\n 1    0.5  a  b\n10  -0.25  c\n"


def test_columns_stand_to_the_left_unless_asked_otherwise(capsys):
    printing.table([("a", "x"), ("bbb", "y")], ("name", "last"))
    assert capsys.readouterr().out == "name  last\na     x\nbbb   y\n"


def test_further_lines_of_a_value_stand_below_its_first(capsys):
    printing.facts([("size", "3 px"), ("copies", "/a\n/b")])
    assert capsys.readouterr().out == "size:   3 px\ncopies: /a\n        /b\n"


def test_a_document_is_one_line_feed_terminated_utf8_json(capsysbinary):
    value = {"path": "/é日\udcff\n\"'\\udcff", "none": None}
    printing.document(value)
    out = capsysbinary.readouterr().out
    assert out.endswith(b"}\n")
    assert "é日".encode() in out
    assert b"\\udcff" in out
    assert json.loads(out.decode("utf-8")) == value


def test_an_error_stays_on_one_line_and_off_stdout(capsys):
    printing.complain("There is no a\nb\x1b[31m\udcff")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "imgfind: There is no a\\x0ab\\x1b[31m\\xff\n"


def test_a_located_path_has_a_uri_for_its_exact_bytes():
    assert printing.located("/a b\udcff\n") == {"path": "/a b\udcff\n", "uri": "file:///a%20b%FF%0A"}


def test_records_of_both_kinds_become_dictionaries():
    assert printing.plain(Facts(camera="X"))["camera"] == "X"
    assert printing.plain(Root(1, "/a", "online", "2020", 2, 0))["photos"] == 2


def test_closed_streams_become_empty_ones(monkeypatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    printing.prepare_streams()
    with sys.stdin, sys.stdout, sys.stderr:
        printing.line("nowhere")
        printing.to_stderr("nowhere")
        sys.stdout.flush()
        assert sys.stdin.buffer.read() == b""


class FullDisk:
    def write(self, text):
        raise OSError(28, "No space left on device")

    def flush(self):
        self.write("")

    def fileno(self):
        raise OSError


def test_results_that_cannot_be_written_are_an_error_the_user_understands(monkeypatch):
    monkeypatch.setattr(sys, "stdout", FullDisk())
    sentence = "^The results cannot be written \\(No space left on device\\); send them to a file on another disk.$"
    with pytest.raises(ImgfindError, match=sentence):
        printing.line("a")
    with pytest.raises(ImgfindError, match=sentence):
        printing.document({})
    with pytest.raises(ImgfindError, match=sentence), printing.flushed():
        pass


class ClosedPipe(FullDisk):
    def write(self, text):
        raise BrokenPipeError


def test_a_reader_that_left_is_told_apart_from_a_full_disk(monkeypatch):
    monkeypatch.setattr(sys, "stdout", ClosedPipe())
    with pytest.raises(BrokenPipeError):
        printing.line("a")


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
    assert printing.exposure(facts) == expected


@pytest.mark.parametrize(
    ("score", "taken_at", "expected"),
    [
        (0.12345, "2021-05-06", "0.123"),
        (0.0, None, "0.000"),
        (None, "2021-05-06T07:08:09+02:00", "2021-05-06 07:08"),
        (None, "2021-05-06", "2021-05-06"),
        (None, None, ""),
    ],
)
def test_a_hit_shows_its_score_or_its_date(score: float | None, taken_at: str | None, expected: str) -> None:
    hit = Hit("/a.jpg", score, PhotoId(1), ContentId(1), 1, 1, taken_at)
    assert printing.rank(hit) == expected
