"""What ends commands that take a while: Ctrl-C, SIGTERM, and the end of the window that started them."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from imgfind.core import Job

_ENDS_WITH_INPUT = "IMGFIND_ENDS_WITH_INPUT"
"""Set by the window for its children; not for users, and not passed on."""
_GRACE_S = 10.0


def end_with_parent() -> None:
    """Where the window has started this process, end it when the window is gone, in whatever way that went.

    The window holds the other end of the standard input, and the system closes it for one that was killed. A byte says
    that the process is to live on.
    """
    if os.environ.pop(_ENDS_WITH_INPUT, None):
        threading.Thread(target=_wait_for_end, name="imgfind-parent", daemon=True).start()


def _wait_for_end() -> None:
    # Not by sys.stdin: a thread that waits in its buffer makes Python abort at the end of the program.
    with contextlib.suppress(OSError):
        if os.read(0, 1):
            return
    killing = threading.Timer(_GRACE_S, os._exit, (1,))
    killing.daemon = True
    killing.start()
    os.kill(os.getpid(), signal.SIGTERM)


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
