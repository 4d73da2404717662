"""Shows how far indexing is: a bar for people, JSON lines for programs."""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

from imgfind.cli import printing
from imgfind.core import ImgfindError, Progress

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Bar:
    """A progress bar on stderr, with rate and time left; one for each stage."""

    def __init__(self, *, in_bytes: bool = False) -> None:
        self._unit = {"unit": "B", "unit_scale": True} if in_bytes else {"unit": " img"}
        self._bar: Any = None
        self._stage = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar off the terminal; the next progress begins another one."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, ""

    def show(self, progress: Progress) -> None:
        """Bring the bar up to date."""
        from tqdm import tqdm  # noqa: PLC0415 (45 ms that the window and most commands can do without)

        if progress.stage != self._stage:
            if self._bar is not None:
                self._bar.close()
            self._stage = progress.stage
            counted = progress.done or progress.total is not None
            self._bar = tqdm(
                desc=progress.stage,
                total=progress.total,
                leave=False,
                dynamic_ncols=True,
                file=sys.stderr,
                **self._unit,
                bar_format=None if counted else "{desc} ...",
            )
        self._bar.total = progress.total
        if progress.problems:
            self._bar.set_postfix(problems=progress.problems, refresh=False)
        self._bar.update(progress.done - self._bar.n)


def json_line(stage: str, record: "DataclassInstance") -> None:
    """Write one record as one line on stderr; a summary is the last."""
    # Not asdict on the record itself: it cannot copy a Counter.
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    printing.to_stderr(json.dumps({"stage": stage, **values}, default=dataclasses.asdict))


@contextlib.contextmanager
def told_errors(choice: str) -> Iterator[None]:
    """Tell an error of the block as a JSON line as well, where ``--progress`` asks for that."""
    try:
        yield
    except ImgfindError as error:
        if choice == "json":
            told = {"stage": "error", "error": type(error).__name__, "message": str(error)}
            printing.to_stderr(json.dumps(told))
        raise


def reporter(choice: str, bar: Bar) -> Callable[[Progress], None] | None:
    """Return what shows progress for ``--progress``; ``auto`` is silent where nobody watches."""
    if choice == "json":
        return lambda progress: json_line(progress.stage, progress)
    if choice == "auto" and sys.stderr.isatty():
        return bar.show
    return None
