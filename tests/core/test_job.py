"""Progress out of a long operation, and the wish to stop into it."""

import os
import signal
import threading

import pytest

from imgfind.core.errors import ImgfindError
from imgfind.core.job import Cancelled, Job, Progress


def work_until_cancelled(job: Job) -> None:
    """Report for ever; the test's own time limit is the only other way out."""
    while True:
        job.report(Progress("working"))


def test_progress_reaches_whoever_watches() -> None:
    seen: list[Progress] = []
    job = Job(seen.append)
    job.report(Progress("scanning", 1))
    job.report()
    job.report(Progress("indexing", 2, 10, problems=1))
    assert seen == [Progress("scanning", 1), Progress("indexing", 2, 10, problems=1)]


def test_nobody_has_to_watch() -> None:
    job = Job()
    job.report(Progress("scanning"))
    assert not job.cancelled


def test_a_cancelled_job_stops_at_its_next_report_and_publishes_nothing_more() -> None:
    seen: list[Progress] = []
    job = Job(seen.append)
    job.cancel()
    job.cancel()
    assert job.cancelled
    with pytest.raises(Cancelled):
        job.report(Progress("scanning"))
    with pytest.raises(Cancelled):
        job.report()
    assert seen == []


def test_cancelling_is_no_error() -> None:
    assert not issubclass(Cancelled, ImgfindError)


def test_another_thread_can_cancel() -> None:
    under_way = threading.Event()
    job = Job(lambda _progress: under_way.set())

    def cancel() -> None:
        under_way.wait()
        job.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(Cancelled):
        work_until_cancelled(job)
    thread.join()


def test_a_watcher_can_cancel() -> None:
    reports: list[Progress] = []

    def watch(progress: Progress) -> None:
        reports.append(progress)
        if len(reports) == 3:
            job.cancel()

    job = Job(watch)
    with pytest.raises(Cancelled):
        work_until_cancelled(job)
    assert len(reports) == 3


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_signal_handler_can_cancel_while_a_report_runs() -> None:
    job = Job(lambda _progress: os.kill(os.getpid(), signal.SIGUSR1))
    before = signal.signal(signal.SIGUSR1, lambda _signal, _frame: job.cancel())
    try:
        with pytest.raises(Cancelled):
            work_until_cancelled(job)
    finally:
        signal.signal(signal.SIGUSR1, before)
