"""The errors imgfind raises on purpose.

Everything here carries a message that can be shown to a person as it is: one sentence that says what is wrong and what
to do. Any other exception that leaves the core is a bug. No imports, safe on every thread.
"""


class ImgfindError(Exception):
    """Something the user or the machine can mend; the message is ready to show."""


class UsageError(ImgfindError):
    """The request itself makes no sense (an empty query, ``-k 0``); command-line exit code 2."""


class QueryError(UsageError):
    """A query that cannot be parsed.

    ``text`` is the whole query and ``position`` the 0-based index of the character where it went wrong.
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(message)
        self.text = text
        self.position = position


class LibraryError(ImgfindError):
    """The library folder is missing, damaged, too new, read-only, or in use by another indexer."""


class LibraryBusyError(LibraryError):
    """Another process is indexing the library; the request can be repeated when it is done."""


class ModelError(ImgfindError):
    """An encoder is unknown, incomplete or damaged."""


class UnreadablePhotoError(ImgfindError):
    """One file could not be turned into an image; becomes a problem row and never ends an index run.

    ``transient`` is true where the reason may pass without the file changing (a disk error, a missing permission), so
    the file is tried again on every run.
    """

    def __init__(self, reason: str, *, transient: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.transient = transient


class TrashError(ImgfindError):
    """A file could not go into the trash, or not come back; it is where it was.

    ``reason`` says why, in a few words without the path.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
