"""Indexes a folder as rclip's command does, without the search that it goes on with; run in the peers' environment.

python benchmarks/peer_rclip.py FOLDER

The last line on stderr are the core-seconds by step, as JSON, and what went before the first photo.
"""

import json
import sys
import time
from collections import Counter
from typing import Any

from rclip import main as rclip

core_s: Counter[str] = Counter()
_read = rclip._read_and_preprocess  # noqa: SLF001 - the step there is


def read(path: str) -> Any:
    """Read one photo as rclip does, and note how long a core was busy with it."""
    started = time.thread_time()
    try:
        return _read(path)
    finally:
        core_s["decode and fit"] += time.thread_time() - started


rclip._read_and_preprocess = read  # noqa: SLF001
indexer, model, database = rclip.init_rclip(sys.argv[1], indexing_batch_size=8)  # its default
indexer.close()
model.close()
database.close()
print(json.dumps({"core_s": core_s}), file=sys.stderr)
