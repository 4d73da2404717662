"""Makes way for other programs, where a command is told to stay in the background."""

import os
import sys

_NICENESS = 10
"""A program of normal priority gets about nine times as much of a core that both want (Linux, sched(7))."""
_BELOW_NORMAL = 0x4000


def lower() -> None:
    """Let programs of normal priority go first from here on, in this process and in those it starts."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - of no use elsewhere

        kernel = ctypes.windll.kernel32
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        kernel.SetPriorityClass(ctypes.c_void_p(kernel.GetCurrentProcess()), _BELOW_NORMAL)
    else:
        os.nice(_NICENESS)
