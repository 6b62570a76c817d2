"""Encoders: each turns texts into unit vectors, and says in its fingerprint all that changes them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from diptych._types import Encoder, Inputs, Vectors
from diptych.config import Settings
from diptych.errors import ConfigError
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

    def inputs_of(self, texts: Sequence[str]) -> Inputs:
        """The texts as they are: a text counts to its end."""
        return Inputs(list(texts))

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


class EncoderOptions(Settings):
    """What can be set about an encoder; ``lexical`` takes none of it."""


class LocalOptions(EncoderOptions):
    """What can be set about a model in memory."""

    prefix: str = ""
    """Put before each text, for models that are trained with one (``"query: "``)."""
    dimensions: int | None = Field(default=None, ge=1)
    """Take only the first so many, scaled to unit length again, for models that are trained for it."""


class Adapted:
    """An encoder with a prefix, or with its first dimensions only.

    Parameters
    ----------
    encoder : what it rests on
    options : prefix and dimensions

    Raises
    ------
    ConfigError
        If it has fewer dimensions than are wanted.
    """

    def __init__(self, encoder: Encoder, options: LocalOptions) -> None:
        self._encoder, self._options = encoder, options
        whole = encoder.dim or 0
        self.dim = options.dimensions or whole
        if self.dim > whole:
            raise ConfigError(f"embedder: dimensions = {self.dim}: the model has {whole}")
        self.fingerprint = encoder.fingerprint + (f" first={self.dim}" if self.dim < whole else "")

    def inputs_of(self, texts: Sequence[str]) -> Inputs:
        """With the prefix, which is part of what a vector is kept under."""
        return self._encoder.inputs_of([self._options.prefix + text for text in texts])

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit rows, float32 (n, dim)."""
        return unit_rows(self._encoder.encode(texts)[:, : self.dim])


def unit_rows(rows: NDArray[Any]) -> Vectors:
    """Rows scaled to unit length; a row of zeros stays one, and one of unit length (to 1e-6) as it is, bit for bit.

    Parameters
    ----------
    rows : float, shape (n, d)

    Returns
    -------
    float32, shape (n, d)

    Examples
    --------
    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    whole = np.asarray(rows, dtype=np.float64)
    lengths = np.linalg.norm(whole, axis=1, keepdims=True)
    keeps = (lengths == 0) | (np.abs(lengths - 1) < 1e-6)
    return np.ascontiguousarray(whole / np.where(keeps, 1, lengths), dtype=np.float32)


def cut_batches(texts: Sequence[str], batch_size: int, max_bytes: int | None = None) -> list[list[str]]:
    """Texts in their order, some at a time.

    Parameters
    ----------
    texts : any number
    batch_size : most texts of a batch, at least 1
    max_bytes : most UTF-8 of a batch, unless a single text has more

    Examples
    --------
    >>> [len(batch) for batch in cut_batches(["a"] * 5 + ["bb", "cc"], 4, 3)]
    [3, 2, 1, 1]
    """
    batches: list[list[str]] = []
    n_bytes = 0
    for text in texts:
        size = len(text.encode("utf-8", "replace"))
        if not batches or len(batches[-1]) >= batch_size or (max_bytes is not None and n_bytes + size > max_bytes):
            batches.append([])
            n_bytes = 0
        batches[-1].append(text)
        n_bytes += size
    return batches


ENCODERS: dict[str, Callable[[], Encoder]] = {"lexical": LexicalEncoder}
"""Name of each encoder that needs no model, and how to make it."""
SENTENCES = "st"
INTERFACES = ("openai", "openai-api", "openrouter", "vllm")
"""Providers that are asked for vectors."""


def check_encoder(name: str, options: Mapping[str, Any] | None = None) -> str:
    """Return ``name`` if it can be that of an encoder; whether such a model exists is seen when it is loaded, or asked.

    Parameters
    ----------
    name : ``lexical``, ``st/MODEL``, ``openai/MODEL``, …
    options : of the encoder, such as ``{"dimensions": 256}``

    Raises
    ------
    UnknownNameError
        Names the near ones.
    ConfigError
        For an option that is unknown or does not fit.

    Examples
    --------
    >>> check_encoder("st/all-MiniLM-L6-v2", {"prefix": "query: "})
    'st/all-MiniLM-L6-v2'
    """
    _options_of(name, options)
    return name


def _options_of(name: str, options: Mapping[str, Any] | None) -> EncoderOptions:
    provider, _, model = name.partition("/")
    source = f"options of embedder {name!r}"
    if name in ENCODERS:
        return EncoderOptions.parse(options or {}, source=source)
    if model and provider == SENTENCES:
        return LocalOptions.parse(options or {}, source=source)
    if model and provider in INTERFACES:
        from diptych.embeddings.interfaces import InterfaceOptions

        return InterfaceOptions.parse(options or {}, source=source)
    check_name("embedder", name, [*ENCODERS, *(f"{known}/MODEL" for known in (SENTENCES, *INTERFACES))])
    raise ConfigError(f"embedder {name!r}: put the name of a model in place of MODEL")


def is_asked(name: str) -> bool:
    """Whether the encoder of a name is asked over an interface, rather than run here.

    Examples
    --------
    >>> is_asked("openai/text-embedding-3-small"), is_asked("st/all-MiniLM-L6-v2")
    (True, False)
    """
    return name.partition("/")[0] in INTERFACES


def make_encoder(name: str, options: Mapping[str, Any] | None = None) -> Encoder:
    """The encoder of that name; nothing is asked yet.

    Parameters
    ----------
    name, options : as for `check_encoder`

    Raises
    ------
    UnknownNameError
        Names the near ones.
    ConfigError
        If an option does not fit.
    MissingExtraError
        If its library is not installed.
    ModelError
        If its model cannot be loaded.

    Examples
    --------
    >>> make_encoder("lexical").dim
    384
    """
    checked = _options_of(name, options)
    if name in ENCODERS:
        return ENCODERS[name]()
    if isinstance(checked, LocalOptions):
        from diptych.embeddings.sentences import load_sentence_encoder

        encoder = load_sentence_encoder(name.partition("/")[2])
        return encoder if checked == LocalOptions() else Adapted(encoder, checked)
    from diptych.embeddings.interfaces import InterfaceEncoder

    return InterfaceEncoder.open(name, options or {})


def check_ready(name: str, options: Mapping[str, Any] | None = None) -> None:
    """Refuse an encoder that cannot give vectors, before others are paid for texts: nothing is asked.

    Parameters
    ----------
    name, options : as for `check_encoder`

    Raises
    ------
    ConfigError, MissingExtraError, ModelError
        As `make_encoder` does; ``ModelError`` also where an interface wants a key, and there is none.
    """
    from diptych.embeddings.interfaces import InterfaceEncoder

    encoder = make_encoder(name, options)
    if isinstance(encoder, InterfaceEncoder):
        encoder.check_ready()
