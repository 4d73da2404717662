"""How fast indexing is, what it spends its time on, and what it costs to find that nothing changed.

    python benchmarks/bench_index.py [--small 1000] [--large 40] [--files 100000] [--json FILE]

- *small*, *large*: JPEGs of 500 x 375 and of 12 megapixels made from scikit-image's photographs, indexed into a new
  library with the built-in encoder, loaded beforehand. *Efficiency* is the sum of the stages' core-seconds over wall
  time x cores: 1 would be every core busy with useful work all the time. The core-seconds of encoding are measured
  apart, on one thread with nothing beside it, so that threads that only wait for each other do not count as work.
  *Cores busy* is all the process used, over wall time x cores.
- *unchanged*: a library of many generated files, brought up to date when nothing changed; in a new process, without the
  time of importing. An update before it builds the search graph.
- *memory*: peak memory of new processes that index few and many small pictures with an encoder that costs nothing;
  the difference by photo.
"""

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import skimage
from PIL import Image
from process_memory import peak_memory_bytes

from imgfind.core import Library, decode, encode, formats, hashes, models
from imgfind.core.config import usable_cores
from imgfind.core.job import Job
from imgfind.core.records import Encoder, Facts, FloatArray, FoundFile, ModelFiles, PerceptualHash, PixelArray
from imgfind.core.scan import scan
from imgfind.core.store import IndexedPhoto, NewContent, Store

PHOTOGRAPHS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "motorcycle_left.png",
    "rocket.jpg",
    "hubble_deep_field.jpg",
)
SMALL, LARGE = (500, 375), (4000, 3000)
CHUNK = 5000


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure indexing.")
    parser.add_argument("--small", type=int, default=1000, help="JPEGs of 500 x 375")
    parser.add_argument("--large", type=int, default=40, help="JPEGs of 12 megapixels")
    parser.add_argument("--files", type=int, default=100_000, help="files of the unchanged library")
    parser.add_argument("--memory", type=int, nargs=2, default=(1000, 21_000), help="photos of the two memory runs")
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    parser.add_argument("--child", nargs=3, metavar=("LIBRARY", "FOLDER", "ENCODER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(in_child(*options.child)))
        return
    results: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoder = encode.load_encoder(models.find_model("starter"), device="cpu", threads=1)  # as Library does
        for kind, count, size in (("small", options.small, SMALL), ("large", options.large, LARGE)):
            photos = folder / kind
            write_photographs(photos, count, size)
            results |= {f"{kind}: {name}": value for name, value in measure_indexing(folder, photos, encoder).items()}
        results |= measure_unchanged(folder, options.files)
        results |= measure_memory(folder, *options.memory)
    print(f"\n{usable_cores()} cores\n\n| measured | value |\n| --- | ---: |")
    for name, value in results.items():
        print(f"| {name} | {value:,.4g} |")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), "utf-8")


