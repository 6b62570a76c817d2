"""Vectors from behind an interface: asked once, kept as they come, and never a wrong one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.embeddings.encoders import check_encoder, make_encoder
from diptych.embeddings.interfaces import MAX_BYTES
from diptych.embeddings.service import EmbeddingService
from diptych.errors import ConfigError, ModelError, UnknownNameError
from tests.helpers.fault_server import Call, FaultServer, Step, error, rate_limited

KEY = "sk-CANARY-0123456789abcdef"
DIM = 5


@pytest.fixture(autouse=True)
def only_this_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)


def vector(text: str, dim: int = DIM) -> list[float]:
    """Of its bytes alone."""
    digest = hashlib.sha256(text.encode()).digest()
    return [byte / 255 - 0.4 for byte in digest[:dim]]


Change = Callable[[list[dict[str, Any]]], Any]


def embedded(change: Change | None = None) -> Callable[[Call], bytes]:
    """A well-formed reply, or one that ``change`` has spoilt."""

    def content(call: Call) -> bytes:
        asked = call.json
        items: list[dict[str, Any]] = [
            {"object": "embedding", "index": i, "embedding": vector(text, asked.get("dimensions", DIM))}
            for i, text in enumerate(asked["input"])
        ]
        data = change(items) or items if change else items
        return json.dumps(
            {"object": "list", "data": data, "model": asked["model"], "usage": {"prompt_tokens": 7}}
        ).encode()

    return content


def good(call: Call) -> Step:
    return Step(200, embedded())


def service(server: FaultServer, store: Path | None = None, **options: Any) -> EmbeddingService:
    return EmbeddingService(store, "openai/e", options={"base_url": server.openai_url, **options})


def unit(texts: list[str], dim: int = DIM) -> Any:
    rows = np.array([vector(text, dim) for text in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


TEXTS = [f"text {i}" for i in range(23)]


def test_each_text_is_sent_once_and_comes_back_at_its_places_as_a_unit_vector(tmp_path: Path) -> None:
    with FaultServer(good) as server:
        asking = service(server, tmp_path / "store")
        rows = asking.get_embeddings([*TEXTS, *TEXTS[::-1]], batch_size=4)
        np.testing.assert_allclose(rows, unit([*TEXTS, *TEXTS[::-1]]), atol=1e-6)
        sent = [text for call in server.calls for text in call.json["input"]]
        assert sorted(sent) == sorted(TEXTS)
        assert {call.path for call in server.calls} == {"/v1/embeddings"}
        assert server.calls[0].json["encoding_format"] == "float"
        n_calls = len(server.calls)
        again = service(server, tmp_path / "store").get_embeddings([*TEXTS, "new"], batch_size=7)
        assert [call.json["input"] for call in server.calls[n_calls:]] == [["new"]]
    np.testing.assert_array_equal(again[:-1], rows[: len(TEXTS)])


def test_many_batches_are_out_at_once() -> None:
    with FaultServer(good, latency_s=0.05) as server:
        service(server, concurrency=8).get_embeddings(TEXTS, batch_size=1)
    assert server.high_water > 3


def spoil_width(items: list[dict[str, Any]]) -> None:
    items[1]["embedding"] = items[1]["embedding"][:-1]


def spoil_value(value: Any) -> Change:
    def change(items: list[dict[str, Any]]) -> None:
        items[1]["embedding"][2] = value

    return change


def spoil_zero(items: list[dict[str, Any]]) -> None:
    items[1]["embedding"] = [0.0] * DIM


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda items: items[:-1], "answered 3 texts with 2 vectors; the first without one is item 2, 'third'"),
        (lambda items: [*items, items[0]], "answered 3 texts with 4 vectors"),
        (lambda items: items[::-1], "item 0, 'first', came with index 2"),
        (spoil_width, "item 1, 'second', has 4 dimensions, expected 5"),
        (spoil_value(float("nan")), "item 1, 'second', has a value that is not finite, at 2"),
        (spoil_value(float("inf")), "item 1, 'second', has a value that is not finite, at 2"),
        (spoil_value(None), "data.1.embedding.2: float_type"),
        (spoil_zero, "item 1, 'second', is all zeros"),
    ],
)
def test_an_answer_that_does_not_fit_names_its_text_and_nothing_of_it_is_kept(
    tmp_path: Path, change: Change, message: str
) -> None:
    texts = ["zero", "one", "two", "first", "second", "third"]
    with FaultServer(lambda call: Step(200, embedded(change if "second" in call.json["input"] else None))) as server:
        asking = service(server, tmp_path / "store", concurrency=1, max_attempts=1)
        with pytest.raises(ModelError) as raised:
            asking.get_embeddings(texts, batch_size=3)
        assert message in str(raised.value)
        assert KEY not in str(raised.value)
        assert service(server, tmp_path / "store").missing(texts) == texts[3:]


def test_what_came_before_a_failure_is_kept_and_not_asked_again(tmp_path: Path) -> None:
    broken = {"text 9"}

    def script(call: Call) -> Step:
        return error(400, "invalid_request", "no") if broken & set(call.json["input"]) else good(call)

    with FaultServer(script) as server:
        with pytest.raises(ModelError, match=r"4 texts got no vector: HTTP 400.*\n.*--cache-dir"):
            service(server, tmp_path / "store").get_embeddings(TEXTS, batch_size=4)
        broken.clear()
        n_calls = len(server.calls)
        rows = service(server, tmp_path / "store").get_embeddings(TEXTS, batch_size=4)
        assert [call.json["input"] for call in server.calls[n_calls:]] == [TEXTS[8:12]]
    np.testing.assert_allclose(rows, unit(TEXTS), atol=1e-6)


def test_refusals_for_haste_are_waited_out(tmp_path: Path) -> None:
    with FaultServer(lambda call: rate_limited(retry_after=0) if call.number % 3 == 0 else good(call)) as server:
        np.testing.assert_allclose(service(server).get_embeddings(TEXTS, batch_size=5), unit(TEXTS), atol=1e-6)


def test_a_wrong_key_costs_one_call_and_is_shown_nowhere() -> None:
    with FaultServer(lambda call: error(401, "invalid_api_key", f"Incorrect key {KEY}")) as server:
        with pytest.raises(ModelError) as raised:
            service(server).get_embeddings(TEXTS, batch_size=1)
        assert len(server.calls) == 1
    assert KEY not in str(raised.value)
    assert "the key was refused" in str(raised.value)


def test_without_a_key_its_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        EmbeddingService(provider="openai/e").get_embeddings(["a"])
    assert make_encoder("openai/e").dim is None  # nothing is asked by opening


def test_a_text_that_is_too_long_is_named_or_cut_and_counted(tmp_path: Path) -> None:
    def script(call: Call) -> Step:
        too_long = any(len(text) > 100 for text in call.json["input"])
        return error(400, "context_length_exceeded", "maximum context length") if too_long else good(call)

    texts = ["short", "x" * 400 + "y", "x" * 400 + "z"]
    with FaultServer(script) as server:
        with pytest.raises(ModelError, match=r"401 characters: 'xxxx.*max_chars"):
            service(server).get_embeddings(texts)
        asking = service(server, max_chars=100)
        rows = asking.get_embeddings([*texts, texts[1]])
    assert asking.n_truncated == 2
    assert asking.notices == (
        "2 of 3 texts are longer than openai/e sees (100 characters); the rest of each is left out",
    )
    np.testing.assert_array_equal(rows[1], rows[2])
    assert server.calls[-1].json["input"] == ["short", "x" * 100]


def test_blank_texts_are_never_sent_and_get_the_zero_vector(tmp_path: Path) -> None:
    with FaultServer(good) as server:
        rows = service(server, tmp_path / "store").get_embeddings(["", "a", " \n"])
        assert [call.json["input"] for call in server.calls] == [["a"]]
        assert service(server, tmp_path / "store").get_embeddings(["a", "\t"])[1].tolist() == [0.0] * DIM
        with pytest.raises(ModelError, match="every text is blank"):
            service(server).get_embeddings([" "])
        assert service(server).get_embeddings([]).shape == (0, 0)
    assert rows[[0, 2]].tolist() == [[0.0] * DIM] * 2


def test_a_call_holds_no_more_bytes_than_a_provider_takes() -> None:
    texts = [str(i) * (MAX_BYTES // 3) for i in range(7)]
    with FaultServer(good) as server:
        service(server).get_embeddings(texts)
    assert sorted(len(call.json["input"]) for call in server.calls) == [1, 3, 3]


def test_prefix_and_width_reach_the_provider() -> None:
    with FaultServer(good) as server:
        rows = service(server, prefix="query: ", dimensions=3).get_embeddings(["a"])
        assert server.calls[0].json["input"] == ["query: a"]
        assert server.calls[0].json["dimensions"] == 3
    np.testing.assert_allclose(rows, unit(["query: a"], 3), atol=1e-6)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["openai/a", "openai/b", "openrouter/a", "vllm/a"]),
            st.sampled_from([None, "http://localhost:1/v1", "http://localhost:2/v1"]),
            st.sampled_from([None, 3, 4]),
            st.sampled_from(["", "query: "]),
            st.sampled_from([None, 5, 6]),
            st.sampled_from([{}, {"extra": {"input_type": "query"}}]),
            st.sampled_from(["one two three", "one two four", "a"]),
        ),
        min_size=2,
        max_size=2,
    )
)
def test_what_changes_a_vector_changes_what_it_is_kept_under(pair: list[Any]) -> None:
    kept = []
    for name, url, dimensions, prefix, max_chars, extra, text in pair:
        options = {"base_url": url, "dimensions": dimensions, "prefix": prefix, "max_chars": max_chars, **extra}
        encoder = make_encoder(name, options)
        sent = encoder.inputs_of([text]).texts[0]
        kept.append(((encoder.fingerprint, sent), (name, url, dimensions, str(extra), sent)))
    (one, asked_one), (other, asked_other) = kept
    assert (one == other) == (asked_one == asked_other)


def test_how_it_is_asked_changes_nothing_that_is_kept() -> None:
    plain = make_encoder("openai/a").fingerprint
    assert make_encoder("openai/a", {"concurrency": 3, "timeout_s": 5.0, "max_attempts": 2}).fingerprint == plain
    assert KEY not in plain


def test_names_and_options_are_checked_before_anything_is_asked() -> None:
    for name in ("openai/", "openai", "opnai/e"):
        with pytest.raises((UnknownNameError, ConfigError), match="embedder"):
            check_encoder(name)
    with pytest.raises(ConfigError, match="dimension"):
        check_encoder("openai/e", {"dimension": 3})
    with pytest.raises(ConfigError, match="prefix"):
        check_encoder("lexical", {"prefix": "a"})
    with pytest.raises(ConfigError, match="--base-url|base_url"):
        make_encoder("openai-api/e")
