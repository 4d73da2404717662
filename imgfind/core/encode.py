"""Runs an encoder: pictures and words in, unit vectors out.

Owns everything that knows torch and open_clip, and the choice of the device; knows no file but the ones
:class:`~imgfind.core.records.ModelFiles` names and never uses the network. Callers see only
:class:`~imgfind.core.records.Encoder`, so that another runtime can stand beside this one.

torch takes seconds to import, so it is imported when the first encoder is loaded, not with this module. An encoder
belongs to one thread at a time; loading one belongs to one thread at a time as well.
"""

import json
import logging
import sys
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError

from imgfind.core.errors import ImgfindError, ModelError
from imgfind.core.records import Encoder, FloatArray, ModelFiles, PixelArray

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

# A unit vector cannot be made of a shorter one: this is below what float16 can tell from zero.
SMALLEST_NORM = 1e-7
# Tensor cores for float16 came with Volta; older cards are slower at it than at float32.
HALF_PRECISION_CAPABILITY = (7, 0)
# What open_clip and timm raise on settings and weights that make no sense; they check little beforehand.
UNFIT = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)


def load_encoder(model: ModelFiles, *, device: str = "auto", threads: int = 0) -> Encoder:
    """Load ``model`` and try it once, so that what is returned works.

    ``device`` is ``auto`` or one of ``cpu``, ``cuda``, ``mps``, ``xpu``; ``auto`` takes the first that is there and
    works, in the order CUDA, MPS, XPU, CPU. ``threads`` are the CPU's, for the whole process; 0 is torch's own choice.
    Raises :class:`ModelError` where the files are damaged or do not belong together, :class:`ImgfindError` where the
    named device is not there or does not work.
    """
    _import_open_clip()
    import torch

    if threads > 0:
        torch.set_num_threads(threads)
    there = devices()
    if device not in ("auto", *there):
        raise ImgfindError(f"There is no device '{device}' here; choose auto or {' or '.join(there)}.")
    for candidate in there if device == "auto" else [device]:
        # Loaded anew for each: half precision would not come back from the device whole.
        network, tokenize = _network(model), _tokenizer(model)
        try:
            encoder = TorchEncoder(model, network, tokenize, candidate)
            _try_out(encoder, model)
        except (ImgfindError, *UNFIT) as error:  # torch's own errors are RuntimeErrors
            if device == "auto" and candidate != "cpu":
                logger.warning(
                    "The device %s cannot run %s (%s); trying another.", candidate, model.name, _first_line(error)
                )
                continue
            if isinstance(error, ImgfindError):
                raise
            raise ModelError(
                f"The model {model.name} cannot run on {candidate} ({_first_line(error)}); choose another one with "
                "--model or another device."
            ) from error
        else:
            return encoder
    raise AssertionError("the CPU is always among the devices")


class TorchEncoder:
    """An open_clip network on one device of torch: half precision on CUDA, float32 elsewhere."""

    def __init__(
        self,
        model: ModelFiles,
        network: "torch.nn.Module",
        tokenize: Callable[[list[str]], "torch.Tensor"],
        device: str,
    ) -> None:
        import torch

        self._model = model
        self._tokenize = tokenize
        self._device = torch.device(device)
        self._dtype = _precision(device)
        # Any: the towers' methods are not part of torch's Module.
        self._network: Any = network.to(device=self._device, dtype=self._dtype).eval()
        self._mean = torch.tensor(model.preprocess.mean, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(model.preprocess.std, device=self._device).view(1, 3, 1, 1)

    @property
    def dim(self) -> int:
        """Return the length of the vectors."""
        return self._model.dim

    @property
    def device(self) -> str:
        """Name the device it runs on: ``cpu``, ``cuda``, ``mps``, ``xpu``."""
        return self._device.type

    def encode_images(self, batch: PixelArray) -> FloatArray:
        """Encode uint8 sRGB pixels ``[n, height, width, 3]`` already fitted to the model's size; ``n`` may be 0.

        Raises :class:`ModelError` where the model gives no usable vectors, :class:`ImgfindError` where the device runs
        out of memory.
        """
        import torch

        size = (self._model.preprocess.height_px, self._model.preprocess.width_px)
        assert batch.dtype == np.uint8, batch.dtype
        assert batch.shape[1:] == (*size, 3), batch.shape
        # torch wants memory it may write to, and bytes cross to the device four times as fast as floats.
        pixels = torch.from_numpy(np.require(batch, requirements=["C", "W"]))

        def rows() -> "torch.Tensor":
            scaled = pixels.to(self._device).permute(0, 3, 1, 2).float().div_(255)
            vectors: torch.Tensor = self._network.encode_image(scaled.sub_(self._mean).div_(self._std).to(self._dtype))
            return vectors

        return self._unit_rows(len(batch), rows)

    def encode_texts(self, texts: list[str]) -> FloatArray:
        """Encode texts as they are given; tokens beyond the model's context length are cut off.

        Raises like :meth:`encode_images`.
        """
        return self._unit_rows(len(texts), lambda: self._network.encode_text(self._tokenize(texts).to(self._device)))

    def _unit_rows(self, count: int, encoded: Callable[[], "torch.Tensor"]) -> FloatArray:
        """Run ``encoded`` and return its ``count`` rows at length 1, having made sure that they have one."""
        import torch

        if count == 0:
            return np.empty((0, self.dim), np.float32)
        try:
            with torch.inference_mode():
                rows: FloatArray = encoded().float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise ImgfindError(
                f"The device {self.device} ran out of memory; close other programs or use cpu."
            ) from error
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        # Written so that NaN fails it.
        if not (np.isfinite(norms) & (norms > SMALLEST_NORM)).all():
            raise ModelError(
                f"The model {self._model.name} gives unusable vectors on {self.device}: it is damaged or does not suit "
                "the device; restore it, or choose another with --model."
            )
        unit_rows: FloatArray = rows / norms
        return unit_rows


def _try_out(encoder: Encoder, model: ModelFiles) -> None:
    """Encode one grey picture and one word; raises whatever goes wrong."""
    size = (model.preprocess.height_px, model.preprocess.width_px)
    encoder.encode_images(np.full((1, *size, 3), 127, np.uint8))
    encoder.encode_texts(["photo"])


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def devices() -> list[str]:
    """Return the devices of this machine that torch can drive, best first; ``cpu`` is always the last."""
    import torch

    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "xpu": torch.xpu.is_available(),
    }
    return [*(device for device, available in there.items() if available), "cpu"]


