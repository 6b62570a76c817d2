"""``diptych embed``: vectors in the order of the file, resumable, priced, and whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from diptych.embeddings.files import read_vectors
from diptych.embeddings.service import EmbeddingService
from tests.embeddings.test_interfaces import embedded, good
from tests.helpers.cli import invoke, listing
from tests.helpers.fault_server import Call, FaultServer, Step, error

TEXTS = ["I like tea.", "", "I like tea.", "漢字"]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-CANARY-0123456789abcdef")
    path = tmp_path / "a.jsonl"
    rows = ({"prompt_id": f"p{i}", "prompt": "Say.", "response": text} for i, text in enumerate(TEXTS))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_rows_stand_in_the_order_of_the_file(file: Path, suffix: str) -> None:
    done = invoke("embed", file, "--out", f"v{suffix}")
    assert done.code == 0, done.err
    assert done.out == f"v{suffix}: 4 vectors of 384 dimensions by lexical\n"
    read = read_vectors(Path(f"v{suffix}"))
    np.testing.assert_array_equal(read.vectors, EmbeddingService().get_embeddings(TEXTS))
    assert (read.texts, read.ids) == (tuple(TEXTS), ("p0", "p1", "p2", "p3"))
    assert read.about["embedder"] == "lexical"
    assert sorted(listing(file.parent)) == ["a.jsonl", f"v{suffix}"]


def test_a_file_that_is_there_is_kept(file: Path) -> None:
    words = ["embed", str(file), "--out", "v.npz"]
    assert invoke(*words).code == 0
    before = listing(file.parent)
    again = invoke(*words)
    assert (again.code, "already holds these very vectors" in again.out) == (0, True)
    other = invoke(*words, "--field", "prompt")
    assert (other.code, "holds other vectors" in other.err) == (2, True)
    assert listing(file.parent) == before


def test_a_folder_that_is_no_store_is_not_removed(file: Path) -> None:
    Path("v.npz.store").mkdir()
    Path("v.npz.store/mine").write_text("x")
    invoke("embed", file, "--out", "v.npz")
    assert Path("v.npz.store/mine").read_text() == "x"


def test_a_field_is_chosen(file: Path) -> None:
    invoke("embed", file, "--out", "v.npz", "--field", "prompt")
    assert read_vectors(Path("v.npz")).texts == ("Say.",) * 4
    wrong = invoke("embed", file, "--out", "w.npz", "--field", "respons")
    assert (wrong.code, "Did you mean 'response'?" in wrong.err) == (2, True)


def test_after_a_failure_the_same_command_sends_only_the_rest(file: Path) -> None:
    (file.parent / "t.txt").write_text("".join(f"text {i}\n" for i in range(12)))
    broken = [True]

    def script(call: Call) -> Step:
        return error(400, "no", "no") if broken[0] and "text 5" in call.json["input"] else good(call)

    with FaultServer(script) as server:
        words = ["embed", "t.txt", "--out", "v.npz", "--embedder", "openai/e", "--batch-size", "2"]
        words += ["--embedder-arg", f"base_url={server.openai_url}"]
        plan = invoke(*words, "--dry-run")
        assert "12 texts to send, about 24 tokens; price: unknown" in plan.out
        assert server.calls == []
        assert not Path("v.npz.store").exists()
        first = invoke(*words)
        assert first.code == 1
        assert "2 texts got no vector" in first.err
        assert "sk-CANARY" not in first.err + first.out
        assert not Path("v.npz").exists()
        broken.clear()
        broken.append(False)
        n_calls = len(server.calls)
        assert "2 to embed" in invoke(*words, "--dry-run").out
        assert invoke(*words).code == 0
        assert [call.json["input"] for call in server.calls[n_calls:]] == [["text 4", "text 5"]]
    assert read_vectors(Path("v.npz")).vectors.shape == (12, 5)
    assert not Path("v.npz.store").exists()


def test_a_known_price_is_said(file: Path) -> None:
    done = invoke("embed", file, "--out", "v.npz", "--embedder", "openai/text-embedding-3-small", "--dry-run")
    assert "price: about 1" in done.out
    assert "US dollars" in done.out


def test_compare_asks_an_interface_and_says_the_price_first(file: Path) -> None:
    rows = [{"prompt": f"Q{i}?", "response": f"Yes {i}."} for i in range(30)]
    for name in ("x", "y"):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with FaultServer(lambda call: Step(200, embedded())) as server:
        words = ["compare", "x.jsonl", "y.jsonl", "--embedder", "openai/e", "--lenses", "clusters", "--cache-dir", "c"]
        words += ["--embedder-arg", f"base_url={server.openai_url}", "--embedder-arg", "max_chars=6", "--out", "run"]
        assert "openai/e: 30 texts to send" in invoke(*words, "--dry-run").out
        assert not Path("c").exists()
        done = invoke(*words)
        assert done.code == 0, done.err
        assert "20 of 30 texts are longer than openai/e sees (6 characters)" in done.err
        assert sum(len(call.json["input"]) for call in server.calls) == 30
        without = invoke("rerun", "run")
        assert (without.code, "30 texts have no vector" in without.err) == (2, True)
        again = invoke("rerun", "run", "--cache-dir", "c")
        assert again.code == 0, again.err + again.out
        assert sum(len(call.json["input"]) for call in server.calls) == 30
    assert json.loads(Path("run/manifest.json").read_text())["config"]["embedder_args"]["max_chars"] == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "v.npy"], ".npz or .safetensors"),
        (["--out", "none/v.npz"], "there is no folder"),
        (["--out", "v.npz", "--embedder", "lexcal"], "Did you mean 'lexical'"),
        (["--out", "v.npz", "--embedder-arg", "dimensions=3"], "dimensions"),
        (["--out", "v.npz", "--embedder", "openai/e", "--embedder-arg", "dimension=3"], "dimension"),
    ],
)
def test_bad_input_is_said_and_nothing_is_written(file: Path, words: list[str], message: str) -> None:
    done = invoke("embed", file, *words)
    assert done.code == 2
    assert message in done.err
    assert sorted(listing(file.parent)) == ["a.jsonl"]
