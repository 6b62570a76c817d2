"""Kinds of difference: prompts whose answers differ in like ways, by the direction from one answer to the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from diptych._types import Json, Labels, Vectors
from diptych.apps.soft_prompting.conditions import Condition
from diptych.apps.soft_prompting.sequences import Traced
from diptych.clustering.labels import keywords
from diptych.clustering.pipeline import ClusteringPipeline
from diptych.embeddings.service import EmbeddingService

LEAST = 8
"""Pairs of answers; fewer have no kinds."""
N_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """Pairs of answers that differ in like ways.

    Parameters
    ----------
    n : pairs
    js : mean Jensen–Shannon divergence along them, in nats a token
    words_a, words_b : that set the answers of either model apart, the strongest first
    prompt_ids : of the most typical pairs
    """

    n: int
    js: float
    words_a: tuple[str, ...]
    words_b: tuple[str, ...]
    prompt_ids: tuple[str, ...]

    def as_json(self) -> Json:
        """As it stands in ``analysis.json``."""
        return asdict(self)


@dataclass(frozen=True)
class _Two:
    """An answer of each model to one prompt."""

    a: Traced
    b: Traced

    @property
    def js(self) -> float:
        return float(np.mean(np.concatenate([self.a.divergences.js, self.b.divergences.js])))


def kinds_of(condition: Condition, *, seed: int, threads: int = 1) -> list[Kind]:
    """Cluster the half of all pairs of answers along which the models differ most, by how the one becomes the other.

    Parameters
    ----------
    condition : what was said
    seed : of the clusters
    threads : change no result

    Returns
    -------
    list of Kind
        the largest first; none where fewer than ``LEAST`` pairs differ
    """
    two = [_Two(a, b) for a, b in zip(*condition.answers, strict=True)]
    differing = sorted(
        (one for one in two if one.a.said.written.text != one.b.said.written.text), key=lambda one: -one.js
    )
    kept = differing[: max(LEAST, len(two) // 2)]
    if len(kept) < LEAST:
        return []
    steps = _directions(kept)
    labels = ClusteringPipeline("kmeans", "rule", seed=seed, threads=threads).fit_predict(steps)
    found = [_kind(kept, steps, labels, number) for number in range(int(labels.max()) + 1)]
    return sorted(found, key=lambda kind: -kind.n)


def _directions(two: Sequence[_Two]) -> Vectors:
    """From the first model's answer to the second's, float32 (pairs, d), unit rows."""
    service = EmbeddingService()
    a, b = (
        service.get_embeddings([one.said.written.text for one in side])
        for side in ([one.a for one in two], [one.b for one in two])
    )
    steps = b - a
    found: Vectors = (steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return found


def _kind(two: Sequence[_Two], steps: Vectors, labels: Labels, number: int) -> Kind:
    rows = np.flatnonzero(labels == number).tolist()
    own = [two[i] for i in rows]
    texts = [one.a.said.written.text for one in own] + [one.b.said.written.text for one in own]
    words = keywords(texts, np.repeat(np.array([0, 1], np.int32), len(own)), 2)
    typical = np.argsort(-(steps[rows] @ steps[rows].mean(0)), kind="stable")[:N_EXAMPLES].tolist()
    ids = dict.fromkeys(own[i].a.said.prompt.prompt_id for i in typical)
    return Kind(len(own), float(np.mean([one.js for one in own])), words[0], words[1], tuple(ids))
