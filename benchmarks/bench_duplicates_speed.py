"""How long it takes to propose pairs of duplicates in a large library, whole and for 100 new photos.

    python benchmarks/bench_duplicates_speed.py [--counts 10000 100000] [--seed 1] [--json FILE]

Libraries are drawn: hashes by chance, vectors like those of photos (see bench_search.py), and keypoints that are those
of real photos with so many bits changed that two drawn pictures share as many places as two real ones do. 1 % of the
photos are copies of others, so 2 % are in pairs: a few bits of the hash and 6 % of those of the keypoints differ, and
half of the keypoints are gone. The graph of the vectors is there before, as after indexing. Times are of the wall,
reading the vectors from the catalogue included.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bench_duplicates
import numpy as np
from bench_search import MODEL_ID, catalogue, fitted_mixture, real_vectors
from numpy.typing import NDArray
from process_memory import peak_memory_bytes

from imgfind.core import candidates, encode, keypoints, models
from imgfind.core.candidates import Looks
from imgfind.core.config import usable_cores
from imgfind.core.job import Job
from imgfind.core.records import FloatArray
from imgfind.core.store import ModelVectors
from imgfind.core.vectors import VectorIndex

NEW = 100
PLACES = 61
"""Keypoints of a photo, on average."""
HASH_BITS_CHANGED = 0.05
KEYPOINT_BITS_CHANGED = 0.06


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure how fast duplicates are proposed.")
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    draw_keypoints = fitted_keypoints(real_looks(options.seed), rng)
    encoder = encode.load_encoder(models.find_model("starter"), device="cpu", threads=usable_cores())
    draw_vectors = fitted_mixture(real_vectors(encoder), rng)
    del encoder
    figures = {}
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder:
            figures[str(count)] = measured(Path(folder), count, draw_keypoints, draw_vectors, rng)
    print(f"| {usable_cores()} cores | {' | '.join(f'{count:,} photos' for count in options.counts)} |")
    print(f"|---|{'---|' * len(options.counts)}")
    for name in figures[str(options.counts[0])]:
        print(f"| {name} | {' | '.join(f'{column[name]:,.3g}' for column in figures.values())} |")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


def measured(
    folder: Path,
    count: int,
    draw_keypoints: Callable[[int], NDArray[np.void]],
    draw_vectors: Callable[[int], FloatArray],
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return seconds, pairs and megabytes by name."""
    known, truth, sources, copies = drawn_looks(count, draw_keypoints, rng)
    rows = draw_vectors(count)
    rows[copies] = rows[sources]  # exact copies are the hardest for a graph
    source = ModelVectors(catalogue(folder, rows).database, MODEL_ID, rows.shape[1])
    VectorIndex(folder / "graph", rows.shape[1], source).refresh(Job())
    known = Looks(known.content_ids + 1, known.hashes, known.qualities, known.keypoints, known.counts)
    figures: dict[str, float] = {}
    for what, fresh in (("all", None), (f"{NEW} new", np.arange(count) >= count - NEW)):
        index = VectorIndex(folder / "graph", rows.shape[1], source)
        started = time.perf_counter()
        by_hash = candidates.by_hash(known, fresh)
        figures[f"{what}: hashes, s"] = _lap(figures, started)
        sharing = candidates.sharing(known, fresh)
        figures[f"{what}: places shared, s"] = _lap(figures, started)
        agreeing = sharing[candidates.agreeing(known, sharing) >= candidates.AGREEING]
        figures[f"{what}: places lying alike, s"] = _lap(figures, started)
        near = index.near_pairs(None if fresh is None else known.content_ids[fresh])
        figures[f"{what}: vectors, s"] = _lap(figures, started)
        figures[f"{what}: in all, s"] = figures.pop("until now")
        figures[f"{what}: pairs by hash"] = len(by_hash)
        figures[f"{what}: pairs that share places"] = len(sharing)
        figures[f"{what}: pairs of them that lie alike"] = len(agreeing)
        figures[f"{what}: pairs by vector"] = len(near)
        if fresh is None:
            for way, pairs in (("hash", by_hash), ("keypoints", agreeing), ("vectors", near - 1)):
                found = {tuple(pair) for pair in pairs.tolist()}
                figures[f"copies found by {way}, share"] = len(found & truth) / len(truth)
    figures["highest memory so far, MB"] = peak_memory_bytes() / 1e6
    return figures


