"""``imgfind duplicates``: photos of one picture, which of them to keep, and the others into the trash."""

import argparse
import contextlib
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from imgfind.cli import printing, priority, trash
from imgfind.cli.progress import Bar, json_line, reporter, told_errors
from imgfind.cli.stopping import cancelled_by_signals
from imgfind.core import Cancelled, Job, Library, UsageError, paths, wording
from imgfind.core.deduplicating import Deduplicating, UpdateSummary
from imgfind.core.grouping import DUPLICATES, Group, Member
from imgfind.core.keeping import PLAIN_RULES, preference
from imgfind.core.planning import Plan
from imgfind.core.records import Label
from imgfind.core.store.rows import GroupedPhoto
from imgfind.core.trash import NO_TRASH

SAFE = frozenset({Label.IDENTICAL, Label.SAME_PIXELS, Label.RE_ENCODED})
"""What --remove takes unless stages are named: copies that show no more and no less than the photo that stays."""

_STAGES = {name.replace(" ", "-"): label for label, name in wording.LABELS.items()}

_EPILOG = """\
New photos are compared first; that may take a while the first time. All that
FOLDER leaves out is as if it were not there. Stages, closest first:

  1 identical      the same bytes
  2 same-pixels    other metadata, or saved without loss
  3 re-encoded     saved again or resized
  4 edited         other colours, a border, a caption, writing
  5 turned         turned or mirrored
  6 cropped        a part, down to 30 per cent
  7 same-scene     another shot; no duplicate, listed only if named

Each photo was compared with the one to keep. RAW and JPEG of one shot, Live
Photos and edited exports (IMG_1.jpg, IMG_1-edit.jpg) are left alone. --remove
shows what would go; with --yes it goes into the trash, stages 1 to 3 unless
you name others. Nothing goes unless the photo to keep is there, unchanged.

examples:
  imgfind duplicates
  imgfind duplicates ~/Pictures/2023 --stage 1-3 --json
  imgfind duplicates --remove --prefer in:~/Pictures/best --prefer oldest
  imgfind duplicates --remove --yes
  imgfind duplicates --undo
"""


