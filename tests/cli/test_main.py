"""The program as a whole: help, version, exit codes, streams that close, locales, odd names as arguments."""

import logging
import os
import subprocess
import sys

import pytest

import imgfind as package
from imgfind.cli import commands
from imgfind.core import Cancelled
from tests.command_line import child_command, child_environment, run_child
from tests.pictures import paint

NOTHING_ON_STDIN = (
    "imgfind: The picture on standard input cannot be used as a query: the file is empty; choose another picture.\n"
)
MANY = 3000
MANY_HITS = f"""
from imgfind.core import Hit
class Library(Library):
    def search(self, text, k, folder, *, copies):
        return [Hit(f"/photos/{{n:0200}}.jpg", 0.5, n, n, 1, 1) for n in range({MANY})]
"""


@pytest.fixture
def photo(tmp_path, imgfind):
    """Return one photo, indexed into the default library."""
    path = paint(tmp_path / "photos" / "red.jpg")
    assert imgfind("index", path.parent).code == 0
    return path


def test_nothing_asked_for_is_answered_with_help(imgfind):
    for arguments in ((), ("-v",), ("--library", "somewhere")):
        outcome = imgfind(*arguments)
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.text.startswith("usage: imgfind ")


def test_help_and_version_go_to_stdout(imgfind):
    for arguments, start in ((("--help",), "usage: imgfind "), (("--version",), f"imgfind {package.__version__}\n")):
        outcome = imgfind(*arguments)
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.text.startswith(start)


def test_the_module_is_the_program(tmp_path):
    command = [sys.executable, "-m", "imgfind", "--version"]
    done = subprocess.run(command, env=child_environment(), cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [b"imgfind", package.__version__.encode()], b"")


def test_exit_codes_tell_errors_from_misuse(photo, imgfind):
    assert imgfind("status").code == 0
    assert imgfind("show", photo.parent / "other.jpg").code == 1
    assert imgfind("search", "").code == 2
    assert imgfind("status", "--bad").code == 2


@pytest.mark.parametrize("stop", [KeyboardInterrupt, Cancelled])
def test_being_interrupted_is_silent_and_has_its_own_code(imgfind, monkeypatch, stop):
    def stopped(library, options):
        raise stop

    monkeypatch.setitem(commands._COMMANDS, "status", stopped)
    outcome = imgfind("status")
    assert (outcome.code, outcome.out, outcome.err) == (130, b"", "")


def test_an_error_nobody_foresaw_is_not_hidden(imgfind, monkeypatch):
    def broken(library, options):
        raise ZeroDivisionError

    monkeypatch.setitem(commands._COMMANDS, "status", broken)
    with pytest.raises(ZeroDivisionError):
        imgfind("status")


def test_a_grammar_error_points_at_the_place(photo, imgfind):
    outcome = imgfind("search", "dog", "+", "+", "cat")
    assert (outcome.code, outcome.out) == (2, b"")
    assert outcome.err == (
        "imgfind: At character 7 of the query: two operators follow each other; leave one out or put it in quotes.\n"
        "dog + + cat\n"
        "      ^\n"
    )


@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX pipes")
def test_a_reader_that_has_seen_enough_is_no_error(photo, as_json):
    command = child_command("search", "red", *as_json, prelude=MANY_HITS)
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, env=child_environment(), **pipes) as child:
        child.stdout.readline()
        child.stdout.close()
        err = child.stderr.read()
    assert (child.returncode, err) == (0, b"")


def test_a_reader_that_waits_gets_all(photo):
    outcome = run_child("search", "red", prelude=MANY_HITS)
    assert (outcome.code, outcome.err, len(outcome.text.splitlines())) == (0, "", 1 + MANY)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [("status",), ("status", "--json"), ("search", "red"), ("index",)])
def test_results_that_do_not_fit_are_an_error(photo, arguments):
    with open("/dev/full", "wb") as full:
        outcome = run_child(*arguments, stdout=full)
    assert outcome.code == 1
    assert outcome.err == (
        "imgfind: The results cannot be written (No space left on device); send them to a file on another disk.\n"
    )


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("redirection", "arguments", "code", "err"),
    [
        (">&-", ("status",), 0, ""),
        (">&-", ("status", "--json"), 0, ""),
        (">&-", ("--help",), 0, ""),
        ("2>&-", ("status",), 0, ""),
        ("2>&-", ("show", "nothing.jpg"), 1, ""),
        ("<&-", ("status",), 0, ""),
        ("<&- >&- 2>&-", ("search", "red"), 0, ""),
        ("<&-", ("similar", "-"), 1, NOTHING_ON_STDIN),
    ],
)  # fmt: skip
def test_closed_streams_are_no_error(photo, redirection, arguments, code, err):
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *child_command(*arguments)]
    done = subprocess.run(command, env=child_environment(), capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (code, err)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize(
    "variables",
    [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "latin-1"}],
)
def test_any_locale_takes_and_shows_any_name(tmp_path, variables):
    folder = os.fsencode(tmp_path) + "/日本 caf\xe9".encode() + b"\xff"
    os.mkdir(folder)
    paint(tmp_path / "red.jpg").rename(os.fsdecode(folder + b"/a\xe9\n.jpg"))
    env = child_environment(**variables)
    assert run_child("index", folder, env=env).code == 0
    table, document = run_child("search", "red", env=env), run_child("search", "red", "--json", env=env)
    assert (table.code, table.err, len(table.out.splitlines())) == (0, "", 2)
    assert rb"\xff/a\xe9\x0a.jpg" in table.out
    (hit,) = document.json["hits"]
    assert hit["uri"].endswith("/%E6%97%A5%E6%9C%AC%20caf%C3%A9%FF/a%E9%0A.jpg")
    shown = run_child("show", "--json", folder + b"/a\xe9\n.jpg", env=env)
    assert shown.json["uri"] == hit["uri"]
    missing = run_child("show", folder + b"/b.jpg", env=env)
    assert (missing.code, len(missing.err.splitlines())) == (1, 1)


def test_warnings_of_libraries_are_for_the_verbose(photo):
    warn = """
import warnings
class Encoder(Encoder):
    def encode_texts(self, texts):
        warnings.warn("from a library")
        return super().encode_texts(texts)
"""
    env = child_environment(PYTHONWARNINGS="default")
    assert run_child("search", "red", prelude=warn, env=env).err == ""
    assert "from a library" in run_child("search", "red", "-v", prelude=warn, env=env).err


def test_an_imported_program_leaves_no_file_open(photo, imgfind):
    # Warnings are errors here, unclosed files and databases among them.
    for arguments in (("status",), ("search", "red"), ("similar", photo), ("problems",), ("roots",), ("index",)):
        assert imgfind(*arguments).code == 0
    assert logging.getLogger("PIL").level == logging.ERROR


def test_what_c_libraries_write_to_stderr_is_seen_by_those_who_ask(tmp_path, photo):
    noisy = """
class Library(Library):
    def roots(self):
        os.write(2, b"TIFFFetchNormalTag: from C\\n")
        print("from Python", file=sys.stderr)
        return super().roots()
"""
    assert run_child("roots", prelude=noisy).err == "from Python\n"
    assert "from C" in run_child("roots", "-v", prelude=noisy).err
