"""Which contents were found to be copies of each other: what a list asks that shows a picture once.

Copies are stages 1 to 3: the same file, the same pixels, the same picture saved again. Same thread as the database.
"""

import json
import os
from collections.abc import Collection

from imgfind.core.database import Database
from imgfind.core.records import ContentId, Label, PhotoId, Verdict
from imgfind.core.store.duplicates import Pair

LAST_LABEL = Label.RE_ENCODED
"""What differs by more is another picture to whoever looks for one: cropped, in grey, with a frame."""

# The plus keeps SQLite to the primary key: left to itself it tries each content with each other one, 500 times 500.
ALIKE = """SELECT v.content_a, v.content_b, v.label, v.similarity, v.turn, v.area, v.reason
    FROM json_each(?1) AS one CROSS JOIN verdicts AS v ON v.content_a = one.value
    WHERE v.label <= ?2 AND +v.version = ?3 AND +v.content_b IN (SELECT value FROM json_each(?1))"""

FAMILY = """WITH RECURSIVE family (content) AS (
        VALUES (?1)
        UNION SELECT v.content_b FROM family CROSS JOIN verdicts AS v ON v.content_a = family.content
            WHERE v.label <= ?2 AND +v.version = ?3
        UNION SELECT v.content_a FROM family CROSS JOIN verdicts AS v ON v.content_b = family.content
            WHERE v.label <= ?2 AND +v.version = ?3
    ) SELECT content FROM family"""


def alike(database: Database, version: int, contents: Collection[ContentId]) -> dict[Pair, Verdict]:
    """Return which of ``contents`` were found by this ``version`` to be copies of each other."""
    rows = database.rows(ALIKE, (json.dumps(list(contents)), LAST_LABEL, version))
    return {(a, b): Verdict(Label(label), *rest) for a, b, label, *rest in rows}


def family(database: Database, version: int, content: ContentId) -> list[ContentId]:
    """Return a content, then those found to be copies of it, copies of those, and so on."""
    return [ContentId(other) for (other,) in database.rows(FAMILY, (content, LAST_LABEL, version))]


def content_of(database: Database, photo_id: PhotoId) -> ContentId | None:
    """Return what a photo shows, None where it is gone."""
    content: ContentId | None = database.value("SELECT content_id FROM photos WHERE photo_id = ?", (photo_id,))
    return content


def paths_showing(database: Database, contents: Collection[ContentId]) -> list[str]:
    """Return where these contents are shown by photos that are not hidden, in order."""
    rows = database.rows(
        """SELECT path FROM photos JOIN contents USING (content_id)
           WHERE content_id IN (SELECT value FROM json_each(?)) AND hidden = 0 ORDER BY path""",
        (json.dumps(list(contents)),),
    )
    return [os.fsdecode(path) for (path,) in rows]
