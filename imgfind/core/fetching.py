"""The child process that fetches a model from the Hugging Face hub: the one place that uses the network.

Run as a program by :mod:`imgfind.core.downloading`, which may kill it at any moment: huggingface_hub has no cancel of
its own (huggingface_hub #2364). Imports nothing of imgfind, so that it starts at once. Decides nothing and trusts
nothing: what it fetched is checked by its parent.

The one argument is a :class:`Request` as JSON. On stdout it writes one JSON object a line: ``plan`` when it knows the
files and has the configuration; then it waits for a byte on stdin, and goes on with ``bytes`` (how many are on disk)
and at last ``done``, or ``error`` with a kind and details. Where stdin ends, its parent is gone, and so is it.
"""

import dataclasses
import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from huggingface_hub.hf_api import RepoSibling

NETWORK, MISSING, REFUSED, SERVER, DISK, UNUSABLE, OFFLINE = (
    "network",
    "missing",
    "refused",
    "server",
    "disk",
    "unusable",
    "offline",
)
"""What can go wrong: no connection, no such repository, a repository that is not public, an answer of the hub that is
an error, a disk that is full or failing, a repository without what is needed, a hub that is switched off."""

_LARGEST_CONFIG_BYTES = 1_000_000
_CHUNK_BYTES = 256 * 1024
"""What is kept when the connection breaks or the process is killed is a multiple of this."""
_REPORT_S = 0.1


@dataclass(frozen=True, slots=True)
class Request:
    """What to fetch of which repository: ``config``, the first of ``weights`` there is, and those of ``optional``."""

    repository: str
    revision: str | None
    folder: str
    config: str
    weights: tuple[str, ...]
    optional: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the hub announces it, with one checksum (hex): ``sha256`` of large files, git's own of small ones."""

    name: str
    size_bytes: int
    sha256: str | None
    git_sha1: str

    @property
    def part(self) -> str:
        """Name the file while it is being fetched; the checksum keeps parts of two revisions from being mixed."""
        return f"{self.name}.{(self.sha256 or self.git_sha1)[:16]}.incomplete"


def main() -> None:
    """Fetch what the argument asks for."""
    os.environ["HF_HUB_DISABLE_XET"] = "1"  # another protocol, which could not be resumed
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    parent, sys.stdout = sys.stdout, sys.stderr
    go = threading.Event()
    threading.Thread(target=_follow_parent, args=(go,), daemon=True).start()
    values = json.loads(sys.argv[1])
    _reporting_errors(parent, lambda: _fetch(Request(**values), parent, go))


def _follow_parent(go: threading.Event) -> None:
    # Not through sys.stdin, whose lock would be held when the program ends.
    while os.read(0, 1):
        go.set()
    os._exit(1)


def _tell(parent: TextIO, **message: Any) -> None:
    print(json.dumps(message), file=parent, flush=True)


def _reporting_errors(parent: TextIO, fetch: Callable[[], None]) -> None:
    """Run ``fetch`` and tell the parent what went wrong; a bug ends in a traceback."""
    from huggingface_hub import errors

    # The hub's own class is one of its HTTP library's, and that differs between releases.
    http_errors = tuple(
        kind for kind in errors.HfHubHTTPError.__mro__ if issubclass(kind, Exception) and kind.__name__ == "HTTPError"
    )
    try:
        fetch()
    except errors.OfflineModeIsEnabled as error:
        _tell(parent, error=OFFLINE, detail=str(error))
    except errors.GatedRepoError as error:
        _tell(parent, error=REFUSED, detail=str(error))
    except errors.EntryNotFoundError:
        _tell(parent, error=UNUSABLE, detail="a file that it lists is not there")
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        _tell(parent, error=MISSING, detail=str(error))
    except errors.HfHubHTTPError as error:
        _tell(parent, error=SERVER, detail=f"status {error.response.status_code}")
    except http_errors as error:
        _tell(parent, error=NETWORK, detail=str(error) or type(error).__name__)
    except _UnusableError as error:
        _tell(parent, error=UNUSABLE, detail=str(error))
    except OSError as error:
        # Without a number it is huggingface_hub's: it received less than was announced.
        _tell(parent, error=DISK if error.errno else NETWORK, detail=error.strerror or str(error))


