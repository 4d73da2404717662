"""What a million photos cost: scanning them, finding that nothing changed, and indexing a few more.

    python benchmarks/bench_scale.py [--files 1000000] [--few 1000] [--new 1500] [--rounds 3] [--json FILE]

- *scan*, *unchanged*: as in bench_index.py, of generated files, 100 to a folder; in new processes, without the time of
  importing. The search graph is left out: bench_search.py has what building it takes.
- *new*: JPEGs of 500 x 375 indexed with the built-in encoder into a library that holds few photos and into the large
  one, in turn, in new processes; the median of the rounds. Graph left out again: neither library's is written anew
  for so few.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from bench_index import SMALL, fill, write_files, write_photographs
from process_memory import peak_memory_bytes

from imgfind.core import Library, encode, formats, models
from imgfind.core.config import usable_cores
from imgfind.core.job import Job
from imgfind.core.scan import scan
from imgfind.core.vectors import VectorIndex

Answer = dict[str, float]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure scanning and indexing beside very many photos.")
    parser.add_argument("--files", type=int, default=1_000_000, help="files of the large library")
    parser.add_argument("--few", type=int, default=1000, help="files of the small one")
    parser.add_argument("--new", type=int, default=1500, help="pictures that are added")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "LIBRARY", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(in_child(*options.child)))
        return
    with tempfile.TemporaryDirectory() as name:
        results = measured(Path(name), options)
    print(f"\n{usable_cores()} cores\n\n| measured | value |\n| --- | ---: |")
    for what, value in results.items():
        print(f"| {what} | {value:,.4g} |")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), "utf-8")


def measured(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Return all numbers by name; the unit is part of the name."""
    counts = {"few": options.few, "many": options.files}
    for size, count in counts.items():
        write_files(folder / size / "photos", count)
        fill(folder / size / "library", folder / size / "photos")
    many = folder / "many" / "library", folder / "many" / "photos"
    run_child("update", *many)  # the first update finds out when the photos were taken
    scanned, updated = run_child("scan", *many), run_child("update", *many)
    rates: dict[str, list[float]] = {size: [] for size in counts}
    for turn in range(options.rounds):
        for size in counts:
            library = folder / size / "again"
            shutil.copytree(folder / size / "library", library)
            added = folder / size / "photos" / "new"
            write_photographs(added, options.new, SMALL)
            answer = run_child("new", library, added)
            assert answer["encoded"] == options.new, (turn, answer)
            rates[size].append(answer["encoded"] / answer["pipeline_s"])
            shutil.rmtree(library)
            shutil.rmtree(added)
    few, lots = (statistics.median(rates[size]) for size in counts)
    return {
        "files": options.files,
        "scan, s": scanned["seconds"],
        "scan, CPU s": scanned["cpu_s"],
        "scan, MB": scanned["peak_bytes"] / 1e6,
        "unchanged update, s": updated["seconds"],
        "unchanged update, CPU s": updated["cpu_s"],
        "unchanged update, MB": updated["peak_bytes"] / 1e6,
        f"new beside {options.few:,}, img/s": few,
        f"new beside {options.files:,}, img/s": lots,
        "rate beside many / beside few": lots / few,
    }


def run_child(what: str, library: Path, folder: Path) -> Answer:
    """Do one thing in a new process."""
    command = [sys.executable, __file__, "--child", what, str(library), str(folder)]
    answer: Answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def in_child(what: str, library_folder: str, folder: str) -> Answer:
    """Scan or index ``folder``; return what :func:`run_child` reads."""
    if what == "scan":
        started = time.perf_counter()
        files = sum(1 for _ in scan(folder, suffixes=formats.suffixes(), job=Job()))
        return {"seconds": time.perf_counter() - started, "files": files, **costs()}
    # Loaded before the clock starts, with the threads Library asks for.
    loaded = [encode.load_encoder(models.find_model("starter"), device="cpu", threads=1)] if what == "new" else []
    with (
        Library(library_folder, load_encoder=lambda *_, **__: loaded[0]) as library,
        patch.object(VectorIndex, "refresh"),
    ):
        started = time.perf_counter()
        summary = library.index([folder])
        seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "pipeline_s": summary.seconds,
        "encoded": summary.encoded,
        **costs(),
    }


def costs() -> Answer:
    """Return what this process has needed so far, importing included."""
    return {"cpu_s": time.process_time(), "peak_bytes": peak_memory_bytes()}


if __name__ == "__main__":
    main()
