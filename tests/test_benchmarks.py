"""What the benchmarks say is what README.md says."""

import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.command_line import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"
KEPT = sorted((BENCHMARKS / "results").glob("*-cores.json"))


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import report

    return report


def test_the_tables_of_the_readme_are_made_of_kept_figures(report: ModuleType) -> None:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    section = readme.split(report.BEGIN)[1].split(report.END)[0].strip()
    assert section in [report.readme_section(json.loads(file.read_text("utf-8"))) for file in KEPT]


def test_what_was_not_measured_is_left_out(report: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", "utf-8")
    monkeypatch.setattr(report, "README", readme)
    machine = {"processor": "P", "cores": 2, "system": "S"}
    report.write_readme({"machine": machine, "index": {"unchanged: s": 1.234}})
    assert readme.read_text("utf-8").splitlines() == [
        "before",
        report.BEGIN,
        "Measured by `make bench` on 2 cores (P, S):",
        "",
        "| indexing | |",
        "|---|---|",
        "| 100,000 files with nothing new | 1.2 s |",
        report.END,
        "after",
    ]


def test_every_benchmark_is_run_by_the_one_that_runs_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import bench_all

    run = {benchmark.script for benchmark in bench_all.BENCHMARKS}
    assert run | {"bench_all.py"} == {file.name for file in BENCHMARKS.glob("bench_*.py")}
