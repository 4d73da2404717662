"""The memory a process has needed, for the benchmarks (Linux)."""

from pathlib import Path


def peak_memory_bytes() -> int:
    """Return the peak of this process' memory.

    Not getrusage: the peak it tells is inherited from the process that started this one.
    """
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def memory_bytes() -> int:
    """Return what this process has in memory now."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024
