"""Progress and cancellation of one long operation.

Core calls are synchronous and take a ``Job``: the caller may watch it and may cancel it, from any thread or from a
signal handler; the worker calls :meth:`Job.report`, which does both.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass


class Cancelled(Exception):
    """The job was cancelled; everything finished before stays. Not an error, so not an ``ImgfindError``."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One moment of a job: ``done`` of ``total`` units (``total`` is None while it is not known yet)."""

    stage: str
    done: int = 0
    total: int | None = None
    problems: int = 0
    per_s: float | None = None
    eta_s: float | None = None


class Job:
    """Carries progress out of a running operation and the wish to stop into it."""

    def __init__(self, on_progress: Callable[[Progress], None] | None = None) -> None:
        self._on_progress = on_progress
        self._cancel = threading.Event()

    def cancel(self) -> None:
        """Ask the operation to stop at its next report; safe in signal handlers."""
        self._cancel.set()

    @property
    def cancelled(self) -> bool:
        """Tell whether :meth:`cancel` was called."""
        return self._cancel.is_set()

    def report(self, progress: Progress | None = None) -> None:
        """Publish ``progress`` if given; raise :class:`Cancelled` if the caller wants the job to stop."""
        if self._cancel.is_set():
            raise Cancelled
        if progress is not None and self._on_progress is not None:
            self._on_progress(progress)
