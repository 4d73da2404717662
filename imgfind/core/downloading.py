"""Brings a model from the Hugging Face hub onto this disk, on the user's word, and takes it away again.

Owns the parent's side: starting :mod:`imgfind.core.fetching` in a process that can be killed, its progress, free
space, checksums, and the move into place. A model is downloaded into ``<name>.partial`` and appears under its name
when all of it is there and right; what is there of an interrupted one is used by the next try. Callable from any
thread; a lock keeps two downloads of one model apart.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import filelock

from imgfind.core import config, fetching, models
from imgfind.core.errors import ImgfindError, ModelError
from imgfind.core.fetching import HubFile, Request
from imgfind.core.job import Job, Progress
from imgfind.core.presets import Preset, find_preset, plain_name
from imgfind.core.records import ModelFiles

RECEIPT_FILE = "imgfind_download.json"
"""Lies in every folder that was downloaded: where from, which commit, and the files, which alone may be removed."""

_POLL_S = 0.1
_HASHED_AT_ONCE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the hub announced."""

    commit: str
    files: list[HubFile]


def download(name: str, job: Job) -> ModelFiles:
    """Download a preset, or ``hf-hub:org/repo``, and return it; nothing is fetched where it is on this disk already.

    Progress is in bytes. Raises :class:`Cancelled`, and :class:`ImgfindError` for everything that can go wrong on the
    way; what has arrived is kept for the next try, unless its checksum is wrong.
    """
    wanted = models.downloadable(name)
    with contextlib.suppress(ModelError):
        return models.find_model(name)
    if config.is_offline():
        raise ImgfindError("IMGFIND_OFFLINE is set, so nothing is fetched; unset it to download models.")
    folder = config.models_folder() / wanted.name
    partial = folder.with_name(folder.name + models.PARTIAL_SUFFIX)
    with _disk_errors(), _alone(partial):
        if folder.exists() and {file.name for file in folder.iterdir()} - {*_received(folder), RECEIPT_FILE}:
            raise ModelError(f"{folder} holds files that imgfind did not download; move them away, then try again.")
        partial.mkdir(exist_ok=True)
        plan = _fetched(wanted, partial, job)
        _verify(plan, partial, job)
        _put_in_place(wanted, plan, partial, folder)
    return models.find_model(name)


def downloaded_bytes(name: str) -> int:
    """Return how much disk space the files take that were downloaded for a model, finished or not."""
    folder, partial = _folders(name)
    files = [folder / name for name in _received(folder)] + list(partial.glob("*"))
    return sum(file.stat().st_size for file in files if file.is_file())


def remove_files(name: str) -> int:
    """Delete what was downloaded for a model, finished or not, and nothing else; return how many bytes that gave back.

    Files that imgfind did not download stay.
    """
    folder, partial = _folders(name)
    freed = downloaded_bytes(name)
    if not freed:
        return 0
    with _disk_errors(), _alone(partial):
        _remove_received(folder)
        shutil.rmtree(partial, ignore_errors=True)
    return freed


def _folders(name: str) -> tuple[Path, Path]:
    """Return the folder of a downloaded model and the one of an unfinished download."""
    preset = find_preset(name)
    plain = Path(preset.name if preset else plain_name(name.removeprefix(models.HUB_PREFIX)))
    if plain.is_absolute() or ".." in plain.parts or not plain.name:
        plain = Path("no model of ours")  # a folder of the user's
    folder = config.models_folder() / plain
    return folder, folder.with_name(folder.name + models.PARTIAL_SUFFIX)


def _received(folder: Path) -> list[str]:
    try:
        names = json.loads((folder / RECEIPT_FILE).read_text("utf-8"))["files"]
    except (OSError, ValueError, LookupError, TypeError):
        return []
    return [name for name in names if isinstance(name, str) and Path(name).name == name]


# Fetching


