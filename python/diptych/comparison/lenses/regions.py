"""Lens ``regions``: where in the space of embeddings do the arms differ? A scan over all branches of one tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, Labels, Mask, Span, Vectors
from diptych.clustering.algorithms import kmeans
from diptych.clustering.judging import Label
from diptych.clustering.labels import keywords
from diptych.comparison.lenses.kinds import kind_measure, name_kinds, word_spans
from diptych.comparison.measures import Measure, Tools
from diptych.data import Response
from diptych.stats.two_sample import squared_distances
from diptych.utils.hashing import content_hash

MIN_RESPONSES = 10
"""A region has at least so many responses, and at least one in 400."""
MAX_SHARE = 1 / 3
"""A region has at most this share of the responses."""
MAX_REPORTED = 10
MAX_LEAVES = 4_000
"""More texts are first brought together in half as many groups of near ones: the tree takes the square in memory."""


class RegionsLens:
    """Offers every branch of a Ward tree of the responses of both arms, at all scales at once.

    The tree is grown without knowing who wrote what. Its branches overlap and are many, so they are tested together and
    corrected for each other (step-down max-|z|, as a scan statistic), and only the strongest that do not overlap
    are reported.

    Notes
    -----
    Scan statistics: Kulldorff (1997), Commun. Stat. Theory Methods 26(6). Differential abundance over overlapping
    neighbourhoods: Dann et al. (2022), Nat. Biotechnol. 40. Ward (1963), JASA 58.
    """

    blinded: ClassVar[Literal[True]] = True

    def propose(self, texts: Sequence[str], tools: Tools) -> RegionsScan:
        unique = sorted(set(texts))
        vectors = tools.embed(unique)
        leaves = np.arange(len(unique))
        if len(unique) > MAX_LEAVES:
            groups = kmeans(vectors, MAX_LEAVES // 2, seed=tools.seed, n_init=1, max_iter=10, threads=tools.threads)
            occupied, leaves = np.unique(groups.labels, return_inverse=True)
            vectors = groups.centroids[occupied]
        leaf_of = dict(zip(unique, leaves.tolist(), strict=True))
        branches = grow(vectors)
        sizes = branches.sizes(np.bincount([leaf_of[text] for text in texts], minlength=len(vectors)))
        least, most = max(MIN_RESPONSES, len(texts) // 400), int(MAX_SHARE * len(texts))
        regions = branches.only((sizes >= least) & (sizes <= most))
        return RegionsScan(tuple(texts), leaf_of, regions, lambda labels, n: name_kinds(texts, labels, n, tools))


@dataclass(frozen=True)
class Branches:
    """Branches of a tree: each is an interval of the leaves in the tree's order.

    Parameters
    ----------
    place : int64 (n_leaves,), where each leaf stands in the tree's order
    start, stop : int64 (n_branches,), first place of each branch, and the one behind its last
    """

    place: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]

    def only(self, kept: Mask) -> Branches:
        """Some of the branches."""
        return Branches(self.place, self.start[kept], self.stop[kept])

    def sizes(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sum of what each leaf counts, by branch."""
        ordered = np.zeros(len(self.place), dtype=np.int64)
        ordered[self.place] = counts
        sums = np.concatenate([[0], np.cumsum(ordered)])
        return np.asarray(sums[self.stop] - sums[self.start])

    def holds(self, leaves: NDArray[np.int64]) -> Mask:
        """Which branch holds which of some leaves: bool (n, n_branches)."""
        place = self.place[leaves][:, None]
        return np.asarray((place >= self.start) & (place < self.stop))


def grow(vectors: Vectors) -> Branches:
    """Every branch of the Ward tree of some rows, by size of the merge.

    Parameters
    ----------
    vectors : float32 (n, d), n at least 1

    Notes
    -----
    ``scipy.cluster.hierarchy.linkage``; peak memory 20 n² bytes.

    Examples
    --------
    >>> branches = grow(np.array([[0], [10], [1], [12]], np.float32))
    >>> branches.holds(np.arange(4)).astype(int).T.tolist()
    [[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1]]
    """
    from scipy.cluster.hierarchy import leaves_list, linkage

    n = len(vectors)
    if n < 2:
        return Branches(np.zeros(n, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))
    distances = np.sqrt(squared_distances(vectors)[np.triu_indices(n, 1)])
    merges = linkage(distances, "ward")
    place = np.empty(n, dtype=np.int64)
    place[leaves_list(merges)] = np.arange(n)
    start = np.concatenate([place, np.zeros(n - 1, dtype=np.int64)])
    for i, (left, right) in enumerate(merges[:, :2].astype(np.int64).tolist()):
        start[n + i] = min(start[left], start[right])
    return Branches(place, start[n:], start[n:] + merges[:, 3].astype(np.int64))


class RegionsScan:
    """All regions, and the chosen ones in words."""

    max_reported: ClassVar[int] = MAX_REPORTED
    max_alike: ClassVar[float] = 0.0

    def __init__(
        self,
        texts: tuple[str, ...],
        leaf_of: dict[str, int],
        regions: Branches,
        name: Callable[[Labels, int], list[Label | None]],
    ) -> None:
        self._texts, self._leaf_of, self._regions, self._name = texts, leaf_of, regions, name
        self.measure = Measure(
            id="regions",
            lens="regions",
            more="gives more responses in some region of the space of embeddings",
            fewer="gives fewer responses in some region of the space of embeddings",
            unit="share of responses",
            kind="indicator",
            definition={
                "tree": "Ward",
                "n_leaves": len(regions.place),
                "n_regions": len(regions.start),
                "intervals": content_hash("diptych/regions/1", [regions.start.tolist(), regions.stop.tolist()]),
            },
        )

    @property
    def n_measures(self) -> int:
        """How many regions are tested together."""
        return len(self._regions.start)

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        """1 where a response lies in a region: float64 (n, n_measures)."""
        return self._holds([row.response for row in responses]).astype(np.float64)

    def chosen(self, numbers: Sequence[int]) -> RegionsProposal:
        """Some of the regions, which do not overlap, as measures."""
        inside = self._holds(self._texts)[:, list(numbers)]
        labels = np.where(inside.any(axis=1), inside.argmax(axis=1) + 1, 0).astype(np.int32)
        named = keywords(self._texts, labels, len(numbers) + 1)[1:]
        sizes = inside.sum(axis=0).tolist()
        names = self._name(labels - 1, len(numbers))
        measures = []
        for rank, (number, words, size, label) in enumerate(zip(numbers, named, sizes, names, strict=True), start=1):
            definition = {"region": number, "of": self.n_measures, "keywords": list(words), "n_responses": size}
            measures.append(kind_measure("regions", f"{rank:02d}", words, definition, label))
        return RegionsProposal(tuple(measures), self, numbers)

    def _holds(self, texts: Sequence[str]) -> Mask:
        return self._regions.holds(np.array([self._leaf_of[text] for text in texts], dtype=np.int64))


class RegionsProposal:
    """For each chosen region: does the response lie in it?"""

    def __init__(self, measures: tuple[Measure, ...], scan: RegionsScan, numbers: Sequence[int]) -> None:
        self.measures, self._scan, self._numbers = measures, scan, list(numbers)

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        return self._scan.values(responses)[:, self._numbers]

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        return word_spans(measure.definition["keywords"], text)
