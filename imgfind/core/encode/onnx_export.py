"""Converts an encoder of torch into files for ONNX Runtime, and shrinks one to 8 bits.

What the converted towers answer is compared with what torch does before they are used. Knows torch and onnx, both
imported late. Belongs to one thread at a time, like loading.
"""

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgfind.core.encode.onnx_files import IMAGES, TEXTS, UnusableError
from imgfind.core.encode.rows import first_line
from imgfind.core.encode.torch_runtime import TorchEncoder
from imgfind.core.records import Encoder, ModelFiles

if TYPE_CHECKING:
    import torch

LARGEST_DIFFERENCE = 1e-4
"""Between unit vectors of the two runtimes, in any of their numbers. Measured: 4e-7 with the starter and 2e-7 with a
ViT-B-32-256 of random weights; it is what tells a wrong conversion from rounding."""
_OPSET = 17
_TRIED_TEXTS = ["", "a dog", "two people on a red bicycle in the rain", "word " * 200]
_TRIED_PICTURES = 3


def export(encoder: TorchEncoder, model: ModelFiles, folder: Path) -> None:
    """Write both towers into ``folder``. Raises ``UnusableError`` where that is impossible, OSError of the disk.

    ImportError where a package is missing.
    """
    import onnx  # noqa: F401 - what torch says where it is missing is no ImportError
    import torch

    # The exporter that traces takes 0.6 s for the starter, the newer one 8 s; it knows no fused attention.
    fast_attention = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    edges = (model.preprocess.height_px, model.preprocess.width_px)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that shapes become constants is meant, and checked
            pixels = torch.zeros((2, *edges, 3), dtype=torch.uint8)
            _export(encoder.network, encoder.image_rows, pixels, folder / IMAGES)
            _export(encoder.network, encoder.text_rows, _tokens(model), folder / TEXTS)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # the exporter raises whatever comes
        raise UnusableError(f"it cannot be converted ({first_line(error)})") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_attention)


def check(expected: Encoder, converted: Encoder, model: ModelFiles) -> None:
    """Raise ``UnusableError`` unless both give the same vectors of a few pictures and texts."""
    edges = (model.preprocess.height_px, model.preprocess.width_px)
    pixels = np.random.default_rng(0).integers(0, 256, (_TRIED_PICTURES, *edges, 3), np.uint8)
    pixels[0] = 127
    pairs = (
        (expected.encode_images(pixels), converted.encode_images(pixels)),
        (expected.encode_texts(_TRIED_TEXTS), converted.encode_texts(_TRIED_TEXTS)),
    )
    difference = max(float(np.abs(ours - theirs).max()) for ours, theirs in pairs)
    if not difference <= LARGEST_DIFFERENCE:  # NaN neither
        raise UnusableError(f"its vectors differ by {difference:.1g} when it is converted")


def quantize(images: Path, file: Path) -> None:
    """Write the tower in ``images`` to ``file`` with its matrices in 8 bits. Raises whatever the quantizer does.

    Convolutions stay as they are: in 8 bits, dynamically, they are 5 times slower.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory(dir=file.parent) as aside, _quiet_root_logger():
        made = Path(aside) / file.name
        quantize_dynamic(onnx.load(images), made, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"])
        os.replace(made, file)


def _export(
    network: "torch.nn.Module",
    rows: "Callable[[torch.Tensor], torch.Tensor]",
    example: "torch.Tensor",
    file: Path,
) -> None:
    import torch

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network  # what it holds becomes the file's weights

        def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
            return rows(batch)

    with torch.inference_mode():
        torch.onnx.export(
            Tower().eval(),
            (example,),
            str(file),
            dynamo=False,
            opset_version=_OPSET,
            input_names=["batch"],
            output_names=["rows"],
            dynamic_axes={"batch": {0: "n"}, "rows": {0: "n"}},
        )


def _tokens(model: ModelFiles) -> "torch.Tensor":
    import torch

    tokens = torch.zeros((2, model.context_length), dtype=torch.int64)
    tokens[:, 1] = 1
    return tokens


@contextlib.contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """Keep away what the quantizer says through the root logger: advice for people who quantize by hand."""

    def nothing(_record: logging.LogRecord) -> bool:
        return False

    root = logging.getLogger()
    root.addFilter(nothing)  # of the logger itself: what others hand up to it passes
    try:
        yield
    finally:
        root.removeFilter(nothing)
