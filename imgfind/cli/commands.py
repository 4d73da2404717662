"""One function per command: call the library, print what it gives."""

import argparse
import contextlib
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from imgfind.cli import printing
from imgfind.cli.progress import Bar, json_line, reporter
from imgfind.core import (
    Cancelled,
    FileProblem,
    Hit,
    ImgfindError,
    IndexOptions,
    IndexSummary,
    Job,
    Library,
    models,
    paths,
)

_MAX_STDIN_BYTES = 1024 * 1024 * 1024


def run(options: argparse.Namespace) -> None:
    """Run the command that was parsed. Raises :class:`ImgfindError` and :class:`Cancelled`."""
    with Library(getattr(options, "library", None)) as library:
        _COMMANDS[options.command](library, options)


def _index(library: Library, options: argparse.Namespace) -> None:
    with Bar() as bar:
        job = Job(reporter(options.progress, bar))
        with _cancelled_by_signals(job):
            summary = _indexed(library, options, job)
    if options.progress == "json":
        json_line("done", summary)
    else:
        _tell_what_is_missing(summary)
        if getattr(options, "verbose", False):
            for step, seconds in summary.core_s.most_common():
                printing.to_stderr(f"  {step}: {seconds:.2f} core-seconds")
    _print_summary(summary)


def _indexed(library: Library, options: argparse.Namespace, job: Job) -> IndexSummary:
    wanted = IndexOptions(
        model=options.model,
        device=options.device,
        batch_size=options.batch_size,
        jobs=options.jobs,
        excludes=tuple(options.exclude),
        confirm_missing=options.confirm_missing,
    )
    try:
        return library.index(options.folders, wanted, job)
    except Cancelled:
        printing.to_stderr("Stopped. What was finished is kept; run the command again to go on.")
        raise


