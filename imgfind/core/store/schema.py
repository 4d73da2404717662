"""The tables of the catalogue, as numbered migrations that only go forward; pure text.

Rules that keep a catalogue readable for ever: a released migration never changes; the next one is appended; each runs
in one transaction together with its version number.
"""

APPLICATION_ID = 0x494D4746
"""``IMGF``: tells a catalogue from any other SQLite file (``PRAGMA application_id``)."""

NOW = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"
"""SQL for this moment in UTC, the form of every time the catalogue itself notes."""

_SCHEMA_1 = f"""
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A folder the user added. `volume` names the file system it was on, so that a drive can be recognised again under
-- another mount point. `state`: online, missing (could not be listed), vanished (lost too many photos at once).
CREATE TABLE roots (
    root_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    path     BLOB NOT NULL UNIQUE,
    volume   TEXT,
    state    TEXT NOT NULL DEFAULT 'online' CHECK (state IN ('online', 'missing', 'vanished')),
    added_at TEXT NOT NULL DEFAULT ({NOW})
) STRICT;

CREATE TABLE excludes (
    pattern TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- An encoder that made vectors. The fingerprint covers weights, configuration and tokenizer: vectors of two
-- fingerprints must never be compared. `encoder_version` covers our own pixel path.
CREATE TABLE models (
    model_id        INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT NOT NULL,
    fingerprint     TEXT NOT NULL,
    encoder_version INTEGER NOT NULL,
    dim             INTEGER NOT NULL CHECK (dim > 0),
    added_at        TEXT NOT NULL DEFAULT ({NOW}),
    UNIQUE (name, fingerprint, encoder_version)
) STRICT;

-- Distinct bytes. A content outlives its photos for a while (`vanished_at`), so that a photo that comes back needs no
-- encoding. Width and height are of the upright picture.
CREATE TABLE contents (
    content_id     INTEGER PRIMARY KEY AUTOINCREMENT,
    hash           BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    size_bytes     INTEGER NOT NULL,
    width_px       INTEGER NOT NULL,
    height_px      INTEGER NOT NULL,
    format         TEXT NOT NULL,
    taken_at       TEXT,
    camera         TEXT,
    lens           TEXT,
    latitude       REAL,
    longitude      REAL,
    decode_version INTEGER NOT NULL,
    phash          BLOB NOT NULL CHECK (length(phash) = 32),
    phash_quality  INTEGER NOT NULL,
    phash_version  INTEGER NOT NULL,
    vanished_at    TEXT
) STRICT;

-- A path we know. (size_bytes, mtime_ns) is its freshness; `inode` 0 means unknown. `offline`: not there at the last
-- look, for a reason that is not deletion.
CREATE TABLE photos (
    photo_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    root_id    INTEGER NOT NULL REFERENCES roots,
    path       BLOB NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    mtime_ns   INTEGER NOT NULL,
    device     TEXT NOT NULL,
    inode      TEXT NOT NULL,
    content_id INTEGER NOT NULL REFERENCES contents,
    offline    INTEGER NOT NULL DEFAULT 0 CHECK (offline IN (0, 1)),
    added_at   TEXT NOT NULL DEFAULT ({NOW})
) STRICT;
CREATE INDEX photos_by_root ON photos (root_id, device, offline);
CREATE INDEX photos_by_content ON photos (content_id);

-- A file that could not be read. Permanent ones are tried again when the file or `decode_version` changes, transient
-- ones (permissions, disk errors) on every run.
CREATE TABLE problems (
    path           BLOB PRIMARY KEY,
    root_id        INTEGER NOT NULL REFERENCES roots,
    size_bytes     INTEGER NOT NULL,
    mtime_ns       INTEGER NOT NULL,
    reason         TEXT NOT NULL,
    transient      INTEGER NOT NULL CHECK (transient IN (0, 1)),
    decode_version INTEGER NOT NULL,
    found_at       TEXT NOT NULL DEFAULT ({NOW})
) STRICT, WITHOUT ROWID;
CREATE INDEX problems_by_root ON problems (root_id);

-- content x model; `vector_id` is the label in the search graph and never used again. Unit rows of float16.
CREATE TABLE vectors (
    vector_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id   INTEGER NOT NULL REFERENCES models,
    content_id INTEGER NOT NULL REFERENCES contents,
    vector     BLOB NOT NULL,
    UNIQUE (content_id, model_id)
) STRICT;
CREATE INDEX vectors_by_model ON vectors (model_id, vector_id);
"""

# What a photo says of itself beyond its pixels. `photos.taken_at` is the best answer there is for this path: from EXIF
# (`contents.taken_at`), an XMP sidecar, the file's name or its time; `taken_at_source` says which.
_SCHEMA_2 = """
ALTER TABLE contents ADD COLUMN exposure_s REAL;
ALTER TABLE contents ADD COLUMN f_number REAL;
ALTER TABLE contents ADD COLUMN iso INTEGER;
ALTER TABLE contents ADD COLUMN focal_length_mm REAL;
ALTER TABLE photos ADD COLUMN taken_at TEXT;
ALTER TABLE photos ADD COLUMN taken_at_source TEXT CHECK (taken_at_source IN ('exif', 'xmp', 'name', 'file'));
CREATE INDEX photos_by_taken_at ON photos (taken_at);
CREATE INDEX contents_by_camera ON contents (camera);
CREATE INDEX contents_by_lens ON contents (lens);
"""

