"""Mistakes of the original research code, about vectors, that must not come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.comparison.pairing import pair_arms
from diptych.data import Responses
from diptych.data.records import Records
from diptych.embeddings.cache import EmbeddingCache
from diptych.embeddings.encoders import make_encoder
from diptych.embeddings.service import EmbeddingService
from diptych.errors import ModelError
from tests.embeddings.test_interfaces import good, only_this_key, service, unit
from tests.helpers.fault_server import Call, FaultServer, Step, literal

__all__ = ["only_this_key"]
TEXTS = [f"statement {i}" for i in range(10)]


def test_a_batch_that_fails_never_gets_the_vectors_of_the_batch_before(tmp_path: Path) -> None:
    """It kept the last batch's vectors under the next texts, for ever."""

    def script(call: Call) -> Step:
        return (
            literal('{"data": null}', content_type="application/json") if TEXTS[4] in call.json["input"] else good(call)
        )

    with FaultServer(script) as server:
        asking = service(server, tmp_path / "store", concurrency=1, max_attempts=1)
        with pytest.raises(ModelError, match="2 texts got no vector"):
            asking.get_embeddings(TEXTS, batch_size=2)
        space = make_encoder("openai/e", {"base_url": server.openai_url}).fingerprint
    kept = EmbeddingCache(tmp_path / "store").get_many(space, TEXTS, 5)
    assert [text for text, found in zip(TEXTS, kept.found.tolist(), strict=True) if not found] == TEXTS[4:6]
    np.testing.assert_allclose(kept.vectors[kept.found], unit([*TEXTS[:4], *TEXTS[6:]]), atol=1e-6)


def test_repetitions_are_sent_once_and_no_texts_send_nothing(tmp_path: Path) -> None:
    """Repetitions went out twice, and an empty list was an IndexError."""
    with FaultServer(good) as server:
        service(server, tmp_path / "store").get_embeddings(TEXTS * 3, batch_size=4)
        assert sorted(text for call in server.calls for text in call.json["input"]) == sorted(TEXTS)
        n_calls = len(server.calls)
        assert service(server, tmp_path / "store").get_embeddings([]).shape[0] == 0
        assert len(server.calls) == n_calls


def test_adding_one_text_embeds_one_text(tmp_path: Path) -> None:
    """How many texts, which models, retries and sizes of batches entered the name of what was kept: all was made anew."""
    with FaultServer(good) as server:
        service(server, tmp_path / "store").get_embeddings(TEXTS, batch_size=3)
        n_calls = len(server.calls)
        again = service(server, tmp_path / "store", max_attempts=2, timeout_s=9.0, concurrency=3)
        again.get_embeddings(["another", *TEXTS[::-1]], batch_size=5)
        assert [call.json["input"] for call in server.calls[n_calls:]] == [["another"]]


def test_no_vector_moves_to_another_text_whatever_is_left_out() -> None:
    """Answers were told apart by their place in a list, and a model that failed shifted all behind it."""
    whole = EmbeddingService().get_embeddings(TEXTS)
    for left_out in range(len(TEXTS)):
        rest = [text for i, text in enumerate(TEXTS) if i != left_out]
        np.testing.assert_array_equal(EmbeddingService().get_embeddings(rest), np.delete(whole, left_out, axis=0))


@given(st.integers(0, 5), st.data())
def test_a_smaller_subset_of_prompts_lies_in_the_greater(seed: int, data: st.DataObject) -> None:
    """Seeded alike, whatever the order of the file: what was asked and embedded for the smaller serves the greater."""
    n = 30
    rows = [{"prompt": f"Q{i}", "response": f"A{i}"} for i in range(n)]
    order = data.draw(st.permutations(range(n)))
    small, large = sorted(data.draw(st.lists(st.integers(4, n), min_size=2, max_size=2)))

    def chosen(limit: int, places: list[int]) -> set[str]:
        records = Records([rows[i] for i in places], "rows", range(1, n + 1), "row")
        arms = [Responses.from_records(records, arm=arm) for arm in "ab"]
        table = pair_arms(arms[0], arms[1], names=("a", "b"), pairing="auto", limit=limit, seed=seed, group_field=None)
        return {row.prompt for row in table.rows}

    assert len(chosen(small, list(range(n)))) == small
    assert chosen(small, list(range(n))) <= chosen(large, order)