def add_duplicates(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command of this module; ``command`` makes its parser."""
    found = command("duplicates", "find photos of one picture, and remove all but the best", _EPILOG)
    found.add_argument("folder", metavar="FOLDER", nargs="?", help="only photos below this folder")
    found.add_argument(
        "--stage",
        metavar="STAGE",
        type=_stages,
        action="append",
        help="only these: a number, a name, or as in 1-3 or 4,6; may be given again (default: 1-6)",
    )
    found.add_argument(
        "--min-similarity", metavar="S", type=_similarity, default=0.0, help="leave out what is less alike, 0 to 1"
    )
    found.add_argument(
        "--prefer",
        metavar="RULE",
        action="append",
        default=[],
        help=f"what to keep: in:FOLDER, type:FORMAT, {', '.join(PLAIN_RULES)}; the first one given decides first",
    )
    found.add_argument("--pairs", action="store_true", help="do not leave RAW+JPEG, Live Photos and exports alone")
    found.add_argument("--remove", action="store_true", help="show what would be removed; with --yes, remove it")
    found.add_argument("--yes", action="store_true", help="with --remove: do it")
    found.add_argument(
        "--permanent", action="store_true", help="with --remove: delete for good where a drive has no trash"
    )
    found.add_argument("--undo", action="store_true", help="put back what was removed last")
    found.add_argument("--update", action="store_true", help="only compare what is new; list nothing")
    found.add_argument("--background", action="store_true", help="let all other programs go first")
    found.add_argument(
        "--progress",
        choices=("auto", "json", "none"),
        default="auto",
        help="auto: a bar on a terminal; json: one object a line on stderr, for programs; none",
    )


def run(library: Library, options: argparse.Namespace) -> None:
    """List duplicates, remove them or bring them back. Raises :class:`ImgfindError` and :class:`Cancelled`."""
    _check(options)
    if options.background:
        priority.lower()
    if options.remove or options.undo:
        trash.tell_recovered(library.removing)
    if options.undo:
        trash.undo(library.removing, options)
        return
    labels = frozenset[Label]().union(*options.stage) if options.stage else SAFE if options.remove else DUPLICATES
    if options.remove and Label.SAME_SCENE in labels:
        raise UsageError("Other shots of a scene are no duplicates; remove them with: imgfind trash PHOTO...")
    prefer = [preference(rule) for rule in options.prefer]
    prefer = [
        rule._replace(value=os.path.abspath(os.path.expanduser(rule.value))) if rule.kind == "in" else rule
        for rule in prefer
    ]
    with told_errors(options.progress), _comparing_job(options) as job:
        summary = library.duplicates.update(job)
        groups = (
            []
            if options.update
            else library.duplicates.groups(
                labels, options.folder, options.min_similarity, prefer, with_pairs=options.pairs, job=job
            )
        )
    if options.progress == "json":
        json_line("done", summary)
    if options.update:
        _tell_update(summary, options)
    elif options.remove:
        _remove(library.duplicates, groups, options)
    else:
        _list(groups, options)


def _check(options: argparse.Namespace) -> None:
    if options.undo and (options.remove or options.folder or options.stage or options.update):
        raise UsageError("--undo stands alone; see: imgfind duplicates --help")
    if (options.yes or options.permanent) and not options.remove:
        raise UsageError("--yes and --permanent belong to --remove; see: imgfind duplicates --help")
    if options.update and options.remove:
        raise UsageError("--update lists and removes nothing; see: imgfind duplicates --help")


@contextlib.contextmanager
def _comparing_job(options: argparse.Namespace) -> Iterator[Job]:
    with Bar() as bar:
        job = Job(reporter(options.progress, bar))
        try:
            with cancelled_by_signals(job):
                yield job
        except Cancelled:
            bar.close()
            printing.to_stderr("Stopped. What was compared is kept; run the command again to go on.")
            raise


def _tell_update(summary: UpdateSummary, options: argparse.Namespace) -> None:
    if options.json:
        printing.document(printing.plain(summary))
        return
    found = f"compared {wording.count(summary.compared, 'pair')}, {summary.found:,} of them alike"
    printing.line(f"{found}, in {summary.seconds:,.1f} s.")


def _list(groups: list[Group], options: argparse.Namespace) -> None:
    if options.json:
        printing.document({"groups": [_group(group) for group in groups]})
    elif groups:
        for group in groups:
            _print_group(group)
        printing.line(_summed_up(groups))
    elif options.folder is not None:
        printing.to_stderr(f"No duplicates were found below {paths.displayed(options.folder)}; see: imgfind roots")
    else:
        printing.to_stderr("No duplicates were found.")


def _summed_up(groups: list[Group]) -> str:
    photos = wording.count(len({member.photo.photo_id for group in groups for member in group.members}), "photo")
    gain_bytes = sum(group.gain_bytes for group in groups)
    return f"{wording.count(len(groups), 'group')}, {photos} beside those to keep: {wording.size(gain_bytes)} to gain."


def _print_group(group: Group) -> None:
    name = wording.LABELS[group.label]
    printing.line(f"{name}, similarity {group.similarity:.3f}, {wording.size(group.gain_bytes)} to gain")
    printing.line(f"  keep  {_photo_line(group.kept)}: {group.reason}")
    for member in group.members:
        printing.line(f"        {_photo_line(member.photo)}: {_member_line(member)}")
    printing.line("")


def _photo_line(photo: GroupedPhoto) -> str:
    facts = f"{photo.width_px}x{photo.height_px}, {wording.size(photo.size_bytes)}"
    return f"{paths.displayed(photo.path)} ({facts})"


def _member_line(member: Member) -> str:
    told = [f"{wording.LABELS[member.label]}, {member.similarity:.3f}"]
    if member.left_alone:
        told.append(f"left alone, for {member.left_alone}")
    elif member.photo.is_linked:
        told.append("frees nothing, for its file has another name")
    return "; ".join(told)


def _group(group: Group) -> dict[str, Any]:
    return {
        "label": wording.LABELS[group.label],
        "stage": int(group.label),
        "similarity": round(group.similarity, 4),
        "gain_bytes": group.gain_bytes,
        "kept": group.kept.path,
        "reason": group.reason,
        "members": [
            _photo(group.kept, {"kept": True, "label": None, "stage": None, "similarity": 1.0, "gain_bytes": 0}),
            *(_photo(member.photo, _relation(member)) for member in group.members),
        ],
    }


def _relation(member: Member) -> dict[str, Any]:
    return {
        "kept": False,
        "label": wording.LABELS[member.label],
        "stage": int(member.label),
        "similarity": round(member.similarity, 4),
        "orientation": member.turn + 1,
        "area": round(member.area, 4),
        "gain_bytes": member.gain_bytes,
        "left_alone": member.left_alone and str(member.left_alone),
    }


def _photo(photo: GroupedPhoto, relation: dict[str, Any]) -> dict[str, Any]:
    facts = {
        "size_bytes": photo.size_bytes,
        "width_px": photo.width_px,
        "height_px": photo.height_px,
        "offline": photo.offline,
    }
    return {**printing.located(photo.path), **relation, **facts}


def _remove(duplicates: Deduplicating, groups: list[Group], options: argparse.Namespace) -> None:
    plan = duplicates.plan(groups)
    if not options.yes:
        _show_plan(plan, groups, options)
        return
    with trash.moving_job() as job:
        removal = duplicates.remove(groups, job, permanent=options.permanent)
    if options.json:
        printing.document(
            {
                "groups": [_group(group) for group in groups],
                "dry_run": False,
                "batch": removal.batch if removal.trashed else None,
                "trashed": removal.trashed,
                "deleted": removal.deleted,
                "failed": trash.documents([*plan.left_alone, *removal.failed]),
            }
        )
    else:
        _tell_left_alone(plan)
        if removal.deleted:
            printing.line(f"Deleted {wording.count(removal.deleted, 'photo')} for good.")
        printing.line(f"Moved {wording.count(removal.trashed, 'photo')} to the trash.")
        if removal.trashed:
            printing.to_stderr("To put back what was moved: imgfind duplicates --undo")
    if not options.permanent and any(problem.reason == NO_TRASH for problem in removal.failed):
        printing.to_stderr("What has no trash can be deleted for good: add --permanent")
    trash.tell_failures(removal.failed, "left alone")


def _show_plan(plan: Plan, groups: list[Group], options: argparse.Namespace) -> None:
    if options.json:
        printing.document(
            {
                "groups": [_group(group) for group in groups],
                "dry_run": True,
                "going": [printing.located(member.photo.path) for member in plan.going],
                "failed": trash.documents(plan.left_alone),
                "gain_bytes": plan.gain_bytes,
            }
        )
        return
    for group in groups:
        _print_group(group)
    _tell_left_alone(plan)
    going = wording.count(len(plan.going), "photo")
    printing.line(f"{going} would go, {wording.size(plan.gain_bytes)} to gain. Nothing was touched.")
    if plan.going:
        printing.to_stderr("To move them to the trash, add: --yes")


def _tell_left_alone(plan: Plan) -> None:
    for problem in plan.left_alone:
        printing.to_stderr(f"Left alone: {paths.displayed(problem.path)}, for {problem.reason}")


def _stages(text: str) -> frozenset[Label]:
    """Return the stages that are named: ``3``, ``edited``, ``1-3``, ``4,6``, ``all``."""
    if text == "all":
        return frozenset(Label)
    found: set[Label] = set()
    for part in text.lower().split(","):
        if match := re.fullmatch(r"([1-7])(?:-([1-7]))?", part):
            found.update(Label(stage) for stage in range(int(match[1]), int(match[2] or match[1]) + 1))
        elif part.replace(" ", "-") in _STAGES:
            found.add(_STAGES[part.replace(" ", "-")])
        else:
            raise argparse.ArgumentTypeError(f"'{part}' is no stage; name 1 to 7, or {', '.join(_STAGES)}")
    return frozenset(found)


def _similarity(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError("must be from 0 to 1")
    return number


_similarity.__name__ = "number"  # argparse names the type in its message
