"""Makes what the catalogue takes in, for tests that need no real pictures."""

import hashlib
from pathlib import Path

import numpy as np

from imgfind.core.records import Facts, FloatArray, FoundFile, PerceptualHash, RootId
from imgfind.core.store import IndexedPhoto, NewContent, Store

DIM = 4


def file_at(path: str, *, size: int = 100, mtime: int = 1, inode: int = 0, device: int = 1) -> FoundFile:
    """Return a file as the scan reports it."""
    return FoundFile(path, size, mtime, device, inode)


def hash_of(label: str) -> bytes:
    """Return the content hash of the made-up content ``label``."""
    return hashlib.sha256(label.encode()).digest()


def vector_of(label: str) -> FloatArray:
    """Return the vector of the made-up content ``label``, as exact as the catalogue keeps it."""
    row = np.random.default_rng(int.from_bytes(hash_of(label)[:8], "little")).normal(size=DIM)
    return (row / np.linalg.norm(row)).astype(np.float16).astype(np.float32)


def indexed(root_id: RootId, file: FoundFile, label: str, *, known: bool = False) -> IndexedPhoto:
    """Return a photo that shows ``label``, with facts and vector unless its bytes are ``known``."""
    content = NewContent(640, 480, "JPEG", Facts(camera=f"camera of {label}"), PerceptualHash(bytes(32), 80), 1, 1)
    return IndexedPhoto(
        root_id,
        file,
        hash_of(label),
        file.size_bytes,
        None if known else content,
        None if known else vector_of(label),
    )


def bytes_in(folder: Path) -> dict[str, bytes]:
    """Return name -> bytes of everything in ``folder``."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def vanished(store: Store) -> int:
    """Count the contents noted as on show nowhere."""
    count: int = store.database.value("SELECT count(*) FROM contents WHERE vanished_at IS NOT NULL")
    return count
