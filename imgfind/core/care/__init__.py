"""Taking care of a library: checks and repair, backups, export, pruning, and how it stands.

``status`` describes, ``diagnosis`` checks every invariant and ``repair`` mends, ``backups`` copies the catalogue and
brings copies back, ``prune`` deletes what vanished long ago, ``export`` writes tables for other programs. Photos are
never touched. What changes anything needs the indexer's lock, which :mod:`imgfind.core.library` takes.
"""

from imgfind.core.care.keeper import Care

__all__ = ["Care"]
