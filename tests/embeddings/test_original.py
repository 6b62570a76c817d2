"""The original's cache of embeddings: what can be trusted is taken, everything else is said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.embeddings.cache import EmbeddingCache
from diptych.embeddings.exchange import Imported
from diptych.embeddings.original import import_statement_embeddings, read_statement_embeddings
from diptych.errors import DataError

MODEL = "text-embedding-ada-002"


def entry(statement: Any, embedding: Any, model: Any = MODEL, **other: Any) -> dict[str, Any]:
    return {"statement": statement, "embedding": embedding, "embedding_model": model, "other_params": other}


def written(path: Path, entries: list[Any]) -> Path:
    path.write_text(json.dumps({f"{i}_{MODEL}": entry for i, entry in enumerate(entries)}))
    return path


def test_text_and_model_come_from_the_entry_not_from_the_ambiguous_key(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "store")
    entries = [entry("a_b", [1.0, 2.0]), entry("c", [3, 4.5]), entry("c", [5.0, 6.0], "b_c"), entry("d", [7, 8], k=1)]
    statements = read_statement_embeddings(written(tmp_path / "e.json", entries))
    assert statements.refused == ()
    assert import_statement_embeddings(cache, statements) == Imported(4, 0)
    assert [e.space for e in cache.stats()] == [f"original/{MODEL}", "original/b_c", f'original/{MODEL} {{"k": 1}}']
    np.testing.assert_array_equal(cache.get_many(f"original/{MODEL}", ["a_b", "c"], 2).vectors, [[1, 2], [3, 4.5]])
    assert import_statement_embeddings(cache, statements) == Imported(0, 4)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (5, "expected an object, got int"),
        (entry(None, [1.0, 2.0]), "field 'statement' is None"),
        (entry("\ud800", [1.0, 2.0]), "field 'statement' is '\\\\ud800'"),
        (entry("x", [1.0, 2.0], 7), "field 'embedding_model' is 7"),
        (entry("x", []), r"field 'embedding' is \[\]"),
        (entry("x", [1.0, "2"]), r"embedding\[1\] is '2'"),
        (entry("x", [1.0, True]), r"embedding\[1\] is True"),
        (entry("x", [float("nan"), 1.0]), r"embedding\[0\] is nan"),
        (entry("x", [1e300, 1.0]), r"embedding\[0\] is 1e\+300"),
        (entry("x", [10**400, 1.0]), r"embedding\[0\] is 1000"),
        (entry("x", [1.0, 2.0, 3.0]), "1 entries of 'original/.*' have width 3, most have 2"),
    ],
)
def test_an_entry_that_cannot_be_taken_is_said_and_the_others_are_taken(bad: Any, words: str, tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "store")
    entries = [entry("a", [1.0, 2.0]), bad, entry("b", [2.0, 1.0])]
    statements = read_statement_embeddings(written(tmp_path / "e.json", entries))
    assert import_statement_embeddings(cache, statements).n_new == 2
    (sentence,) = statements.refused
    assert re.search(words, sentence)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[]", "got list"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b'{"a": 1, "b": {}}', "none of its 2 entries can be taken; entry 1: expected an object, got int"),
    ],
)
def test_a_file_that_is_none_of_the_originals_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "e.json").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_statement_embeddings(tmp_path / "e.json")
    with pytest.raises(DataError, match="No such file"):
        read_statement_embeddings(tmp_path / "gone.json")


def test_of_equal_vectors_under_different_texts_the_first_is_taken(tmp_path: Path) -> None:
    """After an error the original kept the vectors of the batch before under the next texts."""
    batches = [entry(f"text {i}", [float(i % 3 + 1), 1.0]) for i in range(6)]
    statements = read_statement_embeddings(written(tmp_path / "e.json", [*batches, entry("other", [7.0, 7.0])]))
    [rows] = statements.spaces.values()
    assert [text for text, _ in rows] == ["text 0", "text 1", "text 2", "other"]
    assert "3 entries of 'original/text-embedding-ada-002' have the vector of an earlier text" in statements.refused[0]