def _fetched(wanted: Preset, partial: Path, job: Job) -> _Plan:
    """Have the child fetch everything into ``partial`` and return what it fetched."""
    optional = (models.MERGES_FILE,)
    request = Request(wanted.hub, wanted.revision, str(partial), models.CONFIG_FILE, models.WEIGHTS_FILES, optional)
    with _Child(request, wanted) as child:
        announced = child.next_message(job, Progress("connecting"))["plan"]
        plan = _Plan(announced["commit"], [HubFile(**file) for file in announced["files"]])
        _sort_out(partial, plan)
        models.check_config(partial / plan.files[0].part, wanted.name)
        _check_pin(wanted, plan)
        _check_space(partial, plan)
        child.go_on()
        total = sum(file.size_bytes for file in plan.files)
        pace = _Pace(total, _on_disk_bytes(partial, plan))
        progress = pace.progress(_on_disk_bytes(partial, plan))
        while "done" not in (message := child.next_message(job, progress)):
            progress = pace.progress(message["bytes"])
        job.report(pace.progress(total))
    return plan


class _Child:
    """The process that fetches: killed when the block ends, however it ends."""

    def __init__(self, request: Request, wanted: Preset) -> None:
        self._wanted = wanted
        self._chatter = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(  # noqa: S603 - our own program; the request is data to it
            # -P: the folder of the program holds modules that must not be taken for others of the same name.
            [sys.executable, "-P", fetching.__file__, json.dumps(dataclasses.asdict(request))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._chatter,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the parent to handle
        )
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._chatter):
            assert stream is not None
            stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        buffer = b""
        try:
            while chunk := self._process.stdout.read(65536):
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    self._messages.put(json.loads(line))
        except ValueError:
            self._process.kill()  # that is no message of ours
        finally:
            self._messages.put(None)

    def go_on(self) -> None:
        """Let the child fetch the rest."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its last words are still to be read
            self._process.stdin.write(b"\n")

    def next_message(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Return what the child says next, reporting ``progress`` meanwhile.

        Raises :class:`Cancelled`, and :class:`ImgfindError` where the child met with trouble.
        """
        while True:
            job.report(progress)
            with contextlib.suppress(queue.Empty):
                message = self._messages.get(timeout=_POLL_S)
                break
        if message is None:
            self._chatter.seek(0)
            last_words = self._chatter.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise ImgfindError(
                f"The download ended unexpectedly ({last_words or 'killed'}); run the command again, it goes on where"
                " it was."
            )
        if "error" in message:
            raise _trouble(message["error"], message["detail"], self._wanted)
        return message


def _trouble(kind: str, detail: str, wanted: Preset) -> ImgfindError:
    """Return what the child met with as a sentence."""
    again = "run the command again, it goes on where it was"
    hub, revision = wanted.hub, f" in revision {wanted.revision}" if wanted.revision else ""
    sentences = {
        fetching.NETWORK: "The Hugging Face hub cannot be reached, or the connection broke"
        f" ({detail}); check the network and {again}.",
        fetching.SERVER: f"The Hugging Face hub answered with an error ({detail}); wait a while and {again}.",
        fetching.OFFLINE: "HF_HUB_OFFLINE is set, so nothing is fetched; unset it to download models.",
        fetching.DISK: f"The disk of {config.models_folder()} is full or failing ({detail}); free some space, then"
        f" {again}.",
        fetching.REFUSED: f"The repository {hub} is not public; imgfind fetches public models only.",
        fetching.MISSING: f"The Hugging Face hub has no public repository {hub}{revision}; check the name, or put the"
        " model's files on this disk yourself.",
        fetching.UNUSABLE: f"The repository {hub} holds no model imgfind can use: {detail}.",
    }
    blames_model = kind in (fetching.REFUSED, fetching.MISSING, fetching.UNUSABLE)
    return (ModelError if blames_model else ImgfindError)(sentences[kind])


def _sort_out(partial: Path, plan: _Plan) -> None:
    """Take up what an earlier try left: finished files under their names; what is of another revision goes."""
    for file in plan.files:
        if (partial / file.name).exists() and not (partial / file.part).exists():
            os.replace(partial / file.name, partial / file.part)
    expected = {file.part for file in plan.files}
    for left in partial.iterdir():
        if left.name not in expected:
            left.unlink()


