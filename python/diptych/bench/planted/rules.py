"""Rules by which a difference is accepted: diptych's, and those of other tools.

Rules only: each takes the measures of one comparison with the prompts that they may be tested on, and says which it
would report, in which direction. None of the others corrects for the number of measures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from diptych._types import FloatMatrix, FloatVector, Labels, Mask, Vectors
from diptych.bench.planted.scoring import Claim
from diptych.clustering.algorithms import kmeans, nearest_centroid, number_of_clusters
from diptych.comparison.result import Result
from diptych.comparison.units import unit_means
from diptych.utils.hashing import derive_seed

Z_CRITICAL: Final = 1.959963984540054
"""Two-sided, 5 %."""
MARGIN: Final = 0.01
N_BOOTSTRAP: Final = 100
N_NEAREST: Final = 3
"""Each cluster is held against so many clusters of the other arm."""


@dataclass(frozen=True)
class Compared:
    """One paired comparison, as rules look at it.

    Parameters
    ----------
    result : of ``compare``
    vectors : float32 (n_rows, d), embeddings of ``result.table``
    seed : of rules that draw
    """

    result: Result
    vectors: Vectors
    seed: int

    def tested(self, j: int) -> Mask:
        """Units that measure ``j`` is tested on: bool (n_units,)."""
        first = self.result.discovery
        halves = {"first half": first, "second half": ~first}
        return halves.get(self.result.tested[j].tested_on, np.ones_like(first))

    def training(self, j: int) -> Mask:
        """Units that a rule with a training half would have looked at: those not tested on, else the first half."""
        tested = self.tested(j)
        return self.result.discovery if tested.all() else ~tested

    @cached_property
    def differences(self) -> FloatMatrix:
        """Second minus first arm of each unit and measure: float64 (n_units, m), NaN where missing."""
        return unit_means(self.result.table, self.result.values).differences

    def claim(self, j: int, *, up: bool) -> Claim:
        """That the second arm scores higher, or lower, in measure ``j``."""
        measure = self.result.measures[j]
        return Claim(measure.lens, self.result.values[:, j], measure.kind == "indicator", self.tested(j), up)

    def strongest_first(self, strength: FloatVector, accepted: Mask) -> list[Claim]:
        """Claims of the accepted measures by the size of ``strength``, in its direction."""
        order = [j for j in np.argsort(-np.abs(strength), kind="stable").tolist() if accepted[j]]
        return [self.claim(j, up=bool(strength[j] > 0)) for j in order]


def by_diptych(compared: Compared) -> list[Claim]:
    """The findings: q at most alpha over all measures."""
    tested = compared.result.tested
    return [compared.claim(tested.index(f), up=f.statistic > 0) for f in compared.result.findings]


def by_raw_z(compared: Compared) -> list[Claim]:
    """|z| > 1.96, the arms taken for independent samples: of two proportions (pooled), or of two means."""
    z = np.array([_z(compared, j) for j in range(len(compared.result.measures))])
    return compared.strongest_first(z, np.abs(z) > Z_CRITICAL)


def _z(compared: Compared, j: int) -> float:
    table, values = compared.result.table, compared.result.values[:, j]
    rows = compared.tested(j)[table.unit_of_row] & ~np.isnan(values)
    first, second = values[rows & ~table.is_b], values[rows & table.is_b]
    if not len(first) or not len(second):
        return 0.0
    difference = float(second.mean() - first.mean())
    if compared.result.measures[j].kind == "indicator":
        share = float(np.concatenate([first, second]).mean())
        variance = share * (1.0 - share) * (1.0 / len(first) + 1.0 / len(second))
    else:
        variance = float(first.var() / len(first) + second.var() / len(second))
    return difference / variance**0.5 if variance > 0.0 else 0.0


def by_margin(compared: Compared) -> list[Claim]:
    """Shares that differ by more than one point on the half that the measure was chosen by; no test."""
    measures = compared.result.measures
    effect = np.array([_mean(compared.differences[compared.training(j), j]) for j in range(len(measures))])
    shares = np.array([measure.kind == "indicator" for measure in measures], dtype=np.bool_)
    return compared.strongest_first(effect, shares & (np.abs(effect) > MARGIN))


def _mean(values: FloatVector) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else 0.0


def by_bootstrap(compared: Compared) -> list[Claim]:
    """Differences whose 95 % percentile interval of 100 resamples of the prompts leaves out 0."""
    rng = np.random.Generator(np.random.Philox(key=derive_seed(compared.seed, "bootstrap rule")))
    n, m = compared.differences.shape
    tested = np.array([compared.tested(j) for j in range(m)]).T.reshape(n, m)
    there = tested & ~np.isnan(compared.differences)
    differences = np.where(there, compared.differences, 0.0)
    weights = rng.multinomial(n, np.full(n, 1.0 / n), size=N_BOOTSTRAP).astype(np.float64)
    means = (weights @ differences) / np.maximum(weights @ there, 1.0)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    spread = means.std(axis=0)
    strength = differences.sum(axis=0) / np.maximum(there.sum(axis=0), 1) / np.where(spread > 0, spread, 1.0)
    return compared.strongest_first(strength, (low > 0.0) | (high < 0.0))


def by_separate_clusters(compared: Compared) -> list[Claim]:
    """Each arm clustered alone; a cluster against the three nearest of the other arm; a perfect judge of the contrast.

    Centroids come from the first half. Of the second half, the members of both clusters are given to the nearer
    centroid of the two; the contrast is accepted when more than half of them come out right (z > 1.96). It is read as
    is its label: the second arm says more of what is nearer to its own cluster's centroid.
    """
    table = compared.result.table
    held_out = ~compared.result.discovery
    in_second = held_out[table.unit_of_row]
    arms = [_cluster(compared, side, table.is_b == side, in_second) for side in (False, True)]
    (centroids_a, labels_a), (centroids_b, labels_b) = arms
    distances = np.linalg.norm(centroids_a[:, None] - centroids_b[None], axis=2)
    a_to_b = {(i, j) for i in range(len(distances)) for j in np.argsort(distances[i])[:N_NEAREST].tolist()}
    b_to_a = {(i, j) for j in range(distances.shape[1]) for i in np.argsort(distances[:, j])[:N_NEAREST].tolist()}
    accepted = []
    for i, j in sorted(a_to_b | b_to_a):
        nearer_b = nearest_centroid(compared.vectors, np.stack([centroids_a[i], centroids_b[j]])) == 1
        right = np.concatenate([~nearer_b[labels_a == i], nearer_b[labels_b == j]])
        z = (right.mean() - 0.5) / (0.5 / len(right) ** 0.5) if len(right) else 0.0
        if z > Z_CRITICAL:
            accepted.append((z, Claim("contrasts", nearer_b.astype(np.float64), True, held_out, True)))
    return [claim for _, claim in sorted(accepted, key=lambda pair: -pair[0])]


def _cluster(compared: Compared, side: bool, of_arm: Mask, in_second: Mask) -> tuple[Vectors, Labels]:
    """Centroids of one arm's first half, and labels of its second half; -1 for all other rows."""
    fitted = compared.vectors[of_arm & ~in_second]
    n_clusters = min(number_of_clusters(2 * len(fitted)), len(np.unique(fitted, axis=0)))
    seed = derive_seed(compared.seed, f"separate clusters {side}") % 2**32
    centroids = kmeans(fitted, n_clusters, seed=seed).centroids
    labels = np.full(len(of_arm), -1, dtype=np.int32)
    held_out = of_arm & in_second
    labels[held_out] = nearest_centroid(compared.vectors[held_out], centroids)
    return centroids, labels


RULES: Final[dict[str, Callable[[Compared], list[Claim]]]] = {
    "diptych": by_diptych,
    "raw z-test, p < 0.05": by_raw_z,
    "1-point margin, training half": by_margin,
    "bootstrap interval without 0": by_bootstrap,
    "separate clusters, contrasts": by_separate_clusters,
}
"""Name of each rule and the rule, diptych's first."""
