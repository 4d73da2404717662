"""The catalogue of encoders: which there are, which lie on this disk, and whether their files can be trusted.

Owns the lookup by name and the reading of open_clip model folders; does not run a model (that is encode.py) and never
uses the network. Reads files on call, holds no state, safe on every thread.

A model is a folder with ``open_clip_config.json`` and its weights as safetensors. It is looked for in imgfind itself
(``starter``), below :func:`imgfind.core.config.models_folder` (``<name>/<tag>/`` or any other sub-folder), in the
Hugging Face cache, and wherever the user points.
"""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

import blake3
from safetensors import SafetensorError, safe_open

from imgfind.core import config
from imgfind.core.errors import ModelError
from imgfind.core.presets import PRESETS, STARTER, Preset, find_preset, plain_name
from imgfind.core.records import ModelFiles, Preprocess

CONFIG_FILE = "open_clip_config.json"
MERGES_FILE = "bpe_merges.txt.gz"
# In open_clip's own order of preference, without its pickles.
WEIGHTS_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")
PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt")
HUB_PREFIX = "hf-hub:"
PARTIAL_SUFFIX = ".partial"
"""Ends the name of a folder that is still being downloaded."""

# open_clip.constants, which cannot be imported without torch.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
# Defaults of open_clip's CLIPVisionCfg and CLIPTextCfg.
DEFAULT_IMAGE_SIZE_PX = 224
DEFAULT_CONTEXT_LENGTH = 77


def find_model(name: str) -> ModelFiles:
    """Return the files of the encoder called ``name``; the weights' header is read, the weights are not.

    ``name`` is ``starter``, the title or name of a preset, ``name/tag`` or ``name:tag`` as open_clip writes them,
    ``hf-hub:org/repo``, or the path of a folder (also after ``local-dir:``). Raises :class:`ModelError` where it is
    unknown, not on this disk, incomplete, damaged, or of a kind imgfind cannot run.
    """
    preset = find_preset(name)
    if preset is not None:
        folder = _preset_folder(preset)
        if folder is None:
            downloadable(name)  # says so where it could not run anyway
            raise ModelError(
                f"The model {preset.name} is not on this disk; get it with: imgfind models download {preset.title} (or "
                f"put its {CONFIG_FILE} and {WEIGHTS_FILES[0]} into {config.models_folder() / preset.name})."
            )
        return _read_folder(folder, preset.name)
    if name.startswith(HUB_PREFIX):
        hub = name.removeprefix(HUB_PREFIX)
        if _is_repository(hub) and _has_config(config.models_folder() / hub):
            return _read_folder(config.models_folder() / hub, hub)
        folder = _cached_snapshot(hub)
        if folder is None:
            raise ModelError(f"The model {name} is not on this disk; get it with: imgfind models download {name}")
        return _read_folder(folder, name)
    plain = Path(plain_name(name))
    kept = config.models_folder() / plain
    if not plain.is_absolute() and ".." not in plain.parts and _has_config(kept):
        return _read_folder(kept, plain.as_posix())
    pointed = os.path.expanduser(name.removeprefix("local-dir:"))
    if os.path.isdir(pointed):
        return _read_folder(Path(pointed), os.path.realpath(pointed))
    raise ModelError(_unknown(name))


def available_models() -> list[ModelFiles]:
    """Return every usable encoder on this disk: the starter, then the models folder's, then the Hugging Face cache's.

    Folders that cannot be used are left out; :func:`find_model` says why. A model found twice is listed once.
    """
    found: dict[str, ModelFiles] = {}
    for folder, name in _candidates():
        if name in found:
            continue
        try:
            found[name] = _read_folder(folder, name)
        except ModelError:
            continue
    return list(found.values())


def downloadable(name: str) -> Preset:
    """Return what is to be fetched for ``name``: a preset, or a repository given as ``hf-hub:org/repo``.

    ``name`` of the answer is the model's folder below :func:`imgfind.core.config.models_folder`, and what it is called
    from then on. Raises :class:`ModelError` for anything else.
    """
    preset = find_preset(name)
    if preset is not None:
        if preset.name == STARTER:
            raise ModelError("The starter is part of imgfind; there is nothing to download.")
        if not preset.runnable:
            raise ModelError(f"imgfind cannot run the model {preset.name} yet; choose another: imgfind models")
        return preset
    hub = name.removeprefix(HUB_PREFIX)
    if not name.startswith(HUB_PREFIX) or not _is_repository(hub):
        raise ModelError(
            f"There is no model '{name}' to download; name one of 'imgfind models', or a repository of the Hugging Face"
            f" hub as {HUB_PREFIX}ORGANISATION/REPOSITORY."
        )
    return Preset(title="", name=hub, hub=hub, size_mb=0, licence="", quality="", speed="")


def spellings(name: str) -> set[str]:
    """Return the names under which a library may know the model that the user calls ``name``."""
    preset = find_preset(name)
    if preset is not None:
        return {preset.name}
    pointed = os.path.realpath(os.path.expanduser(name.removeprefix("local-dir:")))
    return {name, plain_name(name), name.removeprefix(HUB_PREFIX), pointed}


