"""Makes one encoder of random weights for all: a folder of open_clip, and the ONNX files where rclip looks for its own.

    python benchmarks/peer_models.py MODEL_FOLDER RCLIP_FOLDER

rclip downloads its model otherwise. What it gets are the same weights, converted by the same exporter as imgfind's, in
float32, and reading what rclip's own do: floats that were scaled and normalised before.
"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import torch  # noqa: TID253 - what this is about
from safetensors.torch import save_file

from imgfind.core.encode.torch_runtime import import_open_clip

import_open_clip()
import open_clip  # noqa: E402, TID253 - not before it can be

MODEL = "ViT-B-32-256"
RCLIP_MODEL = "ViT-B-32-256-datacomp_s34b_b86k"
_MERGES = "bpe_simple_vocab_16e6.txt.gz"
_OPSET = 17


class Tower(torch.nn.Module):
    """One half of a network, as a module of its own."""

    def __init__(self, network: torch.nn.Module, rows: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.network = network
        self._rows = rows

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Return a row for each picture or text."""
        return self._rows(batch)


def main() -> None:
    """Write both."""
    torch.manual_seed(0)
    network = open_clip.create_model(MODEL).eval()
    write_folder(network, Path(sys.argv[1]))
    write_for_rclip(network, Path(sys.argv[2]))


def write_folder(network: torch.nn.Module, folder: Path) -> None:
    """Write weights and configuration as open_clip reads them."""
    folder.mkdir(parents=True)
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, str(folder / "open_clip_model.safetensors"))
    preprocess = {
        "mean": open_clip.OPENAI_DATASET_MEAN,
        "std": open_clip.OPENAI_DATASET_STD,
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    config = {"model_cfg": open_clip.get_model_config(MODEL), "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config), "utf-8")


def write_for_rclip(network: torch.nn.Module, folder: Path) -> None:
    """Write both towers and the tokenizer's merges."""
    towers, tokenizer = folder / RCLIP_MODEL, folder / "tokenizer"
    towers.mkdir(parents=True)
    tokenizer.mkdir()
    shutil.copy(Path(open_clip.__file__).with_name(_MERGES), tokenizer / _MERGES)
    edge_px = network.visual.image_size[0]
    torch.backends.mha.set_fastpath_enabled(False)  # the exporter knows no fused attention
    _export(Tower(network, network.encode_image), torch.zeros(2, 3, edge_px, edge_px), towers / "visual.onnx")
    _export(Tower(network, network.encode_text), torch.ones(2, 77, dtype=torch.int64), towers / "textual.onnx")


def _export(tower: Tower, example: torch.Tensor, file: Path) -> None:
    with torch.inference_mode():
        torch.onnx.export(
            tower.eval(),
            (example,),
            str(file),
            dynamo=False,
            opset_version=_OPSET,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
        )


if __name__ == "__main__":
    main()
