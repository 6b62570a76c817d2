"""Texts under two models: the summary against a bootstrap, the page against hostile text, the verb end to end."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from diptych.apps.contrastive_decoding.page import render_scores
from diptych.apps.contrastive_decoding.scoring import ScoredText
from diptych.data import Response
from diptych.models.divergence import Divergences
from diptych.models.divergence_summary import as_lines, mean_over_tokens, summarise
from diptych.models.templates import pieces
from tests.helpers.cli import run_cli
from tests.helpers.records import jsonl, write
from tests.helpers.tiny_models import make_tokenizer, needs_torch, save_adapter, save_tiny

HOSTILE = '</p></style><script>alert("x")</script><img src=http://x.example onerror=alert(1)> \u202e {{ 7*7 }}'


def some(n: int, seed: int = 0, shift: float = 0.0) -> Divergences:
    rng = np.random.default_rng(seed)
    kl_ab, kl_ba, js = (rng.random(n) + shift for _ in range(3))
    log_a, log_b = -rng.random(n), -rng.random(n)
    return Divergences(kl_ab, kl_ba, js, rng.random(n), rng.random(n), log_a, log_b, rng.random(n) < 0.5, rng.random(n))


def test_the_error_of_a_mean_is_that_over_texts() -> None:
    """Texts differ from each other more than their tokens do; a bootstrap over texts is the oracle."""
    rng = np.random.default_rng(1)
    texts = [rng.normal(rng.normal(0, 1), 0.1, rng.integers(1, 60)) for _ in range(400)]
    found = mean_over_tokens(texts)
    sums, counts = np.array([text.sum() for text in texts]), np.array([len(text) for text in texts])
    chosen = rng.integers(0, 400, (4000, 400))
    oracle = (sums[chosen].sum(1) / counts[chosen].sum(1)).std()
    assert found.mean == pytest.approx(np.concatenate(texts).mean())
    assert found.error == pytest.approx(oracle, rel=0.05)
    naive = np.concatenate(texts).std() / math.sqrt(counts.sum())
    assert naive < 0.4 * oracle
    assert mean_over_tokens([np.array([1.0, 2.0])]).error is None


def test_the_summary_is_that_of_all_tokens() -> None:
    texts = [some(n, seed=n) for n in (5, 40, 300)]
    summary = summarise(texts)
    kl = np.concatenate([text.kl_ab for text in texts])
    assert summary["n_texts"] == 3 and summary["n_tokens"] == 345
    assert summary["by_token"]["kl_ab"]["median"] == pytest.approx(np.median(kl))
    assert summary["by_token"]["kl_ab"]["99.9 %"] == pytest.approx(np.quantile(kl, 0.999))
    assert summary["by_token"]["kl_ab"]["max"] == kl.max()
    log_a = np.concatenate([text.log_a for text in texts])
    assert summary["perplexity_a"]["mean"] == pytest.approx(np.exp(-log_a.mean()))
    lines = as_lines(summary)
    assert lines[0] == "345 tokens of 3 texts" and any("KL(a ‖ b)" in line for line in lines)
    json.dumps(summary, allow_nan=False)


def test_hostile_text_stays_text() -> None:
    rows = [Response("</h2><script>", HOSTILE, HOSTILE, "a"), Response("2", "p", "alike", "a")]
    scored = [ScoredText(rows[0], (HOSTILE, ""), some(2, shift=1)), ScoredText(rows[1], ("alike",), some(1))]
    page = render_scores(scored, summarise([one.divergences for one in scored]), a="<b>hf/a</b>", b="hf/b")
    assert page.count("<script") == 0 and "<img" not in page and "<b>hf/a" not in page and "\u202e" not in page
    assert "{{ 7*7 }}" in page and "default-src &#39;none&#39;" not in page and "default-src 'none'" in page
    assert page.index("&lt;script&gt;") < page.index("alike</span>")  # the one that differs more comes first


@needs_torch
def test_pieces_are_the_text() -> None:
    tokenizer = make_tokenizer()
    text = "Why, <|end|> not?"
    tokens = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert pieces(tokenizer, tokens) == tuple(text)
    assert pieces(tokenizer, []) == ()


@needs_torch
def test_characters_of_several_tokens_are_whole() -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({letter: n for n, letter in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    text = "né 日本 👍🏽!"
    tokens = tokenizer(text)["input_ids"]
    assert len(tokens) == len(text.encode())
    found = pieces(tokenizer, tokens)
    assert "".join(found) == text and "é" in found and "日" in found and found.count("") == len(tokens) - len(text)


@pytest.mark.timeout(240)
@needs_torch
def test_score_end_to_end(tmp_path: Path) -> None:
    save_tiny(tmp_path / "base")
    save_adapter(tmp_path / "base", tmp_path / "adapter")
    rows = [{"prompt": f"Question {i}?", "response": "It is so. " * (i % 4)} for i in range(20)]
    write(tmp_path, {"t.jsonl": jsonl(rows)})
    call = ("contrast", "score", "hf/base", "hf/base+adapter", "--texts", "t.jsonl", "--model-arg", "device=cpu")
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = run_cli(*call, "--out", "scores", cwd=tmp_path, env=environment, timeout_s=120)
    assert done.code == 0, done.err
    assert "same likeliest token" in done.out and "300 tokens of 15 texts" in done.out
    scores = [json.loads(line) for line in (tmp_path / "scores" / "scores.jsonl").read_text().splitlines()]
    assert len(scores) == 20 and "".join(scores[1]["tokens"]) == rows[1]["response"]
    assert len(scores[1]["kl_ab"]) == len(scores[1]["tokens"]) == 10 and min(scores[1]["kl_ab"]) >= 0
    again = run_cli(*call, "--out", "scores", cwd=tmp_path, env=environment, timeout_s=120)
    assert again.code == 2 and "already exists" in again.err
    elsewhere = run_cli(
        "contrast",
        "score",
        "scripted/echo",
        "hf/base",
        "--texts",
        "t.jsonl",
        "--out",
        "x",
        cwd=tmp_path,
        env=environment,
    )
    assert elsewhere.code == 2 and "only where its weights are here" in elsewhere.err


@pytest.mark.timeout(240)
@needs_torch
def test_sample_end_to_end(tmp_path: Path) -> None:
    """Resumed at no call; an alias of the model that every verb takes; the same model twice is said to be."""
    save_tiny(tmp_path / "base")
    save_adapter(tmp_path / "base", tmp_path / "adapter")
    write(tmp_path, {"p.txt": b"Why?\nHow?\nWho is there?\n"})
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    asked = ("--prompts", "p.txt", "--max-tokens", "8", "--temperature", "0", "--model-arg", "device=cpu")

    def rows(out: str, *words: str) -> list[str]:
        done = run_cli(*words, *asked, "--out", out, cwd=tmp_path, env=environment, timeout_s=120)
        assert done.code == 0, done.err
        assert "both models are hf/base" in done.err if words[3:4] == ("hf/base",) else True
        return [json.loads(line)["response"] for line in (tmp_path / out).read_text().splitlines()]

    pair = ("contrast", "sample", "hf/base", "hf/base+adapter")
    said = rows("a.jsonl", *pair, "--weight", "2")
    assert said == rows("b.jsonl", "generate", "contrast/base+adapter~base", "--model-arg", "weight=2")
    assert said != rows("c.jsonl", *pair, "--weight", "2", "--speaker", "base")
    assert rows("d.jsonl", "contrast", "sample", "hf/base", "hf/base") == rows("e.jsonl", "generate", "hf/base")
    again = run_cli(*pair, "--weight", "2", *asked, "--out", "a.jsonl", cwd=tmp_path, env=environment, timeout_s=120)
    assert "0 asked now" in again.out, again.err
    wrong = run_cli(*pair, "--speaker", "x", *asked, "--out", "x.jsonl", cwd=tmp_path, env=environment, timeout_s=120)
    assert wrong.code == 2 and "--speaker = 'x'" in wrong.err