@contextlib.contextmanager
def _cancelled_by_signals(job: Job) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the job after its batch; a second one ends the program at once."""

    def cancel(number: int, _frame: FrameType | None) -> None:
        job.cancel()
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)

    before = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell_what_is_missing(summary: IndexSummary) -> None:
    for item in summary.unlisted:
        printing.to_stderr(
            f"Could not look into {paths.displayed(item.path)} ({item.reason}); what was known below it is kept."
        )
    if summary.offline:
        printing.to_stderr(
            f"Kept as offline: {printing.count(summary.offline, 'photo')}; the drive is away, or too many vanished at"
            " once. If they are deleted for good, run: imgfind index --confirm-missing"
        )
    if summary.problems:
        printing.to_stderr(f"{printing.count(summary.problems, 'file')} could not be read; see: imgfind problems")


def _print_summary(summary: IndexSummary) -> None:
    parts = {
        "encoded": summary.encoded,
        "known already": summary.reused,
        "moved": summary.moved,
        "gone": summary.gone,
        "files unchanged" if summary.unchanged != 1 else "file unchanged": summary.unchanged,
    }
    told = ", ".join(f"{count:,} {name}" for name, count in parts.items() if count) or "nothing to do"
    rate = f" ({printing.rate(summary.encoded / summary.seconds)} img/s)" if summary.encoded else ""
    photos = printing.count(summary.photos, "photo")
    printing.line(f"{photos} in the library: {told}, in {summary.seconds:,.1f} s{rate}.")


def _search(library: Library, options: argparse.Namespace) -> None:
    query = " ".join(options.query)
    _print_hits(library, query, library.search(query, options.k, options.folder), options)


def _similar(library: Library, options: argparse.Namespace) -> None:
    picture: str | bytes = options.image
    if options.image == "-":
        picture = sys.stdin.buffer.read(_MAX_STDIN_BYTES + 1)
        if len(picture) > _MAX_STDIN_BYTES:
            raise ImgfindError("The picture on standard input is larger than 1 GB; choose a smaller one.")
    hits = library.similar(picture, options.k, options.folder)
    query = "-" if options.image == "-" else os.path.abspath(options.image)
    _print_hits(library, query, hits, options)


def _print_hits(library: Library, query: str, hits: list[Hit], options: argparse.Namespace) -> None:
    if options.json:
        printing.document({"query": query, "model": library.status().model, "hits": [_hit(hit) for hit in hits]})
    elif hits:
        rows = [
            (str(place), f"{hit.score:.3f}", paths.displayed(hit.path) + ("  (offline)" if hit.offline else ""))
            for place, hit in enumerate(hits, start=1)
        ]
        printing.table(rows, ("", "score", "photo"), right=frozenset({0, 1}))
    elif options.folder is not None:
        printing.to_stderr(f"No photo found below {paths.displayed(options.folder)}; see: imgfind roots")
    else:
        printing.to_stderr("No photo found; add folders with: imgfind index FOLDER")


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        **printing.located(hit.path),
        "score": round(hit.score, 6),
        "width_px": hit.width_px,
        "height_px": hit.height_px,
        "taken_at": hit.taken_at,
        "offline": hit.offline,
    }


def _show(library: Library, options: argparse.Namespace) -> None:
    found = library.show(options.photo)
    if isinstance(found, FileProblem):
        raise ImgfindError(f"{paths.displayed(found.path)} could not be read: {found.reason}.")
    modified = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.mtime_ns / 1e9))
    if options.json:
        details = printing.plain(found)
        details |= {"content_hash": found.content_hash.hex(), "copies": [printing.located(c) for c in found.copies]}
        printing.document(details | printing.located(found.path))
        return
    facts = found.facts
    position = f"{facts.latitude:.6f}, {facts.longitude:.6f}" if facts.latitude is not None else None
    lines = {
        "photo": paths.displayed(found.path) + ("  (offline)" if found.offline else ""),
        "root": paths.displayed(found.root),
        "size": f"{found.width_px} x {found.height_px} px, {found.format}, {printing.size(found.size_bytes)}",
        "taken": facts.taken_at,
        "camera": facts.camera,
        "lens": facts.lens,
        "position": position,
        "modified": modified,
        "content": found.content_hash.hex(),
        "copies": "\n".join(paths.displayed(copy) for copy in found.copies),
    }
    printing.facts((name, value) for name, value in lines.items() if value)


def _problems(library: Library, options: argparse.Namespace) -> None:
    problems = library.problems()
    if options.json:
        printing.document(
            {"problems": [{**printing.located(p.path), "reason": p.reason, "transient": p.transient} for p in problems]}
        )
    elif problems:
        for problem in problems:
            printing.line(f"{paths.displayed(problem.path)}: {problem.reason}")
    else:
        printing.to_stderr("Every file could be read.")


def _status(library: Library, options: argparse.Namespace) -> None:
    status = library.status()
    if options.json:
        printing.document(dataclasses.asdict(status))
        return
    lines = {
        "library": paths.displayed(status.folder),
        "photos": f"{status.photos:,}" + (f" ({status.offline:,} offline)" if status.offline else ""),
        "contents": f"{status.contents:,} distinct",
        "problems": f"{status.problems:,}",
        "roots": f"{status.roots:,}",
        "model": str(status.model),
        "next model": status.target_model if status.target_model != status.model else None,
        "vectors": f"{status.vectors:,}",
        "device": status.device,
        "on disk": printing.size(status.size_bytes),
        "indexing": f"process {status.indexing_pid}" if status.indexing_pid else None,
    }
    printing.facts((name, value) for name, value in lines.items() if value)


def _roots(library: Library, options: argparse.Namespace) -> None:
    roots = library.roots()
    if options.json:
        printing.document({"roots": [{**printing.plain(root), **printing.located(root.path)} for root in roots]})
    elif roots:
        rows = [(f"{root.photos:,}", f"{root.offline:,}", root.state, paths.displayed(root.path)) for root in roots]
        printing.table(rows, ("photos", "offline", "state", "folder"), right=frozenset({0, 1}))
    else:
        printing.to_stderr("No folder yet; add one with: imgfind index FOLDER")


def _models(_library: Library, options: argparse.Namespace) -> None:
    on_disk = {model.name: model for model in models.available_models()}
    listed = [{**printing.plain(preset), "on_disk": preset.name in on_disk} for preset in models.PRESETS]
    named = {preset.name for preset in models.PRESETS}
    others = [
        {"title": "", "name": name, "size_mb": round(model.weights.stat().st_size / 1e6), "on_disk": True}
        for name, model in on_disk.items()
        if name not in named
    ]
    if options.json:
        printing.document({"models": listed + others})
        return
    rows = [
        (
            "yes" if row["on_disk"] else "no",
            str(row["title"]),
            f"{row['size_mb']:,} MB",
            str(row.get("licence", "")),
            paths.displayed(str(row["name"])),
        )
        for row in listed + others
    ]
    printing.table(rows, ("on disk", "title", "size", "licence", "name"), right=frozenset({2}))
    printing.to_stderr("Index with one of them: imgfind index --model NAME")


_COMMANDS: dict[str, Callable[[Library, argparse.Namespace], None]] = {
    "index": _index,
    "search": _search,
    "similar": _similar,
    "show": _show,
    "problems": _problems,
    "status": _status,
    "roots": _roots,
    "models": _models,
}