def _lap(figures: dict[str, float], started: float) -> float:
    """Return the seconds since the lap before."""
    until_now = time.perf_counter() - started
    lap = until_now - figures.get("until now", 0.0)
    figures["until now"] = until_now
    return lap


def drawn_looks(
    count: int, draw_keypoints: Callable[[int], NDArray[np.void]], rng: np.random.Generator
) -> tuple[Looks, set[tuple[int, int]], NDArray[np.int64], NDArray[np.int64]]:
    """Return a library, its true pairs, and the positions of those that were copied and of the copies."""
    hashes = rng.integers(0, 256, (count, 32), np.uint8)
    places = draw_keypoints(count * PLACES).reshape(count, PLACES)
    sources = rng.choice(count // 2, count // 100, replace=False)
    copies = count // 2 + rng.choice(count // 2, count // 100, replace=False)
    hashes[copies] = hashes[sources] ^ np.packbits(rng.random((len(copies), 256)) < HASH_BITS_CHANGED, axis=1)
    kept = PLACES // 2
    places[copies, :kept] = places[sources, :kept]
    codes = places["code"][copies, :kept]
    places["code"][copies, :kept] = codes ^ _changes(codes.shape, KEYPOINT_BITS_CHANGED, rng)
    qualities = np.full(count, 100, np.uint8)
    counts = np.full(count, PLACES, np.int64)
    truth = set(zip(sources.tolist(), copies.tolist(), strict=True))
    return Looks(np.arange(count), hashes, qualities, places.ravel(), counts), truth, sources, copies


def real_looks(seed: int) -> Looks:
    """Describe the photos at hand."""
    views = [bench_duplicates.view(data) for _, data in bench_duplicates.originals(None, 1000, seed)]
    descriptors = [keypoints.describe(bench_duplicates.Image.fromarray(view.pixels)) for view in views]
    return candidates.looks(np.arange(len(views)), [bytes(32)] * len(views), [0] * len(views), descriptors)


def fitted_keypoints(real: Looks, rng: np.random.Generator) -> Callable[[int], NDArray[np.void]]:
    """Return what draws keypoints that look alike by chance as often as those of different real photos do."""
    owners = np.repeat(np.arange(len(real.counts)), real.counts)
    pairs = np.stack(np.triu_indices(len(real.counts), 1), axis=1)
    related = np.eye(len(real.counts), dtype=np.bool_)
    related[tuple(pairs[candidates.agreeing(real, pairs) > 1].T)] = True
    related |= related.T
    codes = np.ascontiguousarray(real.keypoints["code"])

    def draw(count: int, share: float) -> NDArray[np.void]:
        places = real.keypoints[rng.integers(0, len(real.keypoints), count)]
        places["code"] ^= _changes((count,), share, rng)
        places["x"], places["y"] = rng.integers(0, keypoints.EDGE_PX * keypoints.POSITION_STEPS, (2, count))
        places["turn"] = rng.integers(0, 8, count)
        return places

    def alike(left: NDArray[np.uint64], right: NDArray[np.uint64], counted: NDArray[np.bool_]) -> float:
        return float(np.mean(np.bitwise_count(left[:, None] ^ right[None, :])[counted] <= candidates.SAME_PLACE_BITS))

    sample = rng.choice(len(codes), min(4000, len(codes)), replace=False)
    wanted = alike(codes[sample], codes[sample], ~related[np.ix_(owners[sample], owners[sample])])
    low, high = 0.0, 0.3
    for _ in range(12):
        middle = (low + high) / 2
        drawn = draw(8000, middle)["code"].reshape(2, -1)
        found = alike(drawn[0], drawn[1], np.ones((4000, 4000), np.bool_))
        low, high = (middle, high) if found > wanted else (low, middle)
    print(f"{len(codes)} real keypoints; of a million pairs {1e6 * wanted:.1f} look alike;", end=" ")
    print(f"drawn with {high:.3f} of the bits changed\n")
    return lambda count: draw(count, high)


def _changes(shape: tuple[int, ...], share: float, rng: np.random.Generator) -> NDArray[np.uint64]:
    """Return codes with so many bits set by chance."""
    changed = np.zeros(shape, np.uint64)
    for bit in range(64):
        changed |= (rng.random(shape, np.float32) < share).astype(np.uint64) << np.uint64(bit)
    return changed


if __name__ == "__main__":
    main()