def _on_disk_bytes(partial: Path, plan: _Plan) -> int:
    parts = [partial / file.part for file in plan.files]
    return sum(part.stat().st_size for part in parts if part.exists())


def _check_pin(wanted: Preset, plan: _Plan) -> None:
    if wanted.sha256 is not None and plan.files[1].sha256 != wanted.sha256:
        raise ModelError(
            f"The Hugging Face hub offers other weights for {wanted.name} than the ones imgfind knows; nothing was"
            " downloaded. Update imgfind, or choose another model."
        )


def _check_space(partial: Path, plan: _Plan) -> None:
    needed = sum(file.size_bytes for file in plan.files) - _on_disk_bytes(partial, plan)
    free = shutil.disk_usage(partial).free
    if needed > free:
        raise ImgfindError(
            f"The download needs {needed / 1e6:,.0f} MB and the disk of {config.models_folder()} has"
            f" {free / 1e6:,.0f} MB free; free some space, then run the command again."
        )


class _Pace:
    """How fast a download goes, and when it will be done; what was there before does not count."""

    def __init__(self, total: int, before: int) -> None:
        self._total = total
        self._before = before
        self._started = time.monotonic()

    def progress(self, done: int) -> Progress:
        per_s = (done - self._before) / max(time.monotonic() - self._started, 1e-6)
        return Progress(
            "downloading",
            done,
            self._total,
            per_s=per_s or None,
            eta_s=(self._total - done) / per_s if per_s > 0 else None,
        )


# Checking and putting in place


def _verify(plan: _Plan, partial: Path, job: Job) -> None:
    """Compare every file with its checksum; one that is wrong is deleted."""
    for file in plan.files:
        if _checksum(file, partial / file.part, job) != (file.sha256 or file.git_sha1):
            (partial / file.part).unlink()
            raise ModelError(
                f"The file {file.name} arrived damaged (its checksum is wrong) and was deleted; run the command again,"
                " and if that does not help, check the network and the disk."
            )


def _checksum(file: HubFile, part: Path, job: Job) -> str:
    if file.sha256 is not None:
        digest = hashlib.sha256()
    else:
        # git hash-object: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
        digest = hashlib.sha1(f"blob {file.size_bytes}\0".encode(), usedforsecurity=False)
    done = 0
    with open(part, "rb") as stream:
        while chunk := stream.read(_HASHED_AT_ONCE_BYTES):
            digest.update(chunk)
            done += len(chunk)
            job.report(Progress("checking", done, file.size_bytes))
    return digest.hexdigest()


def _put_in_place(wanted: Preset, plan: _Plan, partial: Path, folder: Path) -> None:
    """Give the files their names and the folder its own, in the place of a damaged download."""
    receipt = {
        "repository": wanted.hub,
        "commit": plan.commit,
        "files": {file.name: file.sha256 or file.git_sha1 for file in plan.files},
    }
    (partial / RECEIPT_FILE).write_text(json.dumps(receipt, indent=2) + "\n", "utf-8")
    for file in plan.files:
        os.replace(partial / file.part, partial / file.name)
    _remove_received(folder)
    os.rename(partial, folder)


def _remove_received(folder: Path) -> None:
    """Delete what was downloaded into ``folder``, and the folder itself where nothing else is in it."""
    received = _received(folder)
    # The receipt last: a removal that was interrupted can be done again.
    for name in [*received, RECEIPT_FILE] if received else []:
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not there, or something of the user's is in it
        folder.rmdir()


@contextlib.contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """Be the only one who changes this model's folders."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(partial.with_name(partial.name + ".lock"), timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise ImgfindError("Another process is downloading this model; wait until it is done, or stop it.") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
        for left in (partial, partial.parent):
            with contextlib.suppress(OSError):  # holds something to go on with, or other models
                left.rmdir()


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # of whoever shows the progress
    except OSError as error:
        raise ImgfindError(
            f"The folder of models {config.models_folder()} cannot be written to ({error.strerror or error}); check its"
            " permissions and the disk, then run the command again."
        ) from error
