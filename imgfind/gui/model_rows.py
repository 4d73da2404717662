"""Which models there are for a library, in plain data. Callable on every thread."""

from dataclasses import dataclass

from imgfind.core import Library, downloading, models, presets


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model: ``title`` is empty for one that is no preset.

    ``use`` is ``active``, ``next`` (photos are being encoded with it), ``former`` (its vectors take space) or empty.
    ``downloaded_bytes`` are those that imgfind fetched, of an unfinished download too.
    """

    name: str
    title: str
    size_bytes: int
    licence: str
    quality: str
    speed: str
    on_disk: bool
    downloaded_bytes: int
    use: str
    waiting: int


def model_rows(library: Library) -> list[ModelRow]:
    """Return the models imgfind recommends and can run, then what else is on this disk or in the library."""
    on_disk = {model.name: model for model in models.available_models()}
    uses = {use.name: use for use in library.model_uses()}
    known = {preset.name: preset for preset in presets.PRESETS if preset.runnable}
    rows = []
    for name in {**known, **on_disk, **uses}:
        preset, files, use = known.get(name), on_disk.get(name), uses.get(name)
        rows.append(
            ModelRow(
                name=name,
                title=preset.title if preset else "",
                size_bytes=files.weights.stat().st_size if files else preset.size_mb * 10**6 if preset else 0,
                licence=preset.licence if preset else "",
                quality=preset.quality if preset else "",
                speed=preset.speed if preset else "",
                on_disk=files is not None,
                downloaded_bytes=downloading.downloaded_bytes(name),
                use="" if use is None else "active" if use.is_active else "next" if use.is_target else "former",
                waiting=use.waiting if use is not None and use.is_target else 0,
            )
        )
    return rows
