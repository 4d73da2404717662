"""Runs an encoder: pictures and words in, unit vectors out.

Owns the choice of the device and of the runtime: accelerators are torch's; on the CPU ONNX Runtime is faster, starts
without the seconds that importing torch takes, and runs what was converted once per model. Where that cannot be, torch
runs the CPU as well. Knows no files but the ones :class:`~imgfind.core.records.ModelFiles` names and the cache of
converted models, and never uses the network. Callers see only :class:`~imgfind.core.records.Encoder`.

An encoder on the CPU may be called by every thread; loading one belongs to one thread at a time.
"""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from imgfind.core import models
from imgfind.core.encode import onnx_export, onnx_files, onnx_runtime, torch_runtime
from imgfind.core.encode.onnx_files import Towers, UnusableError
from imgfind.core.encode.onnx_runtime import OnnxEncoder
from imgfind.core.encode.rows import UNFIT, first_line
from imgfind.core.encode.self_check import CheckedEncoder, PrecisionCheck
from imgfind.core.encode.torch_runtime import TorchEncoder, devices, may_have_accelerator
from imgfind.core.errors import ImgfindError, ModelError
from imgfind.core.records import Encoder, ModelFiles

__all__ = ["CheckedEncoder", "OnnxEncoder", "PrecisionCheck", "TorchEncoder", "checked", "devices", "load_encoder"]

logger = logging.getLogger(__name__)


def load_encoder(model: ModelFiles, *, device: str = "auto", threads: int = 0) -> Encoder:
    """Load ``model`` so that what is returned works.

    ``device`` is ``auto`` or one of ``cpu``, ``cuda``, ``mps``, ``xpu``; ``auto`` takes the first that is there and
    works, in the order CUDA, MPS, XPU, CPU. ``threads`` of the CPU may share one call; 0 is the runtime's own choice.
    Raises :class:`ModelError` where the files are damaged or do not belong together, :class:`ImgfindError` where the
    named device is not there or does not work.
    """
    only_cpu = device == "cpu" or (device == "auto" and not may_have_accelerator())
    place = _place(model) if only_cpu else None
    if place is not None and _is_converted(place):
        return _onnx_encoder(model, place, threads)
    torch_runtime.set_threads(threads)
    there = devices()
    if device not in ("auto", *there):
        raise ImgfindError(f"There is no device '{device}' here; choose auto or {' or '.join(there)}.")
    for candidate in there if device == "auto" else [device]:
        # Loaded anew for each: half precision would not come back from the device whole.
        network, tokenize = torch_runtime.load_network(model), torch_runtime.tokenizer(model)
        try:
            encoder = TorchEncoder(model, network, tokenize, candidate)
            _try_out(encoder, model)
        except (ImgfindError, *UNFIT) as error:  # torch's own errors are RuntimeErrors
            if device == "auto" and candidate != "cpu":
                logger.warning(
                    "The device %s cannot run %s (%s); trying another.", candidate, model.name, first_line(error)
                )
                continue
            if isinstance(error, ImgfindError):
                raise
            raise ModelError(
                f"The model {model.name} cannot run on {candidate} ({first_line(error)}); choose another one with "
                "--model or another device."
            ) from error
        else:
            return _converted(encoder, model, threads) if candidate == "cpu" else encoder
    raise AssertionError("the CPU is always among the devices")


def checked(encoder: Encoder, known: PrecisionCheck | None) -> CheckedEncoder | None:
    """Return an encoder that checks on the photos it is given whether 8 bits will do; None where they never would."""
    return CheckedEncoder(encoder, known) if isinstance(encoder, OnnxEncoder) else None


def _place(model: ModelFiles) -> Towers | None:
    """Return where the converted model belongs; None where ONNX Runtime cannot be used, or the model not be read."""
    try:
        import onnxruntime
    except (ImportError, OSError) as error:  # missing, or a library of the system it needs is
        logger.warning("Words and pictures are encoded by torch, which is slower: %s.", first_line(error))
        return None
    try:
        fingerprint = model.fingerprint or models.fingerprint(model)
    except ModelError:
        return None  # loading the model says what is wrong
    versions = torch_runtime.versions() | {"onnxruntime": onnxruntime.__version__}
    return onnx_files.place_of(fingerprint, versions)


def _is_converted(place: Towers) -> bool:
    try:
        return onnx_files.is_there(place)
    except UnusableError:
        return False


def _converted(encoder: TorchEncoder, model: ModelFiles, threads: int) -> Encoder:
    """Convert an encoder on the CPU; return it as it is where that is impossible, and say why."""
    place = _place(model)
    if place is None:
        return encoder

    def convert(folder: Path) -> None:
        onnx_export.export(encoder, model, folder)
        onnx_runtime.optimize(folder / onnx_files.TEXTS)
        onnx_export.check(encoder, _onnx_encoder(model, replace(place, folder=folder), threads=1), model)

    try:
        if not onnx_files.is_there(place):
            onnx_files.make(place, convert)
    except UnusableError as error:
        logger.info("torch runs the model %s: %s", model.name, error)
        return encoder
    except (ImportError, MemoryError, OSError) as error:
        logger.warning(
            "The model %s could not be converted to run faster (%s); see that %s can be written, or name another folder"
            " with IMGFIND_CACHE.",
            model.name,
            first_line(error),
            place.folder.parent,
        )
        return encoder
    return _onnx_encoder(model, place, threads)


def _onnx_encoder(model: ModelFiles, place: Towers, threads: int) -> OnnxEncoder:
    return OnnxEncoder(model, place, lambda: torch_runtime.tokenizer(model), threads=threads)


def _try_out(encoder: Encoder, model: ModelFiles) -> None:
    """Encode one grey picture and one word; raises whatever goes wrong."""
    size = (model.preprocess.height_px, model.preprocess.width_px)
    encoder.encode_images(np.full((1, *size, 3), 127, np.uint8))
    encoder.encode_texts(["photo"])
