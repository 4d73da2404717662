"""Encodes a folder the way everyone writes it first: a loop over batches of 32, with torch as it comes.

    python benchmarks/peer_open_clip.py MODEL_FOLDER PHOTOS VECTORS_FILE

The last line on stderr are the core-seconds by step, as JSON.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch  # noqa: TID253 - what this is about
from PIL import Image

from imgfind.core.encode.torch_runtime import import_open_clip

import_open_clip()
import open_clip  # noqa: E402, TID253 - not before it can be

BATCH = 32

model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{sys.argv[1]}")
model.eval()
files = sorted(Path(sys.argv[2]).rglob("*.jpg"))
core_s = {"start": time.process_time(), "decode and fit": 0.0}
rows = []
with torch.no_grad():
    for start in range(0, len(files), BATCH):
        began = time.thread_time()
        images = torch.stack([preprocess(Image.open(file)) for file in files[start : start + BATCH]])
        core_s["decode and fit"] += time.thread_time() - began
        features = model.encode_image(images)
        rows.append((features / features.norm(dim=-1, keepdim=True)).numpy())
np.save(sys.argv[3], np.concatenate(rows))
print(json.dumps({"core_s": core_s}), file=sys.stderr)
