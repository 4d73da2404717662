"""One window for each library: a second start finds the first one, and nobody else."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from imgfind.gui.single_instance import SingleInstance, instance_key, raise_running

SECOND = """
import sys
from PySide6.QtCore import QCoreApplication
from imgfind.gui.single_instance import raise_running
app = QCoreApplication([])
sys.exit(0 if raise_running(sys.argv[1], sys.argv[2:]) else 3)
"""
FIRST = """
import sys
from PySide6.QtCore import QCoreApplication
from imgfind.gui.single_instance import SingleInstance
app = QCoreApplication([])
instance = SingleInstance(sys.argv[1])
print(instance.is_listening, flush=True)
app.exec()
"""


@pytest.fixture
def key() -> str:
    return f"imgfind-test-{uuid.uuid4().hex[:16]}"


@pytest.fixture
def instance(qapp: object, key: str) -> Iterator[SingleInstance]:
    made = SingleInstance(key)
    yield made
    made.close()


def test_without_a_first_there_is_nobody_to_raise(qapp: object, key: str) -> None:
    assert not raise_running(key)


def test_a_second_start_raises_the_first_and_tells_it_what_it_was_given(
    qtbot: QtBot, instance: SingleInstance, key: str
) -> None:
    odd = os.fsdecode(b"/photos/\xff\n")
    with qtbot.waitSignal(instance.raised, timeout=20_000) as raised:
        second = subprocess.Popen([sys.executable, "-c", SECOND, key, "/photos", odd])
    qtbot.waitUntil(lambda: second.poll() is not None, timeout=20_000)
    assert second.returncode == 0
    assert raised.args == [["/photos", odd]]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="named pipes go with their process")
def test_what_a_killed_one_left_behind_stands_in_nobodys_way(qtbot: QtBot, key: str) -> None:
    first = subprocess.Popen([sys.executable, "-c", FIRST, key], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    with first.stdout:
        assert first.stdout.readline() == "True\n"
    first.kill()
    first.wait()
    assert not raise_running(key)
    instance = SingleInstance(key)
    assert instance.is_listening
    second = subprocess.Popen([sys.executable, "-c", SECOND, key])
    with qtbot.waitSignal(instance.raised, timeout=20_000):
        pass
    qtbot.waitUntil(lambda: second.poll() is not None, timeout=20_000)
    instance.close()


def test_rubbish_on_the_socket_is_taken_for_a_start_without_paths(
    qtbot: QtBot, instance: SingleInstance, key: str
) -> None:
    from PySide6.QtNetwork import QLocalSocket

    for line in (b"\xff{{{\n", b'{"paths": 3}\n', b"[1, null]\n"):
        socket = QLocalSocket()
        socket.connectToServer(key)
        with qtbot.waitSignal(instance.raised) as raised:
            socket.write(line)
        assert raised.args == [[]]
        socket.disconnectFromServer()


def test_each_library_has_a_window_of_its_own(tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (tmp_path / "link").symlink_to(library)
    assert instance_key(library) == instance_key(tmp_path / "link")
    assert instance_key(library) != instance_key(tmp_path / "other")
