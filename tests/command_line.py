"""Runs commands for tests: in this process, or as real children; with the fake encoder unless said otherwise."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imgfind.cli import commands, main
from imgfind.core import Library
from tests.fake_encoder import FakeEncoder

REPOSITORY = Path(__file__).parent.parent

CHILD = """
import functools, os, signal, sys
from imgfind.cli import commands, main
from imgfind.core import Library
from tests import no_network
from tests.fake_encoder import FakeEncoder as Encoder
no_network.forbid()
{prelude}
commands.Library = functools.partial(Library, load_encoder=Encoder)
sys.exit(main())
"""

AS_NOBODY = """
# Everything that is imported late, as nobody may not be allowed to read where it is installed.
import _strptime, importlib.metadata, hnswlib, filelock, PIL.Image
from imgfind.core import models
PIL.Image.init()
models.find_model("starter")
importlib.metadata.version("hnswlib")
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
"""
"""Prelude of a child whom permissions bind, which they do not root."""


class Outcome:
    """What a command left: exit code and what it wrote, ``out`` as bytes."""

    def __init__(self, code: object, out: bytes, err: bytes) -> None:
        self.code = code
        self.out = out
        self.err = err.decode("utf-8", "backslashreplace")

    @property
    def text(self) -> str:
        return self.out.decode("utf-8")

    @property
    def json(self) -> dict:
        """Read stdout as the one UTF-8 document that ``--json`` promises; nothing may have been said beside it."""
        assert (self.code, self.err) == (0, "")
        return json.loads(self.out.decode("utf-8"))


class CommandLine:
    """Runs commands in this process."""

    def __init__(self, capture: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
        self._capture = capture
        monkeypatch.setattr(commands, "Library", functools.partial(Library, load_encoder=FakeEncoder))

    def __call__(self, *arguments: str | os.PathLike) -> Outcome:
        self._capture.readouterr()
        try:
            code = main([os.fspath(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        return Outcome(code, *self._capture.readouterr())


def child_command(*arguments: str | bytes | os.PathLike, prelude: str = "") -> list:
    """Return the command of a child; ``prelude`` is run in it before the command and may replace ``Encoder``."""
    return [sys.executable, "-c", CHILD.format(prelude=prelude), *arguments]


def child_environment(**variables: str) -> dict[str, str]:
    """Return the environment of a child that finds the sources wherever it is started; as users have it otherwise."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONUNBUFFERED", "COLUMNS")}
    return inherited | {"PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "error", **variables}


def run_child(*arguments: str | bytes | os.PathLike, prelude: str = "", **options: object) -> Outcome:
    """Run a command to its end as a child; ``options`` go to :func:`subprocess.run`."""
    options = {"stdin": subprocess.DEVNULL, "env": child_environment()} | options
    if "input" in options:
        del options["stdin"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    done = subprocess.run(child_command(*arguments, prelude=prelude), check=False, **streams)
    return Outcome(done.returncode, done.stdout or b"", done.stderr or b"")
