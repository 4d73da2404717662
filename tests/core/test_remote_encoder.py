"""The encoder in another process: the same answers and errors as here, and no process left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgfind.core import encode, models, remote_encoder
from imgfind.core.errors import ImgfindError, ModelError
from imgfind.core.isolation import Worker
from imgfind.core.library import Library
from imgfind.core.query import parse
from imgfind.core.remote_encoder import RemoteEncoder
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

# The real program with an encoder that does what the text says.
FAKE = """
import logging, os, signal, sys
from imgfind.core import encode, encode_worker
from imgfind.core.errors import ImgfindError, ModelError
from tests.fake_encoder import FakeEncoder
class Encoder(FakeEncoder):
    def encode_texts(self, texts):
        match texts:
            case ["die"]: os.kill(os.getpid(), signal.SIGKILL)
            case ["hang"]: signal.pause()
            case ["no memory"]: raise ImgfindError("The device cpu ran out of memory; close other programs.")
            case ["bug"]: raise KeyError("a mistake")
            case ["print"]: print("noise", flush=True)
            case ["warn"]: logging.getLogger("imgfind.core.encode").warning("cuda cannot run it")
        return super().encode_texts(texts)
encode.load_encoder = Encoder
{}
encode_worker.main()
"""

MODEL = models.find_model("starter")


def use_fake(monkeypatch: pytest.MonkeyPatch, prelude: str = "") -> None:
    monkeypatch.setattr(remote_encoder, "COMMAND", (sys.executable, "-c", FAKE.format(prelude)))


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    remote_encoder.close()
    remote_encoder.devices.cache_clear()


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> RemoteEncoder:
    use_fake(monkeypatch)
    return remote_encoder.load(MODEL, device="cpu", threads=1)


def pid_of(encoder: RemoteEncoder) -> int:
    assert encoder._worker is not None
    return encoder._worker._process.pid


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_answers_are_those_of_the_encoder_here() -> None:
    there, here = remote_encoder.load(MODEL, threads=1), encode.load_encoder(MODEL, threads=1)
    size = (MODEL.preprocess.height_px, MODEL.preprocess.width_px, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (3, *size), np.uint8)

    assert (there.dim, there.device) == (here.dim, here.device)
    assert np.allclose(there.encode_images(pixels), here.encode_images(pixels), atol=1e-6)
    for text in ("a dog", "Füße \N{CAMERA}", "not \udcff UTF-8", ""):
        assert np.allclose(there.encode_texts([text]), here.encode_texts([text]), atol=1e-6)
    assert there.encode_texts([]).shape == (0, MODEL.dim)


def test_a_library_is_searched_without_torch_in_this_process(tmp_path: Path) -> None:
    paint(tmp_path / "photos" / "red.jpg")
    with Library(tmp_path / "library") as library:
        library.index([str(tmp_path / "photos")])
    statements = f"""
import sys
from imgfind.core import Library, remote_encoder
from imgfind.core.query import parse
with Library({str(tmp_path / "library")!r}, load_encoder=remote_encoder.load) as library:
    library.warm_up()
    assert len(library.find(parse("red"), 5).photo_ids) == 1
    assert not {{"torch", "open_clip", "PySide6"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", statements], check=True)


def test_texts_are_encoded_once(encoder: RemoteEncoder) -> None:
    first = encoder.encode_texts(["red", "green"])
    encoder.rest()
    again = encoder.encode_texts(["green", "red"])

    assert np.array_equal(first, again[::-1])
    assert encoder._worker is None, "nobody had to be asked"


def test_a_vector_that_was_given_out_may_be_changed(encoder: RemoteEncoder) -> None:
    encoder.encode_texts(["red"])[:] = 0

    assert encoder.encode_texts(["red"]).any()


def test_all_threads_share_one_process(encoder: RemoteEncoder) -> None:
    def ask(number: int) -> tuple[object, bool]:
        mine = remote_encoder.load(MODEL, device="cpu", threads=1)
        here = FakeEncoder(MODEL).encode_texts([f"word {number}"])
        return mine, np.array_equal(mine.encode_texts([f"word {number}"]), here)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(100)))

    assert {mine for mine, _ in answers} == {encoder}
    assert all(right for _, right in answers)


def test_another_model_sends_the_first_to_rest_until_it_is_asked_again(encoder: RemoteEncoder) -> None:
    first = pid_of(encoder)
    other = remote_encoder.load(replace(MODEL, name="other"), device="cpu", threads=1)

    assert other is not encoder
    assert not is_running(first)
    assert encoder.encode_texts(["red"]).any()
    assert is_running(pid_of(other))


def test_weights_that_were_replaced_are_loaded_anew(encoder: RemoteEncoder, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"one")
    model = replace(MODEL, weights=weights)
    before = remote_encoder.load(model)
    assert remote_encoder.load(model) is before

    weights.write_bytes(b"another")
    assert remote_encoder.load(model) is not before


# Errors


def test_errors_cross_as_they_are(encoder: RemoteEncoder) -> None:
    with pytest.raises(ImgfindError, match="The device cpu ran out of memory"):
        encoder.encode_texts(["no memory"])
    with pytest.raises(RuntimeError, match="a mistake"):
        encoder.encode_texts(["bug"])
    assert encoder.encode_texts(["red"]).any()


def test_a_damaged_model_is_told_as_here(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"damaged")
    for broken in (weights, tmp_path / "missing"):
        with pytest.raises(ModelError, match="is damaged or does not fit"):
            remote_encoder.load(replace(MODEL, weights=broken), device="cpu")


