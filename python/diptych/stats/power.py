"""What a run could have seen."""

from __future__ import annotations

import numpy as np

from diptych._types import FloatVector


def minimum_detectable_effect(
    standard_error: FloatVector, *, family_size: int, alpha: float, power: float = 0.8
) -> FloatVector:
    """Smallest true difference of means that the test finds with the wanted probability.

    Parameters
    ----------
    standard_error : float64 (m,), of each measure's difference of means
    family_size : number of hypotheses tested together
    alpha : level
    power : probability to find it

    Returns
    -------
    float64 (m,), in the unit of the measure

    Notes
    -----
    ``(z_(1 - α/2M) + z_power) se``: normal approximation at the Bonferroni level of a family of M, which is the
    level at which a single true difference must pass. Cautious: with more true differences smaller ones pass.

    Examples
    --------
    >>> minimum_detectable_effect(np.array([0.01]), family_size=1, alpha=0.05).round(4).tolist()
    [0.028]
    """
    from scipy import stats

    z = stats.norm.ppf(1.0 - alpha / (2.0 * max(family_size, 1))) + stats.norm.ppf(power)
    return np.asarray(z * standard_error)
