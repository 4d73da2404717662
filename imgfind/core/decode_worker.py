"""The program of a decoding process: ``python -m imgfind.core.decode_worker MEMORY_LIMIT_BYTES``.

Reads requests from standard input and answers on standard output, in the messages of :mod:`imgfind.core.isolation`,
until the input ends. Holds itself to its limits where the system knows limits.
"""

import contextlib
import io
import sys
import traceback
from typing import Any

from imgfind.core import content, isolation
from imgfind.core.errors import UnreadablePhotoError
from imgfind.core.query import Region
from imgfind.core.records import Preprocess

if sys.platform != "win32":
    import resource


def main() -> None:
    """Answer until nobody asks any more."""
    memory_limit_bytes = int(sys.argv[1])
    questions, answers = isolation.own_pipes()
    _limit_memory(memory_limit_bytes)
    isolation.send(answers, {}, b"")
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            request, data = isolation.receive(questions)
            with isolation.alarm(request["limit_s"]):
                answer = _answer(request, data, memory_limit_bytes)
            isolation.send(answers, *answer)


def _answer(request: dict[str, Any], data: bytes, memory_limit_bytes: int) -> tuple[dict[str, Any], bytes]:
    try:
        source, suffix = io.BytesIO(data), request["suffix"]
        if "edge_px" in request:
            return content.picture_to_message(content.picture(source, request["edge_px"], suffix))
        preprocess = Preprocess(**request["preprocess"])
        region = Region(*request["region"]) if request.get("region") else None
        described = content.decoded(source, preprocess, suffix, region, describe=bool(request.get("describe")))
        return content.to_message(described)
    except UnreadablePhotoError as error:
        if isinstance(error.__cause__, MemoryError):
            return {"problem": _needs_more(memory_limit_bytes), "transient": False}, b""
        return {"problem": error.reason, "transient": error.transient}, b""
    except MemoryError:
        return {"problem": _needs_more(memory_limit_bytes), "transient": False}, b""
    except Exception:  # noqa: BLE001 - a mistake of ours; whoever asked raises it again
        return {"bug": traceback.format_exc()}, b""


def _needs_more(memory_limit_bytes: int) -> str:
    return f"decoding it takes more than {memory_limit_bytes // 1024**2:,} MB of memory"


def _limit_memory(limit_bytes: int) -> None:
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit_bytes = limit_bytes if soft == resource.RLIM_INFINITY else min(soft, limit_bytes)
        with contextlib.suppress(ValueError, OSError):  # macOS knows the limit and refuses it
            resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, hard))


if __name__ == "__main__":
    main()
