"""One function per command: call the library, print what it gives."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from imgfind.cli import compare, duplicates, models, printing, priority, roots, trash
from imgfind.cli.care import CARE_COMMANDS
from imgfind.cli.progress import Bar, json_line, reporter, told_errors
from imgfind.cli.stopping import cancelled_by_signals
from imgfind.core import (
    Cancelled,
    FileProblem,
    Hit,
    ImgfindError,
    IndexOptions,
    IndexSummary,
    Job,
    Library,
    paths,
    wording,
)
from imgfind.core.roots import hint

_MAX_STDIN_BYTES = 1024 * 1024 * 1024


def run(options: argparse.Namespace) -> None:
    """Run the command that was parsed. Raises :class:`ImgfindError` and :class:`Cancelled`."""
    with Library(getattr(options, "library", None)) as library:
        _COMMANDS[options.command](library, options)


def _index(library: Library, options: argparse.Namespace) -> None:
    if options.background:
        priority.lower()
    with told_errors(options.progress), Bar() as bar:
        job = Job(reporter(options.progress, bar))
        with cancelled_by_signals(job):
            if options.watch:
                _watch(library, options, job, bar)
                return
            summary = _indexed(library, options, job)
    _tell_summary(summary, options)


def _tell_summary(summary: IndexSummary, options: argparse.Namespace) -> None:
    if options.progress == "json":
        json_line("done", summary)
    else:
        _tell_what_is_missing(summary)
        if getattr(options, "verbose", False):
            for step, seconds in summary.core_s.most_common():
                printing.to_stderr(f"  {step}: {seconds:.2f} core-seconds")
    _print_summary(summary)


def _indexed(library: Library, options: argparse.Namespace, job: Job) -> IndexSummary:
    try:
        return library.index(options.folders, _index_options(options), job)
    except Cancelled:
        _tell_that_it_stopped()
        raise


def _watch(library: Library, options: argparse.Namespace, job: Job, bar: Bar) -> None:
    """Print the first update and each that changed something; a signal is the normal end once the first is through."""
    before: tuple[int, ...] = ()
    try:
        for summary in library.watch(
            options.folders,
            _index_options(options),
            job,
            interval_s=options.watch_interval * 60,
            tell=printing.to_stderr,
        ):
            bar.close()
            standing = (summary.offline, summary.problems)
            if summary.changed or standing != before:
                _tell_summary(summary, options)
                with printing.flushed():  # whoever reads a pipe waits for this line
                    pass
            before = standing
    except Cancelled:
        _tell_that_it_stopped()
        raise


def _tell_that_it_stopped() -> None:
    printing.to_stderr("Stopped. What was finished is kept; run the command again to go on.")


def _index_options(options: argparse.Namespace) -> IndexOptions:
    return IndexOptions(
        model=options.model,
        device=options.device,
        batch_size=options.batch_size,
        jobs=options.jobs,
        excludes=tuple(options.exclude),
        confirm_missing=options.confirm_missing,
    )


def _tell_what_is_missing(summary: IndexSummary) -> None:
    for item in summary.unlisted:
        printing.to_stderr(
            f"Could not look into {paths.displayed(item.path)} ({item.reason}); what was known below it is kept."
        )
    for root, folder in summary.elsewhere:
        printing.to_stderr(hint(root, folder))
    if summary.offline:
        printing.to_stderr(
            f"Kept as offline: {wording.count(summary.offline, 'photo')}; the drive is away, or too many vanished at"
            " once. If they are deleted for good: imgfind index --confirm-missing, or imgfind roots forget FOLDER"
        )
    if summary.problems:
        printing.to_stderr(f"{wording.count(summary.problems, 'file')} could not be read; see: imgfind problems")


def _print_summary(summary: IndexSummary) -> None:
    parts = {
        "encoded": summary.encoded,
        "known already": summary.reused,
        "moved": summary.moved,
        "gone": summary.gone,
        "files unchanged" if summary.unchanged != 1 else "file unchanged": summary.unchanged,
    }
    told = ", ".join(f"{count:,} {name}" for name, count in parts.items() if count) or "nothing to do"
    rate = f" ({wording.rate(summary.encoded / summary.seconds)} img/s)" if summary.encoded else ""
    photos = wording.count(summary.photos, "photo")
    printing.line(f"{photos} in the library: {told}, in {summary.seconds:,.1f} s{rate}.")


def _search(library: Library, options: argparse.Namespace) -> None:
    query = " ".join(options.query)
    _print_hits(library, query, library.search(query, options.k, options.folder, copies=options.copies), options)


def _similar(library: Library, options: argparse.Namespace) -> None:
    picture: str | bytes = options.image
    if options.image == "-":
        picture = sys.stdin.buffer.read(_MAX_STDIN_BYTES + 1)
        if len(picture) > _MAX_STDIN_BYTES:
            raise ImgfindError("The picture on standard input is larger than 1 GB; choose a smaller one.")
    hits = library.similar(picture, options.k, options.folder, copies=options.copies)
    query = "-" if options.image == "-" else os.path.abspath(options.image)
    _print_hits(library, query, hits, options)


def _print_hits(library: Library, query: str, hits: list[Hit], options: argparse.Namespace) -> None:
    if options.json:
        printing.document({"query": query, "model": library.model_name(), "hits": [_hit(hit) for hit in hits]})
    elif hits:
        rows = [
            (str(place), printing.rank(hit), paths.displayed(hit.path) + _signs(hit))
            for place, hit in enumerate(hits, start=1)
        ]
        column = "taken" if hits[0].score is None else "score"
        printing.table(rows, ("", column, "photo"), right=frozenset({0, 1}))
    elif options.folder is not None:
        printing.to_stderr(f"No photo found below {paths.displayed(options.folder)}; see: imgfind roots")
    elif options.command == "search" and library.status().photos:
        printing.to_stderr("No photo passes the filters of the query; see: imgfind search --help")
    else:
        printing.to_stderr("No photo found; add folders with: imgfind index FOLDER")


def _signs(hit: Hit) -> str:
    away = "  (offline)" if hit.offline else ""
    count = len(hit.copies)
    return away + (f"  +{count:,} {'copy' if count == 1 else 'copies'}" if count else "")


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        **printing.located(hit.path),
        "score": None if hit.score is None else round(hit.score, 6),
        "width_px": hit.width_px,
        "height_px": hit.height_px,
        "taken_at": hit.taken_at,
        "offline": hit.offline,
        "copies": [printing.located(path) for path in hit.copies],
    }


def _show(library: Library, options: argparse.Namespace) -> None:
    found = library.show(options.photo)
    if isinstance(found, FileProblem):
        raise ImgfindError(f"{paths.displayed(found.path)} could not be read: {found.reason}.")
    pairs = library.pairs(found.path)
    modified = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.mtime_ns / 1e9))
    if options.json:
        details = printing.plain(found)
        details |= {"content_hash": found.content_hash.hex(), "copies": [printing.located(c) for c in found.copies]}
        details["pairs"] = [{"kind": pair.kind, **printing.located(pair.partner)} for pair in pairs]
        printing.document(details | printing.located(found.path))
        return
    facts = found.facts
    position = f"{facts.latitude:.6f}, {facts.longitude:.6f}" if facts.latitude is not None else None
    lines = {
        "photo": paths.displayed(found.path) + ("  (offline)" if found.offline else ""),
        "root": paths.displayed(found.root),
        "size": f"{found.width_px} x {found.height_px} px, {found.format}, {wording.size(found.size_bytes)}",
        "taken": f"{found.taken_at} ({wording.TAKEN_FROM[found.taken_at_source]})" if found.taken_at_source else None,
        "camera": facts.camera,
        "lens": facts.lens,
        "exposure": wording.exposure(facts),
        "position": position,
        "modified": modified,
        "content": found.content_hash.hex(),
        "marks": ", ".join(mark for mark in ("favourite", "hidden") if getattr(found, mark)),
        "copies": "\n".join(paths.displayed(copy) for copy in found.copies),
        "pair": "\n".join(f"{pair.kind} with {paths.displayed(pair.partner)}" for pair in pairs),
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


_COMMANDS: dict[str, Callable[[Library, argparse.Namespace], None]] = {
    "index": _index,
    "search": _search,
    "similar": _similar,
    "show": _show,
    "problems": _problems,
    "duplicates": duplicates.run,
    "compare": compare.run,
    "trash": trash.run,
    **CARE_COMMANDS,
    "roots": roots.run,
    "models": models.run,
}
