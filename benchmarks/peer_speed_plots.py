"""Draws the figures of bench_all.py with matplotlib; peers.py runs it, in its own environment."""

import json
import re
import sys

import matplotlib.pyplot as plt

STAGES = re.compile(r"(small|large): (.+), core-s")
HNSW = re.compile(r"search, HNSW ef=(\d+), p50 ms")
WAYS = {"search, HNSW ef=420, p50 ms": "graph", "search, exact held, p50 ms": "all compared"}


def main() -> None:
    """Draw the JSON file that is named first into the image named second."""
    with open(sys.argv[1], encoding="utf-8") as file:
        figures = json.load(file)
    _, (stages, sizes, recalls) = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    draw_stages(stages, figures.get("index", {}))
    searches = {int(name.split()[1].replace(",", "")): figures[name] for name in figures if name.startswith("search ")}
    draw_sizes(sizes, searches)
    draw_recalls(recalls, searches)
    plt.savefig(sys.argv[2], dpi=110)


def draw_stages(axes, index):
    """Draw the share of each stage in the core-seconds of indexing."""
    seconds = {kind: {} for kind in ("small", "large")}
    for name, value in index.items():
        if found := STAGES.fullmatch(name):
            seconds[found[1]][found[2]] = value
    for stage in seconds["small"]:
        totals = [sum(seconds[kind].values()) for kind in seconds]
        shares = [seconds[kind].get(stage, 0) / (total or 1) for kind, total in zip(seconds, totals, strict=True)]
        left = [bar.get_x() + bar.get_width() for bar in axes.patches[-2:]] or [0, 0]
        axes.barh(["500 x 375", "12 megapixels"], shares, left=left, label=stage)
    axes.set(xlabel="share of core-seconds", title="Indexing")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3, frameon=False, fontsize="small")


def draw_sizes(axes, searches):
    """Draw the time of one search against the size of the library."""
    for key, label in WAYS.items():
        points = sorted((count, results[key]) for count, results in searches.items() if key in results)
        axes.loglog([count for count, _ in points], [value for _, value in points], "o-", label=label)
    axes.set(xlabel="photos", ylabel="ms (median)", title="One search")
    axes.legend(frameon=False, fontsize="small")


def draw_recalls(axes, searches):
    """Draw what a search finds of the ten best against the time it takes."""
    for count, results in sorted(searches.items()):
        for kind, style in (("pictures", "o-"), ("words", "s--")):
            points = []
            for name, value in results.items():
                if found := HNSW.fullmatch(name):
                    points.append((value, results[f"recall@10 of HNSW ef={found[1]}, {kind}"]))
            points.sort()
            label = f"{count:,}, {kind}"
            axes.plot([value for value, _ in points], [recall for _, recall in points], style, label=label, alpha=0.8)
    axes.set(xlabel="ms (median)", ylabel="recall@10", title="Graph: recall against time", xscale="log")
    axes.legend(frameon=False, fontsize="small")


if __name__ == "__main__":
    main()
