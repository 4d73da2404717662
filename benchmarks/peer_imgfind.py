"""Runs imgfind's command line with photos encoded in ``float32`` or ``int8``, whatever its check would decide.

python benchmarks/peer_imgfind.py float32 index FOLDER ...
"""

import sys

from imgfind.cli import main
from imgfind.core import encode
from imgfind.core.encode import CheckedEncoder, OnnxEncoder, PrecisionCheck
from imgfind.core.records import Encoder


def decided(encoder: Encoder, _known: PrecisionCheck | None) -> CheckedEncoder | None:
    """Return an encoder that takes the check for made."""
    if not isinstance(encoder, OnnxEncoder):
        sys.exit("peer_imgfind: ONNX Runtime cannot be used here, so there is nothing to compare")
    return CheckedEncoder(encoder, PrecisionCheck(PRECISION, 1, 1, 1, 0, encoder.key))


PRECISION = sys.argv[1]
encode.checked = decided
sys.exit(main(sys.argv[2:]))
