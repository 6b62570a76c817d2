"""The clusters of two arms as a graph: which are neighbours, which are told apart, which are new or gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from diptych._types import Mask, Vectors
from diptych.apps.interventions.word_baseline import Placed, Separation, WordBaseline
from diptych.clustering.analysis import analyze_clusters
from diptych.clustering.matching import cluster_means, nearest_neighbours
from diptych.clustering.shares import compute_statistics
from diptych.errors import DataError
from diptych.stats.multiplicity import q_values
from diptych.utils.hashing import derive_seed

MATCHING, UNMATCHING, UNKNOWN = "matching", "unmatching", "unknown"
NEW, GONE, UNDECIDED = "new", "gone", "undecided"
Key = tuple[int, int]
"""A cluster of the first arm, and one of the second."""


@dataclass(frozen=True)
class GraphSettings:
    """How the graph is made.

    Parameters
    ----------
    neighbours : nearest clusters of the other arm that each is joined with
    least : answers of an arm that a cluster needs, to be one of that arm
    cutoff : area under the curve from which two clusters are told apart, if it is beyond chance
    alpha : false discovery rate of all that is tested
    seed : of everything random
    threads : no result depends on them
    """

    neighbours: int = 3
    least: int = 5
    cutoff: float = 0.69
    alpha: float = 0.05
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True)
class Node:
    """A cluster, as far as it is one arm's.

    Parameters
    ----------
    arm : 0 or 1
    cluster : its number; the same number in the other arm is the same cluster
    size : answers
    share, low, high : of the arm's answers, by units, with a 95 % interval
    q_shares : that the arms have equal shares of the cluster; None where that is so by design
    q_words : that in the cluster the arms answer alike; None where it is not the other arm's too
    case : ``matching`` if it is not told from some neighbour; else ``new`` in the second arm and ``gone`` in the first,
        if that is shown, and ``undecided`` if it is not
    """

    arm: Literal[0, 1]
    cluster: int
    size: int
    share: float
    low: float
    high: float
    q_shares: float | None = None
    q_words: float | None = None
    case: str = UNDECIDED

    @property
    def q_value(self) -> float:
        """The smaller of the two; 1 without any."""
        return min((q for q in (self.q_shares, self.q_words) if q is not None), default=1.0)


@dataclass(frozen=True)
class Edge:
    """Two clusters that are near each other.

    Parameters
    ----------
    a, b : cluster of the first arm, and of the second
    similarity : cosine of their middles
    words : how far their answers are told apart by words
    q_value : that the arms answer alike in that cluster; None between two clusters, which differ by construction
    case : ``matching``, ``unmatching`` where they are told apart, ``unknown`` where there are too few answers
    """

    a: int
    b: int
    similarity: float
    words: Separation
    q_value: float | None = None
    case: str = UNKNOWN


@dataclass(frozen=True)
class Graph:
    """Of the clusters of two arms.

    Parameters
    ----------
    nodes : by arm and number
    edges : by number
    family_size : how much was tested together
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    family_size: int

    def cases(self, arm: int) -> dict[str, int]:
        """How many clusters of an arm are of each case.

        Parameters
        ----------
        arm : 0 or 1
        """
        found = [node.case for node in self.nodes if node.arm == arm]
        return {case: found.count(case) for case in dict.fromkeys(found)}


def build_graph(placed: Placed, vectors: Vectors, settings: GraphSettings) -> Graph:
    """Join each cluster of an arm with the nearest of the other, and say which pairs are told apart.

    Parameters
    ----------
    placed : answers of both arms, in clusters that were found without looking at arms, or given
    vectors : float32 (n, d), of the answers
    settings : how

    Raises
    ------
    ShapeError
        If there is not one vector for each answer.
    DataError
        If no cluster has enough answers of an arm.

    Notes
    -----
    Clusters are common to both arms, so that all tests are of arms that are exchangeable within a unit when the models
    are the same; clusters of each arm alone differ for identical models. What is tested is one family
    (Benjamini–Hochberg): that shares of a cluster are equal, and that in a cluster words do not tell the arms apart.
    Two different clusters are told apart by construction, so their area has an interval and no p-value.
    """
    nodes, p_shares = _nodes(placed, vectors, settings)
    _check_both(placed, nodes, settings)
    words = WordBaseline(placed, seed=settings.seed)
    edges = [
        Edge(a, b, similarity, words.separation(*_members(placed, a, b)))
        for (a, b), similarity in sorted(_neighbours(placed, vectors, nodes, settings).items())
    ]
    tested: dict[tuple[str, int], float] = {("share", c): p for c, p in p_shares.items()}
    tested |= {("words", edge.a): edge.words.auc.p_value for edge in edges if edge.a == edge.b and edge.words.auc}
    q = dict(zip(tested, q_values(np.array(list(tested.values()))).tolist(), strict=True))
    judged = [_judged(edge, q.get(("words", edge.a)) if edge.a == edge.b else None, settings) for edge in edges]
    known = [
        replace(node, q_shares=q.get(("share", node.cluster)), q_words=q.get(("words", node.cluster))) for node in nodes
    ]
    cased = tuple(replace(node, case=_case(node, judged, settings)) for node in known)
    return Graph(cased, tuple(judged), len(tested))


