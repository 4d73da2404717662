"""Finds the pairs of contents worth comparing and notes them: describes what is new, then asks for candidates.

Belongs to the thread that opened the store; the work on pixels is shared out to threads of its own.
"""

import contextlib
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from imgfind.core import candidates, hashes, keypoints, verifying
from imgfind.core.candidates import Keypoints
from imgfind.core.database import Database
from imgfind.core.hamming import Marks
from imgfind.core.job import Job, Progress
from imgfind.core.records import ContentId, IdArray, PixelArray
from imgfind.core.store import Model, Store
from imgfind.core.store import duplicates as noted
from imgfind.core.thumbs import Previews
from imgfind.core.vectors import VectorIndex

IndexOpener = Callable[[Store, Model], VectorIndex]

_SAVED_AT_ONCE = 500


def is_due(store: Store, model: Model | None) -> bool:
    """Tell whether there are contents among which no pairs were looked for yet."""
    return _proposed_up_to(store, model) < noted.highest_content(store.database)


def describe(store: Store, previews: Previews, job: Job) -> set[ContentId]:
    """Describe the contents on show that have no descriptor; return those that have one now.

    A file that gives no picture gets an empty one, for it would not give one the next time either.
    """
    database = store.database
    missing = noted.contents_without_descriptor(database, keypoints.KEYPOINTS_VERSION)
    waiting: dict[ContentId, bytes] = {}
    started = time.monotonic()
    described: set[ContentId] = set()

    def save() -> None:
        noted.save_descriptors(database, keypoints.KEYPOINTS_VERSION, waiting)
        described.update(waiting)
        waiting.clear()

    with contextlib.closing(verifying.previewed(noted.contents(database, missing), previews, _described)) as results:
        try:
            for done, (content, descriptor) in enumerate(results):
                per_s = done / max(time.monotonic() - started, 1e-3)
                eta_s = (len(missing) - done) / per_s if done else None
                job.report(Progress("describing", done, len(missing), 0, per_s, eta_s))
                if descriptor is not None or content.path is not None:
                    waiting[content.content_id] = descriptor or b""
                if len(waiting) >= _SAVED_AT_ONCE:
                    save()
        finally:
            save()
    return described


def propose(store: Store, model: Model | None, open_index: IndexOpener, also: set[ContentId], job: Job) -> int:
    """Note the pairs worth comparing among which is a new content, or one of ``also``; return how many are new."""
    done = _proposed_up_to(store, model)
    database = store.database
    if noted.highest_content(database) <= done and not also:
        return 0
    job.report(Progress("looking for candidates"))
    contents, phashes, qualities = noted.phashes(database, hashes.HASH_VERSION)
    ids = np.array(contents, np.int64)
    fresh = None if done == 0 else (ids > done) | np.isin(ids, list(also))
    known = candidates.looks(ids, phashes, qualities, _keypoints(database, ids, fresh))
    near = _near_contents(store, model, open_index, ids, fresh)
    whole = None if fresh is None else partial(_all_keypoints, database)
    pairs = candidates.propose(known, fresh, near, whole)
    job.report()
    return noted.note_proposed(database, pairs, f"{_version(model)}:{max(contents, default=0)}")


def _keypoints(database: Database, content_ids: IdArray, fresh: Marks | None) -> Keypoints:
    """Return the keypoints of contents; with ``fresh`` marks without most of those that none of theirs looks like."""
    sieve = None if fresh is None else candidates.sieve(_all_keypoints(database, content_ids[fresh])[0])
    counts = np.zeros(len(content_ids), np.int64)
    found = [np.empty(0, keypoints.KEYPOINT)]
    for rows in noted.descriptors(database, keypoints.KEYPOINTS_VERSION):
        ids = np.array([content for content, _ in rows], np.int64)
        read, sizes = candidates.joined([descriptor for _, descriptor in rows])
        there = np.isin(ids, content_ids)  # others have come since
        passing = np.repeat(there, sizes)
        if sieve is not None:
            passing &= sieve.passing(np.ascontiguousarray(read["code"]))
        owners = np.repeat(np.arange(len(ids)), sizes)[passing]
        counts[np.searchsorted(content_ids, ids[there])] = np.bincount(owners, minlength=len(ids))[there]
        found.append(read[passing])
    return np.concatenate(found), counts


def _all_keypoints(database: Database, content_ids: IdArray) -> Keypoints:
    """Return the keypoints of some contents, as :func:`candidates.joined` does."""
    known = noted.descriptors_of(database, keypoints.KEYPOINTS_VERSION, content_ids)
    return candidates.joined([known.get(content, b"") for content in content_ids.tolist()])


def _described(pixels: PixelArray) -> bytes:
    return keypoints.describe(Image.fromarray(pixels))


def _near_contents(
    store: Store, model: Model | None, open_index: IndexOpener, contents: IdArray, fresh: Marks | None
) -> IdArray | None:
    """Return the pairs of contents whose vectors are near."""
    if model is None:
        return None
    asked = None if fresh is None else noted.vectors_of(store.database, model.model_id, contents[fresh])
    near = open_index(store, model).near_pairs(asked)
    return noted.contents_of_vectors(store.database, near)


def _version(model: Model | None) -> str:
    made_by = (candidates.CANDIDATES_VERSION, keypoints.KEYPOINTS_VERSION, hashes.HASH_VERSION)
    return ".".join(map(str, (*made_by, model.model_id if model else 0)))


def _proposed_up_to(store: Store, model: Model | None) -> int:
    """Return the highest content up to which pairs were looked for, as they would be today; 0 for none."""
    version, _, content = (store.setting(noted.PROPOSED) or "").rpartition(":")
    return int(content) if version == _version(model) else 0
