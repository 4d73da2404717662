"""What was found out about duplicates, in words. Pure functions; GUI thread, for the translations."""

from PySide6.QtCore import QCoreApplication

from imgfind.core.grouping import Group, Member
from imgfind.core.paths import displayed
from imgfind.core.records import Label
from imgfind.core.store.rows import GroupedPhoto
from imgfind.core.wording import Reason
from imgfind.gui import texts


def label(value: Label) -> str:
    """Return what two pictures are to each other."""
    return {
        Label.IDENTICAL: _tr("Identical"),
        Label.SAME_PIXELS: _tr("Same pixels"),
        Label.RE_ENCODED: _tr("Re-encoded"),
        Label.EDITED: _tr("Edited"),
        Label.TURNED: _tr("Turned"),
        Label.CROPPED: _tr("Cropped"),
        Label.SAME_SCENE: _tr("Same scene"),
    }[value]


def explained(value: Label) -> str:
    """Return a label as somebody who has to choose wants it told."""
    return {
        Label.IDENTICAL: _tr("Identical files"),
        Label.SAME_PIXELS: _tr("Same pixels, other data in the file"),
        Label.RE_ENCODED: _tr("Re-encoded or resized"),
        Label.EDITED: _tr("Edited: colours, caption, border"),
        Label.TURNED: _tr("Turned or mirrored"),
        Label.CROPPED: _tr("Cropped"),
        Label.SAME_SCENE: _tr("Same scene, another shot"),
    }[value]


def title(group: Group) -> str:
    """Return what stands over a group: ``Re-encoded, 3 photos``."""
    return f"{label(group.label)} · {texts.photos(len(group.members) + 1)}"


def why_kept(group: Group) -> str:
    """Return why the first photo of a group is kept."""
    if group.label is Label.SAME_SCENE:
        return _tr("other shots, not duplicates")
    return _tr("keeps the first: {}").format(reasons(group))


def reasons(group: Group) -> str:
    """Return what the kept photo of a group has over the others."""
    return "; ".join(map(reason, group.reasons))


def reason(value: Reason) -> str:
    """Return a reason of the core in the words of the user; its English is what is translated."""
    return QCoreApplication.translate("Reason", value.text).format(*value.values)


def gain(group: Group) -> str:
    """Return what removing all but the kept photo gives back; nothing where it gives nothing."""
    return _tr("{} to gain").format(texts.size(group.gain_bytes)) if group.gain_bytes else ""


def facts(photo: GroupedPhoto) -> str:
    """Return how large a photo is, in pixels and bytes."""
    return f"{photo.width_px} × {photo.height_px} · {texts.size(photo.size_bytes)}"


def standing(member: Member | None) -> str:
    """Return what a photo is in its group: the one that is kept, or what it is to that one."""
    if member is None:
        return _tr("Kept")
    if member.left_alone:
        return reason(member.left_alone)
    told = label(member.label)
    if member.label is not Label.IDENTICAL:
        # Cut, not rounded: only what is the same all through is 100 %.
        told = _tr("{0}, {1} %").format(told, int(100 * member.similarity))
    return _tr("{}, hard link").format(told) if member.photo.is_linked else told


def in_full(group: Group, member: Member | None) -> str:
    """Return all there is to say of a photo in its group, the kept one or a member, in lines."""
    photo = group.kept if member is None else member.photo
    lines = [displayed(photo.path), facts(photo), standing(member)]
    if member is None:
        lines.append(reasons(group))
    elif photo.is_linked:
        lines.append(_tr("Removing it frees nothing: its file has another name on the disk."))
    return "\n".join(lines)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Verdict", text)
