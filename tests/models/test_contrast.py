"""Contrast of two models: the rules by hand, and texts against two full forward passes a token without a cache."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from diptych.errors import ModelError
from diptych.models.contrast import Contrast, combine
from diptych.models.contrasted import ContrastJob, write_contrasts
from diptych.models.local import Job, Limits, write_texts
from diptych.models.manager import Loaded, ModelManager
from diptych.models.sampling import Draw, GumbelSampler
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = needs_torch

GREEDY = Draw(temperature=0.0)
RULES = [
    Contrast("amplify", 1.0, 0.0),
    Contrast("amplify", 2.5, 0.1),
    Contrast("contrastive", 1.0, 0.1),
    Contrast("contrastive", 0.5, 0.3),
    Contrast("difference", 1.0, 0.0, top_p=0.9),
    Contrast("difference", 0.7, 0.0, top_p=0.95, gating=3.0),
]


def by_hand(p: list[float], q: list[float], contrast: Contrast) -> list[float]:
    """The distribution that a rule gives, token by token."""
    import math

    allowed = [p_v >= contrast.plausibility * max(p) for p_v in p]
    if contrast.top_p < 1:
        order, total = sorted(range(len(p)), key=lambda v: -p[v]), 0.0
        kept = set()
        for v in order:
            if total < contrast.top_p:
                kept.add(v)
            total += p[v]
        allowed = [ok and v in kept for v, ok in enumerate(allowed)]
    w = contrast.weight
    rules: dict[str, Callable[[float, float], float]] = {
        "amplify": lambda a, b: a * (a / b) ** w,
        "contrastive": lambda a, b: a / b**w,
        "difference": lambda a, b: max(0.0, a - w * b),
    }
    raw = [rules[contrast.rule](a, b) if ok else 0.0 for a, b, ok in zip(p, q, allowed, strict=True)]
    if not sum(raw):
        raw = [a if ok else 0.0 for a, ok in zip(p, allowed, strict=True)]
    shares = [x / sum(raw) for x in raw]
    if contrast.gating is None:
        return shares
    cosine = sum(a * b for a, b in zip(p, q, strict=True)) / math.sqrt(sum(a * a for a in p) * sum(b * b for b in q))
    gate = math.exp(contrast.gating * (cosine - 1))
    own = [a if ok else 0.0 for a, ok in zip(p, allowed, strict=True)]
    return [(1 - gate) * r + gate * o / sum(own) for r, o in zip(shares, own, strict=True)]


@pytest.mark.parametrize("contrast", RULES, ids=str)
def test_the_rules_are_their_formulas(contrast: Contrast) -> None:
    import torch

    rng = random.Random(1)
    for _ in range(50):
        a, b = ([rng.gauss(0, 2) for _ in range(12)] for _ in range(2))
        p, q = (torch.tensor([row], dtype=torch.float64).softmax(-1)[0].tolist() for row in (a, b))
        found = combine(torch.tensor([a]), torch.tensor([b]), contrast)[0].exp().tolist()
        assert found == pytest.approx(by_hand(p, q, contrast), abs=1e-5)


@pytest.mark.parametrize("contrast", RULES, ids=str)
def test_weight_nothing_and_a_foil_that_agrees_leave_the_speaker_alone(contrast: Contrast) -> None:
    from dataclasses import replace

    import torch

    scores = torch.randn(4, 9, generator=torch.Generator().manual_seed(0))
    other = scores.flip(-1)
    own = scores.log_softmax(-1)
    assert torch.equal(combine(scores, scores.clone(), contrast), own)
    assert torch.equal(combine(scores, other, replace(contrast, weight=0.0)), own)
    assert not torch.allclose(combine(scores, other, contrast), own)


def test_a_rule_that_leaves_no_token_gives_the_speaker() -> None:
    import torch

    p, q = torch.tensor([[0.5, 0.5, 0.0]]).log(), torch.tensor([[0.5, 0.49, 0.01]]).log()
    assert combine(p, q, Contrast("difference", 2.0, 0.1)).exp()[0].tolist() == pytest.approx([0.5, 0.5, 0.0])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Loaded]:
    folder = tmp_path_factory.mktemp("models")
    base, other = save_tiny(folder / "base"), save_tiny(folder / "other", seed=5)
    adapter = save_adapter(base, folder / "adapter")
    manager, exact = ModelManager("cpu", "float32"), ModelManager("cpu", "float32")
    in_double = {f"{name}64": exact.load(str(folder / name)) for name in ("base", "other")}
    for loaded in in_double.values():
        with loaded.active() as model:
            model.double()
    return {
        **in_double,
        "base": manager.load(str(base)),
        "other": manager.load(str(other)),
        "adapted": manager.load(f"{base}+{adapter}"),
    }


def jobs(n: int = 50, *, apart: bool = False) -> list[ContrastJob]:
    rng = random.Random(3)
    tokens = [[rng.randint(5, 99) for _ in range(rng.randint(1, 20))] for _ in range(n)]
    foil = [[rng.randint(5, 99) for _ in range(rng.randint(1, 9))] + one for one in tokens] if apart else tokens
    return [ContrastJob(a, b, seed) for seed, (a, b) in enumerate(zip(tokens, foil, strict=True))]


def scores_after(loaded: Loaded, tokens: list[int]) -> Any:
    import torch

    with loaded.active() as model, torch.inference_mode():
        return model(torch.tensor([tokens]), use_cache=False).logits[:, -1]


def slowly(
    speaker: Loaded, foil: Loaded, job: ContrastJob, contrast: Contrast, draw: Draw, n_tokens: int
) -> tuple[str, list[float]]:
    """One text, by two forward passes over everything for each token; and how far its best token is ahead."""
    sampler = GumbelSampler(draw, [job.seed], "cpu") if draw.temperature else None
    own, other, margins = list(job.tokens), list(job.foil_tokens), []
    said: list[int] = []
    for _ in range(n_tokens):
        scores = combine(scores_after(speaker, own), scores_after(foil, other), contrast)
        if sampler is not None:
            scores = sampler(None, scores)
        best = scores[0].topk(2).values
        margins.append(float(best[0] - best[1]))
        token = int(scores[0].argmax())
        if token in speaker.ends:
            break
        said.append(token)
        own.append(token)
        other.append(token)
    return speaker.tokenizer.decode(said, skip_special_tokens=True), margins


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("draw", [GREEDY, Draw(temperature=0.8)], ids=["greedy", "drawn"])
@pytest.mark.parametrize("pair", [("other", "base"), ("adapted", "base"), ("base", "adapted")], ids=str)
def test_texts_are_those_of_two_forward_passes_without_a_cache(
    models: dict[str, Loaded], pair: tuple[str, str], draw: Draw, batch_size: int
) -> None:
    speaker, foil = (models[name] for name in pair)
    contrast, asked = Contrast("amplify", 1.0, 0.1), jobs(12, apart=pair[0] == "other")
    found = dict(write_contrasts(speaker, foil, asked, contrast, draw, Limits(max_tokens=10), batch_size=batch_size))
    for number, job in enumerate(asked):
        text, margins = slowly(speaker, foil, job, contrast, draw, 10)
        written = found[number]
        assert written is not None
        assert written.text == text or min(margins) < 1e-4


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("contrast", RULES, ids=str)
def test_scores_of_every_step_are_those_without_a_cache(
    models: dict[str, Loaded], contrast: Contrast, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty prompts of unequal length: logarithms of the shares that tokens are drawn by differ by 1e-5 at most.

    The models run in float64 here: in float32 their own scores differ by 1e-5 with and without a cache.
    """
    import torch

    speaker, foil, asked = models["other64"], models["base64"], jobs(50, apart=True)
    n_compared = 0
    for start in range(0, 50, batch_size):
        batch = sorted(asked[start : start + batch_size], key=lambda job: -len(job.tokens))
        steps: list[Any] = []

        def watch(own: Any, other: Any, rule: Contrast, steps: list[Any] = steps) -> Any:
            steps.append(combine(own, other, rule))
            return steps[-1]

        monkeypatch.setattr("diptych.models.contrasted.combine", watch)
        dict(write_contrasts(speaker, foil, batch, contrast, GREEDY, Limits(max_tokens=3), batch_size=batch_size))
        for row, job in enumerate(batch):
            said: list[int] = []
            for step in steps:
                own, other = (scores_after(m, [*t, *said]) for m, t in ((speaker, job.tokens), (foil, job.foil_tokens)))
                assert torch.allclose(step[row], combine(own, other, contrast)[0], atol=1e-5, rtol=0)
                n_compared += 1
                said.append(int(step[row].argmax()))
                if said[-1] in speaker.ends:
                    break
    assert n_compared > 100


