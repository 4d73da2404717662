"""Whether pictures may be encoded in 8 bits: decided on the user's own photos, while they are indexed.

The first photos are encoded in float32, and then once more in 8 bits. Where both agree well enough, and 8 bits are
faster, the rest goes on in 8 bits; vectors of both kinds then lie side by side, which is what the check allows. Queries
are always encoded in float32. Every thread may call.
"""

import json
import logging
import threading
import time
from dataclasses import asdict, dataclass

import numpy as np

from imgfind.core.encode.onnx_export import quantize
from imgfind.core.encode.onnx_runtime import OnnxEncoder
from imgfind.core.encode.rows import first_line
from imgfind.core.records import FloatArray, PixelArray

log = logging.getLogger(__name__)

PHOTOS = 64
"""So many are encoded both ways."""
NEAREST = 10
LEAST_COSINE = 0.995
"""Mean, between the vectors of one photo."""
LEAST_AGREEMENT = 0.95
"""Of the nearest photos, as found among vectors in 8 bits and in float32 by a query in float32."""
LEAST_SPEEDUP = 1.2
"""Below, 8 bits are not worth having. Measured: 3.0 with a ViT-B-32-256, 1.02 with the starter (convolutions)."""
_TIMED, _ROUNDS = 8, 3
"""Photos that the speed is measured with, and how often; the quickest counts."""
INT8, FLOAT32 = "int8", "float32"


@dataclass(frozen=True, slots=True)
class PrecisionCheck:
    """What a check came to: ``precision`` is ``int8`` or ``float32``.

    ``cosine`` is the mean between the two vectors of a photo, ``agreement`` the share of the nearest ten that both
    find, ``speedup`` how much faster int8 is; ``key`` names model and versions it holds for.
    """

    precision: str
    cosine: float
    agreement: float
    speedup: float
    photos: int
    key: str

    @classmethod
    def parse(cls, text: str | None) -> "PrecisionCheck | None":
        """Read what :meth:`text` wrote; None for anything else."""
        try:
            return cls(**json.loads(text or ""))
        except (ValueError, TypeError):
            return None

    def text(self) -> str:
        """Return it as the library keeps it."""
        return json.dumps(asdict(self))


class CheckedEncoder:
    """Encodes in float32 until the check has been made, then as it says."""

    def __init__(self, encoder: OnnxEncoder, known: PrecisionCheck | None) -> None:
        """``known`` is what an earlier check came to; one of other versions does not count."""
        self._encoder = encoder
        self.outcome = known if known is not None and known.key == encoder.key else None
        self._lock = threading.Lock()
        self._batches: list[tuple[PixelArray, FloatArray]] = []
        self._open = self.outcome is None
        if self.outcome is not None and self.outcome.precision == INT8:
            self._encoder = self._quantized() or encoder

    @property
    def dim(self) -> int:
        """Return the length of the vectors."""
        return self._encoder.dim

    @property
    def device(self) -> str:
        """Name the device it runs on."""
        return self._encoder.device

    def encode_texts(self, texts: list[str]) -> FloatArray:
        """Encode texts, one unit row each."""
        return self._encoder.encode_texts(texts)

    def encode_images(self, batch: PixelArray) -> FloatArray:
        """Encode uint8 sRGB pixels ``[n, height, width, 3]`` already fitted to the model's size."""
        if not self._open:
            return self._encoder.encode_images(batch)
        rows = self._encoder.encode_images(batch)
        if self._is_enough(batch, rows):
            self._check()
        return rows

    def _is_enough(self, batch: PixelArray, rows: FloatArray) -> bool:
        """Put a batch aside for the check; True for the one thread that has to make it."""
        with self._lock:
            if not self._open:
                return False
            self._batches.append((batch, rows))
            self._open = sum(len(kept) for kept, _ in self._batches) < PHOTOS
            return not self._open

    def _check(self) -> None:
        batches, self._batches = self._batches, []
        light = self._quantized()
        if light is None:
            return
        vectors = np.concatenate([light.encode_images(batch) for batch, _ in batches])
        exact = np.concatenate([rows for _, rows in batches])
        speedup = _speedup(self._encoder, light, batches[0][0][:_TIMED])
        self.outcome = judged(exact, vectors, speedup, self._encoder.key)
        if self.outcome.precision == INT8:
            self._encoder = light

    def _quantized(self) -> OnnxEncoder | None:
        try:
            return self._encoder.quantized(quantize)
        except Exception as error:  # noqa: BLE001 - the quantizer raises whatever comes; float32 does as well
            log.info("encoding in float32: the model cannot be quantized (%s)", first_line(error))
            return None


def judged(exact: FloatArray, vectors: FloatArray, speedup: float, key: str) -> PrecisionCheck:
    """Compare unit rows of the same photos in float32 and in 8 bits."""
    cosine = float((exact * vectors).sum(axis=1).mean())
    agreement = _agreement(exact, vectors)
    good = cosine >= LEAST_COSINE and agreement >= LEAST_AGREEMENT and speedup >= LEAST_SPEEDUP
    return PrecisionCheck(INT8 if good else FLOAT32, cosine, agreement, speedup, len(exact), key)


def _speedup(encoder: OnnxEncoder, light: OnnxEncoder, batch: PixelArray) -> float:
    """Return how much less of this thread's time ``light`` takes; others decode meanwhile."""

    def seconds(timed: OnnxEncoder) -> float:
        started = time.thread_time()
        timed.encode_images(batch)
        return time.thread_time() - started

    rounds = [(seconds(encoder), seconds(light)) for _ in range(_ROUNDS)]
    heavy_s, light_s = (min(times) for times in zip(*rounds, strict=True))
    return float(heavy_s / max(light_s, 1e-6))


def _agreement(exact: FloatArray, vectors: FloatArray) -> float:
    """Return the share of each photo's nearest others that is the same among both kinds of vectors."""
    count = min(NEAREST, len(exact) - 1)
    nearest = []
    for rows in (exact, vectors):
        scores = exact @ rows.T
        np.fill_diagonal(scores, -np.inf)
        nearest.append(np.argpartition(-scores, count - 1, axis=1)[:, :count])
    both = [len(np.intersect1d(*pair)) for pair in zip(*nearest, strict=True)]
    return float(np.mean(both)) / count
