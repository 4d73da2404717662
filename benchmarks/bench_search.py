"""How fast and how right the search over vectors is, and where the constants of imgfind.core.vectors come from.

    python benchmarks/bench_search.py [--count 100000] [--dim 256] [--ef 50 100 200] [--m 32] [--json FILE]

The vectors are drawn, but from a mixture fitted to real ones: the starter's vectors of the photographs in
``$IMGFIND_TEST_DATA`` (default ``../shared``; ``photos/``, ``duplicates/``) and of scikit-image, near-copies (cosine
above 0.95) left out. Each real vector is the centre of a Gaussian whose covariance is that of the differences between
real vectors and their nearest real neighbours, scaled by bisection until a draw of as many vectors as there are real
ones has the same median cosine to the nearest neighbour. 5 % of the vectors are near-copies of others (cosine about
0.999).
Other dimensions than the starter's get the same vectors turned into their space: distances stay, only arithmetic grows.

Queries are fresh draws (search by picture) and the starter's vectors of sentences (search by words: further away from
all pictures, and harder for a graph). *Cold* is a new process that opens the catalogue and searches once, without the
time of importing; its memory (Linux) is what that added to the peak of the process. *The command* is a whole ``imgfind
search`` for words, the best of five, with 256 dimensions; beside the time by the clock stands that of the processor,
which other work on the machine disturbs less. *Warm* is the same search in a process that has done one before.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import skimage
from process_memory import peak_memory_bytes

from imgfind.core import Library, decode, encode, formats, models
from imgfind.core.care.diagnosis import VECTORS_FOLDER
from imgfind.core.config import usable_cores
from imgfind.core.database import Database
from imgfind.core.errors import ImgfindError
from imgfind.core.job import Job
from imgfind.core.query import parse
from imgfind.core.records import Encoder, FloatArray, IdArray, ModelId
from imgfind.core.store import CATALOGUE_FILE, ModelVectors, Store
from imgfind.core.vectors import VectorIndex, graph

REPOSITORY = Path(__file__).resolve().parent.parent
MODEL_ID = ModelId(1)
QUERIES = 200
WAYS = {"exact, held": 2**60, "exact, streamed": 0, "HNSW": 1}
"""Ways to search, by the ``exact_below`` that leads to them; streamed is HNSW without a file."""
THINGS = ["dog", "red car", "child", "mountain", "cup of coffee", "bridge", "cat", "wedding", "shoe", "city at night"]
PLACES = ["in the snow", "on a beach", "at home", "in black and white", "from above", "in a garden", "at sunset"]
SENTENCES = [f"a photo of a {thing} {place}" for thing, place in itertools.product(THINGS, PLACES)]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure search over vectors.")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--m", type=int, default=graph.M)
    parser.add_argument("--ef-construction", type=int, default=graph.EF_CONSTRUCTION)
    parser.add_argument("--ef", type=int, nargs="+", default=[graph.EF])
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    parser.add_argument("--cold", nargs=2, metavar=("FOLDER", "WAY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cold:
        print(json.dumps(measure_cold(Path(options.cold[0]), options.cold[1], options.dim)))
        return
    graph.M, graph.EF_CONSTRUCTION = options.m, options.ef_construction
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), options)
    print(f"\n{options.count:,} vectors of {options.dim} dimensions, {usable_cores()} cores, M={graph.M},", end=" ")
    print(f"ef_construction={graph.EF_CONSTRUCTION}\n\n| measured | value |\n| --- | ---: |")
    for name, value in results.items():
        print(f"| {name} | {value:,.4g} |")
    if options.json:
        options.json.write_text(json.dumps(vars(options) | {"json": None, "results": results}, indent=1))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Return all numbers by name; the unit is part of the name."""
    encoder = encode.load_encoder(models.find_model("starter"), device="cpu", threads=1)  # as Library does
    results: dict[str, float] = {}
    _percentiles(results, "encode a sentence", lambda i: encoder.encode_texts([SENTENCES[i % len(SENTENCES)]]))
    words = encoder.encode_texts(SENTENCES)

    rng = np.random.default_rng(1)
    real = real_vectors(encoder)
    draw = fitted_mixture(real, rng)
    rows = with_near_copies(draw(options.count), rng)
    pictures = draw(QUERIES)
    results["real vectors"] = len(real)
    results["median cosine to the nearest, real"] = float(np.median(_nearest_cosines(real)))
    results["median cosine to the nearest, drawn, same number"] = float(np.median(_nearest_cosines(draw(len(real)))))
    rows, pictures, words = (_turned(vectors, options.dim) for vectors in (rows, pictures, words))

    store = catalogue(folder, rows)
    source = ModelVectors(store.database, MODEL_ID, options.dim)
    np.save(folder / "query.npy", words[0])
    truth = measure_held(results, source, options.dim, pictures, words)
    streamed = VectorIndex(folder / "none", options.dim, source, exact_below=0)
    _percentiles(results, "search, exact streamed", lambda i: streamed.nearest(pictures[i], 10), runs=10)
    allowed = np.sort(rng.choice(np.arange(1, options.count + 1), options.count // 20, replace=False))
    name = "search, exact among one in 20 allowed"
    _percentiles(results, name, lambda i: streamed.nearest(pictures[i], 10, allowed), runs=10)

    found = [dict(zip(ids[:20].tolist(), [0.0] * 20, strict=False)) for ids in truth["pictures"]]
    _percentiles(results, "fetch 20 photos", lambda i: store.hits(MODEL_ID, found[i]))

    rare = [(int(number),) for number in np.linspace(1, options.count, 3)]
    store.database.execute_many("UPDATE contents SET format = 'PNG' WHERE content_id = ?", rare)
    filters = parse("type:png").filters

    def filtered(i: int) -> object:
        return streamed.nearest(pictures[i], 10, store.vector_ids(MODEL_ID, filters))

    _percentiles(results, "search among the 3 photos that pass a filter", filtered, runs=20)

    file = graph_file(folder)
    index = VectorIndex(file, options.dim, source, exact_below=WAYS["HNSW"])
    started = time.perf_counter()
    index.refresh(Job())
    results["build and save the graph, s"] = time.perf_counter() - started
    results["graph file, MB"] = file.stat().st_size / 1e6
    for ef in options.ef:
        graph.EF = ef
        _percentiles(results, f"search, HNSW ef={ef + graph.EF_PER_HIT * 10}", lambda i: index.nearest(pictures[i], 10))
        for name, queries in _kinds(pictures, words):
            for k in (10, 100, 1000):
                right = sum(
                    len(np.intersect1d(index.nearest(query, k)[0], true[:k]))
                    for query, true in zip(queries, truth[name], strict=True)
                )
                results[f"recall@{k} of HNSW ef={ef + graph.EF_PER_HIT * k}, {name}"] = right / k / len(queries)
    _percentiles(results, "search, HNSW, best 1000", lambda i: index.nearest(pictures[i], 1000), runs=50)
    for way in WAYS:
        seconds, megabytes = cold(folder, way, options.dim)
        results[f"cold search, {way}, s"] = seconds
        results[f"cold search, {way}, MB"] = megabytes
    if options.dim == encoder.dim:
        measure_command(results, folder, store, encoder)
    return results


def measure_command(results: dict[str, float], folder: Path, store: Store, encoder: Encoder) -> None:
    """Measure whole searches for words: the command in a new process, and one more search in this one."""
    model = models.find_model("starter")
    store.add_root("/photos", volume=None)
    model_id = store.add_model(
        model.name, fingerprint=models.fingerprint(model), encoder_version=decode.MODEL_INPUT_VERSION, dim=model.dim
    )
    assert model_id == MODEL_ID
    store.set_setting("active_model", str(model_id))
    command = [sys.executable, "-m", "imgfind", "search", SENTENCES[0], "--library", str(folder)]
    runs = [_process(command) for _ in range(6)][1:]  # the first one compiles, and fills the system's cache
    results["the command, s"] = min(run[0] for run in runs)
    results["the command, s of the processor"] = min(run[1] for run in runs)
    with Library(folder, load_encoder=lambda *_, **__: encoder) as library:
        library.search(SENTENCES[0])
        _percentiles(results, "a whole search, warm", lambda i: library.search(SENTENCES[i % len(SENTENCES)]))


def _process(command: list[str]) -> tuple[float, float]:
    """Run a command; return the seconds by the clock and of the processor."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


def graph_file(folder: Path) -> Path:
    """Return where a library keeps the graph of its first model."""
    return folder / VECTORS_FOLDER / f"{MODEL_ID}.hnsw"


def measure_held(
    results: dict[str, float], source: ModelVectors, dim: int, pictures: FloatArray, words: FloatArray
) -> dict[str, list[IdArray]]:
    """Measure the search over a matrix in memory and return the 1,000 true neighbours of every query, by kind."""
    held = VectorIndex(Path("none"), dim, source, exact_below=WAYS["exact, held"])
    _percentiles(results, "search, exact held", lambda i: held.nearest(pictures[i], 10))
    return {name: [held.nearest(query, 1000)[0] for query in queries] for name, queries in _kinds(pictures, words)}


def cold(folder: Path, way: str, dim: int) -> list[float]:
    """Search once in a new process; the best of three."""
    command = [sys.executable, str(Path(__file__)), "--dim", str(dim), "--cold", str(folder), way]
    runs = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(3)]
    return min(runs)


def measure_cold(folder: Path, way: str, dim: int) -> list[float]:
    """Return the seconds and the megabytes of one search in this process."""
    query = np.load(folder / "query.npy")
    before = peak_memory_bytes()
    started = time.perf_counter()
    database = Database(folder / CATALOGUE_FILE, readonly=True)
    source = ModelVectors(database, MODEL_ID, dim)
    file = graph_file(folder) if way == "HNSW" else folder / "none"
    index = VectorIndex(file, dim, source, exact_below=WAYS[way])
    index.nearest(query, 10)
    seconds = time.perf_counter() - started
    return [seconds, (peak_memory_bytes() - before) / 1e6]


def catalogue(folder: Path, rows: FloatArray) -> Store:
    """Make a catalogue of one photo for each vector."""
    store = Store.create(folder)
    database = store.database
    database.execute("PRAGMA foreign_keys = OFF")  # no root and no model are needed here
    halves = rows.astype(np.float16)
    with database.transaction():
        database.execute_many(
            """INSERT INTO contents (content_id, hash, size_bytes, width_px, height_px, format, decode_version, phash,
               phash_quality, phash_version) VALUES (?, ?, 1, 500, 375, 'JPEG', 1, zeroblob(32), 100, 1)""",
            ((number, number.to_bytes(32, "big")) for number in range(1, len(rows) + 1)),
        )
        database.execute_many(
            """INSERT INTO photos (root_id, path, size_bytes, mtime_ns, device, inode, content_id)
               VALUES (1, ?, 1, ?, '1', ?, ?)""",
            ((b"/photos/%05d/IMG_%07d.jpg" % (n // 100, n), n, str(n), n) for n in range(1, len(rows) + 1)),
        )
        database.execute_many(
            "INSERT INTO vectors (model_id, content_id, vector) VALUES (?, ?, ?)",
            ((MODEL_ID, number, row.tobytes()) for number, row in enumerate(halves, start=1)),
        )
    return store


def real_vectors(encoder: Encoder) -> FloatArray:
    """Return the vectors of all different photographs at hand."""
    data = Path(os.environ.get("IMGFIND_TEST_DATA", REPOSITORY.parent / "shared"))
    preprocess = models.find_model("starter").preprocess
    rows: list[FloatArray] = []
    for folder in (data / "photos", data / "duplicates", Path(skimage.__file__).parent / "data"):
        for file in sorted(folder.rglob("*")):
            if file.suffix.lower() not in formats.suffixes():
                continue
            try:
                with open(file, "rb") as stream:
                    image = decode.decode(stream, min_edge_px=preprocess.width_px).image
            except ImgfindError:
                continue
            vector = encoder.encode_images(decode.model_input(image, preprocess)[np.newaxis])[0]
            if not rows or np.max(np.stack(rows) @ vector) < 0.95:
                rows.append(vector)
    return np.stack(rows)


def fitted_mixture(real: FloatArray, rng: np.random.Generator) -> Callable[[int], FloatArray]:
    """Return what draws unit rows from the mixture the module describes."""
    cosines = real @ real.T
    np.fill_diagonal(cosines, -1)
    differences = real - real[cosines.argmax(axis=1)]
    _, spread, directions = np.linalg.svd(differences, full_matrices=False)
    spread /= np.sqrt(len(real))

    def draw(count: int, scale: float) -> FloatArray:
        residual = (rng.normal(size=(count, len(spread))) * spread) @ directions
        return _unit(real[rng.integers(0, len(real), count)] + scale * residual)

    low, high, wanted = 0.0, 4.0, np.median(_nearest_cosines(real))
    for _ in range(20):
        middle = (low + high) / 2
        median = np.mean([np.median(_nearest_cosines(draw(len(real), middle))) for _ in range(5)])
        low, high = (middle, high) if median > wanted else (low, middle)
    return lambda count: draw(count, low)


def with_near_copies(rows: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Make one row in twenty a near-copy of the one behind it, in place."""
    copies = rng.choice(len(rows), len(rows) // 20, replace=False)
    noise = rng.normal(size=(len(copies), rows.shape[1])) * 0.05 / np.sqrt(rows.shape[1])
    rows[copies] = _unit(rows[(copies + 1) % len(rows)] + noise)
    return rows


def _kinds(pictures: FloatArray, words: FloatArray) -> list[tuple[str, FloatArray]]:
    return [("pictures", pictures), ("words", words)]


def _nearest_cosines(rows: FloatArray) -> FloatArray:
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -1)
    best: FloatArray = cosines.max(axis=1)
    return best


def _turned(rows: FloatArray, dim: int) -> FloatArray:
    """Carry rows into ``dim`` dimensions, by an orthogonal map where there are more."""
    if dim == rows.shape[1]:
        return rows
    basis, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(dim, rows.shape[1])))
    return _unit(rows @ basis.T)


def _unit(rows: FloatArray) -> FloatArray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _percentiles(results: dict[str, float], name: str, call: Callable[[int], object], runs: int = QUERIES) -> None:
    call(0)
    times = []
    for run in range(runs):
        started = time.perf_counter()
        call(run)
        times.append((time.perf_counter() - started) * 1e3)
    results[f"{name}, p50 ms"] = float(np.percentile(times, 50))
    results[f"{name}, p95 ms"] = float(np.percentile(times, 95))


if __name__ == "__main__":
    main()