def test_a_device_that_is_not_there_is_told_as_here() -> None:
    with pytest.raises(ImgfindError, match="no device 'xpu' here"):
        remote_encoder.load(MODEL, device="xpu")
    assert not any(encoder._worker for encoder in remote_encoder._all)


def test_warnings_are_told_here(encoder: RemoteEncoder, caplog: pytest.LogCaptureFixture) -> None:
    encoder.encode_texts(["warn"])
    encoder.encode_texts(["red"])

    assert [record.getMessage() for record in caplog.records] == ["cuda cannot run it"]


def test_what_libraries_print_does_not_disturb_the_answers(encoder: RemoteEncoder) -> None:
    assert encoder.encode_texts(["print"]).any()


# Processes that die


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_process_that_was_killed_is_started_again(encoder: RemoteEncoder) -> None:
    first = pid_of(encoder)
    os.kill(first, signal.SIGKILL)

    assert encoder.encode_texts(["red"]).any()
    assert pid_of(encoder) != first


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_one_that_dies_again_is_an_error_and_the_next_question_has_a_new_one(encoder: RemoteEncoder) -> None:
    with pytest.raises(ImgfindError, match="ended unexpectedly, maybe for want of memory"):
        encoder.encode_texts(["die"])
    assert encoder.encode_texts(["red"]).any()


@pytest.mark.parametrize("prelude", ["sys.exit(1)", "encode.load_encoder = lambda *_, **__: os._exit(1)"])
def test_one_that_cannot_start_or_load_is_an_error(monkeypatch: pytest.MonkeyPatch, prelude: str) -> None:
    use_fake(monkeypatch, prelude)

    with pytest.raises(ImgfindError, match="ended unexpectedly"):
        remote_encoder.load(MODEL)
    with pytest.raises(ImgfindError, match="ended unexpectedly"):
        remote_encoder.load(MODEL)


def test_a_program_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_encoder, "COMMAND", ("/nowhere/python",))

    with pytest.raises(ImgfindError, match="cannot be started"):
        remote_encoder.load(MODEL)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_one_that_hangs_is_ended(encoder: RemoteEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_encoder._answer, "__kwdefaults__", {"limit_s": 0.1})
    hanging = pid_of(encoder)

    with pytest.raises(ImgfindError, match=r"did not answer within 0\.1 seconds"):
        encoder.encode_texts(["hang"])
    assert not is_running(hanging)


# Closing


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_closing_ends_even_a_process_that_is_being_asked(encoder: RemoteEncoder) -> None:
    pid = pid_of(encoder)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(encoder.encode_texts, ["hang"])
        while not encoder._lock.locked():
            time.sleep(0.001)
        remote_encoder.close()
        with pytest.raises(ImgfindError, match="is closed"):
            waiting.result(60)
    assert not is_running(pid)
    assert encoder._worker is None


def test_after_closing_another_one_can_be_loaded(encoder: RemoteEncoder) -> None:
    remote_encoder.close()

    with pytest.raises(ImgfindError, match="is closed"):
        encoder.encode_texts(["red"])
    assert remote_encoder.load(MODEL, device="cpu", threads=1).encode_texts(["red"]).any()


PARENT = """
import os, signal, sys, threading
from imgfind.core import models, remote_encoder
remote_encoder.COMMAND = (sys.executable, "-c", {fake!r})
encoder = remote_encoder.load(models.find_model("starter"))
{asking}
print(encoder._worker._process.pid, flush=True)
{end}
"""


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize(
    "asking", ["", "threading.Thread(target=encoder.encode_texts, args=[['red']], daemon=True).start()"]
)
@pytest.mark.parametrize("end", ["", "os._exit(1)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_no_process_outlives_the_one_that_asks(asking: str, end: str) -> None:
    program = PARENT.format(fake=FAKE.format(""), asking=asking, end=end)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    parent = subprocess.run(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, timeout=60, check=False
    )

    child, give_up = int(parent.stdout), time.monotonic() + 60
    while _lives(child) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not _lives(child)


def _lives(pid: int) -> bool:
    """Tell whether a process that nobody here waits for still runs; one that nobody has buried does not."""
    if not is_running(pid):
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


# What the settings show


def test_devices_are_those_of_torch() -> None:
    assert remote_encoder.devices() == encode.devices()
    assert remote_encoder.devices()[-1] == "cpu"


def test_what_is_measured_is_pictures_a_second_and_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake(monkeypatch)
    started: list[Worker] = []

    class Noted(Worker):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            started.append(self)

    monkeypatch.setattr(remote_encoder, "Worker", Noted)

    assert remote_encoder.measure(MODEL, device="cpu", threads=2, seconds=0.1) > 0
    assert [worker.alive for worker in started] == [False]


def test_a_model_crosses_whole(encoder: RemoteEncoder) -> None:
    from imgfind.core import encode_worker

    for model in (MODEL, replace(MODEL, merges=None), replace(MODEL, merges=Path("/a b/ü.gz"))):
        assert encode_worker._model(remote_encoder._plain(model)) == model


def test_searching_through_the_process_is_searching(encoder: RemoteEncoder, tmp_path: Path) -> None:
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        paint(tmp_path / "photos" / f"{name}.jpg", colour)
    with Library(tmp_path / "library", load_encoder=remote_encoder.load) as library:
        library.index([str(tmp_path / "photos")])
        found = library.find(parse("red"), 5)
        assert Path(library.photos.paths(found.photo_ids.tolist())[0]).stem == "red"
