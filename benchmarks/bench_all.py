"""Runs the benchmarks of speed one after the other, keeps what they say, and reports it.

    python benchmarks/bench_all.py [--only index search] [--quick] [--no-plots]
    python benchmarks/bench_all.py --report                         writes README.md from what is kept

``results/<machine>.json`` holds the figures by benchmark; those that are not run again stay. Beside it are written the
tables (``.md``) and, by matplotlib in the environment of the peers, the plots (``.png``). The section of README.md
between its markers is made of the same figures. What a benchmark measures is said in its own module.

bench_duplicates.py and bench_peers.py are run as well, and write their own tables.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import peers
import report

from imgfind.core.config import usable_cores

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
EFS = ("50", "100", "200", "400", "800")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A script and its arguments; ``quick`` ones take a minute and say little."""

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    keeps_own: bool = False


BENCHMARKS = (
    Benchmark("index", "bench_index.py", (), ("--small", "200", "--large", "8", "--files", "5000")),
    Benchmark("encode", "bench_encode.py", (), ("--seconds", "0.5")),
    Benchmark("accelerator", "bench_gpu.py", (), ("--photos", "64", "--rounds", "1")),
    Benchmark("search 10,000", "bench_search.py", ("--count", "10000", "--ef", *EFS), ("--ef", *EFS)),
    Benchmark("search 100,000", "bench_search.py", ("--count", "100000", "--ef", *EFS), ("--count", "60000")),
    Benchmark("search 1,000,000", "bench_search.py", ("--count", "1000000", "--ef", *EFS), ("--count", "70000")),
    Benchmark("scale", "bench_scale.py", (), ("--files", "20000", "--rounds", "1")),
    Benchmark("window", "bench_gui.py", (), ("--photos", "20000", "--new", "8000", "--starts", "2")),
    Benchmark("duplicates", "bench_duplicates_speed.py", (), ("--counts", "1000", "5000")),
    Benchmark("candidates", "bench_candidates.py", (), ("--photos", "20", "--attacked", "4")),
    Benchmark("verification", "bench_verification.py", (), ("--photos", "3")),
    Benchmark("found duplicates", "bench_duplicates.py", ("--readme",), ("--copies", "2", "--no-peers"), True),
    Benchmark("peers", "bench_peers.py", ("--readme",), ("--small", "20", "--large", "4", "--rounds", "1"), True),
)


def main() -> None:
    """Run, keep, report."""
    parser = argparse.ArgumentParser(description="Run the benchmarks and report what they say.")
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="see that they run; nothing is kept")
    parser.add_argument("--no-plots", action="store_true")
    parser.add_argument("--report", action="store_true", help="run nothing; report what is kept")
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{machine_name()}.json"
    figures = json.loads(file.read_text("utf-8")) if file.exists() else {}
    if not options.report:
        for benchmark in BENCHMARKS:
            if benchmark.name in options.only:
                measured = run(benchmark, quick=options.quick)
                if measured is not None and not options.quick:
                    figures[benchmark.name] = measured
                    figures["machine"] = machine()
                    file.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    if not options.quick:
        file.with_suffix(".md").write_text(report.all_tables(figures), "utf-8")
        report.write_readme(figures)
        if not options.no_plots:
            peers.plot_speed(file, file.with_suffix(".png"))


def run(benchmark: Benchmark, *, quick: bool) -> report.Figures | None:
    """Run one benchmark in a process of its own; None where it failed, which is said, or keeps its own figures."""
    print(f"\n== {benchmark.name}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        command = [sys.executable, str(HERE / benchmark.script), *(benchmark.quick if quick else benchmark.arguments)]
        if not benchmark.keeps_own:
            command += ["--json", str(figures)]
        if subprocess.run(command, check=False).returncode:
            print(f"{benchmark.script} has failed; the others go on.", file=sys.stderr)
            return None
        if benchmark.keeps_own:
            return None
        kept: report.Figures = json.loads(figures.read_text("utf-8"))
        measured: report.Figures = kept.get("results", kept)
        return measured


def machine() -> report.Figures:
    """Say what the figures were measured on."""
    return {"processor": processor(), "cores": usable_cores(), "system": platform.system()}


def machine_name() -> str:
    """Return a name for the results of machines like this one."""
    return re.sub(r"[^a-z0-9]+", "-", f"{platform.system()} {processor()} {usable_cores()} cores".lower()).strip("-")


def processor() -> str:
    """Return what the processor calls itself, as far as the system tells."""
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
