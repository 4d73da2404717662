"""The commands that take care of a library: status, doctor, backup, restore, prune and export."""

import argparse
import contextlib
import dataclasses
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from imgfind.cli import printing
from imgfind.cli.progress import Bar, reporter
from imgfind.cli.stopping import cancelled_by_signals
from imgfind.core import ImgfindError, Job, Library, Status, UsageError, paths, wording
from imgfind.core.care.diagnosis import Result
from imgfind.core.care.export import FORMATS
from imgfind.core.care.mending import losses
from imgfind.core.care.pruning import KEEP_DAYS, PREVIEWS_CAP_BYTES, Pruned, PruneOptions

_DOCTOR_EPILOG = """\
Exit code 0: all is right; 1: something is broken. --repair makes caches again
and brings the catalogue back from its newest backup where it is damaged. Your
photos are never touched.

examples:
  imgfind doctor
  imgfind doctor --repair
"""
_BACKUP_EPILOG = """\
The copy holds all but photos, previews and search graphs, which can be made
again. imgfind also keeps the last 3 copies of its own, one a day.

example:
  imgfind backup /media/disk/imgfind.backup
"""
_RESTORE_EPILOG = """\
The present catalogue is kept aside, in the library's folder.

example:
  imgfind restore /media/disk/imgfind.backup
"""
_PRUNE_EPILOG = """\
Deletes what imgfind keeps of photos that are gone, previews over the cap and
catalogues set aside long ago. Photos are never deleted.

examples:
  imgfind prune --dry-run
  imgfind prune --days 30 --previews-cap 5GB
"""
_EXPORT_EPILOG = """\
photos   a table: paths, sizes, dates, camera, place, exposure
vectors  a NumPy array of unit rows, with a .jsonl file beside it that says
         which photos each row is of

examples:
  imgfind export photos photos.csv
  imgfind export photos --format jsonl -
  imgfind export vectors vectors.npy
"""

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def add_care(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands of this module; ``command`` makes the parser of one."""
    command("status", "show the library at a glance", "example:\n  imgfind status --json\n")
    doctor = command("doctor", "check the library, and repair it", _DOCTOR_EPILOG)
    doctor.add_argument("--repair", action="store_true", help="mend what is broken, and say what was done")
    backup = command("backup", "copy the catalogue to one file, even while indexing", _BACKUP_EPILOG, json=False)
    backup.add_argument("file", metavar="FILE", help="where the copy goes")
    _add_force(backup)
    restore = command("restore", "bring a copy of the catalogue back", _RESTORE_EPILOG)
    restore.add_argument("file", metavar="FILE", help="a file that 'imgfind backup' made, or one of the library's own")
    prune = command("prune", "give back the space of photos that are gone", _PRUNE_EPILOG)
    prune.add_argument(
        "--days",
        metavar="N",
        type=_days,
        default=KEEP_DAYS,
        help=f"what vanished more than so many days ago goes (default: {KEEP_DAYS})",
    )
    prune.add_argument(
        "--previews-cap",
        metavar="SIZE",
        type=_size,
        default=PREVIEWS_CAP_BYTES,
        help=f"previews may take so much, as in 500MB (default: {wording.size(PREVIEWS_CAP_BYTES)})",
    )
    prune.add_argument("--dry-run", action="store_true", help="only say what would go")
    export = command("export", "write photos or vectors for other programs", _EXPORT_EPILOG, json=False)
    export.add_argument("what", choices=("photos", "vectors"), help="what to write")
    export.add_argument("file", metavar="FILE", help="where to; - for stdout, photos only")
    export.add_argument("--format", choices=FORMATS, default="csv", help="of photos: a table, or one JSON a line")
    _add_force(export)


def _add_force(command: argparse.ArgumentParser) -> None:
    command.add_argument("--force", action="store_true", help="replace the file if there is one")


def _days(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B|)", text.strip().upper())
    if match is None or match[2] == "B":
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write it as in 500MB or 20GB")
    return int(float(match[1]) * _UNITS[match[2]])


_days.__name__ = "number"  # argparse names the type in its message


@contextlib.contextmanager
def _job() -> Iterator[Job]:
    """Yield a job that shows a bar on a terminal and that signals stop."""
    with Bar() as bar:
        job = Job(reporter("auto", bar))
        with cancelled_by_signals(job):
            yield job


def status(library: Library, options: argparse.Namespace) -> None:
    """Print the library at a glance."""
    found = library.status()
    if options.json:
        printing.document(dataclasses.asdict(found))
        return
    printing.facts((name, value) for name, value in _status_lines(found).items() if value)


def _status_lines(found: Status) -> dict[str, str | None]:
    uses = [
        f"{paths.displayed(use.name)}: {use.vectors:,} vectors"
        + (", searched with" if use.is_active else "")
        + (", indexed with" if use.is_target else "")
        + ("" if use.is_active or use.is_target else ", no longer used")
        for use in found.models
    ]
    decisions = [f"{name}: {choice}" for name, choice in found.decisions.items()]
    sizes = [f"{name} {wording.size(size)}" for name, size in found.sizes.items() if size]
    return {
        "library": paths.displayed(found.folder),
        "photos": f"{found.photos:,}" + (f" ({found.offline:,} offline)" if found.offline else ""),
        "contents": f"{found.contents:,} distinct",
        "problems": f"{found.problems:,}",
        "roots": f"{found.roots:,}",
        "model": str(found.model),
        "next model": found.target_model if found.target_model != found.model else None,
        "models": "\n".join(uses),
        "waiting": _waiting(found),
        "vectors": f"{found.vectors:,}",
        "device": found.device,
        "on disk": f"{wording.size(found.size_bytes)} ({', '.join(sizes)})" if sizes else None,
        "indexed": found.indexed_at,
        "backup": found.backup_at or "none yet",
        "chosen": "\n".join(decisions),
        "versions": ", ".join(f"{name} {version}" for name, version in found.versions.items()),
        "indexing": f"process {found.indexing_pid}" if found.indexing_pid else None,
    }


def _waiting(found: Status) -> str | None:
    target = next((use for use in found.models if use.is_target), None)
    if target is None or not (target.waiting or target.waiting_offline):
        return None
    offline = f" ({target.waiting_offline:,} offline)" if target.waiting_offline else ""
    return wording.count(target.waiting + target.waiting_offline, "photo") + offline


def doctor(library: Library, options: argparse.Namespace) -> None:
    """Check, and repair if that was asked for; raises :class:`ImgfindError` where something is broken in the end."""
    done: list[str] = []
    with _job() as job:
        if options.repair:
            repair = library.care.repair(job)
            done, results = repair.done, repair.results
        else:
            results = library.care.doctor(job)
    broken = [result for result in results if result.state == "broken"]
    if options.json:
        document: dict[str, Any] = {"ok": not broken, "checks": [dataclasses.asdict(result) for result in results]}
        printing.document(document | ({"done": done} if options.repair else {}))
    else:
        for sentence in done:
            printing.line(f"repaired: {paths.displayed(sentence)}")
        printing.table([row for result in results for row in _rows(result)], ("check", "state", ""))
    if broken:
        hint = "" if options.repair else "; to mend it: imgfind doctor --repair"
        raise ImgfindError(f"{wording.count(len(broken), 'check')} of {len(results)} found something broken{hint}")


def _rows(result: Result) -> Iterator[tuple[str, str, str]]:
    yield result.name, result.state, result.remark or result.invariant
    yield from (("", "", paths.displayed(finding)) for finding in result.broken)


def backup(library: Library, options: argparse.Namespace) -> None:
    """Copy the catalogue."""
    with _job() as job:
        library.care.backup(options.file, force=options.force, job=job)
    printing.line(f"The catalogue is copied to {paths.displayed(options.file)}.")


def restore(library: Library, options: argparse.Namespace) -> None:
    """Bring a copy back."""
    with _job() as job:
        restored = library.care.restore(options.file, job)
    if options.json:
        document = dataclasses.asdict(restored)
        kept = str(restored.kept) if restored.kept else None
        printing.document(document | {"source": str(restored.source), "kept": kept})
        return
    printing.line(f"The catalogue is restored from {paths.displayed(options.file)}.")
    for sentence in losses(restored):
        printing.line(paths.displayed(sentence[0].upper() + sentence[1:]) + ".")


def prune(library: Library, options: argparse.Namespace) -> None:
    """Delete what vanished long ago."""
    with _job() as job:
        wanted = PruneOptions(options.days, options.previews_cap, options.dry_run)
        pruned = library.care.prune(wanted, job)
    if options.json:
        printing.document(dataclasses.asdict(pruned))
    else:
        printing.line(_pruned(pruned))


def _pruned(pruned: Pruned) -> str:
    parts = [
        wording.count(number, noun)
        for noun, number in (
            ("vanished content", pruned.contents),
            ("vector", pruned.vectors),
            ("preview", pruned.previews),
            ("old catalogue", pruned.copies),
        )
        if number
    ]
    if not parts:
        return "There is nothing to prune."
    told = ", ".join(parts)
    if pruned.dry_run:
        return f"Would delete {told}."
    return f"Deleted {told}; {wording.size(pruned.freed_bytes)} given back to the disk."


def export(library: Library, options: argparse.Namespace) -> None:
    """Write photos or vectors for other programs."""
    if options.what == "vectors":
        if options.file == "-":
            raise UsageError("Vectors need a file: imgfind export vectors FILE.npy")
        with _job() as job:
            count = library.care.export_vectors(options.file, force=options.force, job=job)
        printing.to_stderr(f"Wrote {wording.count(count, 'vector')} to {paths.displayed(options.file)}.")
    elif options.file == "-":
        sys.stdout.flush()
        for line in library.care.photo_lines(options.format):
            printing.raw(line)
    else:
        with _job() as job:
            count = library.care.export_photos(options.file, options.format, force=options.force, job=job)
        printing.to_stderr(f"Wrote {wording.count(count, 'photo')} to {paths.displayed(options.file)}.")


CARE_COMMANDS: dict[str, Callable[[Library, argparse.Namespace], None]] = {
    "status": status,
    "doctor": doctor,
    "backup": backup,
    "restore": restore,
    "prune": prune,
    "export": export,
}
"""The commands of this module."""