def _check_both(placed: Placed, nodes: Sequence[Node], settings: GraphSettings) -> None:
    for arm, name in enumerate(("first", "second")):
        if not any(node.arm == arm for node in nodes):
            most = int(np.bincount(placed.labels[placed.is_b == bool(arm)]).max())
            raise DataError(
                f"no cluster has {settings.least} answers of the {name} model: the largest has {most}. "
                "Take fewer clusters, more draws, or a lower --least."
            )


def _members(placed: Placed, a: int, b: int) -> tuple[Mask, Mask]:
    """Answers of cluster ``a`` of the first arm, and of ``b`` of the second."""
    return (placed.labels == a) & ~placed.is_b, (placed.labels == b) & placed.is_b


def _nodes(placed: Placed, vectors: Vectors, settings: GraphSettings) -> tuple[list[Node], dict[int, float]]:
    """Clusters that have enough answers of an arm; and p of equal shares, of those that have as many of both together.

    Which are tested must not hang on the arms: of small clusters, those that one arm has enough of are lopsided.
    """
    clusters = analyze_clusters(vectors, placed.labels, threads=settings.threads)
    found = compute_statistics(
        clusters,
        ["b" if is_b else "a" for is_b in placed.is_b],
        units=placed.units,
        seed=derive_seed(settings.seed, "shares") % 2**32,
        threads=settings.threads,
    )
    nodes: list[Node] = []
    arms: tuple[Literal[0], Literal[1]] = (0, 1)
    for arm in arms:
        sizes = np.bincount(placed.labels[placed.is_b == bool(arm)], minlength=clusters.n_clusters)
        column = found.arms.index("ab"[arm])
        for c in np.flatnonzero(sizes >= settings.least).tolist():
            share, low, high = (float(table[c, column]) for table in (found.share, found.low, found.high))
            nodes.append(Node(arm, c, int(sizes[c]), share, low, high))
    tested = np.flatnonzero(clusters.sizes >= settings.least).tolist() if placed.has_shares else []
    return nodes, {c: float(found.p_value[c, 0]) for c in tested}


def _neighbours(
    placed: Placed, vectors: Vectors, nodes: Sequence[Node], settings: GraphSettings
) -> Mapping[Key, float]:
    """Pairs of clusters that are near, seen from either, with the cosines of their middles; and each with itself."""
    numbers = [[node.cluster for node in nodes if node.arm == arm] for arm in (0, 1)]
    middles = [_middles(vectors, placed, bool(arm))[numbers[arm]] for arm in (0, 1)]
    found = dict(_nearest(middles[0], middles[1], numbers[0], numbers[1], settings))
    found |= {(a, b): value for (b, a), value in _nearest(middles[1], middles[0], numbers[1], numbers[0], settings)}
    for c in sorted(set(numbers[0]) & set(numbers[1])):
        found[c, c] = float(middles[0][numbers[0].index(c)] @ middles[1][numbers[1].index(c)])
    return found


def _nearest(
    queries: NDArray[np.float32], targets: NDArray[np.float32], own: Sequence[int], others: Sequence[int],
    settings: GraphSettings,
) -> Iterator[tuple[Key, float]]:  # fmt: skip
    k = min(settings.neighbours, len(targets))
    indices, similarities = nearest_neighbours(queries, targets, k=k, threads=settings.threads)
    for row, number in enumerate(own):
        for place, value in zip(indices[row].tolist(), similarities[row].tolist(), strict=True):
            yield (number, others[place]), value


def _middles(vectors: Vectors, placed: Placed, is_b: bool) -> NDArray[np.float32]:
    """Middle of each cluster of an arm, of length 1: float32 (k, d)."""
    chosen = placed.is_b == is_b
    means = np.nan_to_num(cluster_means(vectors[chosen], placed.labels[chosen]).means)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(np.divide(means, lengths, out=means, where=lengths > 0), dtype=np.float32)


def _judged(edge: Edge, q_value: float | None, settings: GraphSettings) -> Edge:
    area = edge.words.auc
    if area is None:
        return edge
    beyond = area.low > 0.5 if edge.a != edge.b else q_value is not None and q_value <= settings.alpha
    case = UNMATCHING if beyond and area.value >= settings.cutoff else MATCHING
    return replace(edge, q_value=q_value, case=case)


def _case(node: Node, edges: Sequence[Edge], settings: GraphSettings) -> str:
    mine = [edge for edge in edges if (edge.a, edge.b)[node.arm] == node.cluster]
    if any(edge.case == MATCHING for edge in mine):
        return MATCHING
    return (GONE, NEW)[node.arm] if node.q_value <= settings.alpha else UNDECIDED
