"""Brings pictures to an accelerator and their rows back, as fast as it takes them and no more than it has room for.

Knows torch's devices and no networks; does nothing on the CPU. Several threads may call: each has a stream of its own,
so that one's pictures are copied while those of another are computed.
"""

import contextlib
import importlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

PINNING = frozenset({"cuda", "xpu"})
"""Devices that copy from memory the system may not move while their processor goes on; MPS shares it anyway."""
MEMORY_SHARE = 0.4
"""Of the free memory, what one call may fill: two threads may call at once, and a fifth is left to others."""
_EXHAUSTED = ("out of memory", "ALLOC_FAILED")
"""What errors say that are no OutOfMemoryError: those of MPS, and of CUDA's libraries."""


class Accelerator:
    """One device of torch, seen as a place with a way to it and so much memory."""

    def __init__(self, device: "torch.device", layer: Any = None) -> None:
        """``layer`` is torch's module for the device (``torch.cuda``, ``torch.mps``), or what stands in for it."""
        # Any: the modules differ in what they offer, and what is missing is done without.
        self._layer: Any = layer if layer is not None else _layer(device)
        self._device = device
        self._pins = device.type in PINNING
        self._threads = threading.local()
        self._most = 0
        """At most so many pictures at once, since the memory ran out at more; 0 is no limit."""
        self._picture_bytes = 0.0
        """Memory of the device that a picture takes, as the largest call so far showed."""
        self._measured = 0
        """How many pictures that call had."""
        if hasattr(self._layer, "synchronize"):
            self._layer.synchronize()  # the weights came on another stream than those that will use them

    def rows(self, pixels: "torch.Tensor", encoded: Callable[["torch.Tensor"], "torch.Tensor"]) -> "torch.Tensor":
        """Return the rows, float32 and on the CPU, that ``encoded`` makes of pixels on the device.

        As many at once as there is memory for; where that runs out all the same, half as many from then on. Raises
        torch's ``OutOfMemoryError`` where there is no room for one.
        """
        import torch

        rows: list[torch.Tensor] = []
        done = 0
        while done < len(pixels):
            part = pixels[done : done + self._room()]
            got = self._tried(part, encoded)
            if got is not None:
                rows.append(got)
                done += len(part)
            elif len(part) == 1:
                raise torch.OutOfMemoryError(f"no memory for one picture on {self._device}")
            else:  # only now are the tensors of the failed call gone, which its error held
                self._most = len(part) // 2
                if hasattr(self._layer, "empty_cache"):
                    self._layer.empty_cache()
        return torch.cat(rows)

    def _tried(
        self, part: "torch.Tensor", encoded: Callable[["torch.Tensor"], "torch.Tensor"]
    ) -> "torch.Tensor | None":
        """Return the rows of some pictures, None where the memory did not suffice."""
        try:
            with self._on_own_stream():
                before = self._begin_measuring(len(part))
                rows = encoded(self._sent(part)).float().cpu()  # waits for the stream
                self._end_measuring(len(part), before)
                return rows
        except RuntimeError as error:  # torch's OutOfMemoryError is one
            if _is_exhaustion(error):
                return None
            raise

    def _sent(self, part: "torch.Tensor") -> "torch.Tensor":
        if self._pins:
            try:
                part = part.pin_memory()
            except RuntimeError:  # the system allows no more of it; the copy then takes longer
                self._pins = False
        return part.to(self._device, non_blocking=self._pins)

    def _on_own_stream(self) -> contextlib.AbstractContextManager[Any]:
        if not hasattr(self._layer, "stream"):
            return contextlib.nullcontext()
        if not hasattr(self._threads, "stream"):
            self._threads.stream = self._layer.Stream(self._device)
        context: contextlib.AbstractContextManager[Any] = self._layer.stream(self._threads.stream)
        return context

    def _room(self) -> int:
        """Return how many pictures to send at once."""
        most = self._most or 2**31
        if self._picture_bytes and hasattr(self._layer, "mem_get_info"):
            with contextlib.suppress(RuntimeError):  # some of Intel's devices cannot say
                # What torch keeps for itself and has given to no tensor is free as well.
                kept = self._layer.memory_reserved(self._device) - self._layer.memory_allocated(self._device)
                free = self._layer.mem_get_info(self._device)[0] + kept
                most = min(most, int(free * MEMORY_SHARE / self._picture_bytes))
        return max(1, most)

    def _begin_measuring(self, count: int) -> int | None:
        """Return how much memory is taken, where a call of so many pictures will show more than those before."""
        if count <= self._measured or not hasattr(self._layer, "reset_peak_memory_stats"):
            return None
        self._layer.reset_peak_memory_stats(self._device)
        taken: int = self._layer.memory_allocated(self._device)
        return taken

    def _end_measuring(self, count: int, before: int | None) -> None:
        if before is not None:
            # Of two calls at once it may be the sum, which errs to the safe side.
            self._picture_bytes = (self._layer.max_memory_allocated(self._device) - before) / count
            self._measured = count


def _layer(device: "torch.device") -> Any:
    try:
        return importlib.import_module(f"torch.{device.type}")
    except ImportError:  # a device that is for looking at shapes only
        return None


def _is_exhaustion(error: RuntimeError) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in _EXHAUSTED)