@pytest.mark.parametrize("draw", [GREEDY, Draw(temperature=1.0)], ids=["greedy", "drawn"])
@pytest.mark.parametrize("rule", ["amplify", "contrastive", "difference"])
def test_nothing_to_contrast_gives_the_plain_text(models: dict[str, Loaded], rule: Any, draw: Draw) -> None:
    base, limits, asked = models["base"], Limits(max_tokens=12), jobs(20)
    plain = dict(write_texts(base, [Job(job.tokens, job.seed) for job in asked], draw, limits, batch_size=8))
    assert plain == dict(write_contrasts(base, base, asked, Contrast(rule, 1.0), draw, limits, batch_size=8))
    assert plain == dict(write_contrasts(base, models["other"], asked, Contrast(rule, 0.0), draw, limits, batch_size=8))
    assert plain != dict(write_contrasts(base, models["other"], asked, Contrast(rule, 1.0), draw, limits, batch_size=8))


def test_beams_are_followed_by_the_foil(models: dict[str, Loaded]) -> None:
    """With beams the likeliest text by the contrast is at least as likely as the greedy one."""
    speaker, foil, asked, contrast = models["other"], models["base"], jobs(30), Contrast("amplify", 1.0, 0.0)

    def likelihood(job: ContrastJob, text: str) -> float:
        own, other, total = list(job.tokens), list(job.foil_tokens), 0.0
        for token in speaker.tokenizer(text, add_special_tokens=False)["input_ids"]:
            total += float(combine(scores_after(speaker, own), scores_after(foil, other), contrast)[0, token])
            own.append(token)
            other.append(token)
        return total / max(1, len(own) - len(job.tokens))

    greedy = dict(write_contrasts(speaker, foil, asked, contrast, GREEDY, Limits(max_tokens=6), batch_size=5))
    beams = dict(write_contrasts(speaker, foil, asked, contrast, GREEDY, Limits(6, n_beams=4), batch_size=5))
    better = worse = 0
    for number, job in enumerate(asked):
        one, other = greedy[number], beams[number]
        assert one is not None and other is not None
        if "length" == one.finish_reason == other.finish_reason:
            gain = likelihood(job, other.text) - likelihood(job, one.text)
            better, worse = better + (gain > 1e-6), worse + (gain < -1e-6)
    assert better >= 5 and worse == 0


def test_scores_that_are_not_numbers_are_named(models: dict[str, Loaded]) -> None:
    import torch

    broken = models["other"]
    with broken.active() as model, torch.no_grad():
        head = model.get_output_embeddings().weight
        before = head[7].clone()
        head[7] = torch.nan
    try:
        with pytest.raises(ModelError, match=r"other: its scores of token 0 of row 0 are not numbers"):
            list(write_contrasts(models["base"], broken, jobs(2), Contrast(), GREEDY, Limits(4), batch_size=2))
    finally:
        with torch.no_grad():
            head[7] = before
