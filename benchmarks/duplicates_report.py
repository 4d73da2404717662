"""What bench_duplicates.py measured, summed up: recall by what was done to a copy, precision, and those of the peer.

Works on the plain data that is kept as JSON.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attacks
import numpy as np

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- duplicates:begin -->", "<!-- duplicates:end -->"
PHOTO = "photo "
"""What the names of pictures begin with that are no look-alikes."""
PEER_DEFAULT_BITS = 10
"""imagededup's ``max_distance_threshold``."""
_PEER_MOST_BITS = 32
_POINTS = 41
"""Of our own curve."""

Record = dict[str, Any]
ROWS: dict[str, Callable[[str, str], bool]] = {
    "saved again, resized, other format, other metadata": lambda family, _: family in _SAME,
    "brightness, contrast, saturation, gamma, grey": lambda family, _: family in _TONES,
    "blur, noise": lambda family, _: family in ("blur", "noise"),
    "border": lambda family, _: family == "border",
    "caption": lambda family, _: family == "caption",
    "watermark": lambda family, _: family == "watermark",
    "screenshot on a phone": lambda family, _: family == "screenshot",
    "turned by 90°, mirrored": lambda family, _: family == "turn",
    "tilted by up to 5°": lambda family, _: family == "tilt",
    "cropped to 95-65 %": lambda _, name: name in ("crop 95", "crop 80", "crop 65"),
    "cropped to half": lambda _, name: name == "crop 50",
    "cropped to 40 %": lambda _, name: name == "crop 40",
    "cropped to 30 %": lambda _, name: name == "crop 30",
    "two of these at once": lambda family, _: family == "pair",
}
_SAME = ("metadata", "format", "jpeg", "resize")
_TONES = ("brightness", "contrast", "saturation", "gamma", "grey")
_STAGES = {"1-3": (1, 2, 3), "4": (4,), "5": (5,)}


def summary(run: Record) -> Record:
    """Return all figures: rows of the table, points and curves of precision and recall."""
    copies, rounds = run["copies"], run["rounds"]
    peer = _peer_pairs(run) if run["peer"] else []
    found = [copy for copy in copies if copy["found"]]
    false = [pair for pair in run["false"] if pair[0] >= 0]
    everyone = [*((copy["similarity"], True) for copy in found), *((pair[4], False) for pair in false)]
    scores = [score for score, _ in everyone] or [0.0]
    own = _curve(everyone, len(copies), np.quantile(scores, np.linspace(0, 1, _POINTS)))
    theirs = _curve([(-bits, right) for _, bits, right, _ in peer], len(copies), range(-_PEER_MOST_BITS, 1))
    photos = [(-bits, right) for _, bits, right, is_photo in peer if is_photo]
    alone = _curve(photos, len(copies), range(-_PEER_MOST_BITS, 1))
    best = max(theirs, key=lambda point: point["f1"], default=None)
    best_bits = -round(best["threshold"]) if best else 0
    figures: Record = {
        "photos": run["photos"],
        "lookalikes": sum(not _is_photo(run, path) for path in _base(run)),
        "copies": len(copies),
        "rounds": rounds,
        "seconds": round(run["seconds"]),
        "false pairs": len(false),
        "false groups among photos": len({tuple(pair[1:3]) for pair in false if _among_photos(pair, run)}),
        "known": run["known"],
        "kept the copy": sum(copy["kept_copy"] for copy in found),
        "points": {"shipped": own[0] if own else None},
        "curves": {"imgfind": own, "PHash": theirs, "PHash, no look-alikes": alone},
        "best bits": best_bits,
        "labels": _labels(copies),
        "stages": {},
        "rows": [],
    }
    if theirs:
        default = next(point for point in theirs if point["threshold"] == -PEER_DEFAULT_BITS)
        figures["points"] |= {"default": default, "best F1": best}
    for name, bits in (("default", PEER_DEFAULT_BITS), ("best F1", best_bits)):
        if name in figures["points"]:
            same = next(point for point in alone if point["threshold"] == -bits)
            figures["points"][name] |= {"precision alone": same["precision"]}
    own_alone = [pair for pair in false if all(name.startswith(PHOTO) for name in pair[1:3])]
    if own:
        figures["points"]["shipped"] |= {"precision alone": len(found) / (len(found) + len(own_alone))}
    peer_found = {path: bits for path, bits, right, _ in peer if right}
    for stage, labels in _STAGES.items():
        of_stage = [copy for copy in copies if copy["wanted"] in labels and not copy["attack"].startswith("pair ")]
        figures["stages"][stage] = _shares(of_stage, peer_found, best_bits)
    everything = {**ROWS, "all": lambda _family, _name: True}
    for name, belongs in everything.items():
        chosen = [copy for copy in copies if belongs(attacks.family(copy["attack"]), copy["attack"])]
        if chosen:
            figures["rows"].append({"name": name} | _shares(chosen, peer_found, best_bits))
    return figures


