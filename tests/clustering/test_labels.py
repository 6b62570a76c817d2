"""Keywords: the words that set a cluster apart, whatever else is in the texts."""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.clustering.labels import keywords
from diptych.errors import ShapeError

WORDS = st.lists(st.sampled_from(["apple", "pear", "engine", "wheel", "the", "x1", "…", "Apple"]), max_size=6).map(
    " ".join
)


def test_each_cluster_is_named_by_its_own_words_strongest_first() -> None:
    texts = ["ripe apple apple pear", "green apple", "fast engine", "engine wheel engine wheel wheel"]
    found = keywords(texts, np.array([0, 0, 1, 1], np.int32), 2, n_words=2)
    assert found[0][0] == "apple"
    assert set(found[1]) == {"engine", "wheel"}


def naive_weight(texts: list[str], labels: list[int], k: int) -> list[dict[str, float]]:
    """c-TF-IDF as its formula reads."""
    counts = [Counter[str]() for _ in range(k)]
    for text, label in zip(texts, labels, strict=True):
        if label >= 0:
            counts[label].update(w for w in re.findall(r"\b[^\W\d_]{3,}\b", text.lower()) if w != "the")
    total = sum(counts, Counter[str]())
    mean = total.total() / k
    return [{w: n / count.total() * math.log(1 + mean / total[w]) for w, n in count.items()} for count in counts]


@given(st.lists(st.tuples(WORDS, st.integers(-1, 2)), max_size=10))
def test_words_are_ranked_as_the_formula_ranks_them(rows: list[tuple[str, int]]) -> None:
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    found = keywords(texts, np.array(labels, np.int32), 3)
    assert len(found) == 3
    for words, weights in zip(found, naive_weight(texts, labels, 3), strict=True):
        assert len(words) == min(4, len(weights))
        ranked = [weights[word] for word in words]
        assert ranked == pytest.approx(sorted(weights.values(), reverse=True)[: len(words)])


@pytest.mark.parametrize("texts", [[], ["", "…"], ["the of", "1 2"]])
def test_texts_without_words_have_no_keywords(texts: list[str]) -> None:
    assert keywords(texts, np.zeros(len(texts), np.int32), 2) == [(), ()]


def test_noise_names_no_cluster() -> None:
    assert keywords(["apple", "engine"], np.array([0, -1], np.int32), 1) == [("apple",)]


def test_lengths_must_agree() -> None:
    with pytest.raises(ShapeError, match="1 texts but 2 labels"):
        keywords(["a"], np.zeros(2, np.int32), 1)
