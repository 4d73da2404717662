"""Children: what they say arrives, however they end; and they do end."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from imgfind.gui.child_process import ChildProcess, Ending

if not hasattr(signal, "SIGKILL"):
    pytest.skip("signals as POSIX has them", allow_module_level=True)

SAY = """
import json, os, signal, subprocess, sys, time
def say(**values):
    print(json.dumps(values), file=sys.stderr, flush=True)
"""


def child(script: str, **options: float) -> ChildProcess:
    return ChildProcess([sys.executable, "-c", SAY + textwrap.dedent(script)], **options)


def ending_of(qtbot: QtBot, started: ChildProcess) -> Ending:
    with qtbot.waitSignal(started.ended, timeout=20_000) as ended:
        pass
    return ended.args[0]


def is_running(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.strip().startswith("Z")


def test_what_it_says_arrives_in_order_and_before_its_end(qtbot: QtBot) -> None:
    started = child("for number in range(20000): say(number=number)")
    said: list[dict[str, object]] = []
    batches: list[int] = []
    started.said.connect(said.extend)
    started.said.connect(lambda lines: batches.append(len(lines)))
    assert ending_of(qtbot, started) == Ending(0)
    assert [line["number"] for line in said] == list(range(20000))
    assert len(batches) < 20000, "the event loop is not woken for each line"


def test_lines_that_are_no_objects_are_passed_over_and_the_last_is_kept(qtbot: QtBot) -> None:
    started = child("""
        print("WARNING: a warning", file=sys.stderr)
        say(stage="scanning")
        print('[1, 2]', '{"cut": ', 'kaputt \\udcff', sep="\\n", file=sys.stderr)
        sys.stderr.buffer.write(b"not utf-8: \\xff, and no line end")
        sys.exit(3)
    """)
    said: list[dict[str, object]] = []
    started.said.connect(said.extend)
    assert ending_of(qtbot, started) == Ending(3, "not utf-8: \ufffd, and no line end")
    assert said == [{"stage": "scanning"}]


def test_it_is_asked_to_stop_first(qtbot: QtBot) -> None:
    started = child("""
        signal.signal(signal.SIGTERM, lambda *_: (say(stage="stopped"), sys.exit(130)))
        say(stage="ready")
        time.sleep(60)
    """)
    with qtbot.waitSignal(started.said, timeout=20_000):
        pass
    started.stop()
    assert ending_of(qtbot, started) == Ending(130)


def test_one_that_does_not_stop_is_killed_with_all_it_started(qtbot: QtBot) -> None:
    started = child(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say(pid=subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid)
        time.sleep(60)
        """,
        grace_s=0.1,
    )
    with qtbot.waitSignal(started.said, timeout=20_000) as said:
        pass
    started.stop()
    ending = ending_of(qtbot, started)
    assert (ending.status, ending.killed) == (-signal.SIGKILL, True)
    qtbot.waitUntil(lambda: not is_running(said.args[0][0]["pid"]), timeout=20_000)


def test_one_that_is_killed_from_outside_says_so(qtbot: QtBot) -> None:
    started = child("""
        say(stage="ready")
        time.sleep(60)
    """)
    with qtbot.waitSignal(started.said, timeout=20_000):
        pass
    os.kill(started.pid, signal.SIGKILL)
    assert ending_of(qtbot, started) == Ending(-signal.SIGKILL)


def test_finishing_leaves_nobody_behind_even_without_an_event_loop(qtbot: QtBot) -> None:
    started = child("""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say(stage="ready")
        time.sleep(60)
    """)
    with qtbot.waitSignal(started.said, timeout=20_000):
        pass
    started.finish(wait_s=0.1)
    assert not is_running(started.pid)


def test_ctrl_c_in_the_terminal_of_the_window_does_not_reach_it(qtbot: QtBot) -> None:
    started = child("""
        say(stage="ready")
        time.sleep(60)
    """)
    assert os.getpgid(started.pid) != os.getpgid(0)
    started.finish(wait_s=10)


def test_a_program_that_is_missing_is_an_error_at_once(qapp: object) -> None:
    with pytest.raises(OSError, match="nowhere"):
        ChildProcess(["/nowhere/imgfind"])


def test_a_child_that_is_left_goes_on_when_the_window_is_gone(qtbot: QtBot, tmp_path: Path) -> None:
    work = "import sys, time; print('{}', file=sys.stderr, flush=True); time.sleep(1); open(sys.argv[1], 'w').close()"
    window = f"""
import sys
from PySide6.QtCore import QCoreApplication
from imgfind.gui.child_process import ChildProcess
app = QCoreApplication([])
child = ChildProcess([sys.executable, "-c", {work!r}, {str(tmp_path / "done")!r}])
child.said.connect(lambda lines: app.quit())
app.exec()
"""
    done = subprocess.run([sys.executable, "-c", window], check=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    qtbot.waitUntil((tmp_path / "done").exists, timeout=20_000)


KILLED = """
import sys
from PySide6.QtCore import QCoreApplication, QTimer
from imgfind.gui.child_process import ChildProcess
app = QCoreApplication([])
child = ChildProcess([sys.executable, "-c", {script!r}])
child.said.connect(lambda lines: print(lines[0]["pid"], flush=True))
if {lets_go}:
    child.said.connect(lambda _: (child.let_go(), print(flush=True)))
app.exec()
"""
ENDS_WITH_ITS_PARENT = """
import json, os, sys, threading
from pathlib import Path
from imgfind.cli.stopping import end_with_parent
end_with_parent()
print(json.dumps({"pid": os.getpid()}), file=sys.stderr, flush=True)
for thread in threading.enumerate():
    if thread.name == "imgfind-parent":
        thread.join()
Path("let go").touch()
"""


def killed_parent(folder: Path, *, lets_go: bool) -> int:
    """Kill a program that has started a child; return the number of the child."""
    script = KILLED.format(script=ENDS_WITH_ITS_PARENT, lets_go=lets_go)
    command, path = [sys.executable, "-c", script], os.pathsep.join(sys.path)
    environment = os.environ | {"PYTHONPATH": path}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if lets_go:
            parent.stdout.readline()
        parent.kill()
    return pid


def test_a_child_ends_with_a_program_that_is_killed(qtbot: QtBot, tmp_path: Path) -> None:
    pid = killed_parent(tmp_path, lets_go=False)
    qtbot.waitUntil(lambda: not is_running(pid), timeout=20_000)
    assert not (tmp_path / "let go").exists()


def test_a_child_that_was_let_go_lives_on(qtbot: QtBot, tmp_path: Path) -> None:
    killed_parent(tmp_path, lets_go=True)
    qtbot.waitUntil((tmp_path / "let go").exists, timeout=20_000)
