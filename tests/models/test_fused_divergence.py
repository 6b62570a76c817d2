"""The divergence as a loss, against autograd through whole tables in float64, in any chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diptych.errors import DataError
from diptych.models.divergence import compare_scores
from diptych.models.fused_divergence import OBJECTIVES, Objective, fused_divergence
from tests.helpers.tiny_models import needs_torch

pytestmark = needs_torch

N, VOCABULARY, WIDTHS = 23, 151, (16, 12)


def example(dtype: str = "float64") -> tuple[list[Any], list[Any], Any]:
    """States of two models of unlike width, heads with a bias, and tokens."""
    import torch

    generator = torch.Generator().manual_seed(0)
    states = [torch.randn(N, width, generator=generator, dtype=getattr(torch, dtype)) for width in WIDTHS]
    heads = [torch.nn.Linear(width, VOCABULARY, dtype=getattr(torch, dtype)) for width in WIDTHS]
    for head in heads:
        torch.nn.init.normal_(head.weight, std=0.4, generator=generator)
        head.requires_grad_(False)
    return states, heads, torch.randint(0, VOCABULARY, (N,), generator=generator)


def plain(a: Any, b: Any, tokens: Any, objective: Objective) -> Any:
    """By the definitions, on whole tables."""
    import torch

    log_a, log_b = a.log_softmax(-1), b.log_softmax(-1)
    p, q = log_a.exp(), log_b.exp()
    log_m = ((p + q) / 2).log()
    if objective == "js":
        return ((p * (log_a - log_m)).sum(-1) + (q * (log_b - log_m)).sum(-1)) / 2
    if objective == "kl_ab":
        return (p * (log_a - log_b)).sum(-1)
    if objective == "kl_ba":
        return (q * (log_b - log_a)).sum(-1)
    if objective == "jeffreys":
        return ((p - q) * (log_a - log_b)).sum(-1)
    if objective == "log_ratio":
        rows = torch.arange(len(tokens))
        return log_b[rows, tokens] - log_a[rows, tokens]
    return 1 - (p * q).sum(-1)


@pytest.mark.parametrize("max_bytes", [1, 30_000, 1 << 27])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_value_and_gradient_are_those_of_autograd(objective: Objective, temperature: float, max_bytes: int) -> None:
    import torch

    states, heads, tokens = example()
    weights = torch.linspace(-1, 2, N, dtype=torch.float64)
    sides = []
    for fused in (True, False):
        a, b = (one.clone().requires_grad_() for one in states)
        if fused:
            value = fused_divergence(
                (a, b), (heads[0], heads[1]), tokens, objective=objective, temperature=temperature, max_bytes=max_bytes
            )
        else:
            value = plain(heads[0](a) / temperature, heads[1](b) / temperature, tokens, objective)
        (value * weights).sum().backward()
        sides.append((value.detach(), a.grad, b.grad))
    for found, expected in zip(*sides, strict=True):
        assert float((found - expected).abs().max()) < 1e-9
    assert all(float(gradient.abs().max()) > 1e-3 for gradient in sides[1][1:])


def test_the_ends_of_the_models_may_be_scores_already() -> None:
    """Of a model that changes its scores after the head, the states are the scores."""
    import torch

    states, heads, tokens = example()
    scores = [head(one).tanh() for head, one in zip(heads, states, strict=True)]
    before = [one.clone() for one in scores]
    a, b = (one.clone().requires_grad_() for one in scores)
    fused_divergence((a, b), (lambda s: s, lambda s: s), tokens).sum().backward()
    c, d = (one.clone().requires_grad_() for one in scores)
    plain(c, d, tokens, "js").sum().backward()
    assert torch.allclose(a.grad, c.grad, atol=1e-12) and torch.allclose(b.grad, d.grad, atol=1e-12)
    assert all(torch.equal(x, y) for x, y in zip(before, scores, strict=True))


def test_a_head_that_keeps_what_it_made_is_no_worse() -> None:
    import torch

    states, heads, tokens = example()
    squeezed = [lambda s, head=head: 3 * torch.tanh(head(s) / 3) for head in heads]
    a, b = (one.clone().requires_grad_() for one in states)
    fused_divergence((a, b), (squeezed[0], squeezed[1]), tokens, objective="kl_ab").sum().backward()
    c, d = (one.clone().requires_grad_() for one in states)
    plain(squeezed[0](c), squeezed[1](d), tokens, "kl_ab").sum().backward()
    assert torch.allclose(a.grad, c.grad, atol=1e-9) and torch.allclose(b.grad, d.grad, atol=1e-9)


def test_values_are_those_of_the_comparison_of_scores() -> None:
    import torch

    states, heads, tokens = example("float32")
    found = compare_scores(heads[0](states[0]), heads[1](states[1]), tokens)
    for name in ("js", "kl_ab", "kl_ba", "log_ratio"):
        with torch.no_grad():
            value = fused_divergence((states[0], states[1]), (heads[0], heads[1]), tokens, objective=name)
        assert not value.requires_grad and value.dtype == torch.float32
        np.testing.assert_allclose(value.numpy(), getattr(found, name), atol=3e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_summed_in_float32(dtype: str) -> None:
    import torch

    states, heads, tokens = example("float32")
    half = [one.to(getattr(torch, dtype)).requires_grad_() for one in states]
    heads = [head.to(getattr(torch, dtype)) for head in heads]
    value = fused_divergence((half[0], half[1]), (heads[0], heads[1]), tokens)
    value.sum().backward()
    with torch.no_grad():
        expected = plain(heads[0](half[0]).double(), heads[1](half[1]).double(), tokens, "js")
    assert value.dtype == torch.float32 and half[0].grad.dtype == half[0].dtype
    assert float((value.detach() - expected).abs().max()) < 1e-5


def test_a_model_from_itself_has_no_gradient() -> None:
    states, heads, tokens = example("float32")
    a, b = (states[0].clone().requires_grad_() for _ in range(2))
    value = fused_divergence((a, b), (heads[0], heads[0]), tokens)
    value.sum().backward()
    assert float(value.detach().abs().max()) < 1e-6 and float((a.grad + b.grad).abs().max()) < 1e-5


def test_heads_of_unlike_vocabularies_are_refused() -> None:
    import torch

    states, heads, tokens = example()
    short = torch.nn.Linear(WIDTHS[1], 150, dtype=torch.float64)
    with pytest.raises(DataError, match="scores of 151 and 150 tokens"):
        fused_divergence((states[0], states[1]), (heads[0], short), tokens)
