"""A library at a glance: what it holds, how large it is, which models it knows and how it searches. Reads only."""

import datetime as dt
import platform
from dataclasses import dataclass, field
from pathlib import Path

from imgfind import __version__
from imgfind.core import lock
from imgfind.core.care import backups
from imgfind.core.care.diagnosis import VECTORS_FOLDER
from imgfind.core.care.pruning import size_bytes
from imgfind.core.database import version
from imgfind.core.decode import DECODE_VERSION, MODEL_INPUT_VERSION
from imgfind.core.encode import PrecisionCheck
from imgfind.core.runtimes import precision_of
from imgfind.core.store import CATALOGUE_FILE, Model, ModelVectors, Store
from imgfind.core.store.schema import SCHEMA_VERSION
from imgfind.core.switching import ACTIVE_MODEL, TARGET_MODEL, ModelUse, model_uses
from imgfind.core.thumbs import PREVIEWS_FILE
from imgfind.core.vectors import GraphInspection, package_and_version

DEVICE = "device"
"""The setting that names the device that encoded last: what ``auto`` came to."""
INDEXED = "indexed"
"""The setting that tells when the last index run came to its end (UTC)."""

_FINGERPRINT_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Status:
    """A library at a glance; ``target_model`` is another one than ``model`` while photos are encoded again.

    ``waiting`` photos in reach have no vector of the target model yet. ``sizes`` are bytes, by kind; ``decisions``
    say in words what was chosen by itself and why, ``precision`` the figures behind one of them; ``backup`` is when the
    newest rolling one was made.
    """

    folder: str
    photos: int
    offline: int
    contents: int
    problems: int
    roots: int
    model: str | None
    target_model: str | None
    device: str
    vectors: int
    size_bytes: int
    indexing_pid: int | None
    waiting: int = 0
    indexed_at: str | None = None
    backup_at: str | None = None
    models: list[ModelUse] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    decisions: dict[str, str] = field(default_factory=dict)
    precision: PrecisionCheck | None = None


def status_of(store: Store, folder: Path, device: str) -> Status:
    """Describe an opened library; ``device`` is the configured one."""
    active, target = store.model(ACTIVE_MODEL), store.model(TARGET_MODEL)
    uses = model_uses(store)
    newest = next(iter(backups.rolling(folder)), None)
    encoding = target or active
    precision = precision_of(store, encoding.model_id) if encoding else None
    return Status(
        folder=str(folder),
        **store.counts(),
        model=active.name if active else None,
        target_model=target.name if target else None,
        device=store.setting(DEVICE) or device,
        vectors=ModelVectors(store.database, active.model_id, active.dim).count() if active else 0,
        size_bytes=size_bytes(folder),
        indexing_pid=lock.holder(folder),
        waiting=next((use.waiting for use in uses if use.is_target), 0),
        indexed_at=store.setting(INDEXED),
        backup_at=newest.made_at.isoformat() if newest else None,
        models=uses,
        sizes=_sizes(folder),
        versions=_versions(active),
        decisions=_decisions(store, folder, active, device) | ({"precision": _told(precision)} if precision else {}),
        precision=precision,
    )


def note_indexed(store: Store) -> None:
    """Note that an index run has come to its end."""
    store.set_setting(INDEXED, dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))


def _sizes(folder: Path) -> dict[str, int]:
    def of_files(pattern: str) -> int:
        return sum(file.stat().st_size for file in folder.glob(pattern) if file.is_file())

    catalogue = folder / CATALOGUE_FILE
    present = sum(file.stat().st_size for file in (catalogue, *backups.logs_of(catalogue)) if file.is_file())
    return {
        "catalogue": present,
        "old catalogues": of_files(f"{CATALOGUE_FILE}*") - present,
        "graphs": size_bytes(folder / VECTORS_FOLDER),
        "previews": of_files(f"{PREVIEWS_FILE}*"),
        "backups": size_bytes(folder / backups.BACKUPS_FOLDER),
    }


def _told(check: PrecisionCheck) -> str:
    return (
        f"{check.precision} (int8 on {check.photos} of your photos: cosine to float32 {check.cosine:.4f}, the nearest"
        f" ten agree to {check.agreement:.1%}, {check.speedup:.1f} times as fast)"
    )


def _versions(active: Model | None) -> dict[str, str]:
    versions = {
        "imgfind": __version__,
        "python": platform.python_version(),
        "sqlite": version(),
        "hnswlib": " ".join(package_and_version()).removeprefix("hnswlib "),
        "schema": str(SCHEMA_VERSION),
        "decode": str(DECODE_VERSION),
        "model input": str(MODEL_INPUT_VERSION),
    }
    return versions | ({"model": active.fingerprint[:_FINGERPRINT_SHOWN]} if active else {})


def _decisions(store: Store, folder: Path, active: Model | None, device: str) -> dict[str, str]:
    used = store.setting(DEVICE)
    decisions = {
        "journal": {"wal": "write-ahead log"}.get(
            mode := store.database.value("PRAGMA journal_mode"), f"{mode} (no write-ahead log on this file system)"
        ),
        "device": f"{used} ({device} was asked for)" if used else f"{device} (nothing was encoded yet)",
    }
    if active is not None:
        source = ModelVectors(store.database, active.model_id, active.dim)
        file = folder / VECTORS_FOLDER / f"{active.model_id}.hnsw"
        decisions["search"] = GraphInspection(file, active.dim, source).decision()
    return decisions