def write_photographs(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Write ``count`` JPEGs of one size, each cut and flipped in its own way so that all differ."""
    folder.mkdir()
    sources = [Image.open(Path(skimage.__file__).parent / "data" / name).convert("RGB") for name in PHOTOGRAPHS]
    random = np.random.default_rng(0)
    for number in range(count):
        source = sources[number % len(sources)]
        shift = random.uniform(0, 0.2, 4) * (*source.size, *source.size)
        box = (shift[0], shift[1], source.width - shift[2], source.height - shift[3])
        picture = source.resize(size, Image.Resampling.BICUBIC, box=box)
        picture.save(folder / f"photo {number:05}.jpg", quality=88)


def measure_indexing(folder: Path, photos: Path, encoder: Encoder) -> dict[str, float]:
    """Index ``photos`` into a new library; return rate, core-seconds by stage, and efficiency."""
    with Library(folder / f"{photos.name} library", load_encoder=lambda *_, **__: encoder) as library:
        before = time.process_time()
        summary = library.index([str(photos)])
        process_s = time.process_time() - before
    stages = dict(summary.core_s) | {"encode": summary.encoded * encode_core_s(encoder)}
    return {
        "img/s": summary.encoded / summary.seconds,
        **{f"{stage}, core-s": seconds for stage, seconds in stages.items()},
        "efficiency": sum(stages.values()) / (summary.seconds * usable_cores()),
        "cores busy": process_s / (summary.seconds * usable_cores()),
    }


def encode_core_s(encoder: Encoder) -> float:
    """Return the core-seconds one picture takes on one thread."""
    import torch

    preprocess = models.find_model("starter").preprocess
    pixels = np.random.default_rng(0).integers(0, 256, (128, preprocess.height_px, preprocess.width_px, 3), np.uint8)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        encoder.encode_images(pixels)
        started = time.process_time()
        for _ in range(3):
            encoder.encode_images(pixels)
        return (time.process_time() - started) / (3 * len(pixels))
    finally:
        torch.set_num_threads(threads)


def measure_unchanged(folder: Path, files: int) -> dict[str, float]:
    """Fill a library with generated files, then bring it up to date in a new process."""
    photos, library = folder / "many", folder / "many library"
    write_files(photos, files)
    fill(library, photos)
    run_child(library, photos, "none")
    result = run_child(library, photos, "none")
    return {"unchanged: photos": result["unchanged"], "unchanged: s": result["seconds"]}


def write_files(folder: Path, count: int) -> None:
    """Write small files, 100 to a folder."""
    for number in range(count):
        if number % 100 == 0:
            part = folder / f"{number // 100:05}"
            part.mkdir(parents=True)
        (part / f"IMG_{number:07}.jpg").write_bytes(b"%d" % number)


def fill(folder: Path, photos: Path) -> None:
    """Put every file below ``photos`` into a new catalogue, as if it had been indexed with the starter."""
    folder.mkdir()
    model = models.find_model("starter")
    random = np.random.default_rng(0)
    with contextlib.closing(Store.create(folder)) as store:
        model_id = store.add_model(
            model.name,
            fingerprint=models.fingerprint(model),
            encoder_version=decode.MODEL_INPUT_VERSION,
            dim=model.dim,
        )
        store.set_setting("active_model", str(model_id))
        store.set_setting("target_model", str(model_id))
        root_id = store.add_root(str(photos), volume=None)
        found = scan(str(photos), suffixes=formats.suffixes(), job=Job())
        batch: list[IndexedPhoto] = []
        for file in found:
            assert isinstance(file, FoundFile), file
            batch.append(
                IndexedPhoto(root_id, file, random.bytes(32), file.size_bytes, _content(), _vector(random, model))
            )
            if len(batch) == CHUNK:
                store.save_batch(model_id, batch, [], decode_version=decode.DECODE_VERSION)
                batch.clear()
        store.save_batch(model_id, batch, [], decode_version=decode.DECODE_VERSION)


def measure_memory(folder: Path, few: int, many: int) -> dict[str, float]:
    """Index few and many small pictures in new processes and compare their peaks."""
    peaks = {}
    for count in (few, many):
        photos = folder / f"memory {count}"
        write_small_pictures(photos, count)
        peaks[count] = run_child(folder / f"memory library {count}", photos, "cheap")["peak_bytes"]
    return {
        "memory: peak, MB": peaks[many] / 1e6,
        "memory: KB a photo": (peaks[many] - peaks[few]) / (many - few) / 1000,
    }


def write_small_pictures(folder: Path, count: int) -> None:
    """Write JPEGs of 48 x 32 noise."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        buffer = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (32, 48, 3), np.uint8)).save(buffer, "JPEG")
        (folder / f"{number:06}.jpg").write_bytes(buffer.getvalue())


def run_child(library: Path, folder: Path, encoder: str) -> dict[str, float]:
    """Index in a new process."""
    command = [sys.executable, __file__, "--child", str(library), str(folder), encoder]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def in_child(library_folder: str, folder: str, encoder: str) -> dict[str, float]:
    """Index one folder; return what :func:`run_child` reads."""
    load = {"none": encode.load_encoder, "cheap": CheapEncoder}[encoder]
    with Library(library_folder, load_encoder=load) as library:
        started = time.perf_counter()
        summary = library.index([folder])
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "unchanged": summary.unchanged, "peak_bytes": peak_memory_bytes()}


class CheapEncoder:
    """Gives random vectors: what is left is the memory of the pipeline itself."""

    device = "cpu"

    def __init__(self, model: ModelFiles, **_: object) -> None:
        self.dim = model.dim
        self._random = np.random.default_rng(os.getpid())

    def encode_images(self, batch: PixelArray) -> FloatArray:
        """Return a random unit row for each picture."""
        rows = self._random.standard_normal((len(batch), self.dim), np.float32)
        unit: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def encode_texts(self, texts: list[str]) -> FloatArray:
        """Return a random unit row for each text."""
        return self.encode_images(np.empty((len(texts), 0, 0, 3), np.uint8))


def _content() -> NewContent:
    return NewContent(
        500, 375, "JPEG", Facts(), PerceptualHash(bytes(32), 100), hashes.HASH_VERSION, decode.DECODE_VERSION
    )


def _vector(random: np.random.Generator, model: ModelFiles) -> FloatArray:
    row = random.standard_normal(model.dim).astype(np.float32)
    unit: FloatArray = row / np.linalg.norm(row)
    return unit


if __name__ == "__main__":
    main()
