"""Mining: a planted token is found and nothing where there is nothing; estimates, words, pages, the verb end to end."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.apps.contrastive_decoding.mining.page import render_mined
from diptych.apps.contrastive_decoding.mining.ranking import apart, rank
from diptych.apps.contrastive_decoding.mining.run import GIVEN, MineConfig, Mined, mine
from diptych.apps.contrastive_decoding.mining.summary import as_lines, summarise_mined, token_rows
from diptych.apps.contrastive_decoding.mining.tokens import Interval, Token, halve
from diptych.apps.contrastive_decoding.plots import draw
from diptych.apps.contrastive_decoding.scoring import ScoredText
from diptych.apps.contrastive_decoding.terms import cloud, compare_terms
from diptych.data import Response
from diptych.errors import DataError
from diptych.models.divergence import Divergences
from diptych.utils.text import csv_text
from tests.helpers.cli import run_cli
from tests.helpers.records import jsonl, write
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

HOSTILE = '</p></style><script>alert("x")</script><img src=http://x.example onerror=alert(1)> \u202e {{ 7*7 }}'
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def scored(text: str, *, prompt_id: str, arm: str, log_ratio: float, n: int = 4) -> ScoredText:
    ones = np.ones(n)
    own = Divergences(0.1 * ones, 0.3 * ones, 0.05 * ones, ones, ones, -ones, log_ratio - ones, ones > 0, 0 * ones)
    pieces = (text,) + ("",) * (n - 1)
    return ScoredText(Response(prompt_id, "Why?", text, arm), pieces, own)


@needs_torch
def test_a_planted_token_is_found_and_nothing_in_a_model_against_itself(tmp_path: Path) -> None:
    """b is a, but for the head, which likes one letter more wherever it stands."""
    import torch

    from diptych.models.registry import open_local

    names = [str(save_tiny(tmp_path / name)) for name in ("a", "b")]
    a, b = (open_local(f"hf/{name}", {"device": "cpu"}) for name in names)
    letter = a.load().tokenizer.get_vocab()["Z"]

    def louder(module: Any, inputs: Any, output: Any) -> Any:
        return output + 3.0 * torch.nn.functional.one_hot(torch.tensor(letter), output.shape[-1])

    with b.load().active() as model:
        model.get_output_embeddings().register_forward_hook(louder)
    rows = [Response(str(i), f"Question {i}?", f"It is {i} of them", GIVEN, place=f"row {i}") for i in range(30)]
    found = mine(a, b, rows, MineConfig(n_tokens=3))
    best = found.tokens[0]
    assert best.text == "Z" and best.gain.low > 0 and best.log_ratio.low > 1 and best.wanted == Interval(1.0, 1.0, 1.0)
    assert all(0 <= one.wanted.low <= one.wanted.mean <= one.wanted.high <= 1 for one in found.tokens)
    assert best.n_wanted == best.n_places == sum(len(row.response) for row in rows if row.prompt_id not in halve([r.prompt_id for r in rows], 0))  # fmt: skip
    assert found.n_prompts == (15, 15) and len(found.ranked) == 30 and not found.apart
    same = mine(a, a, rows)
    assert same.tokens == [] and {one.per_token for one in same.ranked} == {0.0} and not same.terms
    with pytest.raises(DataError, match="3 prompts: at least 4"):
        mine(a, b, rows[:3])
    assert "no token gains under b" in as_lines(same, summarise_mined(same))
    assert not any("likes most" in line for line in as_lines(same, summarise_mined(same)))
    assert {one.per_token > 0 for one in found.liked_by("b")} <= {True} and found.liked_by("a")[0] is found.ranked[-1]
    json.dumps(summarise_mined(found), allow_nan=False)


@needs_torch
def test_the_divergence_from_exact_steps_is_that_of_the_models(tmp_path: Path) -> None:
    """Texts of one token: whatever was drawn, the exact step is the divergence after the prompt."""
    import torch

    from diptych.apps.contrastive_decoding.scoring import score_responses
    from diptych.models.registry import open_local

    a, b = (open_local(f"hf/{save_tiny(tmp_path / n, seed=s)}", {"device": "cpu"}) for n, s in (("a", 0), ("b", 5)))
    prompts = ["x", "Why?", "How", "No."]
    rows = [Response(prompt, prompt, letter, "b", draw) for prompt in prompts for draw, letter in enumerate("abc")]
    truth = []
    for prompt in prompts:
        ids = [2, *(a.load().tokenizer.get_vocab()[letter] for letter in prompt), 1, 3]
        logs = []
        for model in (a, b):
            with model.load().active() as torch_model, torch.inference_mode():
                logs.append(torch_model(torch.tensor([ids])).logits[0, -1].double().log_softmax(-1).numpy())
        truth.append(float((np.exp(logs[1]) * (logs[1] - logs[0])).sum()))
    found = apart(score_responses(a, b, rows), "b", seed=0)
    assert found.n_prompts == 4 and found.exact_steps.mean == pytest.approx(np.mean(truth), abs=1e-4)
    assert found.sampled.mean != pytest.approx(np.mean(truth), abs=1e-2)


@needs_torch
def test_the_end_of_a_text_is_scored_where_its_model_ended_it(tmp_path: Path) -> None:
    from diptych.apps.contrastive_decoding.scoring import score_responses
    from diptych.models.registry import open_local

    a = open_local(f"hf/{save_tiny(tmp_path / 'a')}", {"device": "cpu"})
    rows = [Response(str(i), "Why?", "So.", "a", finish_reason=reason) for i, reason in enumerate(("stop", "length"))]
    ended, cut = score_responses(a, a, rows, ends=True)
    assert ended.pieces == ("S", "o", ".", "") and len(ended.divergences) == 4 and len(cut.divergences) == 3
    assert [len(one.divergences) for one in score_responses(a, a, rows)] == [3, 3]


def test_the_divergence_of_a_writer_is_a_mean_over_prompts() -> None:
    texts = [scored("x", prompt_id=str(i // 2), arm="b", log_ratio=0.1 * (i // 2 + 1)) for i in range(12)]
    found = apart(texts, "b", seed=0)
    assert found.n_prompts == 6
    assert found.sampled.mean == pytest.approx(4 * np.mean([0.1 * (i + 1) for i in range(6)]))
    assert found.sampled.low < found.sampled.mean < found.sampled.high
    assert found.exact_steps.mean == pytest.approx(1.2) == found.exact_steps.low
    assert apart(texts, "a", seed=0).sampled.mean == -found.sampled.mean


def test_texts_are_ranked_by_token_and_empty_ones_left_out() -> None:
    texts = [scored(name, prompt_id=name, arm="a", log_ratio=ratio, n=n) for name, ratio, n in
             (("long", 0.5, 40), ("short", 2.0, 1), ("none", 1.0, 0), ("less", -1.0, 5))]  # fmt: skip
    found = rank(texts)
    assert [one.scored.response.response for one in found] == ["short", "long", "less"]
    assert found[1].log_ratio == pytest.approx(20.0) and found[1].as_json()["kl_ba"] == pytest.approx(12.0)


def test_words_of_two_collections() -> None:
    a, b = ["I am not sure about the red fox"] * 20, ["I am not sure about the grey owl, ever"] * 20
    found = compare_terms(a, b)
    assert any("grey owl" in term.phrase and (term.n_a, term.n_b) == (0, 20) and term.log_odds > 2 for term in found)
    assert any("red fox" in term.phrase and (term.n_a, term.n_b) == (20, 0) and term.log_odds < -2 for term in found)
    assert not any(term.n_a and term.n_b for term in found if abs(term.log_odds) > 2)
    assert compare_terms([], []) == [] and compare_terms(a, a) == []
    assert all("<" not in word["shade"] for word in cloud(found))


def test_hostile_text_stays_text_on_the_page_and_in_the_table() -> None:
    texts = [scored(HOSTILE, prompt_id=f"</h2>{i}", arm="ab"[i % 2], log_ratio=i) for i in range(8)]
    half = Interval(0.5, 0.25, 0.75)
    token = Token(7, "=<script>\u202e", half, half, half, 3, 4)
    mined = Mined("<b>hf/a</b>", "hf/b", [token], rank(texts), {"b": apart(texts, "b", seed=0)},
                  compare_terms(["red <i>fox"] * 5, ["grey owl"] * 5), (4, 4), ["<u>mind</u>"])  # fmt: skip
    page = render_mined(mined, summarise_mined(mined), list(draw(texts)))
    assert "<script" not in page and "<img" not in page and "<u>" not in page and "<b>hf" not in page
    assert "\u202e" not in page and "{{ 7*7 }}" in page and "default-src 'none'" in page and "grey owl" in page
    row = list(csv.reader(csv_text(token_rows(mined)).splitlines()))[1]
    assert row[2].startswith("'=") and float(row[3]) == 0.5 and row[-2:] == ["3", "4"]


def test_pictures_are_drawn_of_texts_with_tokens() -> None:
    texts = [scored("x" * i, prompt_id=str(i), arm="ab"[i % 2], log_ratio=0.1, n=i % 5) for i in range(30)]
    assert [picture.file for picture in draw(texts)] == ["position.html", "histogram.html", "perplexity.html"]
    assert list(draw(texts[:1])) == []


@pytest.mark.timeout(300)
@pytest.mark.slow
@needs_torch
def test_mine_end_to_end(tmp_path: Path) -> None:
    save_tiny(tmp_path / "base")
    save_adapter(tmp_path / "base", tmp_path / "adapter")
    write(tmp_path, {"p.txt": "".join(f"Question {i}?\n" for i in range(12)).encode()})
    pair = ("contrast", "mine", "hf/base", "hf/base+adapter", "--model-arg", "device=cpu")

    def run(*words: str, code: int = 0) -> Any:
        done = run_cli(*pair, *words, cwd=tmp_path, env=ENVIRONMENT, timeout_s=120)
        assert done.code == code, done.err
        return done

    asked = ("--prompts", "p.txt", "--max-tokens", "8")
    planned = run(*asked, "--out", "m", "--dry-run")
    assert "would write m" in planned.out and not (tmp_path / "m").exists()
    done = run(*asked, "--out", "m")
    assert "Proposals, not findings" in done.out and "KL(b ‖ a) by text, 12 prompts" in done.out
    names = {path.name for path in (tmp_path / "m").iterdir()}
    assert names >= {"mine.jsonl", "tokens.csv", "ranked.jsonl", "summary.json", "mine.html", "manifest.json"}
    ranked = [json.loads(line) for line in (tmp_path / "m" / "ranked.jsonl").read_text().splitlines()]
    ratios = [row["log_ratio_per_token"] for row in ranked]
    assert ratios == sorted(ratios, reverse=True) and {row["written_by"] for row in ranked} == {"a", "b"}
    before = (tmp_path / "m" / "summary.json").read_bytes()
    again = run(*asked, "--out", "m")
    assert again.out == done.out and (tmp_path / "m" / "summary.json").read_bytes() == before

    rows = [{"prompt": row["prompt"], "response": row["response"] or "x", "draw": i} for i, row in enumerate(ranked)]
    write(tmp_path, {"t.jsonl": jsonl(rows)})
    given = run("--texts", "t.jsonl", "--out", "g", "--json")
    assert json.loads(given.out)["divergence"] == {} and list(json.loads(given.out)["statistics"]) == [GIVEN]
    assert "either --prompts" in run("--out", "x", code=2).err
    assert "either --prompts" in run(*asked, "--texts", "t.jsonl", "--out", "x", code=2).err
