"""How fast each runtime encodes pictures on the CPU, and how far its vectors are from torch's.

    python benchmarks/bench_encode.py [--model starter] [--batch 16] [--seconds 3] [--json FILE]

Runtimes take turns. *threads x calls* is how many threads share one call, and how many calls run at once; together they
are the cores. Time of the processor for each picture stands beside pictures a second, because other work on the machine
disturbs it less. The pictures are scikit-image's; ``--model`` is any model on this disk, ``random`` a ViT-B-32-256 of
seeded random weights.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import skimage
from PIL import Image
from safetensors.torch import save_file

from imgfind.core import decode, encode, models
from imgfind.core.config import usable_cores
from imgfind.core.encode import onnx_export, torch_runtime
from imgfind.core.encode.self_check import judged
from imgfind.core.records import Encoder, ModelFiles, PixelArray

TEXTS = ["", "a dog", "two people on a red bicycle in the rain", "sunset over the sea"]
RANDOM = "random"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure the runtimes of an encoder.")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = models.find_model(str(write_random(Path(folder))) if options.model == RANDOM else options.model)
        results = measure(model, options.batch, options.seconds)
    print(f"\n{options.model}, {options.batch} pictures at once, {usable_cores()} cores\n")
    print("| runtime | threads x calls | pictures/s | ms of a core each |\n| --- | --- | ---: | ---: |")
    for row in results["speed"]:
        print(f"| {row['runtime']} | {row['threads']} x {row['calls']} | {row['per_s']:.1f} | {row['core_ms']:.2f} |")
    print(f"\n{results['agreement']}")
    if options.json:
        options.json.write_text(json.dumps({"model": options.model, "batch": options.batch, **results}, indent=1))


def measure(model: ModelFiles, batch: int, seconds: float) -> dict:
    """Return the speed of every runtime, and how their vectors agree."""
    pixels = pictures(model, max(batch, 64))
    cores = usable_cores()
    speed = []
    for threads, calls in dict.fromkeys([(1, cores), (cores, 1)]):
        for runtime, load in runtimes(model).items():
            encoder = load(threads)
            per_s, core_ms = timed(encoder, pixels[:batch], calls, seconds)
            speed.append({"runtime": runtime, "threads": threads, "calls": calls, "per_s": per_s, "core_ms": core_ms})
    exact, converted, light = (load(1) for load in runtimes(model).values())
    vectors = converted.encode_images(pixels)
    check = judged(vectors, light.encode_images(pixels), 1.0, "")
    return {
        "speed": speed,
        "agreement": {
            "largest difference to torch, pictures": float(np.abs(exact.encode_images(pixels) - vectors).max()),
            "largest difference to torch, texts": float(
                np.abs(exact.encode_texts(TEXTS) - converted.encode_texts(TEXTS)).max()
            ),
            "int8: mean cosine": check.cosine,
            "int8: nearest ten": check.agreement,
        },
    }


def runtimes(model: ModelFiles) -> dict[str, Callable[[int], Encoder]]:
    """Return what loads the model by each runtime, with so many threads for a call."""

    def by_torch(threads: int) -> Encoder:
        torch_runtime.set_threads(threads)
        return encode.TorchEncoder(model, torch_runtime.load_network(model), torch_runtime.tokenizer(model), "cpu")

    def converted(threads: int) -> encode.OnnxEncoder:
        encoder = encode.load_encoder(model, device="cpu", threads=threads)
        assert isinstance(encoder, encode.OnnxEncoder), "it could not be converted"
        return encoder

    return {
        "torch float32": by_torch,
        "ONNX Runtime float32": converted,
        "ONNX Runtime int8": lambda threads: converted(threads).quantized(onnx_export.quantize),
    }


def timed(encoder: Encoder, pixels: PixelArray, calls: int, seconds: float) -> tuple[float, float]:
    """Return pictures a second, and milliseconds of the processor for each."""
    encoder.encode_images(pixels)  # reads files, and finds out how to do it best
    started, started_core = time.perf_counter(), time.process_time()

    def encoded(_call: int) -> int:
        count = 0
        while time.perf_counter() < started + seconds:
            encoder.encode_images(pixels)
            count += len(pixels)
        return count

    with ThreadPoolExecutor(calls) as pool:
        count = sum(pool.map(encoded, range(calls)))
    return count / (time.perf_counter() - started), 1e3 * (time.process_time() - started_core) / count


def pictures(model: ModelFiles, count: int) -> PixelArray:
    """Return cuts of photographs as the model wants them."""
    folder = Path(skimage.__file__).parent / "data"
    shown = [Image.open(folder / name).convert("RGB") for name in ("astronaut.png", "chelsea.png", "coffee.png")]
    drawn = np.random.default_rng(0)
    cuts = []
    for number in range(count):
        image = shown[number % len(shown)]
        left, top = (int(drawn.integers(0, edge // 2)) for edge in image.size)
        cut = image.crop((left, top, left + image.width // 2, top + image.height // 2))
        cuts.append(decode.model_input(cut, model.preprocess))
    return np.stack(cuts)


def write_random(folder: Path) -> Path:
    """Write a ViT-B-32-256 of seeded random weights into ``folder``."""
    torch_runtime.import_open_clip()
    import open_clip
    import torch

    model_cfg = open_clip.get_model_config("ViT-B-32-256")
    torch.manual_seed(0)
    save_file(open_clip.CLIP(**model_cfg).half().state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg, "preprocess_cfg": {}}), "utf-8")
    return folder


if __name__ == "__main__":
    main()
