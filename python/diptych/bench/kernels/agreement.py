"""What came out against what should: shares, and clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def agrees(got: Any, expected: Any, n: int, slack: float = 0.0) -> None:
    """Within five standard errors of a share of ``n``, and ``slack``."""
    got, expected = np.asarray(got), np.asarray(expected)
    error = np.sqrt(np.maximum(expected * (1 - expected), 1.0 / n) / n)
    worst = np.abs(got - expected) - 5 * error - slack
    assert (worst <= 0).all(), f"{got[worst.argmax()]} against {expected[worst.argmax()]}"


def adjusted_rand(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Adjusted Rand index of two labellings from 0 up: Hubert & Arabie (1985), J. Classification 2, 193-218."""

    def pairs(counts: NDArray[Any]) -> float:
        return float((counts * (counts - 1.0) / 2.0).sum())

    table = np.bincount(a * (int(b.max()) + 1) + b)
    both, of_a, of_b, all_ = (pairs(counts) for counts in (table, np.bincount(a), np.bincount(b), np.array([len(a)])))
    chance = of_a * of_b / all_
    return (both - chance) / ((of_a + of_b) / 2.0 - chance)