# What the user said of a picture, by content, so that it holds for its copies and follows it wherever it moves; queries
# kept by name; and the journal of what was put into the trash.
_SCHEMA_3 = f"""
ALTER TABLE contents ADD COLUMN favourite INTEGER NOT NULL DEFAULT 0 CHECK (favourite IN (0, 1));
ALTER TABLE contents ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0 CHECK (hidden IN (0, 1));
CREATE INDEX contents_favourite ON contents (favourite) WHERE favourite = 1;
CREATE INDEX contents_hidden ON contents (hidden) WHERE hidden = 1;

-- Lists of all photos, and what is counted at every change, are read from indexes alone.
DROP INDEX photos_by_taken_at;
CREATE INDEX photos_by_taken_at ON photos (taken_at, content_id);
CREATE INDEX photos_offline ON photos (offline, path) WHERE offline = 1;
CREATE INDEX contents_vanished ON contents (vanished_at) WHERE vanished_at IS NOT NULL;

-- A query may hold a path, whose bytes need not be text.
CREATE TABLE searches (
    name     TEXT PRIMARY KEY,
    query    BLOB NOT NULL,
    added_at TEXT NOT NULL DEFAULT ({NOW})
) STRICT;

-- One row for each file that was to go into the trash. `state`: planned (noted before the file is touched), trashed,
-- restored, failed. `photo` is the row of `photos` as JSON, so that undo can put it back as it was; `trashed_to` is
-- where the file went.
CREATE TABLE removals (
    removal_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    batch        TEXT NOT NULL,
    path         BLOB NOT NULL,
    content_hash BLOB NOT NULL,
    size_bytes   INTEGER NOT NULL,
    photo        TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('planned', 'trashed', 'restored', 'failed')),
    trashed_to   BLOB,
    reason       TEXT,
    noted_at     TEXT NOT NULL DEFAULT ({NOW})
) STRICT;
CREATE INDEX removals_by_batch ON removals (batch);
CREATE INDEX removals_planned ON removals (removal_id) WHERE state = 'planned';
"""

# Duplicates: what pairs of contents were found to be, what the user said of them, and what they are looked up by.
_SCHEMA_4 = f"""
-- A pair of contents that may show the same, and what comparing them gave. `version` is of what compared them, 0: not
-- compared yet. `label` is one of `records.Label`, NULL: different pictures. `turn` leads from a to b.
CREATE TABLE verdicts (
    content_a  INTEGER NOT NULL REFERENCES contents (content_id) ON DELETE CASCADE,
    content_b  INTEGER NOT NULL REFERENCES contents (content_id) ON DELETE CASCADE,
    version    INTEGER NOT NULL DEFAULT 0,
    label      INTEGER CHECK (label BETWEEN 1 AND 7),
    similarity REAL NOT NULL DEFAULT 0,
    turn       INTEGER NOT NULL DEFAULT 0,
    area       REAL NOT NULL DEFAULT 0,
    reason     TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (content_a, content_b),
    CHECK (content_a < content_b)
) STRICT, WITHOUT ROWID;
CREATE INDEX verdicts_by_b ON verdicts (content_b);
CREATE INDEX verdicts_by_version ON verdicts (version);
CREATE INDEX verdicts_found ON verdicts (label) WHERE label IS NOT NULL;

-- By hash and not by content, so that they outlast all rows of a picture; the lower hash first.
CREATE TABLE decisions (
    hash_a     BLOB NOT NULL CHECK (length(hash_a) = 32),
    hash_b     BLOB NOT NULL CHECK (length(hash_b) = 32),
    decision   TEXT NOT NULL CHECK (decision IN ('different', 'keep')),
    decided_at TEXT NOT NULL DEFAULT ({NOW}),
    PRIMARY KEY (hash_a, hash_b),
    CHECK (hash_a <= hash_b)
) STRICT, WITHOUT ROWID;

CREATE TABLE descriptors (
    content_id INTEGER PRIMARY KEY REFERENCES contents ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    descriptor BLOB NOT NULL
) STRICT;
CREATE INDEX descriptors_by_version ON descriptors (version);

-- `kept` is the photo a duplicate was removed beside, which has to be there still; `permanent`: where there is no trash
-- the file is deleted, and `trashed_to` stays NULL.
ALTER TABLE removals ADD COLUMN kept_path BLOB;
ALTER TABLE removals ADD COLUMN kept_hash BLOB;
ALTER TABLE removals ADD COLUMN permanent INTEGER NOT NULL DEFAULT 0 CHECK (permanent IN (0, 1));
"""

# What to keep of a group of duplicates, where the user chose it.
_SCHEMA_5 = f"""
-- By hash and not by content, as decisions; the highest number counts most, and taking it back brings the one before.
CREATE TABLE choices (
    choice_id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    path      BLOB NOT NULL,
    chosen_at TEXT NOT NULL DEFAULT ({NOW})
) STRICT;
"""

MIGRATIONS: tuple[str, ...] = (_SCHEMA_1, _SCHEMA_2, _SCHEMA_3, _SCHEMA_4, _SCHEMA_5)
"""``MIGRATIONS[n]`` leads from schema ``n`` to schema ``n + 1``."""

SCHEMA_VERSION = len(MIGRATIONS)


def statements(migration: str) -> list[str]:
    """Split a migration into its statements; comments end at the line, no literal holds a semicolon."""
    code = "\n".join(line.split("--")[0] for line in migration.splitlines())
    return [statement.strip() for statement in code.split(";") if statement.strip()]
