"""Makes tables of what bench_all.py keeps: all of it, and the section of README.md that says what matters to a reader.

Works on the plain data that is kept as JSON; ``report.toml`` says what README.md shows of it.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
TABLES = HERE / "report.toml"
BEGIN, END = "<!-- speed:begin -->", "<!-- speed:end -->"

Figures = dict[str, Any]


def readme_section(figures: Figures) -> str:
    """Return the tables of README.md, as Markdown."""
    machine = figures["machine"]
    parts = [f"Measured by `make bench` on {machine['cores']} cores ({machine['processor']}, {machine['system']}):"]
    for table in tomllib.loads(TABLES.read_text("utf-8"))["table"]:
        rows = [(label, _filled(template, figures)) for label, template in table["rows"]]
        lines = [f"| {label} | {value} |" for label, value in rows if value is not None]
        if lines:
            parts.append("\n".join([f"| {table['heading']} | |", "|---|---|", *lines]))
    return "\n\n".join(parts)


def write_readme(figures: Figures) -> None:
    """Write the section into README.md, between its markers."""
    text = README.read_text("utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    README.write_text(f"{before}{BEGIN}\n{readme_section(figures)}\n{END}{after}", "utf-8")


def all_tables(figures: Figures) -> str:
    """Return everything that was measured, as Markdown."""
    parts = ["# " + ", ".join(str(value) for value in figures["machine"].values())]
    for benchmark, numbers in figures.items():
        if benchmark != "machine":
            rows = [f"| {name} | {value:,.4g} |" for name, value in _leaves(numbers)]
            parts.append("\n".join([f"## {benchmark}", "", "| measured | value |", "|---|---:|", *rows]))
    return "\n\n".join(parts) + "\n"


def _filled(template: str, figures: Figures) -> str | None:
    try:
        return template.format_map(figures)
    except KeyError:
        return None


def _leaves(numbers: Figures, prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in numbers.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}: ")
        elif isinstance(value, int | float):
            yield f"{prefix}{name}", value
