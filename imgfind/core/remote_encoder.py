"""An encoder in a process of its own, so that the process that asks never loads torch.

Owns these processes: one for the model in use, shared by all threads; others rest until they are asked again. What died
is started once more. They end when they are closed, or by themselves when this process is gone. Every thread may call.
"""

import atexit
import functools
import io
import logging
import sys
import threading
import weakref
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from imgfind.core.errors import ImgfindError, ModelError
from imgfind.core.isolation import Worker
from imgfind.core.records import FloatArray, ModelFiles, PixelArray

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "imgfind.core.encode_worker")
LOAD_LIMIT_S = 300.0
"""A large model on a slow disk, and torch with it, takes a minute or two."""
ANSWER_LIMIT_S = 120.0
"""A query takes milliseconds; this is for a machine that swaps."""
_TEXTS_KEPT = 1_000
"""Vectors of texts that are kept, a few kilobytes each: what is typed, taken back and explained is encoded once."""
_ERRORS: dict[str, type[ImgfindError]] = {error.__name__: error for error in (ImgfindError, ModelError)}


class RemoteEncoder:
    """One model in a process of its own; an :class:`~imgfind.core.records.Encoder` for every thread."""

    def __init__(self, model: ModelFiles, device: str, threads: int) -> None:
        """Take what :func:`imgfind.core.encode.load_encoder` takes; starts nothing yet."""
        self._model = model
        self._device = device
        self._threads = threads
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._closed = False
        self._text_vector = functools.lru_cache(_TEXTS_KEPT)(self._encoded_text)

    @property
    def dim(self) -> int:
        """Return the length of the vectors."""
        return self._model.dim

    @property
    def device(self) -> str:
        """Name the device it runs on, or the one that was asked for as long as it has not run."""
        return self._device

    def encode_images(self, batch: PixelArray) -> FloatArray:
        """Encode uint8 sRGB pixels ``[n, height, width, 3]`` already fitted to the model's size."""
        return self._vectors({"do": "images", "shape": batch.shape}, batch.tobytes())

    def encode_texts(self, texts: list[str]) -> FloatArray:
        """Encode texts, one unit row each."""
        return np.array([self._text_vector(text) for text in texts], np.float32).reshape(-1, self.dim)

    def warm_up(self) -> None:
        """Have the process run and the model loaded. Raises what loading it here would."""
        self._ask({"do": "load"})

    def measure(self, threads: int, seconds: float) -> float:
        """Return how many pictures a second it encodes, trying for ``seconds`` with ``threads`` (0: every core)."""
        header, _ = self._ask({"do": "measure", "threads": threads, "seconds": seconds})
        return float(header["per_s"])

    def rest(self) -> None:
        """Give the memory back until the next question."""
        with self._lock:
            self._end()

    def close(self) -> None:
        """End the process for good, and with it any question somebody waits for."""
        self._closed = True  # without the lock: whoever waits holds it
        self._end()

    def _encoded_text(self, text: str) -> FloatArray:
        row: FloatArray = self._vectors({"do": "texts", "texts": [text]})[0]
        return row

    def _vectors(self, request: dict[str, Any], body: bytes = b"") -> FloatArray:
        _, data = self._ask(request, body)
        return np.frombuffer(data, np.float32).reshape(-1, self.dim)

    def _ask(self, request: dict[str, Any], body: bytes = b"") -> tuple[dict[str, Any], bytes]:
        with self._lock:
            for _attempt in range(2):
                try:
                    worker = self._loaded()
                    return ({}, b"") if request["do"] == "load" else _answer(worker, request, body)
                except EOFError:
                    self._end()
        raise ImgfindError(
            f"The process that runs the model {self._model.name} ended unexpectedly, maybe for want of memory; close"
            " other programs, or choose the device cpu or a smaller model."
        )

    def _loaded(self) -> Worker:
        """Return the running process; EOFError where it dies while it loads the model."""
        worker = self._worker
        if worker is not None and worker.alive:
            return worker
        self._check_open()
        self._end()
        self._worker = worker = _started()
        self._check_open()
        request = {"do": "load", "model": _plain(self._model), "device": self._device, "threads": self._threads}
        try:
            header, _ = _answer(worker, request, limit_s=LOAD_LIMIT_S)
        except ImgfindError:
            self._end()
            raise
        self._device = header["device"]
        return worker

    def _check_open(self) -> None:
        if self._closed:
            self._end()
            raise ImgfindError("The process that runs the model is closed.")

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()


_lock = threading.Lock()
_encoders: dict[object, RemoteEncoder] = {}
_all: weakref.WeakSet[RemoteEncoder] = weakref.WeakSet()


def load(model: ModelFiles, *, device: str = "auto", threads: int = 0) -> RemoteEncoder:
    """Return an encoder like :func:`imgfind.core.encode.load_encoder`, loaded in a process that all threads share.

    Processes of other models rest from now on. Raises what loading the model here would.
    """
    key = (model, _stamp(model.weights), device, threads)
    with _lock:
        if key not in _encoders:
            _encoders.clear()
            _encoders[key] = RemoteEncoder(model, device, threads)
            _all.add(_encoders[key])
        encoder, others = _encoders[key], list(_all - {_encoders[key]})
    for other in others:
        other.rest()
    encoder.warm_up()
    return encoder


@functools.cache
def devices() -> list[str]:
    """Return the devices of this machine that an encoder can run on, best first. Takes seconds at first."""
    try:
        with closing(_started()) as worker:
            header, _ = _answer(worker, {"do": "devices"})
    except EOFError as error:
        raise ImgfindError("The devices of this machine cannot be found out; a library may be damaged.") from error
    found: list[str] = header["devices"]
    return found


def measure(model: ModelFiles, *, device: str = "auto", threads: int = 0, seconds: float = 3.0) -> float:
    """Return how many pictures a second ``model`` encodes here, in a process for this alone. Takes seconds longer.

    ``threads`` are as many calls at once, 0 for every core; raises what loading the model would.
    """
    with closing(RemoteEncoder(model, device, 1)) as encoder:
        return encoder.measure(threads, seconds)


def close() -> None:
    """End all processes at once, even those somebody waits for; what is loaded later starts new ones."""
    with _lock:
        _encoders.clear()
        encoders = list(_all)
        _all.clear()
    for encoder in encoders:
        encoder.close()


atexit.register(close)


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from the one it replaced; what is missing is told by loading it."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _started() -> Worker:
    try:
        return Worker(COMMAND)
    except OSError as error:
        raise ImgfindError(f"The process that runs the model cannot be started ({error.strerror}).") from error


def _answer(
    worker: Worker, request: dict[str, Any], body: bytes = b"", *, limit_s: float = ANSWER_LIMIT_S
) -> tuple[dict[str, Any], bytes]:
    """Ask, and raise what the other side raised; EOFError where it has died."""
    try:
        header, data = worker.ask(request, io.BytesIO(body), len(body), limit_s)
    except EOFError as error:
        if worker.timed_out:
            worker.close()
            raise ImgfindError(
                f"The model did not answer within {limit_s:g} seconds; close other programs, or choose another device."
            ) from error
        raise
    for warning in header["warnings"]:
        log.warning("%s", warning)
    if "bug" in header:
        raise RuntimeError(header["bug"])
    if "error" in header:
        raise _ERRORS.get(header["error"], ImgfindError)(header["message"])
    return header, data


def _plain(model: ModelFiles) -> dict[str, Any]:
    """Return a model as JSON can hold it."""
    files = {name: path and str(path) for name in ("config", "weights", "merges") for path in [getattr(model, name)]}
    return asdict(model) | files