def check_config(file: Path, name: str) -> None:
    """Raise :class:`ModelError` where the configuration in ``file`` is of a model that imgfind cannot run."""
    model_cfg, _preprocess_cfg = _read_config(file)
    _refuse_what_cannot_run(model_cfg, name)


def fingerprint(model: ModelFiles) -> str:
    """Return the BLAKE3 hash (hex) over weights, configuration and merges: equal means equal vectors.

    Reads every byte (15 MB for the starter, up to 2 GB for large models). Raises :class:`ModelError` when a file cannot
    be read.
    """
    hasher = blake3.blake3(max_threads=blake3.blake3.AUTO)
    for file in _files(model):
        try:
            # The length keeps bytes from moving between two files unnoticed.
            hasher.update(file.stat().st_size.to_bytes(8, "little"))
            hasher.update_mmap(file)
        except OSError as error:
            raise _unreadable(file, error) from error
    return hasher.hexdigest()


def stamp(model: ModelFiles) -> str:
    """Return sizes and modification times of the model's files; while it stays the same so does the fingerprint."""
    try:
        stats = [file.stat() for file in _files(model)]
    except OSError as error:
        raise _unreadable(model.weights, error) from error
    return ",".join(f"{stat.st_size}:{stat.st_mtime_ns}" for stat in stats)


def _files(model: ModelFiles) -> list[Path]:
    return [file for file in (model.weights, model.config, model.merges) if file is not None]


# Looking for folders


def _preset_folder(preset: Preset) -> Path | None:
    if preset.name == STARTER:
        return config.resources_folder() / STARTER
    kept = config.models_folder() / preset.name
    return kept if _has_config(kept) else _cached_snapshot(preset.hub)


def _is_repository(hub: str) -> bool:
    # What the hub allows in names; it also keeps them from leading out of the models folder.
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", hub, re.ASCII) is not None


def _has_config(folder: Path) -> bool:
    # os.path: false for names that are too long or folders that are closed, where pathlib raises.
    return os.path.isfile(folder / CONFIG_FILE)


def _candidates() -> Iterator[tuple[Path, str]]:
    """Yield folder and name of everything that looks like a model, in the order of precedence."""
    yield config.resources_folder() / STARTER, STARTER
    kept = config.models_folder()
    for pattern in ("*", "*/*"):
        for file in sorted(kept.glob(f"{pattern}/{CONFIG_FILE}")):
            if not file.parent.name.endswith(PARTIAL_SUFFIX):
                yield file.parent, file.parent.relative_to(kept).as_posix()
    by_hub = {preset.hub: preset.name for preset in PRESETS if preset.hub}
    for entry in sorted(_hub_cache().glob("models--*--*")):
        hub = "/".join(entry.name.split("--", 2)[1:])
        folder = _cached_snapshot(hub)
        if folder is not None:
            yield folder, by_hub.get(hub, HUB_PREFIX + hub)


