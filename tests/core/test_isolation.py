"""Processes that decode: what becomes of files that crash, hang or fill them, and of the processes."""

import io
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from imgfind.core import isolation
from imgfind.core.errors import UnreadablePhotoError
from imgfind.core.isolation import Workers, receive, send

# A process that does what the request says.
FAKE = """
import os, signal, sys
from imgfind.core.isolation import receive, send
questions, answers = sys.stdin.buffer, sys.stdout.buffer
send(answers, {}, b"")
while True:
    request, data = receive(questions)
    match request["do"]:
        case "echo":
            send(answers, {"pid": os.getpid()}, data)
        case "crash":
            os.abort()
        case "exit":
            sys.exit(0)
        case "be killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            questions.read(1)
        case "babble":
            answers.write(b"warning: something is odd with this file, as usual\\n")
            answers.flush()
            answers.close()
            questions.read()
"""


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers([sys.executable, "-c", FAKE], time_limit_s=30)
    yield workers
    workers.close()


def ask(workers: Workers, do: str, data: bytes = b"") -> tuple[int, bytes]:
    answer, body = workers.ask({"do": do}, io.BytesIO(data), len(data))
    return answer["pid"], body


def problem(workers: Workers, do: str) -> UnreadablePhotoError:
    with pytest.raises(UnreadablePhotoError) as caught:
        ask(workers, do)
    return caught.value


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_answers_one_question_after_the_other(workers: Workers) -> None:
    data = os.urandom(3_000_000)
    first, body = ask(workers, "echo", data)
    assert body == data
    assert ask(workers, "echo") == (first, b"")
    assert first != os.getpid()
    assert not workers.failed


def test_threads_that_ask_at_once_have_a_process_each(workers: Workers) -> None:
    together = Barrier(3)

    def asking(number: int) -> tuple[int, bytes]:
        class Waiting(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                together.wait(60)
                return super().read(size)

        data = bytes([number]) * 1000
        answer, body = workers.ask({"do": "echo"}, Waiting(data), len(data))
        assert body == data
        return answer["pid"], body

    with ThreadPoolExecutor(3) as pool:
        assert len({pid for pid, _ in pool.map(asking, range(3))}) == 3


@pytest.mark.parametrize("do", ["crash", "exit", "babble"])
def test_a_crash_is_a_lasting_problem_and_the_next_file_has_a_new_process(workers: Workers, do: str) -> None:
    before, _ = ask(workers, "echo")
    error = problem(workers, do)
    assert (error.reason, error.transient) == ("its decoder crashed", False)
    assert workers.failed
    after, body = ask(workers, "echo", b"next")
    assert body == b"next"
    assert after != before
    assert not is_running(before)


def test_a_decoder_that_hangs_is_ended() -> None:
    workers = Workers([sys.executable, "-c", FAKE], time_limit_s=0.1)
    error = problem(workers, "hang")
    assert (error.reason, error.transient) == ("its decoder took longer than 0.1 seconds", False)
    assert workers.failed
    workers.close()


def test_large_files_have_more_time(monkeypatch: pytest.MonkeyPatch, workers: Workers) -> None:
    monkeypatch.setattr(isolation, "MOST_FILE_BYTES", 10_000_000)
    data = bytes(4_000_000)
    limits = []
    original = isolation.Worker.ask

    def noted(self: isolation.Worker, request: dict, source: io.BytesIO, size: int, limit_s: float) -> tuple:  # type: ignore[type-arg]  # as the original
        limits.append(limit_s)
        return original(self, request, source, size, limit_s)

    monkeypatch.setattr(isolation.Worker, "ask", noted)
    ask(workers, "echo", data)
    ask(workers, "echo", b"small")
    assert limits == [31.0, 30.0]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_process_killed_from_outside_is_a_passing_problem(workers: Workers) -> None:
    error = problem(workers, "be killed")
    assert "killed" in error.reason
    assert error.transient


def test_a_process_that_died_while_nobody_asked_is_replaced(workers: Workers) -> None:
    pid, _ = ask(workers, "echo")
    os.kill(pid, signal.SIGTERM)
    [idle] = workers._idle
    idle._process.wait()
    assert ask(workers, "echo", b"next")[1] == b"next"
    assert not workers.failed


@pytest.mark.parametrize("command", [["/nowhere/python"], [sys.executable, "-c", "import no_such_module"]])
def test_a_process_that_cannot_start_is_a_passing_problem(command: list[str]) -> None:
    workers = Workers(command)
    error = problem(workers, "echo")
    assert "could not be started" in error.reason
    assert error.transient
    assert not workers.failed


def test_a_file_that_gets_shorter_is_a_passing_problem_and_harms_nobody(workers: Workers) -> None:
    with pytest.raises(UnreadablePhotoError, match="changed while it was read") as caught:
        workers.ask({"do": "echo"}, io.BytesIO(b"short"), 10)
    assert caught.value.transient
    assert ask(workers, "echo", b"next")[1] == b"next"


def test_a_disk_that_fails_is_told_as_it_is(workers: Workers) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        workers.ask({"do": "echo"}, Failing(), 10)
    assert ask(workers, "echo", b"next")[1] == b"next"


def test_enormous_files_are_refused(workers: Workers) -> None:
    with pytest.raises(UnreadablePhotoError, match="larger than 512 MB"):
        workers.ask({"do": "echo"}, io.BytesIO(), isolation.MOST_FILE_BYTES + 1)


def test_closing_ends_the_processes_and_forgets_the_failure(workers: Workers) -> None:
    problem(workers, "crash")
    pid, _ = ask(workers, "echo")
    workers.close()
    assert not is_running(pid)
    assert not workers.failed
    assert ask(workers, "echo", b"again")[1] == b"again"


def test_messages_come_back_as_they_were_sent() -> None:
    pipe = io.BytesIO()
    send(pipe, {"suffix": ".NEF", "numbers": [1, 2.5, None]}, b"\0data")
    send(pipe, {}, b"")
    pipe.seek(0)
    assert receive(pipe) == ({"suffix": ".NEF", "numbers": [1, 2.5, None]}, b"\0data")
    assert receive(pipe) == ({}, b"")
    with pytest.raises(EOFError):
        receive(pipe)


@pytest.mark.parametrize(
    "data", [b"", b"\0\0", b"\0\0\0\5" + bytes(8) + b"{}", b"\0\0\0\2" + bytes(8) + b"{{", b"noise" * 4]
)
def test_half_a_message_is_the_end(data: bytes) -> None:
    with pytest.raises(EOFError):
        receive(io.BytesIO(data))
