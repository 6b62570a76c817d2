"""Tables: clusters of statements with the shares of every model and persona, and personas pair by pair."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from diptych._types import FloatMatrix, Json, Labels
from diptych.apps.behavioural_clustering.approvals import Approvals
from diptych.data.answers import Approval
from diptych.stats.exact import sign_test
from diptych.stats.share_intervals import wilson_intervals

APPROVALS = (Approval.APPROVES, Approval.DISAPPROVES, Approval.NO_ANSWER)


@dataclass(frozen=True)
class ClusterShares:
    """Shares of the statements of each cluster, the mean over statements: (k, m, l) each, NaN where none was answered.

    Parameters
    ----------
    share, low, high : that come to one kind of answer, with 95 % intervals
    n : statements with an answer
    """

    share: FloatMatrix
    low: FloatMatrix
    high: FloatMatrix
    n: FloatMatrix

    def as_json(self, cluster: int) -> list[list[Json]]:
        """One object for each model and persona of a cluster.

        Parameters
        ----------
        cluster : its number
        """
        names = ("share", "low", "high")
        values = [getattr(self, name)[cluster] for name in names]
        return [
            [
                {
                    **{name: _or_none(value[m, p]) for name, value in zip(names, values, strict=True)},
                    "n": int(self.n[cluster, m, p]),
                }
                for p in range(self.n.shape[2])
            ]
            for m in range(self.n.shape[1])
        ]


def cluster_shares(approvals: Approvals, labels: Labels, n_clusters: int, approval: Approval) -> ClusterShares:
    """How often each model under each persona gives one kind of answer, cluster by cluster.

    Parameters
    ----------
    approvals : every answer
    labels : int32 (n,), cluster of each statement
    n_clusters : k
    approval : the kind of answer
    """
    shares = approvals.shares(approval)
    there = ~np.isnan(shares)
    totals, n = (np.zeros((n_clusters, *shares.shape[1:])) for _ in range(2))
    np.add.at(totals, labels, np.where(there, shares, 0.0))
    np.add.at(n, labels, there)
    with np.errstate(invalid="ignore"):
        share = np.where(n > 0, totals / n, np.nan)
    interval = wilson_intervals(share, n)
    return ClusterShares(share, interval.low, interval.high, n)


@dataclass(frozen=True, slots=True)
class PersonaPair:
    """Two personas of one model, by the statements that both answered.

    Parameters
    ----------
    model, section, first, second : names
    answer : the kind of answer that is counted
    both, only_first, only_second, neither : statements to which more than half of the draws came to that answer
    phi : correlation of the two columns; None where one of them is constant
    p_value : exact, that the answer is as frequent under either (McNemar)
    """

    model: str
    section: str
    first: str
    second: str
    answer: str
    both: int
    only_first: int
    only_second: int
    neither: int
    phi: float | None
    p_value: float


def persona_pairs(approvals: Approvals) -> Iterator[PersonaPair]:
    """Each pair of personas of a section, in each model, for approval and for disapproval.

    Parameters
    ----------
    approvals : every answer
    """
    personas = approvals.personas
    for approval, answer in ((Approval.APPROVES, "approves"), (Approval.DISAPPROVES, "disapproves")):
        shares = approvals.shares(approval)
        for m, model in enumerate(approvals.models):
            for p, q in combinations(range(len(personas)), 2):
                if personas[p].section != personas[q].section:
                    continue
                table = _two_by_two(shares[:, m, p], shares[:, m, q])
                p_value = float(sign_test(table[0, 1:2], table[1, :1])[0])
                labels = (personas[p].section, personas[p].label, personas[q].label)
                cells = (int(table[1, 1]), int(table[1, 0]), int(table[0, 1]), int(table[0, 0]))
                yield PersonaPair(model, *labels, answer, *cells, phi_coefficient(*cells), p_value)


def _two_by_two(first: FloatMatrix, second: FloatMatrix) -> np.ndarray:
    there = ~np.isnan(first) & ~np.isnan(second)
    table = np.zeros((2, 2), dtype=np.int64)
    np.add.at(table, ((first[there] > 0.5).astype(int), (second[there] > 0.5).astype(int)), 1)
    return table


def phi_coefficient(both: int, only_first: int, only_second: int, neither: int) -> float | None:
    """Pearson's correlation of two columns of yes and no; None where one is constant.

    Parameters
    ----------
    both, only_first, only_second, neither : counts

    Examples
    --------
    >>> phi_coefficient(5, 0, 0, 5), phi_coefficient(10, 0, 0, 0)
    (1.0, None)
    """
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    return (both * neither - only_first * only_second) / math.sqrt(margins) if margins else None


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 10)