def _precision(device: str) -> "torch.dtype":
    import torch

    # MPS and XPU stay at float32 until float16 has been tried there.
    if device == "cuda" and torch.cuda.get_device_capability() >= HALF_PRECISION_CAPABILITY:
        return torch.float16
    return torch.float32


def _network(model: ModelFiles) -> "torch.nn.Module":
    """Build the network in float32 on the CPU and load the weights into it.

    Not by ``open_clip.create_model``: that chooses among the weights of a folder by itself, pickles included, and
    warns through the root logger.
    """
    import open_clip
    import torch

    class WithoutInitialising(torch.overrides.TorchFunctionMode):
        """Leave parameters as allocated, for they are all loaded: 0.5 s instead of 2.2 s for a ViT-B/32."""

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if getattr(func, "__module__", None) == "torch.nn.init":
                return (*args, *(kwargs or {}).values())[0]
            return func(*args, **(kwargs or {}))

    settings = _model_cfg(model)
    network_class = open_clip.CustomTextCLIP if settings.pop("custom_text", False) else open_clip.CLIP
    if "timm_model_name" in settings["vision_cfg"]:
        settings["vision_cfg"]["timm_model_pretrained"] = False  # would be fetched
    try:
        with WithoutInitialising():
            network: torch.nn.Module = network_class(**settings)
    except UNFIT as error:
        raise ModelError(
            f"{model.config} describes no model that open_clip can build ({_first_line(error)})."
        ) from error
    try:
        open_clip.load_checkpoint(network, str(model.weights))  # strict: every parameter, and no other
    except (SafetensorError, OSError, *UNFIT) as error:
        raise ModelError(
            f"The model file {model.weights} is damaged or does not fit {model.config.name} beside it; restore it or "
            "choose another with --model."
        ) from error
    return network


def _tokenizer(model: ModelFiles) -> Callable[[list[str]], "torch.Tensor"]:
    import open_clip

    text_cfg = _model_cfg(model)["text_cfg"]
    options = {"context_length": model.context_length, **(text_cfg.get("tokenizer_kwargs") or {})}
    if model.merges is not None:
        options["bpe_path"] = str(model.merges)
    try:
        tokenizer: Any = open_clip.SimpleTokenizer(**options)
    except (OSError, EOFError, zlib.error, *UNFIT) as error:
        raise ModelError(
            f"The tokenizer of {model.name} cannot be built ({_first_line(error)}); restore the model."
        ) from error
    if tokenizer.vocab_size != text_cfg.get("vocab_size", tokenizer.vocab_size):
        raise ModelError(
            f"The model {model.name} knows {text_cfg['vocab_size']} tokens but its tokenizer has "
            f"{tokenizer.vocab_size}; restore the model or choose another with --model."
        )
    tokenize: Callable[[list[str]], torch.Tensor] = tokenizer
    return tokenize


def _model_cfg(model: ModelFiles) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads(model.config.read_text("utf-8"))["model_cfg"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ModelError(f"{model.config} cannot be read; restore it or choose another with --model.") from error
    return settings


def _import_open_clip() -> None:
    """Import open_clip, for which ``torchvision`` must be importable.

    The CPU build of torch together with the default build of torchvision lacks torchvision's compiled operators, and
    ``import torchvision`` then ends in "operator torchvision::nms does not exist"
    (https://github.com/pytorch/vision/issues/9077). Declaring the two operators it asks for is enough: nothing in
    imgfind calls them. Only done when the import has failed.
    """
    import torch

    try:
        import torchvision  # noqa: F401 - only to see whether it can be imported
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]  # half imported
        for operator in ("torchvision::nms", "torchvision::qnms"):
            # Without a Library object of ours, torch keeps the schema for as long as the process lives.
            torch.library.define(operator, "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import open_clip  # noqa: F401 - takes seconds
