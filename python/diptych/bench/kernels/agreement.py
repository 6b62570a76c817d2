"""Shares that were counted, against those that should be."""

from __future__ import annotations

from typing import Any

import numpy as np


def agrees(got: Any, expected: Any, n: int, slack: float = 0.0) -> None:
    """Within five standard errors of a share of ``n``, and ``slack``."""
    got, expected = np.asarray(got), np.asarray(expected)
    error = np.sqrt(np.maximum(expected * (1 - expected), 1.0 / n) / n)
    worst = np.abs(got - expected) - 5 * error - slack
    assert (worst <= 0).all(), f"{got[worst.argmax()]} against {expected[worst.argmax()]}"


# --- difference of means -----------------------------------------------------------------------------------------
