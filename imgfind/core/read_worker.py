"""The program of a reading process: ``python -m imgfind.core.read_worker``.

Reads requests from standard input and answers on standard output, in the messages of :mod:`imgfind.core.isolation`,
until the input ends. :class:`imgfind.core.readers.Processes` asks.
"""

import contextlib
import os
import shutil
import traceback
from pathlib import Path
from typing import Any

import filelock

from imgfind.core import decode, isolation, reading
from imgfind.core.errors import ImgfindError
from imgfind.core.readers import Here, to_message
from imgfind.core.records import FoundFile, ModelId, Preprocess
from imgfind.core.store import KnownContents


def main() -> None:
    """Answer until nobody asks any more."""
    questions, answers = isolation.own_pipes()
    isolation.send(answers, {}, b"")
    reader: Here | None = None
    request: dict[str, Any] = {}
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            request, _ = isolation.receive(questions)
            with isolation.alarm(request["limit_s"]):
                try:
                    reader = reader or _reader(request)
                    answer = _answer(reader, request)
                except ImgfindError:
                    answer = {"error": True}, b""
                except Exception:  # noqa: BLE001 - a mistake of ours; whoever asked raises it again
                    answer = {"bug": traceback.format_exc()}, b""
            isolation.send(answers, *answer)
    # The input ended, so whoever asked is gone without a word, and this folder is what it leaves behind.
    if request:
        shutil.rmtree(os.path.dirname(request["turn"]), ignore_errors=True)
    reading.end_workers()


def _reader(request: dict[str, Any]) -> Here:
    """Return what reads for the run that this process was started for."""
    known = KnownContents(Path(request["library"]), ModelId(request["model_id"]), decode_version=decode.DECODE_VERSION)
    # Each process has this module to itself, and together they have the memory of one machine.
    decode.large_pictures = filelock.FileLock(request["turn"])
    return Here(Preprocess(**request["preprocess"]), known, isolate=request["isolate"])


def _answer(reader: Here, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    files = [FoundFile(path, 0, 0, 0, 0) for path in request["paths"]]
    return to_message(reader.read(files, describe=request["describe"]))


if __name__ == "__main__":
    main()