def table(figures: Record) -> str:
    """Return a table and what it rests on, as Markdown."""
    peer = "default" in figures["points"]
    bits = figures["best bits"]
    columns = ["proposed", "verified", "**found**"] + [f"PHash {d}" for d in (PEER_DEFAULT_BITS, bits) if peer]
    lines = [f"| copies | number | {' | '.join(columns)} |", f"|---|--:|{'--:|' * len(columns)}"]
    for row in figures["rows"]:
        shares = [row["proposed"], row["verified"], row["found"]]
        shares += [row["peer_default"], row["peer_best"]] if peer else []
        lines.append(f"| {row['name']} | {row['number']} | {' | '.join(f'{share:.1%}' for share in shares)} |")
    points = [figures["points"][name] for name in ("shipped", "default", "best F1") if figures["points"].get(name)]
    for name, key in (("precision", "precision"), ("precision among photos, without look-alikes", "precision alone")):
        lines.append(f"| {name} | | | | {' | '.join(f'{point[key]:.1%}' for point in points)} |")
    photos, wrong = figures["photos"], figures["false groups among photos"]
    most = 3 / photos * 10_000 if not wrong else None
    lines += [
        "",
        f"{figures['rounds']} libraries of {photos} different pictures, {figures['lookalikes']} of them look-alikes"
        " made for this (shots of one scene, the same backdrop, pages, blank ones), and one altered copy for every ten;"
        f" {figures['copies']} copies in all; {figures['false pairs']} false pairs."
        f" Among the {photos} pictures without copies {wrong} groups were false"
        + (f": with 95 % confidence fewer than {most:.0f} in 10,000." if most else "."),
    ]
    if figures["known"]:
        known = ", ".join(f"{name}: {right} of {of}" for name, (right, of) in figures["known"].items())
        lines.append(f"Known copies of the test data: {known}.")
    return "\n".join(lines)


def write_into_readme(text: str) -> None:
    """Put the table between its marks in README.md. Raises ValueError where they are missing."""
    readme = README.read_text("utf-8")
    start, end = readme.index(BEGIN) + len(BEGIN), readme.index(END)
    README.write_text(f"{readme[:start]}\n{text}\n{readme[end:]}", "utf-8")


def _shares(copies: list[Record], peer_found: dict[str, int], best_bits: int) -> Record:
    """Return which shares of some copies were proposed, verified where they were, found, and found by the peer."""
    number = len(copies)
    proposed = [copy for copy in copies if copy["proposed"] or copy["found"]]
    bits = [peer_found.get(copy["path"], 1000) for copy in copies]
    return {
        "number": number,
        "proposed": len(proposed) / max(1, number),
        "verified": sum(bool(copy["verified"] or copy["found"]) for copy in proposed) / max(1, len(proposed)),
        "found": sum(copy["found"] is not None for copy in copies) / max(1, number),
        "peer_default": sum(value <= PEER_DEFAULT_BITS for value in bits) / max(1, number),
        "peer_best": sum(value <= best_bits for value in bits) / max(1, number),
    }


def _labels(copies: list[Record]) -> dict[str, dict[str, int]]:
    """Count which labels copies were found with, by attack."""
    counts: dict[str, dict[str, int]] = {}
    for copy in copies:
        name = attacks.family(copy["attack"]) if copy["attack"].startswith("pair ") else copy["attack"]
        of_attack = counts.setdefault(name, {})
        label = str(copy["found"])
        of_attack[label] = of_attack.get(label, 0) + 1
    return counts


def _among_photos(pair: list[Any], run: Record) -> bool:
    """Tell whether two wrongly paired pictures were so in every library: then no copy was needed for it."""
    return sum(other[1:3] == pair[1:3] for other in run["false"]) == run["rounds"]


def _curve(scored: list[tuple[float, bool]], wanted: int, thresholds: Any) -> list[Record]:
    """Return precision and recall where only pairs of that score or more count, by threshold."""
    scores = np.array([score for score, _ in scored])
    right = np.array([is_right for _, is_right in scored], bool)
    points = []
    for threshold in thresholds:
        taken = scores >= threshold
        if not taken.any():
            continue
        hits = int((taken & right).sum())
        precision, recall = hits / int(taken.sum()), hits / max(1, wanted)
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        points.append({"threshold": float(threshold), "precision": precision, "recall": recall, "f1": f1})
    return points


def _base(run: Record) -> list[str]:
    """Return the files that every library has."""
    return [path for path in run["sources"] if "/round-" not in path]


def _is_photo(run: Record, path: str) -> bool:
    return str(run["sources"][path]).startswith(PHOTO)


def _peer_pairs(run: Record) -> list[tuple[str, int, bool, bool]]:
    """Return the pairs of each library whose hashes are near.

    That is one file, the bits between, whether they show the same, and whether both show photos and no look-alikes. The
    file is the copy where a photo and its copy are meant.
    """
    base = _base(run)
    pairs = []
    for number in range(run["rounds"]):
        fresh = [path for path in run["sources"] if f"/round-{number}/" in path]
        there = [path for path in [*base, *fresh] if run["peer"].get(path)]
        bits = np.array([int(run["peer"][path], 16) for path in there], np.uint64)
        distances = np.bitwise_count(bits[:, None] ^ bits)
        distances[np.tril_indices(len(bits))] = 64
        for a, b in np.argwhere(distances <= _PEER_MOST_BITS).tolist():
            right = run["sources"][there[a]] == run["sources"][there[b]]
            are_photos = _is_photo(run, there[a]) and _is_photo(run, there[b])
            pairs.append((there[b], int(distances[a, b]), right, are_photos))
    return pairs
