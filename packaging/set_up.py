"""Makes ``.venv``, the environment every make target runs in, and leaves it alone while nothing has changed.

Needs the standard library of a bare Python only, on Linux or macOS. Installs Debian packages that are missing where it
may (as root, or with sudo in CI), and names the command to run where it may not. Safe to interrupt: the stamp inside
``.venv`` is written last, and an environment without its stamp is made anew.
"""

from __future__ import annotations  # a Python too old for imgfind must get as far as the sentence that says so

import ctypes
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
INPUTS = ("pyproject.toml", "constraints.txt", "packaging/set_up.py")
"""The files whose change means that packages have to be installed again."""

QT_LIBRARIES = {
    "libegl1": "libEGL.so.1",
    "libxcb-cursor0": "libxcb-cursor.so.0",
    "libxcb-icccm4": "libxcb-icccm.so.4",
    "libxcb-keysyms1": "libxcb-keysyms.so.1",
    "libxkbcommon-x11-0": "libxkbcommon-x11.so.0",
}
"""Debian package -> library that Qt's xcb plug-in loads. Only a window needs them, so they may be missing."""

SCREEN_PROGRAMS = {"xvfb": "Xvfb", "xdotool": "xdotool"}
"""Debian package -> program with which the tests drive the window on a screen of their own; they skip without."""

# A fresh machine often runs its automatic upgrades: wait for their lock. A dead mirror must not hold a build for hours.
APT_OPTIONS = ("-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::http::Timeout=30")


def main() -> None:
    """Bring ``.venv`` to the state the checkout asks for; exit 1 with a sentence where that is impossible."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(
            f"imgfind needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}. "
            "Install a newer one and name it: make setup PYTHON=/path/to/python3.11"
        )
    work = needed_work(ROOT)
    if work == "nothing":
        return
    provide_build_tools()
    provide_qt_libraries()
    if work == "everything":
        make_environment(ROOT)
    install_packages(ROOT)
    print("The environment in .venv is ready.")


def stamp_file(root: Path) -> Path:
    """Return the file that says what the environment below ``root`` was made from."""
    return root / ".venv" / "imgfind-setup.stamp"


def stamp_lines(root: Path) -> list[str]:
    """Return what the stamp of a current environment holds: where and with which Python it is, and a hash of INPUTS."""
    # An environment holds absolute paths, so one that was moved or copied does not work.
    place = f"{root} {sys.base_prefix} {sys.version_info.major}.{sys.version_info.minor}"
    inputs = hashlib.sha256(b"\0".join((root / name).read_bytes() for name in INPUTS))
    return [repr(place), inputs.hexdigest()]


def needed_work(root: Path) -> str:
    """Return ``nothing``, ``packages`` (only INPUTS changed) or ``everything``."""
    if not os.access(root / ".venv" / "bin" / "python", os.X_OK):
        return "everything"
    try:
        found = stamp_file(root).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return "everything"
    current = stamp_lines(root)
    if found == current:
        return "nothing"
    return "packages" if found[:1] == current[:1] else "everything"


def provide_build_tools() -> None:
    """See to what pip needs (venv, and for hnswlib, a source-only package, a C++ compiler and Python's headers)."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    wants = {
        f"{python}-venv": importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"),
        "build-essential": all(shutil.which(compiler(variable)) for variable in ("CC", "CXX")),
        f"{python}-dev": (Path(sysconfig.get_path("include")) / "Python.h").is_file(),
    }
    missing = [package for package, present in wants.items() if not present]
    if not missing:
        return
    if sys.base_prefix != "/usr" and missing != ["build-essential"]:
        sys.exit(
            f"{sys.executable} comes without what the packages {' '.join(missing)} hold on Debian. "
            "Name a Python that is complete: make setup PYTHON=/usr/bin/python3"
        )
    if not install_debian_packages(missing):
        sys.exit(f"imgfind needs a C++ compiler and a complete Python. Run: {apt_command_to_show(missing)}")


def compiler(variable: str) -> str:
    """Return the program that building an extension module calls for ``variable`` (CC or CXX)."""
    return shlex.split(os.environ.get(variable) or sysconfig.get_config_var(variable) or "c++")[0]


def provide_qt_libraries() -> None:
    """See to the system libraries of Qt; only warn where they cannot be had."""
    if sys.platform != "linux":
        return
    missing = [package for package, library in QT_LIBRARIES.items() if not loads(library)]
    missing += [package for package, program in SCREEN_PROGRAMS.items() if shutil.which(program) is None]
    if missing and not install_debian_packages(missing):
        print(
            f"Going on without what only a window and its tests need. To have it, run: {apt_command_to_show(missing)}"
        )


def loads(library: str) -> bool:
    """Tell whether the dynamic loader finds ``library``, as it will have to for Qt."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def install_debian_packages(packages: list[str]) -> bool:
    """Install ``packages`` where that is possible without asking anybody; tell whether they are there now."""
    if shutil.which("apt-get") is None:
        return False
    if os.geteuid() == 0:
        rights = []
    elif os.environ.get("CI", "") not in ("", "0", "false") and shutil.which("sudo"):
        rights = ["sudo", "-n"]
    else:
        return False
    apt = [*rights, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *APT_OPTIONS]
    install = [*apt, "install", "--yes", "--no-install-recommends", *packages]
    print(f"Installing Debian packages: {' '.join(packages)}", flush=True)
    if subprocess.run(install, capture_output=True, check=False).returncode == 0:
        return True
    # The usual reason on a fresh machine: no package lists yet, or old ones.
    subprocess.run([*apt, "--quiet", "update"], check=False)
    return subprocess.run([*install, "--quiet"], check=False).returncode == 0


def apt_command_to_show(packages: list[str]) -> str:
    """Return the command a person runs to get ``packages``."""
    return f"sudo apt-get install {' '.join(packages)}  (or what your system calls these Debian packages)"


def make_environment(root: Path) -> None:
    """Make an empty ``.venv``, in place of whatever is there."""
    print("Making the environment .venv", flush=True)
    stamp_file(root).unlink(missing_ok=True)
    if subprocess.run([sys.executable, "-m", "venv", "--clear", ".venv"], cwd=root, check=False).returncode != 0:
        sys.exit("Python could not make .venv (its message is above). Remove .venv and run make setup again.")


def install_packages(root: Path) -> None:
    """Install imgfind, editable, and its packages at the tested versions; then write the stamp."""
    stamp_file(root).unlink(missing_ok=True)
    print("Installing Python packages (some hundred megabytes the first time)", flush=True)
    pip = [".venv/bin/python", "-m", "pip", "--disable-pip-version-check", "install"]
    # A person wants to see the downloads move, a log does not.
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    # One call for all: torch and torchvision must be chosen together (constraints.txt says why).
    if subprocess.run([*pip, *quiet, "-c", "constraints.txt", "-e", ".[dev]"], cwd=root, check=False).returncode != 0:
        sys.exit("pip could not install the packages (its message is above). Mend the cause and run make setup again.")
    stamp_file(root).write_text("\n".join(stamp_lines(root)) + "\n", "utf-8")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Interrupted; the next make setup starts this step again.")
