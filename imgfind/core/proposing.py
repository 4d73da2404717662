"""Finds the pairs of contents worth comparing and notes them: describes what is new, then asks for candidates.

Belongs to the thread that opened the store; the work on pixels is shared out to threads of its own.
"""

import contextlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from imgfind.core import candidates, hashes, keypoints, verifying
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
    described: set[ContentId] = set()

    def save() -> None:
        noted.save_descriptors(database, keypoints.KEYPOINTS_VERSION, waiting)
        described.update(waiting)
        waiting.clear()

    with contextlib.closing(verifying.previewed(noted.contents(database, missing), previews, _described)) as results:
        try:
            for done, (content, descriptor) in enumerate(results):
                job.report(Progress("describing", done, len(missing)))
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
    looks = noted.looks(store.database, hashes.HASH_VERSION, keypoints.KEYPOINTS_VERSION)
    highest = looks.content_ids[-1] if looks.content_ids else 0
    if highest <= done and not also:
        return 0
    job.report(Progress("looking for candidates"))
    known = candidates.looks(
        np.array(looks.content_ids, np.int64),
        list(looks.phashes),
        list(looks.phash_qualities),
        list(looks.descriptors),
    )
    fresh = None if done == 0 else (known.content_ids > done) | np.isin(known.content_ids, list(also))
    pairs = candidates.propose(known, fresh, _near_contents(store, model, open_index, known.content_ids, fresh))
    job.report()
    return noted.note_proposed(store.database, pairs, f"{_version(model)}:{highest}")


def _described(pixels: PixelArray) -> bytes:
    return keypoints.describe(Image.fromarray(pixels))


def _near_contents(
    store: Store, model: Model | None, open_index: IndexOpener, contents: IdArray, fresh: Marks | None
) -> IdArray | None:
    """Return the pairs of contents whose vectors are near."""
    if model is None:
        return None
    vector_ids, content_ids = noted.contents_of_vectors(store.database, model.model_id)
    asked = None if fresh is None else vector_ids[np.isin(content_ids, contents[fresh])]
    near = open_index(store, model).near_pairs(asked)
    return content_ids[np.searchsorted(vector_ids, near)]


def _version(model: Model | None) -> str:
    made_by = (candidates.CANDIDATES_VERSION, keypoints.KEYPOINTS_VERSION, hashes.HASH_VERSION)
    return ".".join(map(str, (*made_by, model.model_id if model else 0)))


def _proposed_up_to(store: Store, model: Model | None) -> int:
    """Return the highest content up to which pairs were looked for, as they would be today; 0 for none."""
    version, _, content = (store.setting(noted.PROPOSED) or "").rpartition(":")
    return int(content) if version == _version(model) else 0
