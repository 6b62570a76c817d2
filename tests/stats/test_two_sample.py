"""The global test against its definition, and under the null."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from diptych.stats.two_sample import (
    energy_paired,
    energy_unpaired,
    mean_distance,
    median_bandwidth,
    mmd_paired,
    mmd_unpaired,
)


def biased_mmd(x: np.ndarray, y: np.ndarray, h: float) -> float:
    """Gretton et al. (2012), eq. 5, written out."""

    def mean_kernel(u: np.ndarray, v: np.ndarray) -> float:
        return float(np.exp(-cdist(u, v, "sqeuclidean") / (2 * h**2)).mean())

    return mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)


def test_the_statistic_is_the_biased_mmd() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30, 4)).astype(np.float32)
    expected = biased_mmd(x, y, 1.7)
    paired = mmd_paired(x, y, bandwidth=1.7, n_resamples=10, seed=0)
    assert paired.value == pytest.approx(expected, rel=1e-9)
    first = np.arange(60) < 30
    unpaired = mmd_unpaired(np.concatenate([x, y]), first, bandwidth=1.7, n_resamples=10, seed=0)
    assert unpaired.value == pytest.approx(expected, rel=1e-5)  # the kernel is rounded to float32
    distance = mean_distance(np.concatenate([x, y]), first, n_resamples=10, seed=0)
    gap = x.astype(np.float64).mean(axis=0) - y.astype(np.float64).mean(axis=0)
    assert distance.value == pytest.approx(float(gap @ gap), rel=1e-9)


def test_the_energy_distance_is_that_of_its_definition_and_of_scipy() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30, 4)).astype(np.float32)
    expected = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
    first = np.arange(60) < 30
    assert energy_paired(x, y, n_resamples=10, seed=0).value == pytest.approx(expected, rel=1e-6)
    unpaired = energy_unpaired(np.concatenate([x, y]), first, n_resamples=10, seed=0)
    assert unpaired.value == pytest.approx(expected, rel=1e-5)
    u, v = x[:, :1], y[:20, :1]
    unpaired = energy_unpaired(np.concatenate([u, v]), np.arange(50) < 30, n_resamples=10, seed=0)
    assert unpaired.value == pytest.approx(stats.energy_distance(u[:, 0], v[:, 0]) ** 2, rel=1e-4)


@pytest.mark.parametrize("test", ["paired", "unpaired"])
def test_small_samples_have_the_p_of_all_their_exchanges(test: str) -> None:
    """Against every sign pattern, or every split, written out: the resampled p is a draw of that one."""
    rng = np.random.default_rng(5)
    x, y = (rng.normal(size=(2, 7, 2)) + np.array([[[0.0]], [[0.7]]])).astype(np.float32)
    both, n_resamples = np.concatenate([x, y]), 20_000
    kernel = -cdist(both, both)
    if test == "paired":
        signs = np.array(np.meshgrid(*[[1, -1]] * 7)).reshape(7, -1).T
        weights = np.concatenate([signs, -signs], axis=1) / 7
        found = energy_paired(x, y, n_resamples=n_resamples, seed=0)
    else:
        subsets = np.array([[i in chosen for i in range(14)] for chosen in combinations(range(14), 7)])
        weights = np.where(subsets, 1, -1) / 7
        found = energy_unpaired(both, np.arange(14) < 7, n_resamples=n_resamples, seed=0)
    null = np.einsum("bi,ij,bj->b", weights, kernel, weights)
    exact = float((null >= found.value * (1 - 1e-5)).mean())
    assert found.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / n_resamples) + 1e-4)


def test_the_bandwidth_is_the_median_distance() -> None:
    x = np.random.default_rng(1).normal(size=(25, 3)).astype(np.float32)
    distances = cdist(x, x)[np.triu_indices(25, 1)]
    assert median_bandwidth(x) == pytest.approx(np.median(distances), rel=1e-5)


def test_p_is_uniform_when_nothing_differs() -> None:
    paired, unpaired, energy = [], [], []
    for case in range(150):
        rng = np.random.default_rng(case)
        common = rng.normal(size=(24, 3))
        x, y = (common + rng.normal(size=(2, 24, 3))).astype(np.float32)
        paired.append(mmd_paired(x, y, bandwidth=2.0, n_resamples=199, seed=case).p_value)
        x, y = rng.normal(size=(2, 24, 3)).astype(np.float32)
        first = np.arange(48) < 24
        both = np.concatenate([x, y])
        unpaired.append(mmd_unpaired(both, first, bandwidth=2.0, n_resamples=199, seed=case).p_value)
        energy.append(energy_unpaired(both, first, n_resamples=199, seed=case).p_value)
    assert stats.kstest(paired, "uniform").pvalue > 0.01
    assert stats.kstest(unpaired, "uniform").pvalue > 0.01
    assert stats.kstest(energy, "uniform").pvalue > 0.01


def test_a_difference_that_means_do_not_show_is_seen() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(0, 1, (80, 2)).astype(np.float32), rng.normal(0, 3, (80, 2)).astype(np.float32)
    assert mmd_paired(x, y, bandwidth=2.0, n_resamples=499, seed=0).p_value < 0.01
    assert energy_paired(x, y, n_resamples=499, seed=0).p_value < 0.01


def test_identical_samples_give_one() -> None:
    x = np.random.default_rng(3).normal(size=(20, 2)).astype(np.float32)
    assert mmd_paired(x, x, bandwidth=1.0, n_resamples=99, seed=0).p_value == 1.0
