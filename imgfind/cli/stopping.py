"""Ctrl-C and SIGTERM, for commands that take a while."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from imgfind.core import Job


@contextlib.contextmanager
def cancelled_by_signals(job: Job) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the job at its next report; a second one ends the program at once."""

    def cancel(number: int, _frame: FrameType | None) -> None:
        job.cancel()
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)

    before = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
