"""Where things are on this machine, and the two settings that belong to the machine rather than to a library.

Device and threads come from ``config.toml`` in the user's configuration folder. Roots, excludes and the model belong to
the library and live in its catalogue. Reads and writes files on call, holds no state.
"""

import os
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import platformdirs

from imgfind.core.errors import ImgfindError

DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of this machine; ``threads`` of indexing: 0 means as many as there are usable cores."""

    device: str = "auto"
    threads: int = 0


def default_library() -> Path:
    """Return the folder of the library used when none is named: ``$IMGFIND_LIBRARY`` or the user's data folder."""
    named = os.environ.get("IMGFIND_LIBRARY")
    return Path(named) if named else Path(platformdirs.user_data_dir("imgfind", appauthor=False)) / "library"


def config_file() -> Path:
    """Return where ``config.toml`` is looked for."""
    return Path(platformdirs.user_config_dir("imgfind", appauthor=False)) / "config.toml"


def models_folder() -> Path:
    """Return the folder whose sub-folders are open_clip models that can be used by name."""
    return Path(platformdirs.user_data_dir("imgfind", appauthor=False)) / "models"


def cache_folder() -> Path:
    """Return the folder of what can be made anew, no library's: ``$IMGFIND_CACHE`` or the user's cache folder."""
    named = os.environ.get("IMGFIND_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("imgfind", appauthor=False))


def is_offline() -> bool:
    """Tell whether the user forbids all use of the network: ``$IMGFIND_OFFLINE`` is set to anything but 0."""
    return os.environ.get("IMGFIND_OFFLINE", "0") not in ("", "0")


def resources_folder() -> Path:
    """Return the folder of icons and the built-in encoder, in a checkout or in an installed wheel."""
    installed = Path(str(resources.files("imgfind"))) / "resources"
    return installed if installed.is_dir() else installed.parent.parent / "resources"


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_config(file: Path | None = None) -> Config:
    """Read ``config.toml``; a missing file means the defaults.

    Raises :class:`ImgfindError` naming the file where it cannot be read or holds anything else than ``device`` (one of
    ``DEVICES``) and ``threads`` (a whole number >= 0).
    """
    file = file or config_file()
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return Config()
    except (OSError, ValueError) as error:
        raise ImgfindError(f"Cannot read {file} ({error}); correct it or delete it.") from error
    unknown = sorted(values.keys() - {"device", "threads"})
    if unknown:
        raise ImgfindError(f"{file} holds the unknown setting '{unknown[0]}'; only device and threads can be set.")
    device, threads = values.get("device", "auto"), values.get("threads", 0)
    if device not in DEVICES:
        raise ImgfindError(f"{file}: device must be one of {', '.join(DEVICES)}.")
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 0:
        raise ImgfindError(f"{file}: threads must be a whole number, 0 for all cores.")
    return Config(device, threads)


def save_config(config: Config, file: Path | None = None) -> None:
    """Write ``config.toml`` in one step: whoever reads it meanwhile finds the old one or the new one.

    Raises :class:`ImgfindError` where it cannot be written.
    """
    file = (file or config_file()).resolve()  # a link to where somebody keeps all configuration stays one
    unfinished = file.with_name(file.name + ".unfinished")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(f'device = "{config.device}"\nthreads = {config.threads}\n', "utf-8")
        os.replace(unfinished, file)
    except OSError as error:
        raise ImgfindError(f"Cannot write {file} ({error.strerror or error}); check its permissions.") from error
