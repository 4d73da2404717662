"""Fails where something made fast has become slow: ratios of processor time in one process, with wide margins.

    python benchmarks/guard.py

Each ratio is that of the medians of interleaved rounds. The limits are about half of what was measured on two cores of
a server, so that another machine, and one that does other work as well, passes.
"""

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench_index import LARGE, SMALL, write_photographs

from imgfind.core import Library, decode, encode, models
from imgfind.core.encode import torch_runtime

ROUNDS = 5
PICTURES = 48
LEAST = {
    "encoding pictures: torch / as shipped": 1.1,
    "a large JPEG: decoded whole / as shipped": 2.0,
    "photos: indexed / found unchanged": 5.0,
}


def main() -> None:
    """Measure, print, and exit with 1 where a ratio is below its limit."""
    ratios = dict(zip(LEAST, (encoding(), decoding(), updating()), strict=True))
    print("| ratio | measured | at least |\n| --- | ---: | ---: |")
    for name, ratio in ratios.items():
        print(f"| {name} | {ratio:.2f} | {LEAST[name]} |")
    too_slow = [name for name, ratio in ratios.items() if ratio < LEAST[name]]
    if too_slow:
        sys.exit(f"Slower than it was: {'; '.join(too_slow)}. Profile before you change a limit.")


def encoding() -> float:
    """Return how much longer torch takes for a batch of pictures than the encoder that is shipped, on one thread."""
    model = models.find_model("starter")
    shipped = encode.load_encoder(model, device="cpu", threads=1)
    torch_runtime.set_threads(1)
    plain = encode.TorchEncoder(model, torch_runtime.load_network(model), torch_runtime.tokenizer(model), "cpu")
    shape = (PICTURES, model.preprocess.height_px, model.preprocess.width_px, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return ratio_of(lambda: plain.encode_images(pixels), lambda: shipped.encode_images(pixels))


def decoding() -> float:
    """Return how much longer a JPEG of 12 megapixels takes to be decoded whole than as indexing decodes it."""
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(Path(folder) / "photos", 1, LARGE)
        (file,) = (Path(folder) / "photos").iterdir()
        data = file.read_bytes()
    return ratio_of(
        lambda: decode.decode(io.BytesIO(data), min_edge_px=min(LARGE)),
        lambda: decode.decode(io.BytesIO(data), min_edge_px=decode.PREVIEW_EDGE_PX),
    )


def updating() -> float:
    """Return how much longer indexing photos takes than finding that none of them has changed."""
    with tempfile.TemporaryDirectory() as folder, Library(Path(folder) / "library") as library:
        write_photographs(Path(folder) / "photos", PICTURES, SMALL)
        started = time.process_time()
        library.index([str(Path(folder) / "photos")])
        between = time.process_time()
        library.index()
        return (between - started) / (time.process_time() - between)


def ratio_of(slow: Callable[[], object], fast: Callable[[], object]) -> float:
    """Return the ratio of the processor times of two calls."""
    slow()
    fast()
    times: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        before = time.process_time()
        slow()
        between = time.process_time()
        fast()
        times.append((between - before, time.process_time() - between))
    slow_s, fast_s = np.median(times, axis=0)
    return float(slow_s / fast_s)


if __name__ == "__main__":
    main()
