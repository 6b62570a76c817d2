"""The service: every text once, the same bits with and without a cache, and nothing wrong is ever kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych._types import Inputs, Vectors
from diptych.embeddings import encoders
from diptych.embeddings.cache import EmbeddingCache
from diptych.embeddings.encoders import LexicalEncoder, make_encoder
from diptych.embeddings.service import EmbeddingService
from diptych.errors import ShapeError, UnknownNameError
from tests.helpers.cli import listing

TEXTS = ["one two", "", "one two", "drei", "漢字 😀", "a\x00b", "one  two", "drei"]


class Counting:
    """An encoder that counts, and may misbehave on one text."""

    dim = 3
    fingerprint = "counting/1"

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.batches: list[int] = []
        self.bad: str | None = None

    def inputs_of(self, texts: Sequence[str]) -> Inputs:
        return Inputs(list(texts))

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.seen += texts
        self.batches.append(len(texts))
        rows = np.array([[len(text), sum(map(ord, text)) % 97, 1] for text in texts], np.float32).reshape(-1, 3)
        if "bad" not in texts:
            return rows
        answers: dict[str, Any] = {
            "short": rows[:-1],
            "long": np.vstack([rows, rows]),
            "wide": np.zeros((len(rows), 4), np.float32),
            "double": rows.astype(np.float64),
            "flat": rows.ravel(),
            "nan": np.full_like(rows, np.nan),
            "inf": np.full_like(rows, np.inf),
        }
        answer: Vectors = answers[self.bad or "short"]
        return answer


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    encoder = Counting()
    monkeypatch.setitem(encoders.ENCODERS, "counting", lambda: encoder)
    return encoder


def test_duplicates_are_encoded_once_and_come_back_at_every_place(counting: Counting) -> None:
    vectors = EmbeddingService(provider="counting").get_embeddings(TEXTS)
    assert counting.seen == list(dict.fromkeys(TEXTS))
    assert vectors.shape == (len(TEXTS), 3)
    np.testing.assert_array_equal(vectors[:, 0], [len(text) for text in TEXTS])


def test_what_is_in_the_cache_is_not_encoded_again_even_by_another_service(counting: Counting, tmp_path: Path) -> None:
    first = EmbeddingService(tmp_path / "c", "counting").get_embeddings(TEXTS)
    counting.seen.clear()
    again = EmbeddingService(tmp_path / "c", "counting").get_embeddings([*TEXTS, "new"])
    assert counting.seen == ["new"]
    np.testing.assert_array_equal(again[:-1], first)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_batches_are_of_the_size_asked_and_change_nothing(counting: Counting, batch_size: int) -> None:
    texts = [f"text {i}" for i in range(11)]
    vectors = EmbeddingService(provider="counting").get_embeddings(texts, batch_size=batch_size)
    assert max(counting.batches) == min(batch_size, 11)
    assert sum(counting.batches) == 11
    np.testing.assert_array_equal(vectors, Counting().encode(texts))


@pytest.mark.parametrize("batch_size", [0, -3])
def test_a_batch_of_no_texts_is_refused(counting: Counting, batch_size: int) -> None:
    with pytest.raises(ValueError, match=f"batch_size = {batch_size}"):
        EmbeddingService(provider="counting").get_embeddings(["a"], batch_size=batch_size)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("short", r"gave float32 of shape \(0, 3\), expected float32 of shape \(1, 3\)"),
        ("long", r"gave float32 of shape \(2, 3\), expected float32 of shape \(1, 3\)"),
        ("wide", r"of shape \(1, 4\)"),
        ("double", "gave float64"),
        ("flat", r"of shape \(3,\)"),
        ("nan", "not finite for text 0 of its batch"),
        ("inf", "not finite for text 0 of its batch"),
    ],
)
def test_a_misbehaving_encoder_is_an_error_and_its_batch_is_not_kept(
    counting: Counting, tmp_path: Path, bad: str, message: str
) -> None:
    counting.bad = bad
    service = EmbeddingService(tmp_path / "c", "counting")
    with pytest.raises(ShapeError, match=message):
        service.get_embeddings(["good", "bad", "later"], batch_size=1)
    stored = EmbeddingCache(tmp_path / "c").get_many("counting/1", ["good", "bad", "later"], 3)
    assert stored.found.tolist() == [True, False, False]
    assert EmbeddingCache(tmp_path / "c").verify() == []


def test_no_texts_give_no_rows(tmp_path: Path) -> None:
    assert EmbeddingService(tmp_path / "c").get_embeddings([]).shape == (0, 384)
    assert EmbeddingService().get_embeddings([]).shape == (0, 384)


def test_without_a_cache_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    EmbeddingService().get_embeddings(TEXTS)
    assert listing(tmp_path) == {}


def test_an_unknown_encoder_is_named_with_the_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="unknown embedder 'lexcal'.*Did you mean 'lexical'"):
        EmbeddingService(provider="lexcal").get_embeddings(["a"])


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=6))
def test_the_same_bits_with_without_and_from_the_cache(tmp_path: Path, texts: list[str]) -> None:
    plain = EmbeddingService().get_embeddings(texts)
    for _ in range(2):
        np.testing.assert_array_equal(EmbeddingService(tmp_path / "c").get_embeddings(texts), plain)


@given(st.lists(st.text(), min_size=1, max_size=5), st.integers(1, 5))
def test_a_lexical_vector_depends_on_its_text_alone_and_is_of_unit_length_or_zero(texts: list[str], size: int) -> None:
    texts = [text.encode(errors="ignore").decode() for text in texts]
    together = LexicalEncoder().encode(texts)
    apart = np.concatenate([LexicalEncoder().encode(texts[i : i + size]) for i in range(0, len(texts), size)])
    np.testing.assert_array_equal(together, apart)
    lengths = np.linalg.norm(together.astype(np.float64), axis=1)
    assert ((np.abs(lengths - 1) < 1e-5) | (lengths == 0)).all()


def test_a_long_text_counts_to_its_end() -> None:
    long = " ".join(f"word{i}" for i in range(20_000))
    vectors = LexicalEncoder().encode([f"{long} yes", f"{long} no", f"{long} yes"])
    assert (vectors[0] != vectors[1]).any()
    np.testing.assert_array_equal(vectors[0], vectors[2])


def test_texts_that_share_words_are_nearer_than_texts_that_do_not() -> None:
    a, b, c = LexicalEncoder().encode(["the cat sat on the mat", "the cat lay on the mat", "quarterly revenue grew"])
    assert a @ b > 0.4 > 0.2 > a @ c


def test_the_fingerprint_names_what_could_change_a_vector() -> None:
    fingerprint = make_encoder("lexical").fingerprint
    assert fingerprint.startswith("lexical/")
    assert "scikit-learn=" in fingerprint
