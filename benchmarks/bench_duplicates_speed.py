"""How long it takes to find the duplicates of a large library, all of them and after 100 more photos; step by step.

    python benchmarks/bench_duplicates_speed.py [--counts 10000 100000] [--seed 1] [--json FILE] [--keep DIR]

Libraries are drawn (see drawn_duplicates.py) and lie on the disk as after indexing: catalogue, search graph, previews
and files. Each is brought up to date and grouped in a new process, as `imgfind duplicates` does it, then again after
100 photos have come. Seconds are of the wall, core-seconds of all threads; importing is not counted. The files hold no
pictures: where the originals of a pair are looked at, that is not in the figures.
"""

import argparse
import contextlib
import functools
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import drawn_duplicates
from process_memory import peak_memory_bytes

from imgfind.core import Library, candidates, deduplicating, grouping, models, on_disk, proposing
from imgfind.core.config import usable_cores
from imgfind.core.duplicates import VERDICT_VERSION
from imgfind.core.job import Job
from imgfind.core.store import ModelVectors, Store
from imgfind.core.store import duplicates as noted
from imgfind.core.vectors import VectorIndex

NEW = 100
STEPS: dict[str, tuple[tuple[Any, str], ...]] = {
    "describe": ((proposing, "describe"),),
    "read what is known": ((noted, "phashes"), (candidates, "looks"), (proposing, "_keypoints")),
    "candidates by hash": ((candidates, "by_hash"),),
    "places shared": ((candidates, "sharing"),),
    "places lying alike": ((candidates, "agreeing"),),
    "near vectors": ((VectorIndex, "near_pairs"),),
    "note pairs": ((noted, "note_proposed"),),
    "compare": ((deduplicating.Deduplicating, "_compared"),),
    "group": ((grouping, "grouped"),),
    "look at files": ((on_disk, "looked_at"),),
}
"""What is measured, and the functions that do it; what one calls within another is counted only once."""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure how fast duplicates are found.")
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    parser.add_argument("--keep", type=Path, help="make the libraries here and leave them")
    parser.add_argument("--child", type=Path, metavar="LIBRARY", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measured(options.child)))
        return
    figures = {}
    photos = drawn_duplicates.Photos(options.seed)
    for count in options.counts:
        with _folder(options.keep, count) as folder:
            figures[str(count)] = of_library(folder, count, photos)
    report(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


Figures = dict[str, float]


def of_library(folder: Path, count: int, photos: drawn_duplicates.Photos) -> dict[str, Figures]:
    """Make a library and measure all, then what 100 more photos cost."""
    library, files = folder / "library", folder / "photos"
    drawn = photos.drawn(count + NEW)
    drawn_duplicates.make(library)
    drawn_duplicates.fill(library, files, photos, drawn, slice(0, count))
    build_graph(library)
    figures = {"all": run_child(library)}
    drawn_duplicates.fill(library, files, photos, drawn, slice(count, count + NEW))
    figures[f"{NEW} more"] = run_child(library)
    there = drawn.copies < count
    figures["all"]["copies, share found"] = share_found(library, drawn.sources[there], drawn.copies[there])
    return figures


def build_graph(library: Path) -> None:
    """Build the search graph, as the end of an index run does."""
    with contextlib.closing(Store.open(library, readonly=True)) as store:
        model = store.model("active_model")
        assert model is not None, "made with one"
        source = ModelVectors(store.database, model.model_id, model.dim)
        VectorIndex(library / "vectors" / f"{model.model_id}.hnsw", model.dim, source).refresh(Job())


def share_found(library: Path, sources: Any, copies: Any) -> float:
    """Return the share of the copies that were found to be such."""
    with contextlib.closing(Store.open(library, readonly=True)) as store:
        found = {(int(a), int(b)) for a, b in noted.found(store.database, VERDICT_VERSION)}
    truth = {(int(a) + 1, int(b) + 1) for a, b in zip(sources, copies, strict=True)}
    return len(truth & found) / len(truth)


def run_child(library: Path) -> Figures:
    """Find the duplicates in a new process."""
    command = [sys.executable, __file__, "--child", str(library)]
    answer: Figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return answer


def measured(folder: Path) -> Figures:
    """Find the duplicates of a library; return seconds, core-seconds and numbers by name."""
    models.find_model("starter")
    clock = Clock()
    for step, functions in STEPS.items():
        for owner, name in functions:
            clock.watch(owner, name, step)
    with Library(folder) as library:
        with clock.running("update, the rest"):
            done = library.duplicates.update()
        with clock.running("groups, the rest"):
            groups = library.duplicates.groups()
    figures = {f"{step}, s": clock.wall_s[step] for step in clock.wall_s}
    figures |= {f"{step}, core-s": clock.core_s[step] for step in clock.core_s}
    return figures | {
        "in all, s": sum(clock.wall_s.values()),
        "in all, core-s": sum(clock.core_s.values()),
        "pairs proposed": done.proposed,
        "pairs compared": done.compared,
        "pairs alike": done.found,
        "groups": len(groups),
        "peak memory, MB": peak_memory_bytes() / 1e6,
    }


class Clock:
    """Adds up the time of steps; what runs within another step counts for that one only."""

    def __init__(self) -> None:
        self.wall_s: defaultdict[str, float] = defaultdict(float)
        self.core_s: defaultdict[str, float] = defaultdict(float)
        self._steps: list[str] = []
        self._since = (0.0, 0.0)

    def watch(self, owner: Any, name: str, step: str) -> None:
        """Count the calls of a function for a step."""
        function: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(function)
        def counted(*args: Any, **named: Any) -> Any:
            with self.running(step):
                return function(*args, **named)

        setattr(owner, name, counted)

    @contextlib.contextmanager
    def running(self, step: str) -> Iterator[None]:
        """Count the block for a step."""
        self._lap()
        self._steps.append(step)
        try:
            yield
        finally:
            self._lap()
            self._steps.pop()

    def _lap(self) -> None:
        now = (time.perf_counter(), time.process_time())
        if self._steps:
            self.wall_s[self._steps[-1]] += now[0] - self._since[0]
            self.core_s[self._steps[-1]] += now[1] - self._since[1]
        self._since = now


def report(figures: dict[str, dict[str, Figures]]) -> None:
    """Print a table for all photos and one for new ones."""
    counts = list(figures)
    growth = len(counts) > 1
    for what in figures[counts[0]]:
        head = [f"{what}, {usable_cores()} cores", *(f"{int(count):,} photos" for count in counts)]
        print(f"| {' | '.join(head + ['times'] * growth)} |\n|---|{'---|' * (len(counts) + growth)}")
        for name in figures[counts[-1]][what]:
            values = [figures[count][what].get(name, 0.0) for count in counts]
            times = [f"{values[-1] / values[0]:.1f}" if values[0] else ""] if growth else []
            print(f"| {name} | {' | '.join([*(f'{value:,.3g}' for value in values), *times])} |")
        print()


@contextlib.contextmanager
def _folder(keep: Path | None, count: int) -> Iterator[Path]:
    if keep is not None:
        folder = keep / str(count)
        folder.mkdir(parents=True)
        yield folder
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


if __name__ == "__main__":
    main()
