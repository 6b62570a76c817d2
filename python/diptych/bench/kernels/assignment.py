"""One-to-one assignment: tables and distances, against scipy and lapx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.bench.kernels.harness import MIB, Competitor, Job, Row, Target, once_a_job

Call = Callable[[], Any]


@once_a_job
def _costs(job: Job) -> NDArray[np.float64]:
    k = job["clusters"]
    rng = np.random.default_rng(2)
    if job["cost"] == "overlap":
        order = rng.permutation(k)
        a = rng.integers(0, k, 100 * k)
        b = np.where(rng.random(100 * k) < 0.7, order[a], rng.integers(0, k, 100 * k))
        table = np.bincount(a * k + b, minlength=k * k).reshape(k, k)
        return -table.astype(np.float64)
    centres = rng.normal(size=(k, 384)) * np.arange(1, 385) ** -0.5
    left, right = (centres + 0.5 * rng.normal(size=(k, 384)) * np.arange(1, 385) ** -0.5 for _ in "ab")
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return np.asarray(1.0 - left @ right[rng.permutation(k)].T)


def _assign(job: Job) -> Call:
    from diptych import _native

    cost = _costs(job)
    return lambda: _native.assign(cost, False)


def _scipy_assign(job: Job) -> Call:
    from scipy.optimize import linear_sum_assignment

    cost = _costs(job)
    return lambda: linear_sum_assignment(cost)


def _lapjv(job: Job) -> Call:
    import lap  # type: ignore[import-not-found,unused-ignore]

    cost = _costs(job)
    return lambda: (np.arange(len(cost)), lap.lapjv(cost)[1])


def _read_costs(job: Job) -> Call:
    cost = _costs(job)
    return lambda: float(cost.min())


def least(cost: NDArray[np.float64]) -> float:
    """The least total by another algorithm: all entries as edges of a sparse bipartite graph."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    lift = 1.0 - cost.min()
    rows, columns = min_weight_full_bipartite_matching(csr_array(cost + lift))
    return float(cost[rows, columns].sum())


def _check_assign(job: Job, pairs: Any) -> None:
    cost = _costs(job)
    rows, columns = np.asarray(pairs[0]), np.asarray(pairs[1])
    assert len(np.unique(rows)) == len(np.unique(columns)) == len(cost)
    np.testing.assert_allclose(cost[rows, columns].sum(), least(cost), rtol=1e-10)


def _stated_mib(job: Job) -> float:
    """As in the docstring of ``assign``, of costs that need no copy."""
    return 80 * 2 * float(job["clusters"]) / MIB


def assign_row(k: int, cost: str) -> Row:
    """The row of ``k`` rows and columns; ``cost`` is "overlap" or "cosine"."""
    scipy, lapjv = "scipy linear_sum_assignment", "lapx lapjv"
    targets = [Target(scipy, 1.0)] + ([Target(lapjv, 1 / 0.9)] if k == 2000 else [])
    return Row(
        f"matching.assign_{k}_{cost}",
        f"assignment of {k} x {k}, {'overlap table' if cost == 'overlap' else 'cosine distances'}",
        {"clusters": k, "cost": cost},
        {"clusters": min(k, 500), "cost": cost},
        (
            Competitor("diptych", "ours", _assign),
            Competitor(scipy, "peer", _scipy_assign, ("scipy",)),
            Competitor(lapjv, "peer", _lapjv, ("lap",)),
            Competitor("read the costs (numpy min)", "limit", _read_costs),
        ),
        _check_assign,
        targets,
        memory_mib=_stated_mib,
    )
