"""Divergences against scipy in float64, one token at a time; in any chunks; along texts against whole forward passes."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax, rel_entr

from diptych.errors import DataError
from diptych.models.divergence import Divergences, compare_scores, compare_states
from diptych.models.heads import split
from diptych.models.manager import Loaded, ModelManager
from diptych.models.pair_scoring import TokensToScore, divergences
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = needs_torch

NUMBERS = ("kl_ab", "kl_ba", "js", "entropy_a", "entropy_b", "log_a", "log_b", "top_changed")


def naive(a: np.ndarray, b: np.ndarray, tokens: np.ndarray) -> Divergences:
    """By scipy, in float64."""
    log_a, log_b = log_softmax(a.astype(np.float64), axis=-1), log_softmax(b.astype(np.float64), axis=-1)
    p, q = np.exp(log_a), np.exp(log_b)
    m = (p + q) / 2
    rows = np.arange(len(tokens))
    tops = [np.argsort(-x, axis=-1, kind="stable")[:, :10] for x in (a, b)]
    kept = [len(set(x) & set(y)) / len(x) for x, y in zip(*tops, strict=True)]
    return Divergences(
        kl_ab=rel_entr(p, q).sum(-1), kl_ba=rel_entr(q, p).sum(-1),
        js=(rel_entr(p, m).sum(-1) + rel_entr(q, m).sum(-1)) / 2,
        entropy_a=-(p * log_a).sum(-1), entropy_b=-(q * log_b).sum(-1),
        log_a=log_a[rows, tokens], log_b=log_b[rows, tokens],
        same_top=a.argmax(-1) == b.argmax(-1), top_changed=1 - np.array(kept),
    )  # fmt: skip


def check(found: Divergences, expected: Divergences, atol: float = 1e-6) -> None:
    for name in NUMBERS:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=atol, err_msg=name)
        assert getattr(found, name).dtype == np.float64
    assert (found.same_top == expected.same_top).all()


@pytest.mark.parametrize("max_bytes", [1, 50_000, 1 << 27])
def test_divergences_are_those_of_scipy_in_any_chunks(max_bytes: int) -> None:
    import torch

    rng = np.random.default_rng(0)
    a = rng.normal(0, 3, (37, 211)).astype(np.float32)
    b = (a + rng.normal(0, 1, a.shape)).astype(np.float32)
    b[:3] = a[:3]
    tokens = rng.integers(0, 211, 37)
    found = compare_scores(*map(torch.from_numpy, (a, b, tokens)), max_bytes=max_bytes)
    check(found, naive(a, b, tokens))
    assert (found.kl_ab[:3] == 0).all() and (found.js[:3] < 1e-12).all() and found.same_top[:3].all()
    assert (found.js <= np.log(2)).all()
    np.testing.assert_allclose(found.log_ratio, found.log_b - found.log_a)


def test_what_one_model_holds_for_impossible_is_infinitely_far_only_from_the_other() -> None:
    import torch

    a, b = torch.tensor([[0.0, 0.0, -torch.inf]]), torch.tensor([[0.0, 0.0, 0.0]])
    found = compare_scores(a, b, torch.tensor([0]))
    assert found.kl_ab[0] == pytest.approx(np.log(1.5)) and found.kl_ba[0] == np.inf
    assert 0 < found.js[0] < np.log(2)


def test_unlike_shapes_are_refused() -> None:
    import torch

    with pytest.raises(DataError, match=r"\(2, 5\) and \(2, 6\)"):
        compare_scores(torch.zeros(2, 5), torch.zeros(2, 6), torch.tensor([0, 1]))


def test_no_tokens_no_divergences() -> None:
    import torch

    assert len(compare_scores(torch.zeros(0, 5), torch.zeros(0, 5), torch.zeros(0, dtype=torch.long))) == 0


@pytest.mark.parametrize("max_bytes", [1, 100_000, 1 << 27])
def test_from_states_as_from_scores(max_bytes: int) -> None:
    import torch

    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(151, 16, generator=generator) for _ in range(2)]
    states = [torch.randn(23, 16, generator=generator) for _ in range(2)]
    tokens = torch.randint(0, 151, (23,), generator=generator)
    found = compare_states(
        (states[0], states[1]), (lambda rows: rows @ weights[0].T, lambda rows: rows @ weights[1].T),
        tokens, max_bytes=max_bytes,
    )  # fmt: skip
    check(found, compare_scores(states[0] @ weights[0].T, states[1] @ weights[1].T, tokens), atol=1e-5)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Loaded]:
    folder = tmp_path_factory.mktemp("models")
    base, other = save_tiny(folder / "base"), save_tiny(folder / "other", seed=5)
    adapter = save_adapter(base, folder / "adapter")
    manager = ModelManager("cpu", "float32")
    return {
        "base": manager.load(str(base)),
        "other": manager.load(str(other)),
        "adapted": manager.load(f"{base}+{adapter}"),
    }


@pytest.mark.parametrize("pair", [("base", "other"), ("base", "adapted"), ("adapted", "base")], ids=str)
def test_along_texts_as_one_forward_pass_a_text(models: dict[str, Loaded], pair: tuple[str, str]) -> None:
    """Unequal lengths, a prompt of its own for each model, the end of a text among its tokens; first token included."""
    import torch

    rng = random.Random(0)
    a, b = (models[name] for name in pair)
    texts = [
        TokensToScore(*([rng.randint(0, 99) for _ in range(rng.randint(least, 15))] for least in (0, 1, 1)))
        for _ in range(20)
    ]
    found = divergences(a, b, texts, batch_size=7)
    for text, one in zip(texts, found, strict=True):
        scores = []
        for loaded, before in ((a, text.before_a), (b, text.before_b)):
            with loaded.active() as model, torch.inference_mode():
                logits = model(torch.tensor([[*before, *text.tokens]])).logits[0]
            scores.append(logits[len(before) - 1 : len(before) - 1 + len(text.tokens)].numpy())
        check(one, naive(scores[0], scores[1], np.array(text.tokens, dtype=int)), atol=2e-4)


def test_a_model_is_nowhere_from_itself(models: dict[str, Loaded]) -> None:
    base = models["base"]
    [found] = divergences(base, base, [TokensToScore([7, 8, 9], [5], [5])])
    assert found.kl_ab.max() == 0.0 and found.same_top.all()


def test_a_model_that_changes_its_scores_after_the_head_is_scored_as_it_is(
    models: dict[str, Loaded], tmp_path: Path
) -> None:
    """Gemma 2 squeezes its scores by a hyperbolic tangent."""
    import torch
    from transformers import Gemma2Config, Gemma2ForCausalLM

    from diptych.models.manager import quiet

    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, max_position_embeddings=64, final_logit_softcapping=1.0,
        initializer_range=0.5, pad_token_id=0, eos_token_id=1, bos_token_id=None,
    )  # fmt: skip
    with quiet():
        Gemma2ForCausalLM(config).save_pretrained(tmp_path / "gemma")
    models["base"].tokenizer.save_pretrained(tmp_path / "gemma")
    gemma = ModelManager("cpu", "float32").load(str(tmp_path / "gemma"))
    parts = split(gemma)
    ids = torch.arange(6)[None]
    with gemma.active() as model, torch.inference_mode():
        expected = model(ids).logits
    assert torch.allclose(parts.head(parts.body(ids, torch.ones_like(ids))), expected, atol=1e-5)
    assert float(expected.abs().max()) <= 1.0


def test_what_cannot_be_scored_is_refused(models: dict[str, Loaded]) -> None:
    base = models["base"]
    with pytest.raises(DataError, match="text 1: nothing comes before it"):
        divergences(base, base, [TokensToScore([1], [2], [2]), TokensToScore([1], [2], [])])
    with pytest.raises(DataError, match="text 0: 601 tokens with its prompt; 512 go into hf/"):
        divergences(base, base, [TokensToScore([7] * 600, [2], [2])])


@pytest.mark.parametrize("kind", ["alike", "apart", "flat", "sure", "half"])
def test_a_whole_vocabulary_in_float32_is_exact_to_a_millionth(kind: str) -> None:
    import torch

    rng = np.random.default_rng(1)
    spread, apart = {"alike": (3, 1e-2), "apart": (4, 4), "flat": (1e-3, 1e-3), "sure": (12, 1), "half": (3, 1)}[kind]
    a = rng.normal(20, spread, (4, 151_936)).astype(np.float32)
    b = (a + rng.normal(5, apart, a.shape)).astype(np.float32)
    tensors = [torch.from_numpy(one).to(torch.bfloat16 if kind == "half" else torch.float32) for one in (a, b)]
    tokens = rng.integers(0, a.shape[1], 4)
    found = compare_scores(tensors[0], tensors[1], torch.from_numpy(tokens))
    expected = naive(tensors[0].float().numpy(), tensors[1].float().numpy(), tokens)
    for name in NUMBERS if kind != "half" else NUMBERS[:-1]:  # of equal scores any may be among the ten
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-6, atol=1e-6, err_msg=name)


def test_scores_that_are_no_numbers_stay_none() -> None:
    import torch

    a = torch.zeros(3, 600)
    a[0, 5], a[1, 5] = torch.nan, torch.inf
    a[:, 7] = -torch.inf
    found = compare_scores(a, torch.zeros(3, 600), torch.tensor([0, 0, 0]))
    assert np.isnan(found.kl_ab[:2]).all() and np.isnan(found.kl_ba[:1]).all() and np.isfinite(found.kl_ab[2])


def test_an_onlooker_sees_each_token_of_each_text_once(models: dict[str, Loaded]) -> None:
    """Whatever the batches, and what memory did not suffice for is kept once all the same."""
    import torch

    class Eyes:
        def __init__(self) -> None:
            self.n_tokens, self.n_calls = np.zeros(5, int), 0

        def see(self, texts: np.ndarray, scores_a: torch.Tensor, scores_b: torch.Tensor) -> np.ndarray:
            assert len(texts) == len(scores_a) == len(scores_b) and scores_a.shape[1] == 100
            self.n_calls += 1
            if self.n_calls == 2:
                raise MemoryError
            return np.bincount(texts, minlength=5)

        def keep(self, seen: np.ndarray) -> None:
            self.n_tokens += seen

    texts = [TokensToScore([7] * n, [5, 6], [5]) for n in (3, 0, 9, 4, 1)]
    eyes = Eyes()
    divergences(models["base"], models["other"], texts, batch_size=4, max_bytes=4_000, onlooker=eyes)
    assert eyes.n_tokens.tolist() == [3, 0, 9, 4, 1] and eyes.n_calls > 3
