"""The encoders that a library has loaded, and how precisely one encodes its photos.

Photos are encoded on the device that was asked for; queries always on the CPU, where one takes milliseconds and nothing
large has to be imported first. What the check of 8 bits came to is kept in the catalogue. Belongs to the thread of the
library.
"""

from collections.abc import Callable
from dataclasses import replace

from imgfind.core import encode
from imgfind.core.encode import CheckedEncoder, PrecisionCheck
from imgfind.core.records import Encoder, ModelFiles, ModelId
from imgfind.core.store import Store

ENCODER_THREADS = 1
"""Threads that may share one call. Indexing makes several calls at once instead: on 2 cores, torch encoded small
pictures at 157 img/s with two threads each and at 213 with one thread each. A query is a matter of milliseconds."""

EncoderLoader = Callable[..., Encoder]
"""``(model, *, device, threads) -> Encoder``, as :func:`imgfind.core.encode.load_encoder`."""


class Encoders:
    """Loads each encoder once."""

    def __init__(self, load: EncoderLoader) -> None:
        self._load = load
        self._loaded: dict[tuple[str, str], Encoder] = {}

    def on(self, device: str, model: ModelFiles, fingerprint: str) -> Encoder:
        """Return the encoder of ``model`` on a device."""
        key = (fingerprint, device)
        if key not in self._loaded:
            files = replace(model, fingerprint=fingerprint)
            self._loaded[key] = self._load(files, device=device, threads=ENCODER_THREADS)
        return self._loaded[key]

    def for_queries(self, model: ModelFiles, fingerprint: str) -> Encoder:
        """Return an encoder of ``model`` for words and single pictures: one that is there, else one on the CPU."""
        there = (encoder for (known, _), encoder in self._loaded.items() if known == fingerprint)
        return next(there, None) or self.on("cpu", model, fingerprint)


class Precision:
    """How the photos of one index run are encoded: in 8 bits where a check of this or an earlier run allows it."""

    def __init__(self, store: Store, model_id: ModelId) -> None:
        self._store = store
        self._model_id = model_id
        self._checked: CheckedEncoder | None = None

    def applied_to(self, encoder: Encoder) -> Encoder:
        """Return what is to encode the photos in the place of ``encoder``."""
        self._checked = encode.checked(encoder, precision_of(self._store, self._model_id))
        return self._checked or encoder

    def close(self) -> None:
        """Keep what the check came to, if there was one."""
        if self._checked is not None and self._checked.outcome is not None:
            self._store.set_setting(_setting(self._model_id), self._checked.outcome.text())


def precision_of(store: Store, model_id: ModelId) -> PrecisionCheck | None:
    """Return what the check of a model's precision came to in this library; None where none was made yet."""
    return PrecisionCheck.parse(store.setting(_setting(model_id)))


def _setting(model_id: ModelId) -> str:
    return f"precision of model {model_id}"
