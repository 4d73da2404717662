"""How fast imgfind is beside what people would use instead: with photos, and with vectors.

    python benchmarks/bench_peers.py [--small 200] [--large 60] [--rounds 5] [--vectors 100000]
                                     [--no-photos] [--no-search] [--readme] [--json FILE]

*Photos*: rclip 3.3.0, a loop over open_clip as everyone writes it first, and imgfind in float32 and in 8 bits, with one
``ViT-B-32-256`` of random weights, over the JPEGs of bench_index.py. Every run is a new process with a new library; the
rounds take turns, and what is compared are medians. Models are fetched or converted beforehand, as they are once. The
check by which imgfind decides between float32 and 8 bits is left out, so that each can be shown. rclip's run ends
before the search that its command goes on with. imgfind also hashes every byte, makes previews and describes photos for
the search for duplicates, which the others do not do; what that takes is in its times. *Nothing new* is the same
run once more. *Memory* is the peak of the process (Linux).

*By step*: core-seconds as the programs' threads count them. Of the rest of the process' time, what a run with nothing
new takes is its start, and what is left is *encode*.

*Vectors*: those of bench_search.py, in processes of their own: NumPy's products, the HNSW of faiss and of usearch, and
imgfind's index with its catalogue; M, ef_construction and ef are imgfind's. *Memory* is what the searching process has
grown by after its last query.
"""

import argparse
import contextlib
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bench_index
import bench_search
import numpy as np
import peers

from imgfind.core import encode, models
from imgfind.core.config import usable_cores
from imgfind.core.records import FloatArray
from imgfind.core.store import CATALOGUE_FILE
from imgfind.core.vectors import graph

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
SIZES = {"small": bench_index.SMALL, "12 MP": bench_index.LARGE}
OURS = ("imgfind, int8", "imgfind, float32")
OTHERS = ("rclip 3.3.0", "a plain loop over open_clip")
START, ENCODE = "start", "encode"
STEPS = (("decode and fit", "read and hash", "decode", "model input"), (ENCODE,))
"""What the programs call the steps of the table."""
BEGIN, END = "<!-- peers:begin -->", "<!-- peers:end -->"
HITS, QUERIES = 10, 200
NAMES = {
    "numpy": "exact, NumPy",
    "faiss": "faiss-cpu, HNSW",
    "usearch": "usearch",
    "imgfind": "imgfind (hnswlib)",
}
PHOTO_COLUMNS = (
    "seconds (least to most)",
    "photos/s",
    "core-ms a photo (decode and fit, encode, the rest)",
    "memory, MB",
    "nothing new, s",
    "imgfind in int8 / float32 is faster by",
)
SEARCH_COLUMNS = (
    "build, s (core-s)",
    "first answer, s",
    "p50 / p95, ms",
    "of the 10 best, pictures / words",
    "file, MB",
    "memory, MB",
)
RCLIP_FILE = "rclip/db.sqlite3"
THEIR_ROWS = "SELECT vector FROM images WHERE deleted IS NULL ORDER BY filepath"
OUR_ROWS = "SELECT vector FROM photos JOIN vectors USING (content_id) ORDER BY path"


@dataclass
class Runs:
    """What one program took for one set of photos, a number for each round."""

    s: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    again_s: list[float] = field(default_factory=list)
    core_s: dict[str, list[float]] = field(default_factory=dict)
    """By step."""
    agreement: float = 1.0
    """Mean cosine to the vectors of the plain loop, the mean of all photos taken away from both."""


@dataclass(frozen=True)
class Program:
    """A program that encodes a folder: ``command`` for the folder, ``clear`` forgets what it has encoded."""

    name: str
    command: Callable[[Path], list[str]]
    clear: Callable[[], None]
    environment: dict[str, str]
    updates: bool = True


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description="Measure imgfind beside others.")
    parser.add_argument("--small", type=int, default=200, help="JPEGs of 500 x 375")
    parser.add_argument("--large", type=int, default=60, help="JPEGs of 12 megapixels")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--no-photos", action="store_true")
    parser.add_argument("--no-search", action="store_true")
    parser.add_argument("--readme", action="store_true", help="write the tables into README.md")
    parser.add_argument("--json", type=Path, default=HERE / "results" / "peers.json", help="write the numbers here")
    options = parser.parse_args()
    results: dict[str, Any] = {"cores": usable_cores(), "rounds": options.rounds}
    tables: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not options.no_photos:
            counts = {"small": options.small, "12 MP": options.large}
            measured = measure_photos(folder, counts, options.rounds)
            results["photos"] = {kind: {name: vars(runs) for name, runs in of.items()} for kind, of in measured.items()}
            for kind, runs in measured.items():
                tables.append(photos_table(kind, counts[kind], runs))
                for program, of in runs.items():
                    print(f"{kind}, {program}: mean cosine to the plain loop {of.agreement:.4f}")
        if not options.no_search:
            results["search"] = measure_search(folder, options.vectors)
            tables.append(search_table(options.vectors, results["search"]))
    print("\n\n".join(tables))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1), "utf-8")
    if options.readme:
        text = README.read_text("utf-8")
        start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
        README.write_text("\n\n".join([text[:start], *tables, text[end:]]), "utf-8")


