"""``imgfind roots``, the actions on the folders of a library: list, add, remove, relocate, forget."""

import argparse

from imgfind.cli import printing
from imgfind.core import Library, paths, wording

EPILOG = """\
remove: the folder no longer belongs to the library, whether it is there or
not; its photos are forgotten. forget: the folder stays; only photos that are
offline below it (the drive is away, or they vanished in bulk) are given up,
as 'imgfind index --confirm-missing' does for all that vanished. Neither
touches a file, and photos that come back within 90 days need no encoding.

examples:
  imgfind roots                                     list them
  imgfind roots add ~/Pictures /media/disk/Photos   read at the next index
  imgfind roots remove /media/disk/Photos
  imgfind roots relocate /media/old /media/new      the drive is now there
  imgfind roots forget /media/disk/Photos/2009      its photos are lost
"""


def add_roots(roots: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Add the actions of ``imgfind roots``; ``common`` has the options that every command takes."""
    readable = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    readable.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    roots.set_defaults(action="list")
    actions = roots.add_subparsers(title="actions", metavar="ACTION")

    def action(name: str, summary: str, *, json: bool = False) -> argparse.ArgumentParser:
        added = actions.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            parents=[common, readable] if json else [common],
            allow_abbrev=False,
        )
        added.set_defaults(action=name)
        return added

    action("list", "list the folders of the library", json=True)
    add = action("add", "add folders, to be read by the next 'imgfind index'")
    add.add_argument("folders", metavar="FOLDER", nargs="+", help="a folder of photos")
    remove = action("remove", "forget folders with all their photos; no file is touched")
    remove.add_argument("folders", metavar="FOLDER", nargs="+", help="a folder that 'imgfind roots' lists")
    relocate = action("relocate", "tell that a folder is now at another place; nothing is read again")
    relocate.add_argument("old", metavar="OLD", help="the folder as 'imgfind roots' lists it")
    relocate.add_argument("new", metavar="NEW", help="where it is now")
    relocate.add_argument(
        "--force", action="store_true", help="even if most of its photos are not there with the same size and time"
    )
    forget = action("forget", "forget the photos that are offline below a folder; the folder stays")
    forget.add_argument("folder", metavar="FOLDER", help="a folder of the library, or any folder below one")


def run(library: Library, options: argparse.Namespace) -> None:
    """Run the action that was parsed."""
    actions = {"list": _list, "add": _add, "remove": _remove, "relocate": _relocate, "forget": _forget}
    actions[options.action](library, options)


def _list(library: Library, options: argparse.Namespace) -> None:
    roots = library.roots()
    if options.json:
        printing.document({"roots": [{**printing.plain(root), **printing.located(root.path)} for root in roots]})
    elif roots:
        rows = [(f"{root.photos:,}", f"{root.offline:,}", root.state, paths.displayed(root.path)) for root in roots]
        printing.table(rows, ("photos", "offline", "state", "folder"), right=frozenset({0, 1}))
    else:
        printing.to_stderr("No folder yet; add one with: imgfind index FOLDER")


def _add(library: Library, options: argparse.Namespace) -> None:
    new = library.add_roots(options.folders)
    for folder in new:
        printing.line(f"Added {paths.displayed(folder)}.")
    if new:
        printing.to_stderr("Read the photos with: imgfind index")
    else:
        printing.to_stderr("Nothing to add: that is part of the library already; see: imgfind roots")


def _remove(library: Library, options: argparse.Namespace) -> None:
    for folder in options.folders:
        root = library.remove_root(folder)
        printing.line(f"Forgot {paths.displayed(root.path)} with {wording.count(root.photos, 'photo')}.")


def _relocate(library: Library, options: argparse.Namespace) -> None:
    photos = library.relocate_root(options.old, options.new, force=options.force)
    printing.line(f"{wording.count(photos, 'photo')} relocated.")
    printing.to_stderr("What has changed meanwhile is found by: imgfind index")


def _forget(library: Library, options: argparse.Namespace) -> None:
    photos = library.forget_offline(options.folder)
    printing.line(f"Forgot {wording.count(photos, 'photo')}.")