def _hub_cache() -> Path:
    """Return the Hugging Face cache, by the environment variables and defaults huggingface_hub documents."""
    named = os.environ.get("HF_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("HF_HOME") or f"{caches}/huggingface").expanduser() / "hub"


def _cached_snapshot(hub: str) -> Path | None:
    """Return the folder of the main revision of repository ``hub`` in the cache, if its configuration is there.

    Layout: huggingface_hub, "Understand caching": ``models--<org>--<repo>/refs/main`` holds the commit whose files
    are in ``snapshots/<commit>``.
    """
    entry = _hub_cache() / f"models--{hub.replace('/', '--')}"
    try:
        commit = (entry / "refs" / "main").read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    folder = entry / "snapshots" / commit
    return folder if _has_config(folder) else None


def _unknown(name: str) -> str:
    on_disk = [model.name for model in available_models()]
    known = {known.casefold(): known for preset in PRESETS for known in (preset.title, preset.name)}
    known.update({known.casefold(): known for known in on_disk})
    close = get_close_matches(plain_name(name).casefold(), known, n=2)
    meant = f" Did you mean {' or '.join(known[match] for match in close)}?" if close else ""
    return f"There is no model '{name}'.{meant} On this disk: {', '.join(on_disk)}."


# Reading a folder


def _read_folder(folder: Path, name: str) -> ModelFiles:
    config_file = folder / CONFIG_FILE
    model_cfg, preprocess_cfg = _read_config(config_file)
    _refuse_what_cannot_run(model_cfg, name)
    weights = _weights(folder)
    _check_weights(weights)
    merges = folder / MERGES_FILE
    text_cfg, vision_cfg = _section(model_cfg, "text_cfg", config_file), _section(model_cfg, "vision_cfg", config_file)
    try:
        return ModelFiles(
            name=name,
            config=config_file,
            weights=weights,
            merges=merges if merges.is_file() else None,
            dim=_positive_int(model_cfg["embed_dim"]),
            context_length=_positive_int(text_cfg.get("context_length", DEFAULT_CONTEXT_LENGTH)),
            preprocess=_preprocess(vision_cfg, preprocess_cfg),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{config_file} is not a usable open_clip configuration ({_reason(error)}).") from error


def _read_config(file: Path) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Return the sections ``model_cfg`` and ``preprocess_cfg`` of an open_clip configuration."""
    try:
        values = json.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{file.parent} is not an open_clip model folder: it has no {CONFIG_FILE}.") from error
    except OSError as error:
        raise _unreadable(file, error) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file} is damaged; restore it or choose another with --model.") from error
    if not isinstance(values, dict):
        raise ModelError(f"{file} is not a usable open_clip configuration (no section 'model_cfg').")
    preprocess = values.get("preprocess_cfg") or {}
    if not isinstance(preprocess, dict):
        raise ModelError(f"{file} is not a usable open_clip configuration ('preprocess_cfg' is no section).")
    return _section(values, "model_cfg", file), preprocess


def _section(values: Mapping[str, object], key: str, file: Path) -> Mapping[str, object]:
    section = values.get(key)
    if not isinstance(section, dict):
        raise ModelError(f"{file} is not a usable open_clip configuration (no section '{key}').")
    return section


def _refuse_what_cannot_run(model_cfg: Mapping[str, object], name: str) -> None:
    text_cfg = model_cfg.get("text_cfg")
    if isinstance(text_cfg, dict) and (text_cfg.get("hf_tokenizer_name") or text_cfg.get("hf_model_name")):
        raise ModelError(f"The model {name} needs a tokenizer imgfind cannot run yet; choose another with --model.")
    if "multimodal_cfg" in model_cfg:
        raise ModelError(f"The model {name} writes captions (CoCa), which imgfind cannot run; choose another.")


def _weights(folder: Path) -> Path:
    for name in WEIGHTS_FILES:
        if (folder / name).is_file():
            return folder / name
    if any(file.suffix in PICKLE_SUFFIXES for file in folder.glob("*")):
        raise ModelError(
            f"{folder} holds its weights only as a pickle, which can run any code when opened; "
            "imgfind loads safetensors only."
        )
    raise ModelError(f"{folder} holds no weights: it needs {WEIGHTS_FILES[0]}.")


def _check_weights(file: Path) -> None:
    """Raise unless header and length of a safetensors file agree, which finds every file that was cut short."""
    try:
        with safe_open(file, framework="np"):
            pass
    except OSError as error:
        raise _unreadable(file, error) from error
    except SafetensorError as error:
        raise ModelError(f"The model file {file} is damaged; restore it or choose another with --model.") from error


def _preprocess(vision_cfg: Mapping[str, object], preprocess_cfg: Mapping[str, object]) -> Preprocess:
    """Return what open_clip's ``create_model`` would: its defaults under ``preprocess_cfg``, the tower's image size."""
    height_px, width_px = _pair(vision_cfg.get("image_size", DEFAULT_IMAGE_SIZE_PX))
    interpolation = _choice(preprocess_cfg, "interpolation", ("bicubic", "bilinear", "random"))
    return Preprocess(
        width_px=width_px,
        height_px=height_px,
        # "random" is for training; open_clip takes bicubic for inference.
        interpolation="bicubic" if interpolation == "random" else interpolation,
        resize_mode=_choice(preprocess_cfg, "resize_mode", ("shortest", "longest", "squash")),
        mean=_triple(preprocess_cfg.get("mean") or CLIP_MEAN),
        std=_triple(preprocess_cfg.get("std") or CLIP_STD, above=0.0),
        fill_color=_byte(preprocess_cfg.get("fill_color") or 0),
    )


def _choice(values: Mapping[str, object], key: str, choices: tuple[str, ...]) -> str:
    value = values.get(key) or choices[0]
    if value not in choices:
        raise ValueError(f"{key} is {value!r}")
    return str(value)


def _pair(value: object) -> tuple[int, int]:
    values = value if isinstance(value, list) else [value, value]
    if len(values) != 2:
        raise ValueError(f"a size of {value!r}")
    return _positive_int(values[0]), _positive_int(values[1])


def _triple(value: object, *, above: float = -math.inf) -> tuple[float, float, float]:
    values = value if isinstance(value, list | tuple) else [value] * 3
    numbers = [float(number) for number in values if isinstance(number, int | float)]
    if len(values) != 3 or len(numbers) != 3 or not all(math.isfinite(number) and number > above for number in numbers):
        raise ValueError(f"a mean or std of {value!r}")
    return numbers[0], numbers[1], numbers[2]


def _positive_int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} where a whole number above 0 belongs")
    return value


def _byte(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 255:
        raise ValueError(f"a fill_color of {value!r}")
    return value


def _reason(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def _unreadable(file: Path, error: OSError) -> ModelError:
    return ModelError(f"The model file {file} cannot be read ({error.strerror or error}).")
