"""How fast photos are indexed on an accelerator, and what bounds it.

    python benchmarks/bench_gpu.py [--photos 50000] [--model random] [--device auto] [--rounds 3] [--json FILE]

- *encoder*: pictures that are in memory already, in batches of several sizes, from as many threads as feed the device.
- *read by threads*, *by processes*: JPEGs of 500 x 375 read, decoded, scaled and hashed, and nothing done with them.
- *indexed with a stand-in*: the same photos indexed whole, with vectors that cost nothing, so that what is left is
  reading, gathering and storing; *main process* is the time of the processor that the program itself needs for each
  photo, all its threads together, beside the processes that read.
- *indexed*: end to end with the model, and the share that is reached of the lowest bound.

``random`` is a ViT-B-32-256 of seeded random weights. Where there is no accelerator this says so and runs what a CPU
can show, small: the built-in encoder, and what processes would change there. Photos are a few hundred different ones,
made distinct by bytes after their end. Kinds take turns; the median of the rounds counts.
"""

import argparse
import json
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bench_encode import RANDOM, pictures, write_random
from bench_index import SMALL, CheapEncoder, write_photographs

from imgfind.core import Library, decode, encode, formats, models, pipeline
from imgfind.core.config import usable_cores
from imgfind.core.indexing import IndexOptions
from imgfind.core.job import Job
from imgfind.core.readers import Here, Processes, Run
from imgfind.core.records import Encoder, FloatArray, FoundFile, ModelFiles, ModelId, PixelArray
from imgfind.core.scan import scan
from imgfind.core.store import KnownContents

if TYPE_CHECKING:
    from collections.abc import Callable

