"""Raw p of single measures, over many random splits of one model's responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diptych._types import FloatMatrix, Json, Mask, Progress
from diptych.bench.stats.false_alarms import LEAST_UNIFORM
from diptych.comparison.lenses import make_lens
from diptych.comparison.measures import Scan, Tools
from diptych.data import Response
from diptych.embeddings.service import EmbeddingService
from diptych.stats.multiplicity import holm
from diptych.stats.permutation import unpaired_test

LENSES = ("surface", "clusters")
"""Those that propose the same measures whatever the split, and test each for itself."""
_MANY_VALUES = 100
"""A measure with fewer distinct values has ties, and its p may be greater than uniform."""
_RESAMPLES = 999


@dataclass(frozen=True)
class _Measured:
    """Measures of all responses: float64 (n, m), bool (m,)."""

    ids: tuple[str, ...]
    values: FloatMatrix
    indicator: Mask


def uniformity(
    rows: Sequence[Response], *, splits: int, seed: int, threads: int, progress: Progress, embedder: str = "lexical"
) -> list[Json]:
    """Deal real responses at random, many times, and test every measure of the lenses that see no arms.

    Parameters
    ----------
    rows : one response a prompt
    splits : how often they are dealt to two halves
    seed, threads, progress : of that; the number of threads changes nothing
    embedder : for ``clusters``

    Returns
    -------
    list of Json
        Of each measure: ``id``; ``n_values``, how many are distinct; ``too_small_p`` of a one-sided, and for measures
        of at least 100 distinct values ``uniform_p`` of a two-sided Kolmogorov-Smirnov test, both adjusted for the
        number of measures (Holm)
    """
    service = EmbeddingService(None, embedder, progress=progress)
    tools = Tools(service.get_embeddings, seed % 2**32, progress, threads=threads)
    found: list[Json] = []
    for lens in LENSES:
        measured = _measure(lens, rows, tools)
        found += _checked(measured, _p_values(measured, splits, seed, threads, progress, f"deal {lens}"))
    for name in ("too_small_p", "uniform_p"):
        tested = [row for row in found if row[name] is not None]
        for row, p in zip(tested, holm(np.array([row[name] for row in tested])).tolist(), strict=True):
            row[name] = p
    for row in found:
        row["as_promised"] = min(row["too_small_p"], row["uniform_p"] or 1.0) >= LEAST_UNIFORM
    return found


def _measure(name: str, rows: Sequence[Response], tools: Tools) -> _Measured:
    lens = make_lens(name)
    assert lens.blinded
    proposal = lens.propose([row.response for row in rows], tools)
    assert not isinstance(proposal, Scan)
    indicator = np.array([measure.kind == "indicator" for measure in proposal.measures], dtype=np.bool_)
    return _Measured(tuple(measure.id for measure in proposal.measures), proposal.values(rows), indicator)


def _p_values(measured: _Measured, splits: int, seed: int, threads: int, progress: Progress, stage: str) -> FloatMatrix:
    """Raw p of each split and measure."""
    n, m = measured.values.shape
    present = ~np.isnan(measured.values)
    values = np.where(present, measured.values, 0.0)
    rng = np.random.Generator(np.random.Philox(key=seed))
    found = np.empty((splits, m))
    progress.start(stage, splits)
    for number in range(splits):
        test = unpaired_test(
            values,
            present,
            rng.permutation(n) < n // 2,
            indicator=measured.indicator,
            n_resamples=_RESAMPLES,
            seed=seed + number,
            threads=threads,
        )
        found[number] = test.p_value
        progress.advance()
    progress.finish()
    return found


def _checked(measured: _Measured, p_values: FloatMatrix) -> list[Json]:
    from scipy.stats import kstest

    found: list[Json] = []
    for j, name in enumerate(measured.ids):
        n_values = len(np.unique(measured.values[:, j]))
        two_sided = float(kstest(p_values[:, j], "uniform").pvalue) if n_values >= _MANY_VALUES else None
        one_sided = float(kstest(p_values[:, j], "uniform", alternative="greater").pvalue)
        found.append({"id": name, "n_values": n_values, "too_small_p": one_sided, "uniform_p": two_sided})
    return found
