"""What models that read say of clusters: themes of prompts, of responses, of both; what one arm does inside of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diptych._types import FloatVector, Json, Mask
from diptych.clustering.contrasting import name_contrasts, show_sides
from diptych.clustering.naming import Shown, name_clusters
from diptych.comparison.cluster_table import Answers, Kind
from diptych.comparison.lenses.clusters import MIN_RESPONSES
from diptych.comparison.measures import Readers
from diptych.stats.multiplicity import q_values
from diptych.stats.two_sample import median_bandwidth, mmd_unpaired
from diptych.utils.hashing import derive_seed

N_HELD_OUT = 8
"""Prompts of a cluster, and as many of its neighbours, that a judge is asked about; and as many of both together."""
MAX_CONTRASTS = 10
"""Clusters in which the arms are held against each other, at most."""
_FEWEST = 9
"""Different texts that each arm has in such a cluster: of them a third is shown, and the rest judged."""
_RESAMPLES = 2_000
_MOST_ROWS = 1_000

Names = dict[Kind, dict[int, Json]]


def name_themes(
    answers: Answers, readers: Readers, kinds: Sequence[Kind], *, seed: int, n_held_out: int = N_HELD_OUT
) -> Names:
    """Names of clusters that have at least five responses, each with what a blind judge made of it.

    Parameters
    ----------
    answers : in clusters
    readers : the labeller, and the judge; without a labeller nothing is asked
    kinds : whose themes are wanted
    seed : of the run
    n_held_out : texts of a cluster, and of its neighbours, that are judged

    Returns
    -------
    dict
        by kind and cluster, as ``Label.as_json`` gives them; nothing where no name could be read
    """
    if readers.labeller is None:
        return {}
    numbers, sizes = np.unique(answers.labels, return_counts=True)
    named = numbers[sizes >= MIN_RESPONSES].tolist()
    place = np.full(int(numbers.max()) + 1, -1, dtype=np.int32)
    place[named] = np.arange(len(named))
    found: Names = {}
    for kind in kinds:
        labels = name_clusters(
            readers.labeller,
            readers.judge or readers.labeller,
            answers.texts(kind),
            answers.vectors,
            place[answers.labels],
            len(named),
            seed=derive_seed(seed, f"themes of {kind}") % 2**32,
            n_held_out=n_held_out,
        )
        found[kind] = {c: label.as_json() for c, label in zip(named, labels, strict=True) if label is not None}
    return found


def tell_apart(
    answers: Answers, is_second: Mask, share_q: dict[int, float], readers: Readers, *, alpha: float, seed: int
) -> dict[int, list[Json | None]]:
    """What each of two arms does in a cluster that the other does not, where their shares or their texts differ.

    The test of texts only says whom to ask about: that a difference is there is for the judge to say, who sees texts of
    other prompts than the labeller saw, each alone.

    Parameters
    ----------
    answers : of two arms, in clusters
    is_second : bool (n,), whose each answer is
    share_q : q-value of the difference of the arms' shares of a cluster
    readers : the labeller, and the judge; without a labeller nothing is asked
    alpha : false discovery rate
    seed : of the run

    Returns
    -------
    dict
        by cluster, for the first arm and the second, as ``Label.as_json`` gives it; None where none could be read
    """
    if readers.labeller is None:
        return {}
    chosen = _worth_asking(answers, is_second, share_q, alpha, seed)
    everything = np.ones(len(answers.labels), dtype=np.bool_)
    shown: list[Shown] = []
    members = {c: _rows(answers, c, everything) for c in chosen}
    for c, rows in members.items():
        texts, units = [answers.responses[i] for i in rows], [answers.units[i] for i in rows]
        shown += show_sides(texts, units, is_second[rows].tolist(), seed=derive_seed(seed, f"contrast {c}") % 2**32)
    labels = name_contrasts(
        readers.labeller, readers.judge or readers.labeller, shown, seed=derive_seed(seed, "contrasts") % 2**32
    )
    told = [None if label is None else label.as_json() for label in labels]
    return {c: told[2 * number : 2 * number + 2] for number, c in enumerate(members)}


def _worth_asking(answers: Answers, is_second: Mask, share_q: dict[int, float], alpha: float, seed: int) -> list[int]:
    """Clusters in which both arms have enough to say, and differ; those that differ most surely first."""
    several = [
        c
        for c in np.unique(answers.labels).tolist()
        if min(len({answers.responses[i] for i in _rows(answers, c, is_second == side)}) for side in (False, True))
        >= _FEWEST
    ]
    p_values: FloatVector = np.array([_p_of_texts(answers, is_second, c, seed) for c in several])
    q_of_texts = dict(zip(several, q_values(p_values).tolist(), strict=True))
    q = {c: min(q_of_texts[c], share_q.get(c, 1.0)) for c in several}
    return sorted((c for c in several if q[c] <= alpha), key=lambda c: (q[c], c))[:MAX_CONTRASTS]


def _rows(answers: Answers, cluster: int, chosen: Mask) -> list[int]:
    rows: list[int] = np.flatnonzero((answers.labels == cluster) & chosen).tolist()
    return rows


def _p_of_texts(answers: Answers, is_second: Mask, cluster: int, seed: int) -> float:
    rows = np.flatnonzero(answers.labels == cluster)
    own_seed = derive_seed(seed, f"texts of {cluster}") % 2**32
    if len(rows) > _MOST_ROWS:
        rows = np.sort(np.random.default_rng(own_seed).choice(rows, _MOST_ROWS, replace=False))
    vectors, first = answers.vectors[rows], ~is_second[rows]
    if first.all() or not first.any():
        return 1.0
    bandwidth = median_bandwidth(vectors)
    return mmd_unpaired(vectors, first, bandwidth=bandwidth, n_resamples=_RESAMPLES, seed=own_seed).p_value
