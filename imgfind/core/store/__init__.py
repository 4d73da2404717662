"""The catalogue: every SQL statement over ``catalog.sqlite3``, the truth of a library.

``schema`` holds the tables, ``opening`` decides what may be opened, ``catalogue`` reads and writes, ``reconcile``
compares a scan with what is known, ``dating`` finds out when photos were taken, ``conditions`` puts filters into SQL,
``finding`` and ``listing`` return what a search and a list show, ``marks`` keeps favourites and saved searches,
``removals`` is the journal of the trash, ``duplicates`` keeps verdicts and decisions, ``choices`` what is to be kept of
them, ``copies`` says what is shown once, ``roots`` moves and forgets whole folders, ``sources`` serves the search index
and the decode threads. Knows no image, no encoder and no search graph. One :class:`Store` belongs to one thread.
"""

from imgfind.core.store.catalogue import Store
from imgfind.core.store.dating import date_photos
from imgfind.core.store.opening import CATALOGUE_FILE
from imgfind.core.store.reconcile import Plan, Reconciliation, Scope, Todo
from imgfind.core.store.rows import IndexedPhoto, Model, NewContent, PhotoDetails, Root
from imgfind.core.store.sources import KnownContents, ModelVectors

__all__ = [
    "CATALOGUE_FILE",
    "IndexedPhoto",
    "KnownContents",
    "Model",
    "ModelVectors",
    "NewContent",
    "PhotoDetails",
    "Plan",
    "Reconciliation",
    "Root",
    "Scope",
    "Store",
    "Todo",
    "date_photos",
]