def measure_photos(folder: Path, counts: dict[str, int], rounds: int) -> dict[str, dict[str, Runs]]:
    """Let every program encode every set of photos ``rounds`` times, taking turns."""
    programs = prepared(folder)
    for kind, count in counts.items():
        bench_index.write_photographs(folder / kind, count, SIZES[kind])
    bench_index.write_photographs(folder / "few", 3, bench_index.SMALL)
    for program in programs:  # compiles, converts, and fills the system's cache
        program.clear()
        run(program, folder / "few")
    measured = {kind: {program.name: Runs() for program in programs} for kind in counts}
    for number in range(rounds):
        for kind, runs in measured.items():
            for program in programs[number % len(programs) :] + programs[: number % len(programs)]:
                measure(program, folder / kind, runs[program.name])
                took = f"{runs[program.name].s[-1]:.1f} s, {runs[program.name].processor_s[-1]:.1f} core-s"
                print(f"round {number + 1} of {rounds}: {kind}, {program.name}: {took}", file=sys.stderr)
            for name, rows in vectors(folder).items():
                runs[name].agreement = agreement(np.load(folder / f"{kind}.npy"), rows)
    return measured


def measure(program: Program, photos: Path, runs: Runs) -> None:
    """Encode a set of photos, and once more when nothing is new."""
    program.clear()
    seconds, processor_s, peak_mb, core_s = run(program, photos)
    start_s = core_s.pop(START, 0.0)
    if program.updates:
        again_s, start_s, _, _ = run(program, photos)
        runs.again_s.append(again_s)
    runs.s.append(seconds)
    runs.processor_s.append(processor_s)
    runs.peak_mb.append(peak_mb)
    core_s |= {START: start_s, ENCODE: processor_s - start_s - sum(core_s.values())}
    for step, took_s in core_s.items():
        runs.core_s.setdefault(step, []).append(took_s)


