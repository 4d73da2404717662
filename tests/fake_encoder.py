"""A deterministic stand-in for a real encoder, for tests of logic: fast, no torch, and its answers can be foreseen."""

import hashlib

import numpy as np

from imgfind.core.records import FloatArray, ModelFiles, PixelArray

GRID = 4
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


class FakeEncoder:
    """Sees the mean colours of a 4 x 4 grid, and knows the words of ``COLOURS``; other words are fixed noise."""

    def __init__(self, model: ModelFiles, *, device: str = "cpu", threads: int = 0) -> None:
        self.dim = model.dim
        self.device = "cpu"
        self.encoded = 0
        """How many pictures were encoded so far."""

    def encode_images(self, batch: PixelArray) -> FloatArray:
        self.encoded += len(batch)
        n, height, width, _ = batch.shape
        cells = batch.reshape(n, GRID, height // GRID, GRID, width // GRID, 3).mean(axis=(2, 4))
        return self._unit(cells.reshape(n, -1))

    def encode_texts(self, texts: list[str]) -> FloatArray:
        return np.concatenate([self._unit(self._seen(text)[np.newaxis]) for text in texts])

    def _seen(self, text: str) -> FloatArray:
        if text in COLOURS:
            return np.tile(np.array(COLOURS[text], dtype=np.float32), GRID * GRID)
        seed = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:8], "little")
        return np.random.default_rng(seed).uniform(0, 255, GRID * GRID * 3).astype(np.float32)

    def _unit(self, cells: FloatArray) -> FloatArray:
        rows = np.zeros((len(cells), self.dim), dtype=np.float32)
        # Centred, so that different colours point in different directions; the constant keeps grey from being nothing.
        rows[:, : cells.shape[1]] = cells - 127.5
        rows[:, cells.shape[1]] = 10.0
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)
