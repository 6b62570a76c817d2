"""Encoders: each turns texts into unit vectors, and says in its fingerprint all that changes them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np

from diptych._types import Encoder, Vectors
from diptych.utils.names import check_name


class LexicalEncoder:
    """Hashed word and character n-grams, projected: no download, no key, no GPU, no fitting.

    Counts of word 1- and 2-grams and of character 4-grams within words are hashed into two tables
    (``HashingVectorizer``, signed), dampened by ``sign(x) log(1 + |x|)``, scaled to unit length each, and projected to
    384 dimensions by one fixed Gaussian matrix (Johnson & Lindenstrauss 1984). A text's vector depends on nothing but
    the text, so it can be cached for ever. It sees words, not meanings: use a trained embedder for real work.
    """

    dim = 384
    _n_word, _n_char = 1 << 12, 1 << 12

    @property
    def fingerprint(self) -> str:
        return f"lexical/1 scikit-learn={version('scikit-learn')} numpy={version('numpy')}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit rows, float32 (n, 384); a text without a single word gives the zero vector.

        Examples
        --------
        >>> LexicalEncoder().encode(["the cat sat"]).shape
        (1, 384)
        """
        if not len(texts):
            return np.zeros((0, self.dim), np.float32)
        from scipy import sparse
        from sklearn.feature_extraction.text import HashingVectorizer
        from sklearn.preprocessing import normalize

        parts = []
        for analyzer, n_gram, size in (("word", (1, 2), self._n_word), ("char_wb", (4, 4), self._n_char)):
            counts = HashingVectorizer(
                analyzer=analyzer,
                ngram_range=n_gram,
                n_features=size,
                norm=None,
                token_pattern=r"(?u)\b\w+\b",
                dtype=np.float32,
            ).transform(texts)
            counts.data = np.sign(counts.data) * np.log1p(np.abs(counts.data))
            parts.append(normalize(counts))
        dense = sparse.hstack(parts, format="csr") @ _projection(self._n_word + self._n_char, self.dim)
        return np.ascontiguousarray(normalize(dense), dtype=np.float32)


@functools.cache
def _projection(n_in: int, n_out: int) -> Vectors:
    # RandomState's stream is frozen for ever by NumPy's compatibility policy; Generator's is not.
    gaussian = np.random.RandomState(20260101).standard_normal((n_in, n_out))
    return np.asarray(gaussian / np.sqrt(n_out), dtype=np.float32)


ENCODERS: dict[str, Callable[[], Encoder]] = {"lexical": LexicalEncoder}
"""Name of each encoder and how to make it."""
SENTENCES = "st/"
"""What the name of a sentence-transformers model begins with."""


def check_encoder(name: str) -> str:
    """Return ``name`` if it can be that of an encoder; whether such a model exists is seen when it is loaded.

    Raises
    ------
    UnknownNameError
        Names the near ones.
    """
    if name.startswith(SENTENCES) and len(name) > len(SENTENCES):
        return name
    if name in ENCODERS:
        return name
    return check_name("embedder", name, [*ENCODERS, f"{SENTENCES}MODEL"])


def make_encoder(name: str) -> Encoder:
    """The encoder of that name.

    Raises
    ------
    UnknownNameError
        Names the near ones.
    MissingExtraError
        If its library is not installed.
    ModelError
        If its model cannot be loaded.

    Examples
    --------
    >>> make_encoder("lexical").dim
    384
    """
    if check_encoder(name) in ENCODERS:
        return ENCODERS[name]()
    from diptych.embeddings.sentences import load_sentence_encoder

    return load_sentence_encoder(name.removeprefix(SENTENCES))
