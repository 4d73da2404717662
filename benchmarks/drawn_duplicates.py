"""Draws large libraries that hold duplicates: files, catalogue and previews, as if all had been indexed.

Hashes are drawn by chance, vectors like those of photos (see bench_search.py), and keypoints are those of real photos
with so many bits changed that two drawn pictures share as many places as two real ones do. Previews are those of real
photos, each used by many. 1 % of the photos are copies of others, so 2 % are in pairs: a few bits of the hash and 6 %
of those of the keypoints differ, half of the keypoints are gone, and the preview was saved again.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import photo_sets
from bench_search import fitted_mixture, real_vectors
from numpy.typing import NDArray
from PIL import Image

from imgfind.core import candidates, decode, encode, hashes, keypoints, models
from imgfind.core.candidates import Looks
from imgfind.core.config import usable_cores
from imgfind.core.records import FloatArray
from imgfind.core.store import Store
from imgfind.core.thumbs import Previews

PLACES = 61
"""Keypoints of a photo, on average."""
HASH_BITS_CHANGED = 0.05
KEYPOINT_BITS_CHANGED = 0.06
VECTOR_NOISE = 0.05
"""How long the difference of two copies' vectors is: a cosine of 0.999."""
COPY_QUALITY = 60
"""Of the JPEG that the preview of a copy is saved as once more."""
FILES_A_FOLDER = 100
CHUNK = 5000


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Photos that were drawn, as columns; ``copies`` are positions of copies, ``sources`` those of what they show."""

    hashes: NDArray[np.uint8]
    keypoints: NDArray[np.void]
    vectors: FloatArray
    previews: NDArray[np.int64]
    sources: NDArray[np.int64]
    copies: NDArray[np.int64]


class Photos:
    """Draws photos like real ones."""

    def __init__(self, seed: int) -> None:
        """Look at the photos at hand."""
        self._rng = np.random.default_rng(seed)
        real = [data for _, data in photo_sets.originals(None, 1000, seed)]
        pictures = [decode.decode(io.BytesIO(data), min_edge_px=decode.PREVIEW_EDGE_PX).image for data in real]
        self.previews = [decode.preview(picture) for picture in pictures]
        self._saved_again = [_saved_again(preview) for preview in self.previews]
        descriptors = [keypoints.describe(Image.open(io.BytesIO(preview))) for preview in self.previews]
        nothing = [bytes(32)] * len(descriptors), [0] * len(descriptors)
        looks = candidates.looks(np.arange(len(descriptors)), *nothing, candidates.joined(descriptors))
        self._draw_keypoints = fitted_keypoints(looks, self._rng)
        encoder = encode.load_encoder(models.find_model("starter"), device="cpu", threads=usable_cores())
        self._draw_vectors = fitted_mixture(real_vectors(encoder), self._rng)

    def drawn(self, count: int) -> Drawn:
        """Draw a library; copies are in its second half."""
        rng = self._rng
        bits = rng.integers(0, 256, (count, 32), np.uint8)
        places = self._draw_keypoints(count * PLACES).reshape(count, PLACES)
        vectors = self._draw_vectors(count)
        shown = rng.integers(0, len(self.previews), count)
        sources = rng.choice(count // 2, count // 100, replace=False)
        copies = count // 2 + rng.choice(count // 2, count // 100, replace=False)
        bits[copies] = bits[sources] ^ np.packbits(rng.random((len(copies), 256)) < HASH_BITS_CHANGED, axis=1)
        kept = PLACES // 2
        places[copies, :kept] = places[sources, :kept]
        codes = places["code"][copies, :kept]
        places["code"][copies, :kept] = codes ^ _changes(codes.shape, KEYPOINT_BITS_CHANGED, rng)
        noise = rng.normal(size=(len(copies), vectors.shape[1])) * VECTOR_NOISE / np.sqrt(vectors.shape[1])
        noisy = vectors[sources] + noise
        vectors[copies] = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
        shown[copies] = len(self.previews) + shown[sources]
        return Drawn(bits, places, vectors, shown, sources, copies)

    def preview(self, number: int) -> bytes:
        """Return a preview by its number; those beyond the real ones are these saved again."""
        return (self.previews + self._saved_again)[number]


def make(library: Path) -> None:
    """Make an empty library that uses the starter."""
    library.mkdir()
    model = models.find_model("starter")
    with contextlib.closing(Store.create(library)) as store:
        model_id = store.add_model(
            model.name, fingerprint=models.fingerprint(model), encoder_version=decode.MODEL_INPUT_VERSION, dim=model.dim
        )
        store.set_setting("active_model", str(model_id))
        store.set_setting("target_model", str(model_id))


def fill(library: Path, folder: Path, photos: Photos, drawn: Drawn, part: slice) -> None:
    """Put a part of what was drawn into a library made by :func:`make`, and files in ``folder`` that hold no picture.

    Ids of contents are positions and one.
    """
    numbers = range(len(drawn.hashes))[part]
    with (
        contextlib.closing(Store.create(library)) as store,
        contextlib.closing(Previews(library, readonly=False)) as cache,
    ):
        known = {root.path: root.root_id for root in store.roots()}
        root_id = known.get(str(folder)) or store.add_root(str(folder), volume=None)
        for start in range(0, len(numbers), CHUNK):
            chunk = numbers[start : start + CHUNK]
            _insert(store, root_id, folder, drawn, chunk)
            shown = zip(chunk, drawn.previews[chunk.start : chunk.stop].tolist(), strict=True)
            cache.add([(_hash(number), decode.PREVIEW_VERSION, photos.preview(preview)) for number, preview in shown])


def _insert(store: Store, root_id: int, folder: Path, drawn: Drawn, numbers: range) -> None:
    database = store.database
    with database.transaction():
        for number in numbers:
            path = folder / f"{number // FILES_A_FOLDER:05}" / f"IMG_{number:07}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"%d" % number)
            status = path.stat()
            content = number + 1
            database.execute(
                """INSERT INTO contents (content_id, hash, size_bytes, width_px, height_px, format, decode_version,
                   phash, phash_quality, phash_version) VALUES (?, ?, ?, 500, 375, 'JPEG', ?, ?, 100, ?)""",
                (
                    content,
                    _hash(number),
                    status.st_size,
                    decode.DECODE_VERSION,
                    drawn.hashes[number].tobytes(),
                    hashes.HASH_VERSION,
                ),
            )
            database.execute(
                """INSERT INTO photos (root_id, path, size_bytes, mtime_ns, device, inode, content_id)
                   VALUES (?, ?, ?, ?, ?, ?, ?)""",
                (
                    root_id,
                    bytes(path),
                    status.st_size,
                    status.st_mtime_ns,
                    str(status.st_dev),
                    str(status.st_ino),
                    content,
                ),
            )
            database.execute(
                "INSERT INTO vectors (model_id, content_id, vector) SELECT CAST(value AS INTEGER), ?, ? FROM settings"
                " WHERE name = 'active_model'",
                (content, drawn.vectors[number].astype(np.float16).tobytes()),
            )
            database.execute(
                "INSERT INTO descriptors VALUES (?, ?, ?)",
                (content, keypoints.KEYPOINTS_VERSION, drawn.keypoints[number].tobytes()),
            )


def _hash(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _saved_again(jpeg: bytes) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(jpeg)).save(out, "JPEG", quality=COPY_QUALITY)
    return out.getvalue()


def fitted_keypoints(real: Looks, rng: np.random.Generator) -> Callable[[int], NDArray[np.void]]:
    """Return what draws keypoints that look alike by chance as often as those of different real photos do."""
    owners = np.repeat(np.arange(len(real.counts)), real.counts)
    pairs = np.stack(np.triu_indices(len(real.counts), 1), axis=1)
    related = np.eye(len(real.counts), dtype=np.bool_)
    related[tuple(pairs[candidates.agreeing(real, pairs) > 1].T)] = True
    related |= related.T
    codes = np.ascontiguousarray(real.keypoints["code"])

    def draw(count: int, share: float) -> NDArray[np.void]:
        places = real.keypoints[rng.integers(0, len(real.keypoints), count)]
        places["code"] ^= _changes((count,), share, rng)
        places["x"], places["y"] = rng.integers(0, keypoints.EDGE_PX * keypoints.POSITION_STEPS, (2, count))
        places["turn"] = rng.integers(0, 8, count)
        return places

    def alike(left: NDArray[np.uint64], right: NDArray[np.uint64], counted: NDArray[np.bool_]) -> float:
        return float(np.mean(np.bitwise_count(left[:, None] ^ right[None, :])[counted] <= candidates.SAME_PLACE_BITS))

    sample = rng.choice(len(codes), min(4000, len(codes)), replace=False)
    wanted = alike(codes[sample], codes[sample], ~related[np.ix_(owners[sample], owners[sample])])
    low, high = 0.0, 0.3
    for _ in range(12):
        middle = (low + high) / 2
        drawn = draw(8000, middle)["code"].reshape(2, -1)
        found = alike(drawn[0], drawn[1], np.ones((4000, 4000), np.bool_))
        low, high = (middle, high) if found > wanted else (low, middle)
    print(f"{len(codes)} real keypoints; of a million pairs {1e6 * wanted:.1f} look alike;", end=" ")
    print(f"drawn with {high:.3f} of the bits changed\n")
    return lambda count: draw(count, high)


def _changes(shape: tuple[int, ...], share: float, rng: np.random.Generator) -> NDArray[np.uint64]:
    """Return codes with so many bits set by chance."""
    changed = np.zeros(shape, np.uint64)
    for bit in range(64):
        changed |= (rng.random(shape, np.float32) < share).astype(np.uint64) << np.uint64(bit)
    return changed