DIFFERENT = 300
"""Photos that are drawn; all others are these with a few bytes more."""
BATCHES = (64, 256, 1024)
AIM_PER_S = 3500.0
AIM_SHARE = 0.85


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure indexing on an accelerator.")
    parser.add_argument("--photos", type=int, help="JPEGs of 500 x 375 (50,000; without an accelerator 1,500)")
    parser.add_argument("--model", help=f"any model on this disk, or {RANDOM} (without an accelerator: starter)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each size of batch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    options = parser.parse_args()
    device = encode.devices()[0] if options.device == "auto" else options.device
    accelerated = device != "cpu"
    if not accelerated:
        print("There is no accelerator here: this is what the CPU part can show.")
    name = options.model or (RANDOM if accelerated else "starter")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = models.find_model(str(write_random(folder)) if name == RANDOM else name)
        photos = folder / "photos"
        write_photos(photos, options.photos or (50_000 if accelerated else 1500))
        encoder = encode.load_encoder(model, device=device, threads=1)
        results = {"encoder": measure_encoder(encoder, model, options.seconds)}
        results |= measure_rounds(folder, photos, model, encoder, options.rounds)
    report(name, encoder.device, results, accelerated)
    if options.json:
        answer = {"model": name, "device": encoder.device, "cores": usable_cores(), **results}
        options.json.write_text(json.dumps(answer, indent=1), "utf-8")


def write_photos(folder: Path, count: int) -> None:
    """Write ``count`` JPEGs whose bytes all differ, and whose pixels repeat."""
    write_photographs(folder, min(count, DIFFERENT), SMALL)
    drawn = [file.read_bytes() for file in sorted(folder.iterdir())]
    for number in range(len(drawn), count):
        (folder / f"photo {number:07}.jpg").write_bytes(drawn[number % len(drawn)] + b"%d" % number)


def measure_encoder(encoder: Encoder, model: ModelFiles, seconds: float) -> dict[str, float]:
    """Return pictures a second by the size of a batch."""
    feeders = pipeline.FEEDERS.get(encoder.device, 1) if encoder.device != "cpu" else usable_cores()
    drawn = pictures(model, 64)
    answer: dict[str, float] = {}
    for size in BATCHES if encoder.device != "cpu" else BATCHES[:1]:
        batch = np.resize(drawn, (size, *drawn.shape[1:]))
        encoder.encode_images(batch)
        started = time.perf_counter()

        def encoded(_: int, batch: PixelArray = batch, until: float = started + seconds) -> int:
            count = 0
            while time.perf_counter() < until:
                encoder.encode_images(batch)
                count += len(batch)
            return count

        with ThreadPoolExecutor(feeders) as pool:
            count = sum(pool.map(encoded, range(feeders)))
        answer[f"batches of {size}"] = count / (time.perf_counter() - started)
    return answer


class Elsewhere:
    """An encoder that says that it is not on the CPU, so that processes read for it."""

    device = "cuda"

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.dim = encoder.dim

    def encode_images(self, batch: PixelArray) -> FloatArray:
        """Encode pictures as the other does."""
        return self._encoder.encode_images(batch)

    def encode_texts(self, texts: list[str]) -> FloatArray:
        """Encode texts as the other does."""
        return self._encoder.encode_texts(texts)


def measure_rounds(
    folder: Path, photos: Path, model: ModelFiles, encoder: Encoder, rounds: int
) -> dict[str, dict[str, float]]:
    """Let all ways of reading and indexing take turns; return the medians."""
    pipeline.PROCESSES_FROM = 0
    cheap = CheapEncoder(model)
    empty = folder / "empty library"
    write_photos(folder / "a photo", 1)
    index(empty, folder / "a photo", model, cheap)
    files = [
        found for found in scan(str(photos), suffixes=formats.suffixes(), job=Job()) if isinstance(found, FoundFile)
    ]
    kinds: dict[str, Callable[[Path], dict[str, float]]] = {
        "read by threads": lambda _: read(files, model, empty, by_processes=False),
        "read by processes": lambda _: read(files, model, empty, by_processes=True),
        "indexed with a stand-in, by threads": lambda library: index(library, photos, model, cheap),
        "indexed with a stand-in, by processes": lambda library: index(library, photos, model, Elsewhere(cheap)),
        "indexed": lambda library: index(library, photos, model, encoder),
    }
    if encoder.device == "cpu":
        kinds["indexed, by processes"] = lambda library: index(library, photos, model, Elsewhere(encoder))
    runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind, run in kinds.items():
            runs[kind].append(run(folder / f"library {number} {kind}"))
    return {
        kind: {name: statistics.median(one[name] for one in measured) for name in measured[0]}
        for kind, measured in runs.items()
    }


def read(files: list[FoundFile], model: ModelFiles, library: Path, *, by_processes: bool) -> dict[str, float]:
    """Read files as the pipeline does, and forget them."""
    known = KnownContents(library, ModelId(1), decode_version=decode.DECODE_VERSION)
    here = Here(model.preprocess, known)
    processes = Processes(Run(model.preprocess, library, ModelId(1)), here)
    reader, size = (processes, pipeline.CHUNK_FILES) if by_processes else (here, 1)
    chunks = [files[first : first + size] for first in range(0, len(files), size)]
    with ThreadPoolExecutor(usable_cores()) as pool:
        list(pool.map(reader.read, chunks[: usable_cores()]))  # they start
        rest = chunks[usable_cores() :]
        started, before = time.perf_counter(), time.process_time()
        for _ in pool.map(lambda chunk: len(reader.read(chunk)), rest):
            pass
        seconds, process_s = time.perf_counter() - started, time.process_time() - before
    processes.close()
    known.close()
    count = sum(map(len, rest))
    return {"per_s": count / seconds, "main process, ms": 1000 * process_s / count}


def index(library: Path, photos: Path, model: ModelFiles, encoder: Encoder) -> dict[str, float]:
    """Index photos into a new library."""
    with Library(library, load_encoder=lambda *_, **__: encoder) as opened:
        before = time.process_time()
        summary = opened.index([str(photos)], IndexOptions(model=model.name))
        process_s = time.process_time() - before
    assert not summary.problems
    return {
        "per_s": summary.encoded / summary.seconds,
        "main process, ms": 1000 * process_s / summary.encoded,
        "storing, ms": 1000 * summary.core_s["store"] / summary.encoded,
    }


def report(name: str, device: str, results: dict[str, dict[str, float]], accelerated: bool) -> None:
    """Print what was measured, and which bound applies."""
    print(f"\n{name} on {device}, {usable_cores()} cores\n")
    print("| what | photos/s | main process, ms of a core each | of it storing |\n| --- | ---: | ---: | ---: |")
    for size, per_s in results["encoder"].items():
        print(f"| encoder, {size} | {per_s:,.0f} | | |")
    for kind, measured in results.items():
        if kind != "encoder":
            storing = f"{measured['storing, ms']:.2f}" if "storing, ms" in measured else ""
            print(f"| {kind} | {measured['per_s']:,.0f} | {measured['main process, ms']:.2f} | {storing} |")
    reached = results["indexed"]["per_s"]
    if not accelerated:
        shared = 1 / (1 / max(results["encoder"].values()) + 1 / results["read by threads"]["per_s"])
        print(f"\nThe same cores read and encode: {shared:,.0f} photos/s at most; {reached / shared:.0%} is reached.")
        return
    bounds = {
        "the encoder": max(results["encoder"].values()),
        "reading": results["read by processes"]["per_s"],
        "storing, on one thread": 1000 / results["indexed with a stand-in, by processes"]["storing, ms"],
    }
    bound = min(bounds, key=lambda each: bounds[each])
    print(
        f"\nThe lowest bound is {bound}, {bounds[bound]:,.0f} photos/s; {reached / bounds[bound]:.0%} is reached"
        f" (aim {AIM_SHARE:.0%}, and {AIM_PER_S:,.0f} photos/s)."
    )


if __name__ == "__main__":
    main()
