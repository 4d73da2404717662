"""Makes photos and verdicts as grouping takes them, for tests that need no files."""

from imgfind.core.grouping import ContentPair, Group
from imgfind.core.records import ContentId, Label, PhotoId, Verdict
from imgfind.core.store.rows import GroupedPhoto


def photo(number: int, content: int | None = None, path: str | None = None, **facts: object) -> GroupedPhoto:
    """Return photo ``number``, of the content with that number unless another is given."""
    known = {"size_bytes": 1000, "mtime_ns": number * 10**9, "width_px": 400, "height_px": 300, "format": "JPEG"}
    shows = ContentId(number if content is None else content)
    return GroupedPhoto(PhotoId(number), shows, path or f"/p/{number:04}.jpg", **(known | facts))


def alike(*pairs: tuple[int, int], label: Label = Label.RE_ENCODED, **facts: object) -> dict[ContentPair, Verdict]:
    """Return verdicts that these contents are alike."""
    known = {"similarity": 0.9, "turn": 0, "area": 1.0, "reason": ""}
    return {(ContentId(a), ContentId(b)): Verdict(label, **(known | facts)) for a, b in pairs}


def numbers(group: Group) -> tuple[int, list[int]]:
    """Return the kept photo and those beside it."""
    return group.kept.photo_id, [member.photo.photo_id for member in group.members]
