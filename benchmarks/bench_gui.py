"""How soon the window is there, how smoothly it goes on, and what it takes, with a large library.

    python benchmarks/bench_gui.py [--photos 100000] [--new 15000] [--starts 5] [--folder DIR] [--json FILE]

The library is made up (``large_library.py``): files, catalogue, drawn vectors and the previews of the newest 8,000
photos; the window is the real one, without a screen (``offscreen``), in a process of its own with a probe in it
(``gui_probe.py``). Its encoder and its indexer run beside it as they always do. ``--folder`` keeps the library there
for the next time; making it takes some minutes.

- *start*: from the start of the process, of the program as it is installed (with bytecode) and used before (the files
  are in memory); the best and the median of several. The photos are there when all in sight are painted.
- *paint*: one painting of the grid while it scrolls 60 px every 16 ms through photos whose previews arrive: the whole
  of it, more than is ever painted at once, and the strip that scrolling leaves free, which is the rule.
- *heartbeat*: what lies between two ticks of a timer of 10 ms; *indexing* is ``imgfind index --background`` with real
  JPEGs. Queries are new sentences, from the wish to the hits in the grid, without the 150 ms that typing waits.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import large_library
import numpy as np

from imgfind.core import Library
from imgfind.core.config import usable_cores

BENCHMARKS = Path(__file__).resolve().parent
PREVIEWS = 8_000
AIMS = {
    "start: window, s": "1.0",
    "start: photos, s": "1.5",
    "100,000 hits set in the model, p95 ms": "50",
    "paint 1280 x 800, whole: p50 ms": "8",
    "paint 1280 x 800, whole: p95 ms": "16",
    "paint 2560 x 1440, whole: p50 ms": "8",
    "paint 2560 x 1440, whole: p95 ms": "16",
    "heartbeat, indexing, all photos: p99 ms": "50",
    "heartbeat, indexing, searching: p99 ms": "50",
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure the window.")
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=15_000, help="JPEGs of 800 x 600 that are added")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keep the library here, or use the one that is there")
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name) / "library"
        if not (folder / "new").exists():
            make(folder, options.photos, options.new)
        environment = environment_in(Path(name))
        probe(environment, folder / "library")  # leaves bytecode, and the files in memory
        results = measure_starts([probe(environment, folder / "library") for _ in range(options.starts)])
        used = Path(name) / "used"
        shutil.copytree(folder / "library", used)
        results |= measure_use(probe(environment, used, folder / "new"))
    print(f"\n{options.photos:,} photos, {usable_cores()} cores\n\n| measured | value | aim |\n| --- | ---: | ---: |")
    for name, value in results.items():
        print(f"| {name} | {value:,.3g} | {AIMS.get(name, '')} |")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), "utf-8")


def make(folder: Path, photos: int, new: int) -> None:
    """Make the library and the photos that are added to it."""
    print("making the library ...", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    large_library.make(folder / "library", folder / "photos", photos, PREVIEWS)
    with Library(folder / "library") as library:
        library.index()  # builds the search graph
    large_library.write_photos(folder / "new", new)


def environment_in(folder: Path) -> dict[str, str]:
    """Return the surroundings of the window: no screen, nobody's settings, bytecode as an installed program has it."""
    ours = {
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "PYTHONPATH": os.pathsep.join([str(BENCHMARKS.parent), str(BENCHMARKS)]),
    }
    homes = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "STATE")}
    return os.environ | ours | homes


def probe(environment: dict[str, str], library: Path, *new_photos: Path) -> dict[str, Any]:
    """Run the window and return what the probe saw."""
    command = [sys.executable, "-P", str(BENCHMARKS / "gui_probe.py"), str(library), str(time.perf_counter())]
    done = subprocess.run([*command, *map(str, new_photos)], env=environment, stdout=subprocess.PIPE, check=True)
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert not seen["torch"], "the window has loaded torch"
    return seen


def measure_starts(starts: list[dict[str, Any]]) -> dict[str, float]:
    """Return the medians and the best of several starts."""
    results = {}
    for name in ("window, s", "photos, s", "window, CPU s", "photos, CPU s", "memory, MB"):
        values = [seen[name] for seen in starts]
        results[f"start: {name}"] = float(np.median(values))
        results[f"start: {name}, best"] = min(values)
    return results


def measure_use(seen: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of a window that was used."""
    assert seen["indexing: still at it"], "all photos were indexed too soon; give more with --new"
    results = {"100,000 hits set in the model, p95 ms": float(np.percentile(seen["set hits, ms"], 95))}
    for name in ("1280 x 800, whole", "1280 x 800, strip", "2560 x 1440, whole", "2560 x 1440, strip"):
        wall, cpu = np.array(seen[f"{name}: paint, ms"]).T
        results |= {f"paint {name}: p{part} ms": float(np.percentile(wall, part)) for part in (50, 95)}
        results |= {f"paint {name}: p{part} CPU ms": float(np.percentile(cpu, part)) for part in (50, 95)}
    for name in ("1280 x 800", "2560 x 1440"):
        results[f"photos in sight, {name}"] = seen[f"{name}: photos"]
    for name in ("idle, searching", "indexing, all photos", "indexing, searching"):
        gaps = seen[f"{name}: heartbeat, ms"]
        results[f"heartbeat, {name}: p99 ms"] = float(np.percentile(gaps, 99))
        results[f"heartbeat, {name}: max ms"] = max(gaps)
    for name in ("idle", "indexing"):
        first, *others = seen[f"{name}: query, ms"]
        results[f"query, {name}: first, ms"] = first
        results |= {f"query, {name}: p{part} ms": float(np.percentile(others, part)) for part in (50, 95)}
    results["photos indexed meanwhile"] = seen["indexing: photos"]
    results["memory, searched and scrolled, MB"] = seen["memory, MB"]
    results["memory, peak, MB"] = seen["peak memory, MB"]
    return results


if __name__ == "__main__":
    main()