def run(program: Program, photos: Path) -> tuple[float, float, float, dict[str, float]]:
    """Run a program to its end; return its seconds, core-seconds, peak in MB, and core-seconds by step."""
    environment = {**os.environ, **program.environment}
    with tempfile.TemporaryFile() as told:
        started = time.perf_counter()
        with subprocess.Popen(
            program.command(photos), env=environment, stdout=subprocess.DEVNULL, stderr=told
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        told.seek(0)
        lines = told.read().decode("utf-8", "replace").splitlines()
    if process.returncode != 0:
        sys.exit("\n".join([*lines, f"bench_peers: {program.name} ended with {process.returncode}"]))
    core_s: dict[str, float] = next(json.loads(line)["core_s"] for line in reversed(lines) if '"core_s"' in line)
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, core_s


def prepared(folder: Path) -> list[Program]:
    """Make the model for all, and return the programs that run it."""
    model, rclip_data, cache = folder / "model", folder / "rclip", folder / "cache"
    rclip_python = peers.python(peers.SEARCH)
    subprocess.run(_script("peer_models.py", model, rclip_data), check=True, stderr=subprocess.DEVNULL)

    def rclip(photos: Path) -> list[str]:
        return [str(rclip_python), str(HERE / "peer_rclip.py"), str(photos)]

    def loop(photos: Path) -> list[str]:
        return _script("peer_open_clip.py", model, photos, folder / f"{photos.name}.npy")

    def forget_rclip() -> None:
        for file in rclip_data.glob("db.sqlite3*"):
            file.unlink()

    programs = [
        Program(OTHERS[0], rclip, forget_rclip, {"RCLIP_DATADIR": str(rclip_data)}),
        Program(OTHERS[1], loop, lambda: None, {"HF_HUB_OFFLINE": "1"}, updates=False),
    ]
    for name in OURS:
        precision = name.rpartition(" ")[2]
        library = folder / precision

        def ours(photos: Path, precision: str = precision, library: Path = library) -> list[str]:
            arguments = ("index", photos, "--library", library, "--model", model, "--device", "cpu")
            return _script("peer_imgfind.py", precision, *arguments, "--progress", "json")

        def forget(library: Path = library) -> None:
            shutil.rmtree(library, ignore_errors=True)

        programs.append(Program(name, ours, forget, {"IMGFIND_CACHE": str(cache)}))
    return programs


def _script(name: str, *arguments: object) -> list[str]:
    return [sys.executable, str(HERE / name), *map(str, arguments)]


def vectors(folder: Path) -> dict[str, FloatArray]:
    """Return the rows that programs keep of a set of photos, in the order of its files."""
    found = {}
    catalogues = {name: (folder / name.rpartition(" ")[2] / CATALOGUE_FILE, OUR_ROWS, np.float16) for name in OURS}
    for name, (file, query, kept_as) in {
        **catalogues,
        OTHERS[0]: (folder / RCLIP_FILE, THEIR_ROWS, np.float32),
    }.items():
        with contextlib.closing(sqlite3.connect(file)) as database:
            rows = [np.frombuffer(row[0], kept_as) for row in database.execute(query)]
        found[name] = np.stack(rows).astype(np.float32)
    return found


def agreement(right: FloatArray, rows: FloatArray) -> float:
    """Return the mean cosine between rows, the mean of each side taken away: of random weights all rows are alike."""
    ours, theirs = (side - side.mean(axis=0) for side in (right, rows))
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return float(((ours * theirs).sum(axis=1) / lengths).mean())


def photos_table(kind: str, count: int, runs: dict[str, Runs]) -> str:
    """Return what the programs took, and how much faster imgfind is, in Markdown."""
    width, height = SIZES[kind]
    lines = [
        f"| {count} JPEGs of {width} x {height} | {' | '.join(PHOTO_COLUMNS)} |",
        f"|---|{'---:|' * len(PHOTO_COLUMNS)}",
    ]
    for name in (*OURS, *OTHERS):
        of = runs[name]
        seconds = statistics.median(of.s)
        gains = (
            " / ".join(f"{seconds / statistics.median(runs[ours].s):.1f}" for ours in OURS) if name in OTHERS else ""
        )
        again = f"{statistics.median(of.again_s):.2f}" if of.again_s else "all again"
        core_ms = 1000 * statistics.median(of.processor_s) / count
        shares = [1000 * sum(statistics.median(of.core_s.get(step, [0])) for step in steps) / count for steps in STEPS]
        parts = ", ".join(f"{share:.0f}" for share in (*shares, core_ms - sum(shares)))
        lines.append(
            f"| {name} | {seconds:.1f} ({min(of.s):.1f} to {max(of.s):.1f}) | {count / seconds:.1f} |"
            f" {core_ms:.0f} ({parts}) | {max(of.peak_mb):.0f} | {again} | {gains} |"
        )
    return "\n".join(lines)


def measure_search(folder: Path, count: int) -> dict[str, dict[str, float]]:
    """Build and ask each library; return its figures by name."""
    encoder = encode.load_encoder(models.find_model("starter"), device="cpu", threads=1)
    rng = np.random.default_rng(1)
    draw = bench_search.fitted_mixture(bench_search.real_vectors(encoder), rng)
    rows = bench_search.with_near_copies(draw(count), rng)
    np.save(folder / "vectors.npy", rows)
    np.save(folder / "queries.npy", np.concatenate([draw(QUERIES), encoder.encode_texts(bench_search.SENTENCES)]))
    bench_search.catalogue(folder, rows).close()
    settings = json.dumps(
        {
            "m": graph.M,
            "ef_construction": graph.EF_CONSTRUCTION,
            "ef": graph.EF + graph.EF_PER_HIT * HITS,
            "model_id": bench_search.MODEL_ID,
            "graph": str(bench_search.graph_file(folder)),
        }
    )
    files = {
        "numpy": folder / "vectors.npy",
        "faiss": folder / "graph.faiss",
        "usearch": folder / "graph.usearch",
        "imgfind": bench_search.graph_file(folder),
    }
    figures: dict[str, dict[str, float]] = {}
    truth: list[list[int]] = []
    for name, file in files.items():
        print(f"{count:,} vectors: {name}", file=sys.stderr)
        python = sys.executable if name == "imgfind" else str(peers.python(peers.SEARCH))
        built, asked = (
            json.loads(
                subprocess.run(
                    [python, str(HERE / "peer_vectors.py"), name, step, str(folder), settings],
                    check=True,
                    stdout=subprocess.PIPE,
                ).stdout
            )
            for step in ("build", "search")
        )
        found = asked.pop("found")
        truth = truth or found  # numpy comes first, and misses none
        right = [len(set(hits) & set(best)) / HITS for hits, best in zip(found, truth, strict=True)]
        figures[name] = {
            "build, s": built["s"],
            "build, core-s": built["core_s"],
            "first answer, s": asked["load_s"],
            "p50, ms": float(np.percentile(asked["ms"], 50)),
            "p95, ms": float(np.percentile(asked["ms"], 95)),
            "recall, pictures": statistics.mean(right[:QUERIES]),
            "recall, words": statistics.mean(right[QUERIES:]),
            "file, MB": file.stat().st_size / 1e6,
            "memory, MB": asked["grown_bytes"] / 1e6,
        }
    return figures


def search_table(count: int, figures: dict[str, dict[str, float]]) -> str:
    """Return the figures of the search in Markdown."""
    lines = [
        f"| {count:,} vectors of 256 dimensions | {' | '.join(SEARCH_COLUMNS)} |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, of in figures.items():
        build = "" if name == "numpy" else f"{of['build, s']:.1f} ({of['build, core-s']:.1f})"
        lines.append(
            f"| {NAMES[name]} | {build} | {of['first answer, s']:.2f} | {of['p50, ms']:.2f} / {of['p95, ms']:.2f} |"
            f" {of['recall, pictures']:.2%} / {of['recall, words']:.2%} | {of['file, MB']:.0f} |"
            f" {of['memory, MB']:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
