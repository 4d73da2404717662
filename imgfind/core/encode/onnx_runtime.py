"""Runs an encoder by ONNX Runtime, on the CPU: the one place that knows it.

A tower is read when it is first asked: words need no pictures' tower. Every thread may call at the same time.
"""

import contextlib
import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgfind.core.encode.onnx_files import Towers
from imgfind.core.encode.rows import check_pixels, first_line, unit_rows
from imgfind.core.encode.tokenizer import TokenArray, Tokenizer
from imgfind.core.errors import ImgfindError
from imgfind.core.records import FloatArray, ModelFiles, PixelArray

if TYPE_CHECKING:
    import onnxruntime

_ERRORS_ONLY = 3
_PROVIDERS = ["CPUExecutionProvider"]


class OnnxEncoder:
    """A model's converted towers; ``threads`` may share one call, 0 for every core."""

    device = "cpu"

    def __init__(
        self, model: ModelFiles, towers: Towers, tokenizer: Callable[[], Tokenizer], *, threads: int = 0
    ) -> None:
        self._model = model
        self._towers = towers
        self._threads = threads
        self._lock = threading.Lock()
        self._sessions: dict[Path, onnxruntime.InferenceSession] = {}
        self._tokenizer = functools.cache(tokenizer)
        self._images = towers.images

    @property
    def dim(self) -> int:
        """Return the length of the vectors."""
        return self._model.dim

    @property
    def key(self) -> str:
        """Name the model's fingerprint and the versions that converted it."""
        return self._towers.key

    def encode_images(self, batch: PixelArray) -> FloatArray:
        """Encode uint8 sRGB pixels ``[n, height, width, 3]`` already fitted to the model's size; ``n`` may be 0.

        Raises :class:`ModelError` where the model gives no usable vectors.
        """
        check_pixels(batch, self._model)
        return self._unit_rows(self._images, np.ascontiguousarray(batch))

    def encode_texts(self, texts: list[str]) -> FloatArray:
        """Encode texts as they are given; tokens beyond the model's context length are cut off."""
        return self._unit_rows(self._towers.texts, self._tokenizer()(texts) if texts else np.empty((0, 0), np.int64))

    def quantized(self, quantize: Callable[[Path, Path], None]) -> "OnnxEncoder":
        """Return one that encodes pictures in 8 bits; ``quantize`` writes the file where there is none yet."""
        if not self._towers.quantized.exists():
            quantize(self._towers.images, self._towers.quantized)
        encoder = OnnxEncoder(self._model, self._towers, self._tokenizer, threads=self._threads)
        encoder._images = self._towers.quantized
        return encoder

    def _unit_rows(self, tower: Path, batch: PixelArray | TokenArray) -> FloatArray:
        if len(batch) == 0:
            return np.empty((0, self.dim), np.float32)
        session = self._session(tower)
        try:
            rows: FloatArray = session.run(None, {"batch": batch})[0]
        except Exception as error:  # of its own kinds, which have no name in common
            raise ImgfindError(
                f"ONNX Runtime cannot run the model {self._model.name} ({first_line(error)}); close other programs, or"
                " choose a smaller model."
            ) from error
        return unit_rows(rows, self._model, self.device)

    def _session(self, tower: Path) -> "onnxruntime.InferenceSession":
        with self._lock:
            if tower not in self._sessions:
                self._sessions[tower] = _opened(tower, self._threads, optimized=tower == self._towers.texts)
            return self._sessions[tower]


def optimize(file: Path) -> None:
    """Write a tower anew as ONNX Runtime would rearrange it at every start, in the ways that suit every processor."""
    import onnxruntime

    made = file.with_name(f"optimized-{file.name}")
    options = _options(threads=1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(made)
    onnxruntime.InferenceSession(str(file), options, providers=_PROVIDERS)
    os.replace(made, file)


def _opened(tower: Path, threads: int, *, optimized: bool) -> "onnxruntime.InferenceSession":
    """Read a tower. Raises :class:`ImgfindError` where that fails; it is removed then, to be made anew."""
    import onnxruntime

    options = _options(threads)
    if optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(str(tower), options, providers=_PROVIDERS)
    except Exception as error:  # of its own kinds, which have no name in common
        with contextlib.suppress(OSError):
            tower.unlink(missing_ok=True)
        raise ImgfindError(
            f"The converted model {tower} cannot be read ({first_line(error)}); it was removed and is made anew when"
            " you try again."
        ) from error


def _options(threads: int) -> "onnxruntime.SessionOptions":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    # Who waits for the next call must not use up a core that decodes pictures.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
