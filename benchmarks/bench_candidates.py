"""Which copies are proposed for comparison, by which way, and how many pairs of others are proposed with them.

    python benchmarks/bench_candidates.py [--photos 160] [--attacked 40] [--folder DIR] [--seed 1] [--json FILE]

A copy that is not proposed cannot be verified, so this is the most that can be found. Each attack of
:mod:`attacks` makes one copy of each attacked photo; the copies of one attack come to the library of all photos as new
ones, through their previews. Times are of one core.
"""

import argparse
import io
import itertools
import json
import time
from pathlib import Path

import attacks
import numpy as np
from photo_sets import originals
from PIL import Image

from imgfind.core import candidates, decode, encode, hashes, keypoints, models
from imgfind.core.records import FloatArray, IdArray
from imgfind.core.vectors import neighbours

WAYS = ("hash", "keypoints", "near vectors", "all", "ten nearest vectors")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure which copies are proposed.")
    parser.add_argument("--photos", type=int, default=160)
    parser.add_argument("--attacked", type=int, default=40)
    parser.add_argument("--folder", type=Path, help="take the photos from here")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    options = parser.parse_args()
    photos = [data for _, data in originals(options.folder, options.photos, options.seed)]
    library = Described()
    library.add([decode.decode(io.BytesIO(data), min_edge_px=decode.PREVIEW_EDGE_PX).image for data in photos])
    attacked = list(range(min(options.attacked, len(photos))))
    figures = {}
    for name in attacks.NAMES:
        copies = [attacks.attacked(photos[number], name, options.seed) for number in attacked]
        pictures = [decode.decode(io.BytesIO(copy.data), min_edge_px=decode.PREVIEW_EDGE_PX).image for copy in copies]
        figures[name] = measured(library, pictures, attacked)
    report(figures, library)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


class Described:
    """What is kept of pictures, and what it cost."""

    def __init__(self) -> None:
        self.encoder = encode.load_encoder(models.find_model("starter"), device="cpu", threads=1)
        self.hashes: list[hashes.PerceptualHash] = []
        self.descriptors: list[bytes] = []
        self.vectors: list[FloatArray] = []
        self.core_s: list[float] = []

    def add(self, pictures: list[Image.Image]) -> None:
        """Describe pictures, as they come back from their previews."""
        preprocess = models.find_model("starter").preprocess
        for picture in pictures:
            seen = Image.open(io.BytesIO(decode.preview(picture))).convert("RGB")
            self.hashes.append(hashes.perceptual_hash(picture))
            started = time.thread_time()
            self.descriptors.append(keypoints.describe(seen))
            self.core_s.append(time.thread_time() - started)
            self.vectors.append(self.encoder.encode_images(decode.model_input(picture, preprocess)[np.newaxis])[0])

    def drop(self, count: int) -> None:
        """Forget all but the first ``count``."""
        for column in (self.hashes, self.descriptors, self.vectors):
            del column[count:]

    def looks(self) -> candidates.Looks:
        """Return the columns candidates are found by; ids are positions."""
        bits, qualities = [look.bits for look in self.hashes], [look.quality for look in self.hashes]
        return candidates.looks(np.arange(len(bits)), bits, qualities, candidates.joined(self.descriptors))


def measured(library: Described, copies: list[Image.Image], attacked: list[int]) -> dict[str, dict[str, float]]:
    """Return recall and other pairs per copy, by way, for copies that are new to a library."""
    count = len(library.hashes)
    library.add(copies)
    known, rows = library.looks(), np.stack(library.vectors)
    library.drop(count)
    ids = np.arange(len(rows))
    fresh = ids >= count
    near = np.concatenate(list(neighbours.near_rows(ids[fresh], rows[fresh], ids, rows)))
    ranks = np.argsort(-(rows[fresh] @ rows[~fresh].T), axis=1)[:, :10]
    ways = {
        "hash": candidates.by_hash(known, fresh),
        "keypoints": candidates.by_keypoints(known, fresh),
        "near vectors": near,
        "all": candidates.propose(known, fresh, near),
        "ten nearest vectors": np.stack([ranks.ravel(), np.repeat(ids[fresh], ranks.shape[1])], axis=1),
    }
    truth = {(number, count + copy) for copy, number in enumerate(attacked)}
    return {way: _figures(pairs, truth) for way, pairs in ways.items()}


def _figures(pairs: IdArray, truth: set[tuple[int, int]]) -> dict[str, float]:
    found = {(min(pair), max(pair)) for pair in pairs.tolist()}
    return {"recall": len(found & truth) / len(truth), "others": len(found - truth) / len(truth)}


def report(figures: dict[str, dict[str, dict[str, float]]], library: Described) -> None:
    """Print recall by kind of attack and by way."""
    print(f"| copies | {' | '.join(WAYS)} | other pairs per copy |\n|---|{'---|' * (len(WAYS) + 1)}")
    for kind, group in itertools.groupby(figures, key=lambda name: name if "crop" in name else attacks.family(name)):
        names = list(group)
        mean = {way: float(np.mean([figures[name][way]["recall"] for name in names])) for way in WAYS}
        others = float(np.mean([figures[name]["all"]["others"] for name in names]))
        print(f"| {kind} | {' | '.join(f'{mean[way]:.2f}' for way in WAYS)} | {others:.2f} |")
    everything = {way: float(np.mean([of[way]["recall"] for of in figures.values()])) for way in WAYS}
    print(f"| all | {' | '.join(f'{everything[way]:.3f}' for way in WAYS)} | |")
    sizes = [len(descriptor) for descriptor in library.descriptors]
    print(f"\nkeypoints: {np.mean(sizes):.0f} bytes a photo, at most {max(sizes)}", end="; ")
    print(f"{1000 * float(np.median(library.core_s)):.1f} ms to find them")


if __name__ == "__main__":
    main()
