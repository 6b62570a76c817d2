"""Names for clusters, from the words in them."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from diptych._types import Labels
from diptych.errors import ShapeError

_WORD = re.compile(r"\b[^\W\d_]{3,}\b(?!['’]t\b)")
"""Not the ``isn`` of ``isn't``."""


def find_words(text: str) -> list[str]:
    """The lower-case words of a text that may name a cluster, in order.

    Parameters
    ----------
    text : any

    Examples
    --------
    >>> find_words("The car isn't red, won’t do, and it is the driver's.")
    ['the', 'car', 'red', 'and', 'the', 'driver']
    """
    return [sys.intern(word) for word in _WORD.findall(text.lower())]


def keywords(
    texts: Sequence[str],
    labels: Labels,
    n_clusters: int,
    *,
    n_words: int = 4,
    words_of: Callable[[str], Sequence[str]] = find_words,
) -> list[tuple[str, ...]]:
    """The words that set each cluster apart, strongest first (c-TF-IDF).

    Parameters
    ----------
    texts : n texts
    labels : int32 (n,), cluster of each text; -1 is left out
    n_clusters : k
    n_words : at most so many words a cluster
    words_of : ``find_words``, or what remembers its answers

    Returns
    -------
    k tuples of lower-case words without English stop words; a cluster of texts without words has none

    Raises
    ------
    ShapeError
        If ``texts`` and ``labels`` differ in length.

    Notes
    -----
    Grootendorst (2022), "BERTopic", eq. 3: share of word t in cluster c times ``log(1 + A / f_t)``, where f_t is the
    word's count over all clusters and A the mean number of words in a cluster.

    Examples
    --------
    >>> keywords(["red apple", "red pear", "fast car"], np.array([0, 0, 1], np.int32), 2, n_words=1)
    [('red',), ('car',)]
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    if len(texts) != len(labels):
        raise ShapeError(f"{len(texts)} texts but {len(labels)} labels; give one label for each text")
    members: list[list[Sequence[str]]] = [[] for _ in range(n_clusters)]
    for text, label in zip(texts, labels.tolist(), strict=True):
        if label >= 0:
            members[label].append(words_of(text))
    counts = [Counter(chain.from_iterable(cluster)) for cluster in members]
    words = sorted(set().union(*counts) - ENGLISH_STOP_WORDS)
    if not words:
        return [()] * n_clusters
    column = {word: j for j, word in enumerate(words)}
    per_cluster = np.zeros((n_clusters, len(words)))
    for c, count in enumerate(counts):
        kept = column.keys() & count.keys()
        per_cluster[c, [column[word] for word in kept]] = [count[word] for word in kept]
    share = per_cluster / np.maximum(per_cluster.sum(axis=1, keepdims=True), 1.0)
    weight = share * np.log1p(per_cluster.sum() / n_clusters / per_cluster.sum(axis=0))
    order = np.argsort(-weight, axis=1, kind="stable")[:, :n_words]
    return [tuple(words[j] for j in row if weight[c, j] > 0) for c, row in enumerate(order)]
