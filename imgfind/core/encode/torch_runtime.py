"""Runs an encoder by torch: on accelerators, and on the CPU where ONNX Runtime cannot.

The one place that knows open_clip; with :mod:`imgfind.core.encode.onnx_export` the one that knows torch. Both take
seconds to import, so that is done when the first encoder is loaded. Loading belongs to one thread at a time.
"""

import importlib.util
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError

from imgfind.core.encode.accelerator import Accelerator
from imgfind.core.encode.rows import UNFIT, check_pixels, first_line, unit_rows
from imgfind.core.encode.tokenizer import Tokenizer
from imgfind.core.errors import ImgfindError, ModelError
from imgfind.core.records import FloatArray, ModelFiles, PixelArray

if TYPE_CHECKING:
    import torch

HALF_PRECISION_CAPABILITY = (7, 0)
"""Tensor cores for float16 came with Volta; older cards are slower at it than at float32."""
_NVIDIA_DEVICES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/nvhost-gpu", "/dev/nvgpu")
"""One of them is there where CUDA is, be it under Windows' Linux or on a Jetson."""


class TorchEncoder:
    """An open_clip network on one device of torch: half precision on CUDA, float32 elsewhere."""

    def __init__(self, model: ModelFiles, network: "torch.nn.Module", tokenize: Tokenizer, device: str) -> None:
        import torch

        self._model = model
        self._tokenize = tokenize
        self._device = torch.device(device)
        self._dtype = _precision(device)
        # Any: the towers' methods are not part of torch's Module.
        self.network: Any = _placed(network, self._device, self._dtype).eval()
        self._mean = torch.tensor(model.preprocess.mean, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(model.preprocess.std, device=self._device).view(1, 3, 1, 1)
        self._accelerator = Accelerator(self._device) if self.device != "cpu" else None

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

        check_pixels(batch, self._model)
        # torch wants memory it may write to, and bytes cross to the device four times as fast as floats.
        pixels = torch.from_numpy(np.require(batch, requirements=["C", "W"]))
        if self._accelerator is None:
            return self._unit_rows(len(batch), lambda: self.image_rows(pixels))
        accelerator = self._accelerator
        return self._unit_rows(len(batch), lambda: accelerator.rows(pixels, self.image_rows))

    def encode_texts(self, texts: list[str]) -> FloatArray:
        """Encode texts as they are given; tokens beyond the model's context length are cut off.

        Raises like :meth:`encode_images`.
        """
        import torch

        tokens = torch.from_numpy(self._tokenize(texts))
        return self._unit_rows(len(texts), lambda: self.text_rows(tokens.to(self._device)))

    def image_rows(self, pixels: "torch.Tensor") -> "torch.Tensor":
        """Return the rows of pixels that are on the device, as the network gives them."""
        scaled = pixels.permute(0, 3, 1, 2).float() / 255
        rows: torch.Tensor = self.network.encode_image(((scaled - self._mean) / self._std).to(self._dtype))
        return rows

    def text_rows(self, tokens: "torch.Tensor") -> "torch.Tensor":
        """Return the rows of tokens that are on the device, as the network gives them."""
        rows: torch.Tensor = self.network.encode_text(tokens)
        return rows

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
        return unit_rows(rows, self._model, self.device)


def devices() -> list[str]:
    """Return the devices of this machine that torch can drive, best first; ``cpu`` is always the last."""
    import torch

    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "xpu": torch.xpu.is_available(),
    }
    return [*(device for device, available in there.items() if available), "cpu"]


def may_have_accelerator() -> bool:
    """Tell whether torch has to be asked for its devices; without importing it, which takes seconds.

    False only where this build of torch knows no accelerator, or none of the kind it knows is there.
    """
    text = _version_text("torch")
    built_for = {name for name in ("cuda", "hip", "xpu") if re.search(rf"^{name}\b[^=\n]*= *'", text, re.MULTILINE)}
    if sys.platform == "darwin" or not text:
        return True
    if sys.platform == "linux" and built_for == {"cuda"}:
        return any(Path(name).exists() for name in _NVIDIA_DEVICES)
    return bool(built_for)


def versions() -> dict[str, str]:
    """Return the versions of what makes the vectors; without importing it."""
    found = {}
    for name in ("torch", "open_clip", "timm"):
        match = re.search(r"^__version__ *= *['\"](.+?)['\"]", _version_text(name), re.MULTILINE)
        found[name] = match[1] if match else "unknown"
    return found


def set_threads(threads: int) -> None:
    """Let torch split a call over so many threads of the CPU, in the whole process; 0 leaves it its own choice."""
    import torch

    if threads > 0:
        torch.set_num_threads(threads)


def tokenizer(model: ModelFiles) -> Tokenizer:
    """Return the tokenizer of ``model``; imports neither torch nor open_clip. Raises :class:`ModelError`."""
    return Tokenizer(model.name, model.merges, _model_cfg(model)["text_cfg"], model.context_length)


def _version_text(package: str) -> str:
    """Return ``version.py`` of a package, nothing where it has none."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return ""
    try:
        return Path(found.origin).with_name("version.py").read_text("utf-8")
    except OSError:
        return ""


def _placed(network: Any, device: "torch.device", dtype: "torch.dtype") -> Any:
    """Return ``network`` on a device."""
    import torch

    if dtype == torch.float16:
        # Tensor cores convolve pictures as they lie in memory, channels last: no layer has to turn them around.
        return network.to(device=device, dtype=dtype, memory_format=torch.channels_last)
    return network.to(device=device, dtype=dtype)


def _precision(device: str) -> "torch.dtype":
    import torch

    # MPS and XPU stay at float32 until float16 has been tried there.
    if device == "cuda" and torch.cuda.get_device_capability() >= HALF_PRECISION_CAPABILITY:
        return torch.float16
    return torch.float32


def load_network(model: ModelFiles) -> "torch.nn.Module":
    """Build the network in float32 on the CPU and load the weights into it.

    Not by ``open_clip.create_model``: that chooses among the weights of a folder by itself, pickles included, and
    warns through the root logger.
    """
    import_open_clip()
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
            f"{model.config} describes no model that open_clip can build ({first_line(error)})."
        ) from error
    try:
        open_clip.load_checkpoint(network, str(model.weights))  # strict: every parameter, and no other
    except (SafetensorError, OSError, *UNFIT) as error:
        raise ModelError(
            f"The model file {model.weights} is damaged or does not fit {model.config.name} beside it; restore it or "
            "choose another with --model."
        ) from error
    return network


def _model_cfg(model: ModelFiles) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads(model.config.read_text("utf-8"))["model_cfg"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ModelError(f"{model.config} cannot be read; restore it or choose another with --model.") from error
    return settings


def import_open_clip() -> None:
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
