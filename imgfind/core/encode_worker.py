"""The program of an encoding process: ``python -m imgfind.core.encode_worker``.

Reads requests from standard input and answers on standard output, in the messages of :mod:`imgfind.core.isolation`,
until the input ends. :mod:`imgfind.core.remote_encoder` asks. Loads torch with the first request.
"""

import contextlib
import logging
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from imgfind.core import encode, isolation
from imgfind.core.config import usable_cores
from imgfind.core.errors import ImgfindError
from imgfind.core.records import Encoder, ModelFiles, PixelArray, Preprocess

_MEASURED_BATCH = 16
"""Pictures at once while measuring: as many as indexing begins with."""

Answer = tuple[dict[str, Any], bytes]


def main() -> None:
    """Answer until nobody asks any more."""
    questions, answers = isolation.own_pipes()
    warnings = _Warnings()
    logging.getLogger().addHandler(warnings)
    answering = _Answering()
    isolation.send(answers, {}, b"")
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            header, body = answering.answer(*isolation.receive(questions))
            isolation.send(answers, header | {"warnings": warnings.taken()}, body)


class _Answering:
    """One encoder, once it is loaded."""

    def __init__(self) -> None:
        self._loaded: tuple[Encoder, Preprocess] | None = None

    def answer(self, request: dict[str, Any], data: bytes) -> Answer:
        """Return the answer to one request, whatever becomes of it."""
        try:
            return self._answer(request, data)
        except ImgfindError as error:
            return {"error": type(error).__name__, "message": str(error)}, b""
        except Exception:  # noqa: BLE001 - a mistake of ours; whoever asked raises it again
            return {"bug": traceback.format_exc()}, b""

    def _answer(self, request: dict[str, Any], data: bytes) -> Answer:
        match request["do"]:
            case "devices":
                return {"devices": encode.devices()}, b""
            case "load":
                model = _model(request["model"])
                encoder = encode.load_encoder(model, device=request["device"], threads=request["threads"])
                self._loaded = encoder, model.preprocess
                return {"device": encoder.device}, b""
        assert self._loaded is not None, "it is loaded before it is used"
        encoder, preprocess = self._loaded
        match request["do"]:
            case "texts":
                return {}, encoder.encode_texts(request["texts"]).tobytes()
            case "images":
                return {}, encoder.encode_images(np.frombuffer(data, np.uint8).reshape(request["shape"])).tobytes()
            case "measure":
                return {"per_s": _per_s(encoder, preprocess, request["threads"], request["seconds"])}, b""
        raise ValueError(request["do"])


class _Warnings(logging.Handler):
    """Keeps warnings for the next answer; nobody reads what this process prints."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one of ours."""
        if record.name.partition(".")[0] == "imgfind":
            self._messages.append(record.getMessage())

    def taken(self) -> list[str]:
        """Return what came since the last time."""
        messages, self._messages = self._messages, []
        return messages


def _model(plain: dict[str, Any]) -> ModelFiles:
    """Return a model as it was before JSON: paths are paths, and lists were tuples."""
    preprocess = plain["preprocess"] | {name: tuple(plain["preprocess"][name]) for name in ("mean", "std")}
    files = {name: plain[name] and Path(plain[name]) for name in ("config", "weights", "merges")}
    return ModelFiles(**(plain | files | {"preprocess": Preprocess(**preprocess)}))


def _per_s(encoder: Encoder, preprocess: Preprocess, threads: int, seconds: float) -> float:
    """Return how many pictures are encoded in a second, in as many calls at once as indexing makes."""
    calls = (threads or usable_cores()) if encoder.device == "cpu" else 1
    shape = (_MEASURED_BATCH, preprocess.height_px, preprocess.width_px, 3)
    pixels: PixelArray = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    encoder.encode_images(pixels)  # the first call finds out how to do it best
    started = time.monotonic()

    def encoded(_call: int) -> int:
        count = 0
        while time.monotonic() < started + seconds:
            encoder.encode_images(pixels)
            count += len(pixels)
        return count

    with ThreadPoolExecutor(calls) as pool:
        count = sum(pool.map(encoded, range(calls)))
    return count / (time.monotonic() - started)


if __name__ == "__main__":
    main()
