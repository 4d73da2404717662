"""Prints imagededup's perceptual hash of each file below a folder as JSON; peers.py runs it, in its own environment."""

import contextlib
import json
import sys
from pathlib import Path


def main() -> None:
    """Hash the files below the folder that is named."""
    import torch

    # imagededup imports torchvision, whose default build lacks two operators beside the CPU build of torch and then
    # cannot be imported (https://github.com/pytorch/vision/issues/9077); nothing here calls them.
    for operator in ("torchvision::nms", "torchvision::qnms"):
        with contextlib.suppress(RuntimeError):
            torch.library.define(operator, "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    with contextlib.redirect_stdout(sys.stderr):
        from imagededup.methods import PHash  # noqa: PLC0415 - not before the operators are there

        method = PHash(verbose=False)
        files = sorted(file for file in Path(sys.argv[1]).rglob("*") if file.is_file())
        hashes = {str(file): method.encode_image(str(file)) for file in files}
    print(json.dumps(hashes))


if __name__ == "__main__":
    main()
