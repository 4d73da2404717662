"""Progress: a bar for people on a terminal, JSON lines for programs, nothing for nobody."""

import io
import json
import sys
from collections import Counter

from imgfind.cli.progress import Bar, json_line, reporter
from imgfind.core import IndexSummary, Progress
from imgfind.core.scan import Unlisted


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_progress_is_one_line_of_json(capsys):
    json_line("indexing", Progress("indexing", 3, 10, problems=1, per_s=2.5, eta_s=2.8))
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert json.loads(line) == {
        "stage": "indexing", "done": 3, "total": 10, "problems": 1, "per_s": 2.5, "eta_s": 2.8,
    }  # fmt: skip


def test_a_summary_is_one_line_of_json_with_all_it_counts(capsys):
    unlisted = [Unlisted("/a\udcff\n", "locked")]
    json_line("done", IndexSummary("m", photos=4, encoded=2, unlisted=unlisted, core_s=Counter({"decode": 1})))
    (line,) = capsys.readouterr().err.splitlines()
    document = json.loads(line)
    assert (document["stage"], document["photos"], document["encoded"]) == ("done", 4, 2)
    assert document["core_s"] == {"decode": 1}
    assert document["unlisted"] == [{"path": "/a\udcff\n", "reason": "locked"}]


def test_the_bar_is_for_terminals_only(monkeypatch):
    with Bar() as bar:
        monkeypatch.setattr(sys, "stderr", Terminal())
        assert reporter("auto", bar) == bar.show
        assert reporter("none", bar) is None
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        assert reporter("auto", bar) is None
        assert reporter("json", bar) is not None


def test_the_bar_names_stage_count_and_problems_and_leaves_nothing_behind(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Bar() as bar:
        bar.show(Progress("scanning", 1000))
        bar.show(Progress("loading the model"))
        bar.show(Progress("indexing", 0, 2))
        bar.show(Progress("indexing", 2, 2, problems=1))
        bar._bar.refresh()
    text = terminal.getvalue()
    for part in ("\rscanning: ", "\rloading the model ...", "indexing:   0%", "indexing: 100%", "2/2", "problems=1"):
        assert part in text
    assert text.endswith("\r")
    assert text.rsplit("\r", 2)[1].strip() == ""
