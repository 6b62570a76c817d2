"""Whose clusters are they? Shares of the arms in each, with intervals, and the test that they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, FloatVector, Labels, Mask
from diptych.clustering.analysis import Clusters
from diptych.errors import ShapeError
from diptych.stats.exact import shares_test, sign_test
from diptych.stats.multiplicity import q_values
from diptych.stats.permutation import paired_test, unpaired_test
from diptych.stats.share_intervals import wilson_intervals


@dataclass(frozen=True, slots=True)
class ClusterStatistics:
    """Clusters, and how the arms spread over them; k clusters, a arms, c pairs of arms.

    A unit is what was sampled independently, as a rule a prompt. Rows of one unit and arm are averaged, and units weigh
    equally.

    Parameters
    ----------
    sizes : int64 (k,), rows
    cohesion, separation : float64 (k,), as in ``Clusters``
    arms : names, in the order in which they first occur
    n_units : int64 (a,), units of each arm
    share : float64 (k, a), share of an arm's responses that lie in the cluster; noise counts among the responses
    low, high : float64 (k, a), 95 % interval of each share
    entropy : float64 (k,), of the arms in the cluster, in bits: 0 where it is all of one, log2 a where arms are in it
        alike, whatever the sizes of the arms; NaN where it is empty
    pairs : which two arms each column below compares
    is_paired : bool (c,), whether prompt by prompt
    difference : float64 (k, c), share of the second arm less that of the first; over common units where paired
    p_value : float64 (k, c), that the two arms are exchangeable
    q_value : float64 (k, c), false discovery rate over all of these
    """

    sizes: NDArray[np.int64]
    cohesion: FloatVector
    separation: FloatVector
    arms: tuple[str, ...]
    n_units: NDArray[np.int64]
    share: FloatMatrix
    low: FloatMatrix
    high: FloatMatrix
    entropy: FloatVector
    pairs: tuple[tuple[str, str], ...]
    is_paired: Mask
    difference: FloatMatrix
    p_value: FloatMatrix
    q_value: FloatMatrix


@dataclass(frozen=True, slots=True)
class ArmShares:
    """Which share of each arm's responses lies in each cluster; k clusters, a arms.

    Parameters
    ----------
    arms : names
    n_units : int64 (a,), units of each arm
    share : float64 (k, a); rows of one unit are averaged, and units weigh equally
    low, high : float64 (k, a), 95 % interval of each
    """

    arms: tuple[str, ...]
    n_units: NDArray[np.int64]
    share: FloatMatrix
    low: FloatMatrix
    high: FloatMatrix


def arm_shares(labels: Labels, n_clusters: int, arms: Sequence[str], units: Sequence[str]) -> ArmShares:
    """Shares with intervals, by units, without any test.

    Parameters
    ----------
    labels : int32 (n,), -1 is noise
    n_clusters : k
    arms : name of each row's arm
    units : id of each row's unit, such as its prompt

    Returns
    -------
    ArmShares
        arms in alphabetical order

    Raises
    ------
    ShapeError
        If there is not one arm, or one unit, for each row.

    Notes
    -----
    Intervals: Wilson (1927), by units.

    Examples
    --------
    >>> found = arm_shares(np.array([0, 0, 1, 0], np.int32), 2, ["a", "a", "b", "b"], ["1", "2", "1", "2"])
    >>> found.arms, found.share.tolist()
    (('a', 'b'), [[1.0, 0.5], [0.0, 0.5]])
    """
    names, arm_of_row = _numbered(arms, len(labels), "arm")
    unit_ids, unit_of_row = _numbered(units, len(labels), "unit")
    order = sorted(range(len(names)), key=lambda a: names[a])
    samples = [_Sample.of(labels, n_clusters, arm_of_row == a, unit_of_row, len(unit_ids)) for a in order]
    return _shares_of([names[a] for a in order], samples)


def compute_statistics(
    clusters: Clusters,
    arms: Sequence[str] | None = None,
    *,
    units: Sequence[str] | None = None,
    n_resamples: int = 10_000,
    seed: int = 0,
    threads: int = 1,
) -> ClusterStatistics:
    """How the arms spread over clusters, and whether more so than chance.

    Parameters
    ----------
    clusters : of ``analyze_clusters``
    arms : name of each row's arm; None where all are of one
    units : id of each row's unit, such as its prompt; None where each row is its own
    n_resamples : of the test where a unit has several rows in an arm; p is exact elsewhere
    seed : of these
    threads : the result is the same for every value

    Raises
    ------
    ShapeError
        If there is not one arm, or one unit, for each row.

    Notes
    -----
    Each pair of arms is compared by ``paired_test`` over the units that both have, by ``unpaired_test`` where they have
    none in common; p is exact, McNemar's or hypergeometric, where every unit has one row in each arm. The test holds if
    nobody looked at the arms to find the clusters: cluster all arms together. Intervals: Wilson (1927), by units.

    Examples
    --------
    >>> from diptych.clustering.analysis import analyze_clusters
    >>> clusters = analyze_clusters(np.eye(2)[[0, 1] * 8], [0, 1] * 8)
    >>> found = compute_statistics(clusters, ["a", "b"] * 8, units=[str(i // 2) for i in range(16)])
    >>> found.share.tolist(), found.p_value.round(4).tolist()
    ([[1.0, 0.0], [0.0, 1.0]], [[0.0078], [0.0078]])
    """
    n = len(clusters.labels)
    names, arm_of_row = _numbered(["all"] * n if arms is None else arms, n, "arm")
    unit_ids, unit_of_row = _numbered(range(n) if units is None else units, n, "unit")
    samples = [
        _Sample.of(clusters.labels, clusters.n_clusters, arm_of_row == a, unit_of_row, len(unit_ids))
        for a in range(len(names))
    ]
    shares = _shares_of(names, samples)
    pairs = list(combinations(range(len(names)), 2))
    tests = [_compare(samples[i], samples[j], n_resamples, seed, threads) for i, j in pairs]
    p_value = _columns([test.p_value for test in tests], clusters.n_clusters)
    tested = clusters.sizes > 0
    q_value = np.ones_like(p_value)
    q_value[tested] = q_values(p_value[tested].ravel()).reshape(int(tested.sum()), len(pairs))
    return ClusterStatistics(
        sizes=clusters.sizes,
        cohesion=clusters.cohesion,
        separation=clusters.separation,
        arms=shares.arms,
        n_units=shares.n_units,
        share=shares.share,
        low=shares.low,
        high=shares.high,
        entropy=_entropy(shares.share),
        pairs=tuple((names[i], names[j]) for i, j in pairs),
        is_paired=np.array([test.is_paired for test in tests], dtype=np.bool_),
        difference=_columns([test.difference for test in tests], clusters.n_clusters),
        p_value=p_value,
        q_value=q_value,
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    """One arm: for each unit of all arms, the share of its rows in each cluster, and how many rows it has."""

    means: FloatMatrix
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, labels: Labels, k: int, chosen: Mask, unit_of_row: NDArray[np.int64], n_units: int) -> _Sample:
        units, labels = unit_of_row[chosen], labels[chosen]
        counts = np.bincount(units, minlength=n_units)
        is_in = labels >= 0
        cells = np.bincount(units[is_in] * k + labels[is_in], minlength=n_units * k).reshape(n_units, k)
        return cls(cells / np.maximum(counts, 1)[:, None], counts)

    @property
    def has(self) -> Mask:
        return np.asarray(self.counts > 0)

    @property
    def n_units(self) -> int:
        return int(self.has.sum())

    @property
    def shares(self) -> FloatVector:
        return np.asarray(self.means[self.has].sum(axis=0) / max(self.n_units, 1))


def _shares_of(names: Sequence[str], samples: Sequence[_Sample]) -> ArmShares:
    share = np.stack([sample.shares for sample in samples], axis=1)
    n_units = np.array([sample.n_units for sample in samples], dtype=np.int64)
    interval = wilson_intervals(share, n_units)
    return ArmShares(tuple(names), n_units, share, interval.low, interval.high)


@dataclass(frozen=True, slots=True)
class _Compared:
    is_paired: bool
    difference: FloatVector
    p_value: FloatVector


def _compare(first: _Sample, second: _Sample, n_resamples: int, seed: int, threads: int) -> _Compared:
    """By units that both have, or, where there is none, by all units of both."""
    common = first.has & second.has
    if common.any():
        single = bool((first.counts[common] == 1).all() and (second.counts[common] == 1).all())
        differences = second.means[common] - first.means[common]
        p_value = (
            sign_test((differences > 0).sum(axis=0), (differences < 0).sum(axis=0))
            if single
            else paired_test(
                differences, indicator=_none(differences), n_resamples=n_resamples, seed=seed, threads=threads
            ).p_value
        )
        return _Compared(True, differences.mean(axis=0), p_value)
    values = np.concatenate([first.means[first.has], second.means[second.has]])
    in_first = np.arange(len(values)) < first.n_units
    single = max(int(first.counts.max()), int(second.counts.max())) == 1
    p_value = (
        shares_test(values.astype(np.int64), in_first)
        if single
        else unpaired_test(
            values,
            np.ones(values.shape, dtype=np.bool_),
            in_first,
            indicator=_none(values),
            n_resamples=n_resamples,
            seed=seed,
            threads=threads,
        ).p_value
    )
    return _Compared(False, second.shares - first.shares, p_value)


def _none(values: FloatMatrix) -> Mask:
    return np.zeros(values.shape[1], dtype=np.bool_)


def _numbered(names: Sequence[str] | range, n: int, kind: str) -> tuple[list[str], NDArray[np.int64]]:
    """The different names by first occurrence, and the number of each row's."""
    if len(names) != n:
        raise ShapeError(f"{n} labels but {len(names)} names of {kind}s; give one {kind} for each row")
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    of_row = np.fromiter((numbers[name] for name in names), dtype=np.int64, count=n)
    return [str(name) for name in numbers], of_row


def _columns(columns: Sequence[FloatVector], k: int) -> FloatMatrix:
    return np.stack(columns, axis=1) if columns else np.empty((k, 0))


def _entropy(share: FloatMatrix) -> FloatVector:
    total = share.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = share / total
        bits = -np.where(part > 0, part * np.log2(part), 0.0).sum(axis=1)
    return np.where(total[:, 0] > 0, np.maximum(bits, 0.0), np.nan)
