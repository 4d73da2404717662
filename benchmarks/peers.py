"""Runs what imgfind is compared with in virtual environments of its own, made the first time they are asked for.

``.venv-peers`` beside ``.venv`` holds what ``peers.txt`` lists, ``.venv-peers-search`` what ``peers-search.txt`` does.
Nothing of it is imported here: small scripts run in it as children, with JSON between.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS, SEARCH = "peers", "peers-search"
"""The environments, by the names of their lists."""
_MADE = "made-of.txt"


def perceptual_hashes(folder: Path) -> dict[str, str | None]:
    """Return imagededup's perceptual hash of each file below a folder, by path; None where it reads none."""
    hashes: dict[str, str | None] = json.loads(_run("peer_hashes.py", str(folder)))
    return hashes


def plot(figures: Path, image: Path) -> None:
    """Draw what bench_duplicates.py measured."""
    _run("peer_plots.py", str(figures), str(image))


def plot_speed(figures: Path, image: Path) -> None:
    """Draw what bench_all.py keeps."""
    _run("peer_speed_plots.py", str(figures), str(image))


def _run(script: str, *arguments: str) -> str:
    command = [str(python(PEERS)), str(HERE / script), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def python(name: str) -> Path:
    """Return the interpreter of an environment, which is made anew where it is not what is wanted."""
    folder, listed = HERE.parent / f".venv-{name}", HERE / f"{name}.txt"
    found = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = folder / _MADE
    wanted = listed.read_text("utf-8")
    if stamp.exists() and stamp.read_text("utf-8") == wanted and found.exists():
        return found
    print(f"Making {folder.name} of {listed.name}: some minutes, once.", file=sys.stderr)
    venv.create(folder, clear=True, with_pip=True)
    for line in (line for line in wanted.splitlines() if line and not line.startswith("#")):
        subprocess.run([str(found), "-m", "pip", "install", "--quiet", line], check=True, stdout=sys.stderr)
    stamp.write_text(wanted, "utf-8")
    return found


if __name__ == "__main__":
    python(PEERS)
    python(SEARCH)
