"""How results look: numbers, columns and documents, whatever the names in them hold."""

import json
import sys

import pytest

from imgfind.cli import printing
from imgfind.core import Facts, Hit, ImgfindError
from imgfind.core.records import ContentId, PhotoId
from imgfind.core.store import Root


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
