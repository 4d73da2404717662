"""What every runtime promises of pictures and vectors. Pure; safe on every thread."""

import numpy as np

from imgfind.core.errors import ModelError
from imgfind.core.records import FloatArray, ModelFiles, PixelArray

SMALLEST_NORM = 1e-7
"""A unit vector cannot be made of a shorter one: this is below what float16 can tell from zero."""
UNFIT = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)
"""What open_clip, timm and the exporter raise on settings and weights that make no sense; they check little before."""


def check_pixels(batch: PixelArray, model: ModelFiles) -> None:
    """Assert that a batch is uint8 sRGB ``[n, height, width, 3]`` of the model's size."""
    assert batch.dtype == np.uint8, batch.dtype
    assert batch.shape[1:] == (model.preprocess.height_px, model.preprocess.width_px, 3), batch.shape


def unit_rows(rows: FloatArray, model: ModelFiles, device: str) -> FloatArray:
    """Return ``rows`` at length 1. Raises :class:`ModelError` where one has none."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    # Written so that NaN fails it.
    if not (np.isfinite(norms) & (norms > SMALLEST_NORM)).all():
        raise ModelError(
            f"The model {model.name} gives unusable vectors on {device}: it is damaged or does not suit the device;"
            " restore it, or choose another with --model."
        )
    unit: FloatArray = rows / norms
    return unit


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
