"""The commands about encoders: what there is, fetch one, switch to one, give its space back."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imgfind.cli import printing
from imgfind.cli.progress import Bar, json_line, reporter, told_errors
from imgfind.cli.stopping import cancelled_by_signals
from imgfind.core import (
    Cancelled,
    ImgfindError,
    Job,
    Library,
    LibraryError,
    downloading,
    models,
    paths,
    presets,
    wording,
)
from imgfind.core.switching import ModelUse

_EPILOG = """\
A model turns photos and words into vectors. Better ones find better and are
slower; after a change 'imgfind index' encodes every photo again, and the old
model answers until that is done. Nothing is fetched unless you say download.

examples:
  imgfind models
  imgfind models download standard
  imgfind models use standard
  imgfind models remove starter      give back the old vectors' space
"""

_DOWNLOAD_EPILOG = """\
Ctrl-C stops it; the same command goes on where it was. With IMGFIND_OFFLINE=1
in the environment nothing is ever fetched.

examples:
  imgfind models download standard
  imgfind models download hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K
"""

_REMOVE_EPILOG = """\
Its vectors in this library go, and the files that imgfind downloaded for it;
other files stay.

examples:
  imgfind models remove starter
  imgfind models remove standard --keep-files
"""


def add_models(parser: argparse.ArgumentParser, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the actions of ``imgfind models``; ``parents`` hold the options that every command has."""
    parser.epilog = _EPILOG
    parser.set_defaults(action="list")
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    def action(name: str, summary: str, epilog: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = actions.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=epilog,
            parents=parents,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        # SUPPRESS: the one before the action must not be undone.
        added.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document")
        added.set_defaults(action=name)
        return added

    action("list", "list the models, and which are on this disk and in use", "example:\n  imgfind models list --json\n")
    download = action("download", "fetch a model from the Hugging Face hub", _DOWNLOAD_EPILOG)
    download.add_argument("name", metavar="NAME", help="a title or name of 'imgfind models', or hf-hub:ORG/REPOSITORY")
    download.add_argument(
        "--progress",
        choices=("auto", "json", "none"),
        default="auto",
        help="auto: a bar on a terminal; json: one object a line on stderr, for programs; none",
    )
    use = action("use", "have this library searched with a model", "example:\n  imgfind models use standard\n")
    use.add_argument("name", metavar="NAME", help="a title, name or folder of a model on this disk")
    remove = action(
        "remove",
        "give back the disk space of a model that is not in use",
        _REMOVE_EPILOG,
    )
    remove.add_argument("name", metavar="NAME", help="a title, name or folder of a model")
    remove.add_argument("--keep-files", action="store_true", help="remove the vectors only, not the downloaded files")


def run(library: Library, options: argparse.Namespace) -> None:
    """Run the action that was parsed."""
    {"list": _list, "download": _download, "use": _use, "remove": _remove}[options.action](library, options)


def _list(library: Library, options: argparse.Namespace) -> None:
    on_disk = {model.name: model for model in models.available_models()}
    uses = {use.name: use for use in _uses(library)}  # of several with one name the last counts: the newest
    known = {preset.name: preset for preset in presets.PRESETS}
    rows = []
    for name in {**known, **on_disk, **uses}:
        preset, files, use = known.get(name), on_disk.get(name), uses.get(name)
        size_mb = round(files.weights.stat().st_size / 1e6) if files else preset.size_mb if preset else None
        rows.append(
            {
                "title": preset.title if preset else "",
                "name": name,
                "size_mb": size_mb,
                "licence": preset.licence if preset else "",
                "quality": preset.quality if preset else "",
                "speed": preset.speed if preset else "",
                "on_disk": files is not None,
                "downloaded_bytes": downloading.downloaded_bytes(name),
                "in_use": _use_in_words(use),
                "vectors": use.vectors if use else 0,
            }
        )
    if options.json:
        printing.document({"models": rows})
        return
    columns = ("on disk", "in use", "title", "size", "licence", "speed", "name", "quality")
    printing.table([_cells(row) for row in rows], columns, right=frozenset({3}))
    printing.to_stderr("Fetch one: imgfind models download NAME. Switch to one: imgfind models use NAME")


def _uses(library: Library) -> list[ModelUse]:
    try:
        return library.model_uses()
    except LibraryError as error:  # models can be listed without
        printing.complain(str(error))
        return []


def _use_in_words(use: ModelUse | None) -> str:
    if use is None:
        return ""
    return "yes" if use.is_active else "next" if use.is_target else "no longer"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        "yes" if row["on_disk"] else "partly" if row["downloaded_bytes"] else "no",
        row["in_use"] or "no",
        row["title"],
        "" if row["size_mb"] is None else f"{row['size_mb']:,} MB",
        row["licence"],
        row["speed"],
        paths.displayed(row["name"]),
        row["quality"],
    )


@dataclass(frozen=True, slots=True)
class _Downloaded:
    name: str
    folder: str
    size_bytes: int


def _download(_library: Library, options: argparse.Namespace) -> None:
    with told_errors(options.progress), Bar(in_bytes=True) as bar:
        job = Job(reporter(options.progress, bar))
        with cancelled_by_signals(job):
            try:
                model = downloading.download(options.name, job)
            except Cancelled:
                printing.to_stderr("Stopped. What has arrived is kept; run the command again to go on.")
                raise
    done = _Downloaded(model.name, str(model.config.parent), model.weights.stat().st_size)
    if options.progress == "json":
        json_line("done", done)
    if options.json:
        printing.document(printing.plain(done))
        return
    printing.line(f"{paths.displayed(done.name)} is on this disk ({wording.size(done.size_bytes)}).")
    printing.to_stderr(f"Use it with: imgfind models use {paths.displayed(options.name)}")


def _use(library: Library, options: argparse.Namespace) -> None:
    use = library.use_model(options.name)
    if options.json:
        printing.document(printing.plain(use))
        return
    name = paths.displayed(use.name)
    if use.is_active:
        printing.line(f"This library is searched with {name}.")
    else:
        photos = wording.count(use.waiting, "photo")
        printing.line(f"{photos} wait for {name}; encode them with: imgfind index. Until then the old model answers.")
    if use.waiting_offline:
        photos = wording.count(use.waiting_offline, "offline photo")
        printing.to_stderr(f"{photos} will be found again once they are back and indexed.")


def _remove(library: Library, options: argparse.Namespace) -> None:
    removed = library.remove_model(options.name)
    freed_bytes = 0 if options.keep_files or removed.in_use else downloading.remove_files(options.name)
    if not (removed.vectors or removed.freed_bytes or freed_bytes):
        raise ImgfindError(
            f"Nothing of '{options.name}' can be removed: this library has no vectors of it"
            + ("." if options.keep_files else ", and imgfind downloaded no files of it.")
        )
    if options.json:
        library_bytes = removed.freed_bytes
        printing.document({"vectors": removed.vectors, "library_bytes": library_bytes, "files_bytes": freed_bytes})
        return
    printing.line(
        f"Removed {wording.count(removed.vectors, 'vector')} ({wording.size(removed.freed_bytes)} of the library)"
        f" and {wording.size(freed_bytes)} of files."
    )
