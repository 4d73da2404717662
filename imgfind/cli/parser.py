"""The grammar of the command line. Parses only; knows no core beyond its constants."""

import argparse
import sys
from typing import NoReturn

from imgfind import __version__
from imgfind.cli.care import add_care
from imgfind.cli.compare import add_compare
from imgfind.cli.duplicates import add_duplicates
from imgfind.cli.models import add_models
from imgfind.cli.roots import EPILOG, add_roots
from imgfind.cli.trash import add_trash
from imgfind.core.config import DEVICES
from imgfind.core.paths import displayed

_DESCRIPTION = """\
Find photos on your own disks by describing them or by showing a picture.
Nothing leaves the machine."""

_EXAMPLES = """\
examples:
  imgfind                             open the window
  imgfind index ~/Pictures
  imgfind search "dog at the sea"
  imgfind similar holiday.jpg

Every command has its own help: imgfind search --help
"""

_QUERY_HELP = """\
the language:
  dog at the sea           what the photo shows
  beach + sunset           both
  beach - people           the first, not the second
  2*red car + 0.5*street   some words count more
  image:pic.jpg - people   start from a picture
  image[0,25,50,75]:a.jpg  or a part of it: left, top, right, bottom in per cent
  "2*3 - 1"                quotes take words as they are

filters, before, behind or instead of the words (then the newest come first);
a minus leaves out what the filter finds:
  in:FOLDER                photos below a folder
  date:2021-05             a day, a month, a year, or date:2021..2023-06
  camera:canon lens:50mm   a part of the name
  type:heic                jpeg, png, raw, tiff, webp, avif, gif, jxl ...
  size:>2MB                or size:1MB..3MB; width:>4000 and height: in pixels
  orientation:portrait     or landscape, square
  is:favourite             or hidden (else left out), offline, online, raw, gps

examples:
  imgfind search dog at the sea
  imgfind search -k 50 --in ~/Pictures/2021 "mountain lake - people"
  imgfind search 'image:"my dog.jpg" + snow' --json
  imgfind search 'dog date:2021 camera:"Canon EOS" -type:png'
  imgfind search --copies dog                 every copy of a picture is a hit
  imgfind search -- "-k is part of this query"
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line instead of repeating the usage."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {displayed(message)}; see: {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; the chosen one is in ``command``."""
    common = _common_options()
    readable = _Parser(add_help=False)
    readable.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser = _Parser(
        prog="imgfind",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        parents=[common],
        allow_abbrev=False,  # a script that says --lib would break when --libraries comes
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"imgfind {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, summary: str, epilog: str, *, json: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=epilog,
            parents=[common, readable] if json else [common],
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(command=name)
        return added

    command("gui", "open the window; the same as imgfind alone", _GUI_EPILOG, json=False)
    _add_index(command("index", "index folders, or bring the library up to date", _INDEX_EPILOG, json=False))
    search = command("search", "find photos by words, pictures or both", _QUERY_HELP)
    search.add_argument("query", metavar="QUERY", nargs="+", help="what to look for; several words need no quotes")
    _add_result_options(search)
    similar = command("similar", "find photos that look like a picture", _SIMILAR_EPILOG)
    similar.add_argument("image", metavar="IMAGE", help="a picture, in the library or not; - reads it from stdin")
    _add_result_options(similar)
    show = command("show", "show what is known of one photo", "example:\n  imgfind show ~/Pictures/dog.jpg\n")
    show.add_argument("photo", metavar="PHOTO", help="the path of a photo in the library")
    command("problems", "list files that could not be read, and why", "example:\n  imgfind problems\n")
    add_duplicates(command)
    add_compare(command)
    add_trash(command)
    add_care(command)
    add_roots(command("roots", "list the folders of the library; add, remove, relocate or forget them", EPILOG), common)
    add_models(command("models", "list, fetch, choose and remove encoders", ""), [common])
    return parser


_GUI_EPILOG = """\
A second start brings the window that is open to the front.

examples:
  imgfind gui
  imgfind gui --library /media/disk/imgfind
"""

_INDEX_EPILOG = """\
A folder that is new is added to the library; a folder below an added one
updates that part; no folder updates all. Files that did not change are not
opened. Ctrl-C keeps what is done; the next run goes on from there.

examples:
  imgfind index ~/Pictures /media/disk/Photos
  imgfind index                               update everything
  imgfind index ~/Pictures/2024               update a part
  imgfind index ~/Pictures --exclude "*_thumb*" --exclude private
  imgfind index --watch                       stay, and keep everything current
"""

_SIMILAR_EPILOG = """\
examples:
  imgfind similar holiday.jpg
  imgfind similar -k 5 --json holiday.jpg
  curl -s https://example.org/a.jpg | imgfind similar -
"""


def _common_options() -> _Parser:
    # Accepted before and after the command; SUPPRESS keeps the second parser from undoing the first.
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument(
        "--library", metavar="DIR", help="the library to use (default: $IMGFIND_LIBRARY, or one in your data folder)"
    )
    common.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    return common


def _add_index(index: argparse.ArgumentParser) -> None:
    index.add_argument("folders", metavar="FOLDER", nargs="*", help="a folder of photos")
    index.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        default=[],
        help="leave out files and folders of this name (* and ? as in a shell; with a slash: a path below FOLDER);"
        " remembered; may be given again",
    )
    index.add_argument("--model", metavar="NAME", help="the encoder to index with (see: imgfind models); remembered")
    index.add_argument("--device", choices=DEVICES, help="where the encoder runs (default: config.toml, or auto)")
    index.add_argument(
        "--batch-size",
        metavar="N",
        type=_positive,
        default=0,
        help="pictures encoded at once (default: chosen by time)",
    )
    index.add_argument("--jobs", metavar="N", type=_positive, default=0, help="threads that read, decode and encode")
    index.add_argument(
        "--confirm-missing",
        action="store_true",
        help="photos missing in bulk are deleted for good, not on a drive that is away: forget them",
    )
    index.add_argument(
        "--watch",
        action="store_true",
        help="stay and update whenever photos change, in all folders of the library; Ctrl-C or SIGTERM ends it (0)",
    )
    index.add_argument(
        "--watch-interval",
        metavar="MINUTES",
        type=_positive,
        default=10,
        help="how often --watch looks at what the system does not tell about: network shares, drives that are away"
        " (default: 10)",
    )
    index.add_argument("--background", action="store_true", help="let all other programs go first")
    index.add_argument(
        "--progress",
        choices=("auto", "json", "none"),
        default="auto",
        help="auto: a bar on a terminal; json: one object a line on stderr, for programs; none",
    )


def _add_result_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("-k", metavar="N", type=_positive, default=20, help="how many photos to list (default: 20)")
    command.add_argument("--in", metavar="FOLDER", dest="folder", help="only photos below this folder")
    command.add_argument(
        "--copies",
        action="store_true",
        help="list every copy of a picture, instead of the best with the number of others",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


_positive.__name__ = "number"  # argparse names the type in its message: "invalid number value: 'x'"
