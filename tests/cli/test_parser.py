"""The grammar of the command line: what is accepted where, and how help and refusals read."""

import argparse
import shlex

import pytest

from imgfind.cli import commands
from imgfind.cli.parser import build_parser

COMMANDS = list(next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)).choices)


def parse(*arguments):
    return build_parser().parse_args(arguments)


def refusal(capsys, *arguments):
    """Return what is said of arguments that make no sense; it has to be one line."""
    with pytest.raises(SystemExit) as stop:
        parse(*arguments)
    captured = capsys.readouterr()
    assert (stop.value.code, captured.out) == (2, "")
    (line,) = captured.err.splitlines()
    return line


def help_of(capsys, monkeypatch, *command):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stop:
        parse(*command, "--help")
    captured = capsys.readouterr()
    assert (stop.value.code, captured.err) == (0, "")
    return captured.out


def test_every_command_of_the_grammar_can_be_run():
    assert set(COMMANDS) == {"gui", *commands._COMMANDS}  # the window is no command of the library


@pytest.mark.parametrize("command", [(), *((command,) for command in COMMANDS)])
def test_help_fits_80_columns_and_its_examples_parse(capsys, monkeypatch, command):
    text = help_of(capsys, monkeypatch, *command)
    assert max(map(len, text.splitlines())) <= 80
    examples = text.partition("example")[2].splitlines()
    calls = [line.split("| ")[-1].split("    ")[0] for line in examples if "imgfind " in line and "help" not in line]
    assert calls
    for call in calls:
        program, *arguments = shlex.split(call)
        assert program == "imgfind"
        assert not command or parse(*arguments).command == command[0]


def test_the_help_of_the_program_names_every_command(capsys, monkeypatch):
    text = help_of(capsys, monkeypatch)
    for command in COMMANDS:
        assert f"\n    {command} " in text


@pytest.mark.parametrize(
    ("arguments", "library"),
    [
        (("--library", "a", "status"), "a"),
        (("status", "--library", "a"), "a"),
        (("--library", "a", "status", "--library", "b"), "b"),
        (("--library=a", "-v", "status"), "a"),
    ],
)
def test_the_library_is_named_before_or_behind_the_command(arguments, library):
    assert parse(*arguments).library == library


def test_verbose_counts_before_and_behind_the_command():
    assert parse("-v", "status").verbose
    assert parse("status", "--verbose").verbose
    assert not hasattr(parse("status"), "verbose")


def test_index_takes_folders_between_its_options():
    options = parse("index", "a", "b", "--exclude", "x", "--exclude", "*_thumb*", "--jobs", "3", "--batch-size", "7")
    assert (options.folders, options.exclude, options.jobs, options.batch_size) == (["a", "b"], ["x", "*_thumb*"], 3, 7)
    plain = parse("index")
    assert (plain.folders, plain.exclude, plain.jobs, plain.batch_size) == ([], [], 0, 0)
    assert (plain.model, plain.device, plain.progress, plain.confirm_missing) == (None, None, "auto", False)


def test_excludes_of_one_call_do_not_leak_into_the_next():
    parser = build_parser()
    parser.parse_args(["index", "--exclude", "x"])
    assert parser.parse_args(["index"]).exclude == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["red", "car"], ["red", "car"]),
        (["beach", "-", "people"], ["beach", "-", "people"]),
        (["-k", "5", "beach - people"], ["beach - people"]),
        (["- people"], ["- people"]),
        (["--", "-k 3"], ["-k 3"]),
        ([""], [""]),
    ],
)
def test_queries_need_quotes_only_where_a_word_looks_like_an_option(arguments, words):
    assert parse("search", *arguments).query == words


def test_results_are_twenty_from_everywhere_unless_said_otherwise():
    plain, chosen = parse("search", "x"), parse("similar", "-k", "3", "--in", "a", "-")
    assert (plain.k, plain.folder, plain.json) == (20, None, False)
    assert (chosen.k, chosen.folder, chosen.image) == (3, "a", "-")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serch"], "imgfind: argument COMMAND: invalid choice: 'serch' (choose from "),
        (["status", "--bad"], "imgfind: unrecognized arguments: --bad; see: imgfind --help"),
        (["--bad\nline", "status"], "imgfind: unrecognized arguments: --bad\\x0aline; see: imgfind --help"),
        (["search"], "imgfind search: the following arguments are required: QUERY; see: imgfind search --help"),
        (["similar"], "imgfind similar: the following arguments are required: IMAGE; see: imgfind similar --help"),
        (["show"], "imgfind show: the following arguments are required: PHOTO; see: imgfind show --help"),
        (["status", "--library"], "imgfind status: argument --library: expected one argument; see: "),
        (["search", "x", "-k", "0"], "imgfind search: argument -k: must be 1 or more; see: imgfind search --help"),
        (["search", "x", "-k", "x"], "imgfind search: argument -k: invalid number value: 'x'; see: "),
        (["search", "x", "-k", "1.5"], "imgfind search: argument -k: invalid number value: '1.5'; see: "),
        (["index", "--jobs", "0"], "imgfind index: argument --jobs: must be 1 or more; see: imgfind index --help"),
        (["index", "--jobs", "-1"], "imgfind index: argument --jobs: must be 1 or more; see: imgfind index --help"),
        (["index", "--batch-size", "two"], "imgfind index: argument --batch-size: invalid number value: 'two'; see: "),
        (["index", "--device", "gpu"], "imgfind index: argument --device: invalid choice: 'gpu' (choose from "),
        (["index", "--progress", "xml"], "imgfind index: argument --progress: invalid choice: 'xml' (choose from "),
        (["index", "--json"], "imgfind: unrecognized arguments: --json; see: imgfind --help"),
        (["status", "extra"], "imgfind: unrecognized arguments: extra; see: imgfind --help"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line_that_names_it(capsys, arguments, said):
    assert refusal(capsys, *arguments).startswith(said)
