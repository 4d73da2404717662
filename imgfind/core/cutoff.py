"""Where matches stop being strong: the score of a photo against what any photo of the library gets from that query.

A fixed cosine would not do: words score 0.1 where pictures score 0.8, and every model has its own scale. Pure functions
over scores, safe on every thread.
"""

from dataclasses import dataclass

import numpy as np

from imgfind.core.records import FloatArray, Section

STRONG, WEAKER = "strong", "weaker"
"""Keys of the sections of a ranked :class:`~imgfind.core.records.Listing`."""

STRONG_Z = 2.0
"""So many robust standard deviations above the median a match is strong.

Measured with the starter on 225 photographs (packaging/queries.toml, 42 queries of words with 193 right answers) and
with 82 resized pictures of the test data as queries (392 near-copies):

| z | right above | wrong above | queries with a right one above | median above | near-copies above |
| 1.5 | 29 (15 %) | 641 (6.9 %) | 17 | 16 | 392 |
| 2.0 | 18 (9 %) | 270 (2.9 %) | 12 | 6 | 392 |
| 2.5 | 7 (4 %) | 88 (1.0 %) | 6 | 1 | 375 |
| 3.0 | 4 (2 %) | 31 (0.3 %) | 4 | 0 | 299 |

2 is the highest that loses no near-copy. For words the starter is the limit, no threshold: it puts a right photo among
the first five for 15 of these queries, and twelve queries that nothing in the library answers have a median of 8 photos
above.
"""
SAMPLE = 1_000
"""Vectors the background is taken from."""
LEAST_SAMPLE = 20
"""Fewer photos have no distribution worth the name, and can be seen at a glance."""
_LEAST_SPREAD = 1e-3
"""Below it are rounding errors of half precision: photos that are all alike."""
_MAD_TO_DEVIATION = 1.4826
"""For a normal distribution (Rousseeuw and Croux, Alternatives to the Median Absolute Deviation, 1993)."""


@dataclass(frozen=True, slots=True)
class Background:
    """How a query scores the photos of the library at large: median and robust standard deviation of the cosines."""

    median: float
    spread: float

    @property
    def least_strong(self) -> float:
        """Return the score from which on a match is strong."""
        return self.median + STRONG_Z * self.spread

    def strength(self, score: float) -> float:
        """Return how far ``score`` stands out: 0 at the median or below, 0.5 where strong begins, at most 1."""
        return min(1.0, max(0.0, (score - self.median) / self.spread / (2 * STRONG_Z)))


def background(scores: FloatArray) -> Background | None:
    """Return the background of a query from its scores for a sample of the library, None where that is too small."""
    if len(scores) < LEAST_SAMPLE:
        return None
    median = float(np.median(scores))
    deviation = float(np.median(np.abs(scores - median)))
    return Background(median, max(_LEAST_SPREAD, _MAD_TO_DEVIATION * deviation))


def sections(scores: FloatArray, behind: Background | None) -> tuple[Section, ...]:
    """Return the sections of ranked photos, best first; none without a background."""
    if behind is None or not len(scores):
        return ()
    strong = int(np.count_nonzero(scores >= behind.least_strong))
    found = ((STRONG, 0, strong), (WEAKER, strong, len(scores)))
    return tuple(Section(key, first) for key, first, end in found if first < end)
