"""Which encoder answers searches, which one indexing works for, and when the one follows the other.

The *target* becomes the *active* model when every photo in reach has its vector; until then the old one answers, and
its vectors stay until the user gives their space back. Photos that are offline do not hold the switch up: they are
encoded when they are back. Writes the catalogue; the caller holds the indexer's lock, on the thread of the store.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imgfind.core import models
from imgfind.core.errors import LibraryError, ModelError
from imgfind.core.records import ModelFiles, ModelId
from imgfind.core.store import Model, ModelVectors, Store, encoders

ACTIVE_MODEL = "active_model"
"""The model that answers searches."""
TARGET_MODEL = "target_model"
"""The model that indexing works for; becomes the active one when every photo in reach has its vector."""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A model in a library; ``waiting`` photos in reach and ``waiting_offline`` others lack a vector of it."""

    name: str
    is_active: bool
    is_target: bool
    vectors: int
    waiting: int
    waiting_offline: int


@dataclass(frozen=True, slots=True)
class Removal:
    """What went, and whether the library goes on using a model of that name."""

    vectors: int = 0
    freed_bytes: int = 0
    in_use: bool = False


def files_setting(model_id: ModelId) -> str:
    """Name the setting that keeps the sizes and times of the files a model was last fingerprinted from."""
    return f"files of model {model_id}"


def fingerprint(store: Store, used: Model, model: ModelFiles) -> str:
    """Return the fingerprint of ``model``: the one noted of ``used`` where the files are still those.

    Hashing gigabytes for every update or search would take longer than these do.
    """
    is_used = used.name == model.name and models.stamp(model) == store.setting(files_setting(used.model_id))
    return used.fingerprint if is_used else models.fingerprint(model)


def aim_at(store: Store, model: ModelFiles, *, fingerprint: str, encoder_version: int) -> ModelId:
    """Make ``model`` the target, and the active one where none is that has vectors; return its id."""
    model_id = store.add_model(model.name, fingerprint=fingerprint, encoder_version=encoder_version, dim=model.dim)
    store.set_setting(files_setting(model_id), models.stamp(model))
    store.set_setting(TARGET_MODEL, str(model_id))
    active = store.model(ACTIVE_MODEL)
    # One whose first run never began is as good as none.
    if active is None or not ModelVectors(store.database, active.model_id, active.dim).count():
        store.set_setting(ACTIVE_MODEL, str(model_id))
    return model_id


def switch_when_ready(store: Store, model_id: ModelId, unlisted: Sequence[str] = ()) -> None:
    """Make the target the active model if no photo in reach waits for it.

    ``unlisted`` are the folders that the last scan could not read: what is below them does not hold the switch up.
    """
    if not encoders.lacks_vectors(store.database, model_id, unlisted):
        store.set_setting(ACTIVE_MODEL, str(model_id))


def model_uses(store: Store) -> list[ModelUse]:
    """Return the models of which the library holds vectors or makes them, in the order they came."""
    active, target = store.model(ACTIVE_MODEL), store.model(TARGET_MODEL)
    uses = []
    for held in encoders.held_models(store.database):
        is_active = active is not None and held.model_id == active.model_id
        is_target = target is not None and held.model_id == target.model_id
        if held.vectors or is_active or is_target:
            waits = encoders.waiting(store.database, held.model_id)
            uses.append(ModelUse(held.name, is_active, is_target, held.vectors, *waits))
    return uses


def forget_vectors(store: Store, name: str, remove_graph: Callable[[Model], None]) -> Removal:
    """Forget the vectors of a model that the library does not use, and give their space back.

    ``remove_graph`` is called when they are gone. Of a model in use the vectors of its former files go. Raises
    :class:`ModelError` where there are none.
    """
    names = models.spellings(name)
    in_use = {model.model_id for model in (store.model(ACTIVE_MODEL), store.model(TARGET_MODEL)) if model is not None}
    called_so = [held for held in encoders.held_models(store.database) if held.name in names]
    unused = [held for held in called_so if held.model_id not in in_use]
    if called_so and not unused:
        raise ModelError(
            f"This library uses the model {called_so[0].name}; choose another one first: imgfind models use NAME"
        )
    forgotten = 0
    for held in unused:
        forgotten += encoders.forget_vectors(store.database, held.model_id)
        remove_graph(Model(held.model_id, held.name, "", held.dim))
        # Last, so that a removal that was interrupted can be done again.
        encoders.forget_model(store.database, held.model_id, files_setting(held.model_id))
    if unused:
        with contextlib.suppress(LibraryError):  # no room to rewrite it: the free pages are used again
            store.database.compact()
    return Removal(forgotten, in_use=len(unused) < len(called_so))
