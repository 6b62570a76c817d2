"""Names for clusters, from the words in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diptych._types import Labels
from diptych.errors import ShapeError


def keywords(texts: Sequence[str], labels: Labels, n_clusters: int, *, n_words: int = 4) -> list[tuple[str, ...]]:
    """The words that set each cluster apart, strongest first (c-TF-IDF).

    Parameters
    ----------
    texts : n texts
    labels : int32 (n,), cluster of each text; -1 is left out
    n_clusters : k
    n_words : at most so many words a cluster

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
    from sklearn.feature_extraction.text import CountVectorizer

    if len(texts) != len(labels):
        raise ShapeError(f"{len(texts)} texts but {len(labels)} labels; give one label for each text")
    members: list[list[str]] = [[] for _ in range(n_clusters)]
    for text, label in zip(texts, labels.tolist(), strict=True):
        if label >= 0:
            members[label].append(text)
    # Only the counts of a cluster matter, and no word spans a line.
    vectorizer = CountVectorizer(stop_words="english", token_pattern=r"(?u)\b[^\W\d_]{3,}\b")
    try:
        per_cluster = vectorizer.fit_transform(["\n".join(texts) for texts in members]).toarray().astype(np.float64)
    except ValueError:  # no word is left
        return [()] * n_clusters
    words = vectorizer.get_feature_names_out()
    share = per_cluster / np.maximum(per_cluster.sum(axis=1, keepdims=True), 1.0)
    weight = share * np.log1p(per_cluster.sum() / n_clusters / per_cluster.sum(axis=0))
    order = np.argsort(-weight, axis=1, kind="stable")[:, :n_words]
    return [tuple(str(words[j]) for j in row if weight[c, j] > 0) for c, row in enumerate(order)]
