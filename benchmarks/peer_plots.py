"""Draws the figures of bench_duplicates.py with matplotlib; peers.py runs it, in its own environment."""

import json
import sys

import matplotlib.pyplot as plt

CURVES = {"imgfind": "C0", "PHash": "C1", "PHash, no look-alikes": "C1--"}
POINTS = {"shipped": "C0o", "default": "C1o", "best F1": "C1s"}


def main() -> None:
    """Draw the JSON file that is named first into the image named second."""
    with open(sys.argv[1], encoding="utf-8") as file:
        figures = json.load(file)
    _, (curves, bars) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for name, style in CURVES.items():
        points = figures["curves"].get(name, [])
        curves.plot([point["recall"] for point in points], [point["precision"] for point in points], style, label=name)
    for name, mark in POINTS.items():
        point = figures["points"].get(name)
        if point:
            curves.plot(point["recall"], point["precision"], mark)
            beside = (-6, -14 if point["precision"] > 0.2 else 8)
            place = (point["recall"], point["precision"])
            curves.annotate(name, place, beside, textcoords="offset points", ha="right")
    curves.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    curves.set_title("Pairs of kept photo and copy")
    rows = figures["rows"]
    places = range(len(rows))
    bars.barh([place - 0.2 for place in places], [row["found"] for row in rows], 0.4, label="imgfind")
    bars.barh([place + 0.2 for place in places], [row["peer_best"] for row in rows], 0.4, label="PHash, best F1")
    bars.set_yticks(list(places), [row["name"] for row in rows])
    bars.invert_yaxis()
    bars.set(xlabel="recall", title="Copies found", xlim=(0, 1))
    for axes in (curves, bars):
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, frameon=False, fontsize="small")
    plt.savefig(sys.argv[2], dpi=110)


if __name__ == "__main__":
    main()
