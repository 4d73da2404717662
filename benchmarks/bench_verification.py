"""How often copies are verified as copies, how often other pictures are, and what it costs.

    python benchmarks/bench_verification.py [--photos 40] [--folder DIR] [--seed 1] [--json FILE]

The pairs are given, so this measures verification alone; bench_duplicates.py measures it with all that is around it.
Copies: every attack of :mod:`attacks` on photos of ``DIR``
(default: camera, phone and benchmark photos of ``$IMGFIND_TEST_DATA`` and scikit-image's), and the known copies in
``$IMGFIND_TEST_DATA/duplicates``. Others: :mod:`lookalikes`, the clothes that look most like each other, pictures of
``duplicates/resized`` that are not copies of each other, a stereo pair, and pairs drawn by chance. Pictures go through
their previews, as in a library. Times are of one core.
"""

import argparse
import io
import itertools
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import attacks
import lookalikes
import numpy as np
from photo_sets import SCIKIT_IMAGE, TEST_DATA, known_groups, originals
from PIL import Image

from imgfind.core import decode, hashes
from imgfind.core.duplicates import Label, PictureView, Verdict, verify
from imgfind.core.records import Facts

STAGES = {
    "1-3 (same pixels, re-encoded, resized)": (Label.SAME_PIXELS, Label.RE_ENCODED),
    "4 (edited)": (Label.EDITED,),
    "5 (rotated, mirrored)": (Label.TURNED,),
    "6 (cropped)": (Label.CROPPED,),
}


class Pair(NamedTuple):
    """Two pictures and what is known about them: ``label`` None where they are no copies."""

    kind: str
    name: str
    label: Label | None
    a: PictureView
    b: PictureView


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description="Measure how duplicates are verified.")
    parser.add_argument("--photos", type=int, default=40, help="photos that are attacked")
    parser.add_argument("--folder", type=Path, help="take the photos from here")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    parser.add_argument("--worst", type=int, default=25, help="how many wrong verdicts are named")
    options = parser.parse_args()
    photos = list(originals(options.folder, options.photos, options.seed))
    pairs = itertools.chain(copies(photos, options.seed), known_copies(), others(photos, options.seed))
    counts, wrong, labels, core_s = measured(pairs)
    report(counts, wrong[: options.worst], labels, core_s)
    if options.json:
        figures = {"pairs": {": ".join(kind): dict(count) for kind, count in counts.items()}, "core_ms": core_s}
        options.json.write_text(json.dumps(figures, indent=2))


Counts = dict[tuple[str, str], Counter[str]]
"""How many pairs were found and not found, by ``copies`` or ``others`` and their kind."""


def measured(
    pairs: Iterator[Pair],
) -> tuple[Counts, list[tuple[Pair, Verdict]], Counter[tuple[str, str]], dict[str, float]]:
    """Verify all pairs: counts, the wrong ones, labels wanted and given, mean milliseconds of a core."""
    counts: Counts = defaultdict(Counter)
    core_s: dict[str, list[float]] = defaultdict(list)
    labels: Counter[tuple[str, str]] = Counter()
    wrong = []
    for pair in pairs:
        started = time.thread_time()
        verdict = verify(pair.a, pair.b)
        core_s["copies" if pair.label else "others"].append(time.thread_time() - started)
        found = verdict.label not in (None, Label.SAME_SCENE)
        group = "copies" if pair.label else "others"
        counts[group, pair.kind]["found" if found else "not found"] += 1
        if pair.label and found:
            counts[group, pair.kind]["right label"] += verdict.label == pair.label
            labels[pair.label.name, verdict.label.name if verdict.label else "none"] += 1
        if found != (pair.label is not None):
            wrong.append((pair, verdict))
    return counts, wrong, labels, {kind: 1000 * float(np.mean(times)) for kind, times in core_s.items()}


