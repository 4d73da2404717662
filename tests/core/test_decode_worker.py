"""The program of a decoding process, started for real."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgfind.core import content, isolation
from imgfind.core.content import DecodedContent
from imgfind.core.isolation import Workers
from imgfind.core.records import Preprocess
from tests.pictures import paint

PREPROCESS = Preprocess(64, 64, "bicubic", "shortest", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

# The real program, whose decoder does what the file says.
WITH_DECODER = """
from imgfind.core import content, decode_worker
def decoded(source, preprocess, suffix, region, *, describe):
    {}
content.decoded = decoded
decode_worker.main()
"""


def started(*command: str, **options: Any) -> Workers:
    return Workers(command or isolation.WORKER_COMMAND, **options)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    workers = started()
    yield workers
    workers.close()


def ask(workers: Workers, data: bytes, suffix: str = "") -> tuple[dict[str, Any], bytes]:
    request = {"preprocess": asdict(PREPROCESS), "suffix": suffix}
    return workers.ask(request, io.BytesIO(data), len(data))


def test_the_answer_is_what_decoding_here_gives(workers: Workers, tmp_path: Path, test_data: Path) -> None:
    for path in (paint(tmp_path / "a.jpg", size=(300, 200)), test_data / "photos" / "camera" / "Apple iPhone 4.jpg"):
        data = path.read_bytes()
        there = content.from_message(*ask(workers, data))
        here = content.decoded(io.BytesIO(data), PREPROCESS, "")
        assert np.array_equal(there.pixels, here.pixels)
        assert (there.preview, there.phash, there.facts) == (here.preview, here.phash, here.facts)
        assert (there.width_px, there.height_px, there.format) == (here.width_px, here.height_px, here.format)
        assert set(there.core_s) == set(here.core_s)
        assert isinstance(there, DecodedContent)


def test_a_bad_file_is_a_problem_and_the_process_goes_on(workers: Workers, tmp_path: Path) -> None:
    assert ask(workers, b"no picture") == (
        {"problem": "not a picture imgfind can read, or a damaged one", "transient": False},
        b"",
    )
    assert ask(workers, paint(tmp_path / "a.png").read_bytes())[0]["format"] == "PNG"
    assert len(workers._idle) == 1


@pytest.mark.skipif(not hasattr(signal, "setitimer") or sys.platform == "darwin", reason="needs RLIMIT_AS")
def test_a_decoder_that_takes_all_memory_is_stopped(tmp_path: Path) -> None:
    workers = started(sys.executable, "-c", WITH_DECODER.format("bytearray(4 * 1024**3)"), memory_limit_bytes=1024**3)
    answer, _ = ask(workers, b"a file")
    workers.close()
    assert answer == {"problem": "decoding it takes more than 1,024 MB of memory", "transient": False}


def test_a_mistake_of_ours_is_told_with_its_traceback() -> None:
    workers = started(sys.executable, "-c", WITH_DECODER.format("preprocess.no_such_attribute"))
    answer, _ = ask(workers, b"a file")
    workers.close()
    assert "no_such_attribute" in answer["bug"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
def test_a_decoder_that_hangs_when_nobody_is_left_to_end_it_is_ended_by_the_system() -> None:
    request = io.BytesIO()
    isolation.send(request, {"preprocess": asdict(PREPROCESS), "suffix": "", "limit_s": 0.01}, b"a file")
    hanging = WITH_DECODER.format("import os; os.read(os.pipe()[0], 1)")
    process = subprocess.run(
        [sys.executable, "-c", hanging, str(isolation.MEMORY_LIMIT_BYTES)],
        input=request.getvalue(),
        timeout=60,
        check=False,
    )
    assert process.returncode == -signal.SIGALRM


def test_what_libraries_print_does_not_disturb_the_answers() -> None:
    printing = 'import os; os.write(1, b"warning"); os.read(0, 1); raise MemoryError'
    workers = started(sys.executable, "-c", WITH_DECODER.format(printing))
    answer, _ = ask(workers, b"a file")
    workers.close()
    assert "memory" in answer["problem"]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_ctrl_c_leaves_it_to_the_one_who_asked(workers: Workers, tmp_path: Path) -> None:
    photo = paint(tmp_path / "a.jpg").read_bytes()
    ask(workers, photo)
    [idle] = workers._idle
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(idle._process.pid, number)
    assert ask(workers, photo)[0]["format"] == "JPEG"
    assert workers._idle == [idle]


def test_the_process_ends_when_nobody_can_ask_any_more() -> None:
    process = subprocess.run(
        [*isolation.WORKER_COMMAND, str(isolation.MEMORY_LIMIT_BYTES)],
        input=b"",
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        timeout=60,
        check=True,
    )
    assert isolation.receive(io.BytesIO(process.stdout)) == ({}, b"")
    assert process.stderr == b""


def test_the_process_loads_no_plugin_and_no_torch_before_it_must() -> None:
    loaded = "import sys; import imgfind.core.decode_worker; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert not {"pi_heif", "pillow_jxl", "rawpy", "torch", "hnswlib"} & set(result.stdout.split())