class _UnusableError(Exception):
    """The repository lacks what is needed."""


def _fetch(request: Request, parent: TextIO, go: threading.Event) -> None:
    from huggingface_hub import HfApi

    # token=False: models are public, and the hub need not know who asks.
    info = HfApi(token=False, library_name="imgfind").model_info(
        request.repository, revision=request.revision, files_metadata=True, timeout=10
    )
    if info.sha is None:
        raise _UnusableError("the hub does not say which revision it has")
    files = _chosen(request, {file.rfilename: file for file in info.siblings or []})
    parts = [Path(request.folder) / file.part for file in files]
    source = _Source(request, info.sha)
    source.fetch(files[0], lambda: None)
    _tell(parent, plan={"commit": info.sha, "files": [dataclasses.asdict(file) for file in files]})
    go.wait()
    news = _News(parent, parts)
    for file in files[1:]:
        source.fetch(file, news.tell)
    _tell(parent, done=True)


def _chosen(request: Request, there: dict[str, "RepoSibling"]) -> list[HubFile]:
    """Return what is to be fetched, the configuration first, then the weights."""
    weights = next((name for name in request.weights if name in there), None)
    if request.config not in there or weights is None:
        raise _UnusableError(f"it lacks {request.config} or {request.weights[0]}")
    files = [_announced(there[name]) for name in (request.config, weights, *request.optional) if name in there]
    if files[0].size_bytes > _LARGEST_CONFIG_BYTES:
        raise _UnusableError(f"its {request.config} is no configuration")
    return files


def _announced(file: "RepoSibling") -> HubFile:
    if file.size is None or file.blob_id is None:
        raise _UnusableError(f"the hub does not say what {file.rfilename} holds")
    return HubFile(file.rfilename, file.size, file.lfs.sha256 if file.lfs else None, file.blob_id)


class _Source:
    """Fetches files of one commit, each going on where an earlier process left it."""

    def __init__(self, request: Request, commit: str) -> None:
        self._request = request
        self._commit = commit

    def fetch(self, file: HubFile, written: Callable[[], None]) -> None:
        from huggingface_hub import constants, hf_hub_url
        from huggingface_hub.file_download import http_get

        # Its 10 MB are lost with a broken connection, and are a long time without news on a slow one.
        constants.DOWNLOAD_CHUNK_SIZE = _CHUNK_BYTES
        part = Path(self._request.folder) / file.part
        if part.exists() and part.stat().st_size > file.size_bytes:
            part.unlink()
        with _WatchedFile(part, written) as stream:
            http_get(
                hf_hub_url(self._request.repository, file.name, revision=self._commit),
                stream,
                resume_size=stream.tell(),
                headers={"Accept-Encoding": "identity", "User-Agent": "imgfind"},  # a packed file has no ranges
                expected_size=file.size_bytes,
            )


class _News:
    """Tells the parent how much is on disk, but not for every chunk."""

    def __init__(self, parent: TextIO, parts: Iterable[Path]) -> None:
        self._parent = parent
        self._parts = list(parts)
        self._told_at = float("-inf")

    def tell(self) -> None:
        now = time.monotonic()
        if now - self._told_at >= _REPORT_S:
            self._told_at = now
            _tell(self._parent, bytes=sum(part.stat().st_size for part in self._parts if part.exists()))


class _WatchedFile(io.BufferedWriter):
    """A file to append to that has every chunk on its way to the disk before it asks for the next one."""

    def __init__(self, path: Path, written: Callable[[], None]) -> None:
        super().__init__(io.FileIO(path, "ab"))
        self._written = written

    def write(self, chunk: "ReadableBuffer", /) -> int:
        count = super().write(chunk)
        self.flush()
        self._written()
        return count


if __name__ == "__main__":
    main()
