"""Pictures on an accelerator, with a stand-in for the device: torch on the CPU does the arithmetic."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from imgfind.core.encode import TorchEncoder, torch_runtime
from imgfind.core.encode.accelerator import MEMORY_SHARE, Accelerator
from imgfind.core.errors import ImgfindError
from imgfind.core.models import find_model
from imgfind.core.records import ModelFiles, PixelArray

torch = pytest.importorskip("torch")

PICTURE_BYTES = 1000
CPU = torch.device("cpu")


class Layer:
    """What ``torch.mps`` offers, for a device with room for so many pictures."""

    def __init__(self, room_for: float = 1e9) -> None:
        self.total_bytes = room_for * PICTURE_BYTES
        self.peak_bytes = 0.0
        self.emptied = 0

    def synchronize(self) -> None:
        pass

    def empty_cache(self) -> None:
        self.emptied += 1


class CudaLayer(Layer):
    """What ``torch.cuda`` offers besides."""

    def __init__(self, room_for: float = 1e9) -> None:
        super().__init__(room_for)
        self.streams: list[object] = []
        self.on_stream = threading.local()

    def mem_get_info(self, _: object) -> tuple[float, float]:
        return self.total_bytes, self.total_bytes

    def memory_allocated(self, _: object) -> float:
        return 0.0

    def memory_reserved(self, _: object) -> float:
        return 0.0

    def max_memory_allocated(self, _: object) -> float:
        return self.peak_bytes

    def reset_peak_memory_stats(self, _: object) -> None:
        self.peak_bytes = 0.0

    def Stream(self, _: object) -> object:  # noqa: N802 - torch's name
        self.streams.append(object())
        return self.streams[-1]

    @contextlib.contextmanager
    def stream(self, stream: object) -> Iterator[None]:
        self.on_stream.now = stream
        yield
        self.on_stream.now = None


class Network:
    """Gives the sum of each picture; takes :data:`PICTURE_BYTES` of the device for each."""

    def __init__(self, layer: Layer, error: Exception | None = None) -> None:
        self._layer = layer
        self._error = error or torch.OutOfMemoryError("CUDA out of memory")
        self.asked: list[int] = []

    def __call__(self, pixels: Any) -> Any:
        self.asked.append(len(pixels))
        self._layer.peak_bytes = len(pixels) * PICTURE_BYTES
        if self._layer.peak_bytes > self._layer.total_bytes:
            raise self._error
        return pixels.sum(dim=(1, 2, 3)).reshape(-1, 1).to(torch.float16)


def rows(accelerator: Accelerator, network: Network, count: int) -> list[int]:
    pixels = torch.arange(count, dtype=torch.uint8).reshape(count, 1, 1, 1)
    got = accelerator.rows(pixels, network)
    assert got.dtype == torch.float32
    return [int(row) for row in got[:, 0]]


def test_pictures_go_at_once_where_there_is_room() -> None:
    network = Network(Layer())
    assert rows(Accelerator(CPU, Layer()), network, 100) == list(range(100))
    assert network.asked == [100]


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    RuntimeError(
        "MPS backend out of memory (MPS allocated: 5.56 GB, other allocations: 1.10 GB, max allowed: 6.80 GB)"
    ),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_out_of_memory_halves_what_goes_at_once_and_loses_nothing(error: Exception) -> None:
    layer = Layer(room_for=30)
    network = Network(layer, error)
    accelerator = Accelerator(CPU, layer)

    assert rows(accelerator, network, 100) == list(range(100))
    assert network.asked == [100, 50, 25, 25, 25, 25]
    assert layer.emptied == 2
    assert rows(accelerator, network, 60) == list(range(60))
    assert network.asked[6:] == [25, 25, 10], "the smaller size is remembered"


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_no_memory_for_one_picture_is_an_error(error: Exception) -> None:
    layer = Layer(room_for=0.5)
    with pytest.raises(torch.OutOfMemoryError, match="for one picture on cpu"):
        rows(Accelerator(CPU, layer), Network(layer, error), 3)


def test_another_error_is_no_want_of_memory() -> None:
    layer = Layer(room_for=0.5)
    with pytest.raises(RuntimeError, match="device-side assert"):
        rows(Accelerator(CPU, layer), Network(layer, RuntimeError("device-side assert triggered")), 3)


def test_no_more_goes_at_once_than_fits_into_the_free_memory() -> None:
    layer = CudaLayer(room_for=25)
    network = Network(layer)
    accelerator = Accelerator(CPU, layer)
    rows(accelerator, network, 1)
    network.asked.clear()

    assert rows(accelerator, network, 25) == list(range(25))
    fitting = int(25 * MEMORY_SHARE)
    assert network.asked == [fitting, fitting, 25 - 2 * fitting]
    assert layer.emptied == 0

    layer.total_bytes /= 5  # somebody else needs it
    network.asked.clear()
    assert rows(accelerator, network, 4) == list(range(4))
    assert network.asked == [2, 2]


def test_a_device_that_cannot_say_what_is_free_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("The device doesn't support querying available free memory")

    layer = CudaLayer()
    monkeypatch.setattr(layer, "mem_get_info", refuse)
    network = Network(layer)
    accelerator = Accelerator(CPU, layer)
    rows(accelerator, network, 1)
    assert rows(accelerator, network, 30) == list(range(30))
    assert network.asked == [1, 30]


def test_every_thread_has_a_stream_of_its_own() -> None:
    layer = CudaLayer()
    accelerator = Accelerator(CPU, layer)
    together = threading.Barrier(2)
    seen: list[object] = []

    def encoded(pixels: Any) -> Any:
        together.wait(60)
        seen.append(layer.on_stream.now)
        return pixels.float().reshape(-1, 1)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            list(pool.map(lambda _: accelerator.rows(torch.zeros(2, 1), encoded), range(2)))
    assert len(layer.streams) == 2
    assert set(seen) == set(layer.streams)


def test_memory_is_pinned_where_that_is_of_use_until_there_is_no_more_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[int] = []

    def pin_memory(tensor: Any) -> Any:
        if len(pinned) == 2:
            raise RuntimeError("CUDA error: OS call failed or operation not supported on this OS")
        pinned.append(len(tensor))
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    sent: list[bool] = []
    to = torch.Tensor.to

    def send(tensor: Any, *where: Any, **how: Any) -> Any:
        if "non_blocking" in how:
            sent.append(how["non_blocking"])
            return tensor
        return to(tensor, *where, **how)

    monkeypatch.setattr(torch.Tensor, "to", send)
    layer = CudaLayer()
    mps, cuda = (Accelerator(torch.device(name), layer) for name in ("mps", "cuda"))
    rows(mps, Network(layer), 3)
    assert (pinned, sent) == ([], [False])
    for count in (4, 5, 6, 7):
        assert rows(cuda, Network(layer), count) == list(range(count))
    assert pinned == [4, 5]
    assert sent == [False, True, True, False, False]


# The encoder


@pytest.fixture(scope="module")
def files() -> ModelFiles:
    return find_model("starter")


@pytest.fixture
def encoder(files: ModelFiles) -> TorchEncoder:
    return TorchEncoder(files, torch_runtime.load_network(files), torch_runtime.tokenizer(files), "cpu")


def noise(files: ModelFiles, count: int) -> PixelArray:
    size = (count, files.preprocess.height_px, files.preprocess.width_px, 3)
    return np.random.default_rng(7).integers(0, 256, size, np.uint8)


def test_vectors_are_the_same_whichever_way_pictures_go(encoder: TorchEncoder, files: ModelFiles) -> None:
    pictures = noise(files, 7)
    expected = encoder.encode_images(pictures)
    encoder._accelerator = Accelerator(CPU, CudaLayer())
    encoder._accelerator._most = 3
    # The same but for the order in which sums of another length are added up.
    np.testing.assert_allclose(encoder.encode_images(pictures), expected, atol=1e-5)
    assert encoder.encode_images(pictures[:0]).shape == (0, encoder.dim)


def test_a_device_without_memory_for_one_picture_says_what_to_do(
    encoder: TorchEncoder, files: ModelFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(_: object) -> None:
        raise RuntimeError("MPS backend out of memory")

    encoder._accelerator = Accelerator(CPU, Layer())
    monkeypatch.setattr(encoder.network, "encode_image", exhausted)
    with pytest.raises(ImgfindError, match="ran out of memory; close other programs or use cpu"):
        encoder.encode_images(noise(files, 4))


def test_the_cpu_is_no_accelerator(encoder: TorchEncoder) -> None:
    assert encoder._accelerator is None


def test_half_precision_lies_in_memory_as_tensor_cores_want_it(files: ModelFiles) -> None:
    network = torch_runtime._placed(torch_runtime.load_network(files), CPU, torch.float16)
    convolutions = [weight for weight in network.parameters() if weight.ndim == 4 and weight.shape[1] > 1]
    assert convolutions
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in convolutions)
    assert {weight.dtype for weight in network.parameters()} == {torch.float16}
