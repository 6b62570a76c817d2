"""Vectors that were computed elsewhere: the same comparison from a file, a store, a field; and what does not fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diptych
from diptych.embeddings.files import VectorFile, write_vectors
from diptych.embeddings.service import EmbeddingService
from diptych.errors import ConfigError, DataError
from tests.helpers.cli import invoke


def arm(answers: Sequence[str]) -> list[dict[str, Any]]:
    return [{"prompt": f"Question {i}?", "response": f"{answers[i % len(answers)]} {i % 7}"} for i in range(40)]


A, B = arm(["The sea is deep.", "Tea is hot."]), arm(["Tea is hot.", "Bread is good, and cheap."])
ROWS = [row["response"] for row in [*A, *B]]
VECTORS = EmbeddingService().get_embeddings(ROWS)
SETTINGS: dict[str, Any] = {"lenses": "clusters,regions", "resamples": 200}


def outcome(result: diptych.Result) -> Any:
    found = result.to_json()
    return [found["findings"], found["global"], found["family_size"]]


@pytest.fixture(scope="module")
def made() -> Any:
    return outcome(diptych.compare(A, B, **SETTINGS))


def test_the_same_vectors_give_the_same_result_wherever_they_come_from(tmp_path: Path, made: Any) -> None:
    write_vectors(tmp_path / "v.npz", VectorFile(VECTORS[::-1], tuple(ROWS[::-1])))
    write_vectors(tmp_path / "v.safetensors", VectorFile(VECTORS, tuple(ROWS)))
    np.save(tmp_path / "v.npy", VECTORS)
    EmbeddingService(tmp_path / "store").get_embeddings(ROWS)
    for name in ("v.npz", "v.safetensors", "v.npy", "store"):
        result = diptych.compare(A, B, embeddings=str(tmp_path / name), **SETTINGS)
        assert outcome(result) == made, name
    with_field = [
        [{**row, "e": VECTORS[start + i].tolist()} for i, row in enumerate(rows)] for start, rows in ((0, A), (40, B))
    ]
    assert outcome(diptych.compare(*with_field, embedding_field="e", **SETTINGS)) == made


def test_other_vectors_are_another_run_and_the_report_names_their_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, rows in (("a", A), ("b", B)):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    np.save("v.npy", VECTORS)
    words = ["compare", "a.jsonl", "b.jsonl", "--embeddings", "v.npy", "--lenses", "clusters", "--resamples", "200"]
    assert "vectors by v.npy" in invoke(*words, "--dry-run").out
    assert invoke(*words, "--out", "run").code == 0
    assert "v.npy" in Path("run/report.html").read_text()
    assert json.loads(Path("run/manifest.json").read_text())["embeddings"]
    assert invoke("rerun", "run").code == 0
    np.save("v.npy", np.roll(VECTORS, 1, axis=1))
    again = invoke(*words, "--out", "run")
    assert (again.code, "other vectors" in again.err) == (2, True)
    changed = invoke("rerun", "run")
    assert (changed.code, "no longer holds the vectors" in changed.err) == (2, True)


def test_vectors_that_do_not_fit_are_said(tmp_path: Path) -> None:
    np.save(tmp_path / "short.npy", VECTORS[:-1])
    write_vectors(tmp_path / "few.npz", VectorFile(VECTORS[:50], tuple(ROWS[:50])))
    EmbeddingService(tmp_path / "store").get_embeddings(ROWS[:50])
    for name, message in (
        ("short.npy", "has 79 rows and no texts, for 80 responses"),
        ("few.npz", r"responses have no vector; the first is 'Bread is good"),
        ("store", "no space of it holds more than"),
        ("none.npz", "no such file or store"),
    ):
        with pytest.raises(DataError, match=message):
            diptych.compare(A, B, embeddings=str(tmp_path / name), **SETTINGS)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "is NoneType, expected a list of numbers"),
        ([1.0], "has 1 numbers, that of the first record has 2"),
        ([1.0, "x"], "has 'x' at 1"),
        ([1.0, True], "has True at 1"),
        ([1.0, 1e300], "has 1e.300 at 1"),
    ],
)
def test_a_field_that_holds_no_vector_is_named_with_its_record(value: Any, message: str) -> None:
    rows = [{**row, "e": [1.0, float(len(row["response"]))]} for row in A]
    with pytest.raises(DataError, match=rf"arm b, row 3: field 'e' {message}"):
        diptych.compare(rows, [*rows[:2], {**rows[2], "e": value}, *rows[3:]], embedding_field="e", **SETTINGS)


def test_vectors_come_from_one_place() -> None:
    with pytest.raises(ConfigError, match="embeddings and embedding_field: vectors come from one"):
        diptych.compare(A, B, embeddings="v.npy", embedding_field="e")
    with pytest.raises(ConfigError, match="embeddings and embedder"):
        diptych.compare(A, B, embeddings="v.npy", embedder="st/x")
