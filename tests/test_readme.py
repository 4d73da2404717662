"""The README keeps its word: every command and option is in it, and its examples run."""

import argparse
import itertools
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from imgfind.cli.parser import build_parser
from tests.command_line import REPOSITORY, child_environment

README = REPOSITORY / "README.md"
QUERIES = re.compile("<!-- queries:begin -->.*?<!-- queries:end -->", re.DOTALL)


@pytest.fixture(scope="module")
def readme():
    return README.read_text("utf-8")


def blocks(text, *languages):
    """Return the contents of the fenced code blocks in one of the languages."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [code for language, code in found if language in languages]


def parsers(parser=None, prefix=""):
    """Return the parser of every command, by its name; those below another are called ``models use``."""
    found = {}
    for action in (parser or build_parser())._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                found |= {prefix + name: below, **parsers(below, f"{prefix}{name} ")}
    return found


def options():
    """Return every option but help, under its long name where it has one, with the command it belongs to."""
    found = {}
    for command, parser in {"imgfind": build_parser(), **parsers()}.items():
        for action in parser._actions:
            if action.option_strings and action.dest != "help":
                found.setdefault(max(action.option_strings, key=len), command)
    return found


def calls(text):
    """Return the arguments of every imgfind call in the blocks of shell commands."""
    found = []
    for block in blocks(text, "console", "sh", "shell", "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"\|(?=(?:[^\"']|\"[^\"]*\"|'[^']*')*$)", line.removeprefix("$ ")):
                words = shlex.split(part, comments=True)
                if words and words[0].rpartition("/")[2] == "imgfind":
                    found.append(list(itertools.takewhile(lambda word: not re.match("[0-9]?[<>]|&&", word), words[1:])))
    return found


@pytest.mark.parametrize("command", list(parsers()))
def test_every_command_is_in_the_readme(readme, command):
    assert re.search(rf"\bimgfind {command}\b", readme)


@pytest.mark.parametrize(("option", "command"), options().items())
def test_every_option_is_in_the_readme(readme, option, command):
    assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", readme), f"{option} of {command}"


def test_no_option_in_the_readme_is_made_up(readme):
    known = {option for parser in [build_parser(), *parsers().values()] for option in parser._option_string_actions}
    written = {word for call in calls(readme) for word in call if re.fullmatch(r"--[a-z-]+|-[a-z]", word)}
    assert written <= known


def test_every_call_in_the_readme_parses(readme):
    parser = build_parser()
    assert calls(readme)
    for call in calls(readme):
        if call not in (["--help"], ["--version"]) and call[1:] != ["--help"]:
            parser.parse_args(call)


def test_calls_are_found_behind_prompts_and_in_pipes():
    text = '```sh\n$ imgfind search "a | b" -k 5 > hits.txt  # best\ncurl x | .venv/bin/imgfind similar -\nmake\n```\n'
    assert calls(text) == [["search", "a | b", "-k", "5"], ["similar", "-"]]


def test_the_python_example_runs_as_it_stands(readme, skimage_photos, tmp_path):
    (code,) = blocks(readme.partition("## Python library")[2].partition("\n## ")[0], "python")
    assert len(code.splitlines()) <= 10
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("astronaut.png", "chelsea.png", "coffee.png"):
        shutil.copy(skimage_photos / name, photos)
    for written, real in (('"my-library"', tmp_path / "library"), ('"/photos"', photos)):
        assert code.count(written) == 1
        code = code.replace(written, repr(str(real)))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=child_environment(PYTHONWARNINGS="default"),
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert str(photos) in done.stdout
    assert (tmp_path / "library" / "catalog.sqlite3").is_file()


def test_the_table_of_queries_has_its_marks_once(readme):
    assert len(QUERIES.findall(readme)) == 1