def report(
    counts: Counts,
    wrong: list[tuple[Pair, Verdict]],
    labels: Counter[tuple[str, str]],
    core_ms: dict[str, float],
) -> None:
    """Print the tables."""
    for group, column in (("copies", "recall"), ("others", "false")):
        print(f"\n| {group} | pairs | {column} | label right |\n|---|---|---|---|")
        for kind, count in ((kind, count) for (of, kind), count in counts.items() if of == group):
            pairs, found = count["found"] + count["not found"], count["found"]
            right = f"{count['right label'] / found:.2f}" if group == "copies" and found else ""
            print(f"| {kind} | {pairs} | {found / pairs:.3f} | {right} |")
    print("\n| wanted | given | pairs |\n|---|---|---|")
    for (wanted, given), number in sorted(labels.items()):
        print(f"| {wanted} | {given} | {number} |")
    all_found = {group: sum(count["found"] for (of, _), count in counts.items() if of == group) for group in core_ms}
    print(f"\nprecision over all pairs: {all_found['copies'] / max(1, sum(all_found.values())):.4f}")
    print("core time: " + ", ".join(f"{kind} {value:.1f} ms" for kind, value in core_ms.items()))
    for pair, verdict in wrong:
        print(f"wrong: {pair.kind}: {pair.name}: {verdict}")


def copies(photos: list[tuple[str, bytes]], seed: int) -> Iterator[Pair]:
    """Make every attack's copy of every photo."""
    for number, (name, data) in enumerate(photos):
        original = view(data)
        for attack in attacks.NAMES:
            copy = attacks.attacked(data, attack, seed + number)
            kind = next(stage for stage, labels in STAGES.items() if copy.label in labels)
            family = attacks.family(attack)
            label = f"{kind}: {attack if family in ('crop', 'jpeg', 'resize', 'blur', 'noise', 'border') else family}"
            where = "pairs of attacks" if family == "pair" else label
            yield Pair(where, f"{name}: {copy.made}", copy.label, original, view(copy.data))


def known_copies() -> Iterator[Pair]:
    """Pair what is known to be copies, and what is in the same folder and known not to be."""
    groups = known_groups()
    for kind, label, files in groups:
        for one, other in itertools.combinations([view(file.read_bytes()) for file in files], 2):
            yield Pair(kind, files[0].name, label, one, other)
    firsts = [(files[0].name, view(files[0].read_bytes())) for _, _, files in groups]
    for (one_name, a), (other_name, b) in itertools.combinations(firsts, 2):
        yield Pair("duplicates/*, other groups", f"{one_name}, {other_name}", None, a, b)


def others(photos: list[tuple[str, bytes]], seed: int) -> Iterator[Pair]:
    """Pair pictures that are no copies of each other."""
    for number, ((name, data), (_, next_data)) in enumerate(itertools.pairwise([*photos, photos[0]])):
        for kind in lookalikes.NAMES:
            one, other = lookalikes.lookalikes(data, next_data, kind, seed + number)
            yield Pair(kind, name, None, view(one), view(other))
    yield Pair(
        "stereo",
        "motorcycle",
        None,
        *(view((SCIKIT_IMAGE / f"motorcycle_{side}.png").read_bytes()) for side in ("left", "right")),
    )
    clothes = [view(file.read_bytes()) for file in sorted((TEST_DATA / "photos" / "clothing").glob("*/*.jpg"))]
    bits = np.array([np.unpackbits(np.frombuffer(cloth.hash.bits, np.uint8)) for cloth in clothes], np.int16)
    distances = np.abs(bits[:, np.newaxis] - bits).sum(axis=2) + 999 * np.tri(len(bits), dtype=np.int64)
    for place in np.argsort(distances, axis=None)[:300].tolist():
        first, second = divmod(place, len(clothes))
        yield Pair("clothing, nearest by hash", f"{first}, {second}", None, clothes[first], clothes[second])
    draw = np.random.default_rng(seed)
    for first, second in (draw.choice(len(clothes), 2, replace=False).tolist() for _ in range(300)):
        yield Pair("clothing, by chance", f"{first}, {second}", None, clothes[first], clothes[second])


def view(data: bytes) -> PictureView:
    """Look at a picture file as a library does, but for its facts."""
    photo = decode.decode(io.BytesIO(data), min_edge_px=decode.PREVIEW_EDGE_PX, suffix="")
    preview = np.asarray(Image.open(io.BytesIO(decode.preview(photo.image))).convert("RGB"))
    return PictureView(preview, photo.width_px, photo.height_px, Facts(), hashes.perceptual_hash(photo.image))


if __name__ == "__main__":
    main()
