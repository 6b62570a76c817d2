"""The divergence of two models as a loss: from last hidden states, with its gradient, and without a table of scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

from diptych.errors import DataError
from diptych.models.divergence import MAX_BYTES, Head

Objective = Literal["js", "kl_ab", "kl_ba", "jeffreys", "log_ratio", "disagreement"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
_TABLES = 10
"""Tables of scores that are alive at once while some rows are worked on, what the allocator holds back among them."""


class _Rows(NamedTuple):
    """Of some rows: the divergence (n,) and its gradients with respect to the scores (n, vocabulary)."""

    value: Any
    of_a: Any
    of_b: Any


def fused_divergence(
    states: tuple[Any, Any],
    heads: tuple[Head, Head],
    tokens: Any,
    *,
    objective: Objective = "js",
    temperature: float = 1.0,
    max_bytes: int = MAX_BYTES,
) -> Any:
    """How far two models differ in what they expect at each place; gradients flow to the states, not into the heads.

    Scores are made for some places at a time, turned into the divergence and its gradient, and let go of: what is kept
    for the way back is as large as the states.

    Parameters
    ----------
    states : of both models, float tensors, shape (n, width of the model)
    heads : of both models; their weights are frozen
    tokens : int tensor, shape (n,), the token that stands there; only ``log_ratio`` looks at it
    objective : ``js``, Jensen–Shannon, at most ln 2; ``kl_ab`` and ``kl_ba``, Kullback–Leibler divergence of b from a
        and of a from b; ``jeffreys``, their sum; ``log_ratio``, log-probability of the token under b less that under a;
        ``disagreement``, the probability that a draw of each differs, which goes to that of unlike first choices as the
        temperature goes to 0
    temperature : that scores are divided by
    max_bytes : of memory beside the states; one row is worked on even if it takes more

    Returns
    -------
    float tensor, shape (n,)
        in nats, but for ``disagreement``; float32, or float64 where the scores are

    Raises
    ------
    DataError
        If the heads score another number of tokens.

    Notes
    -----
    With p, q the distributions and d = ln p − ln q, the gradients with respect to the scores of a and of b are
    p∘(d − KL) and q − p for KL(p‖q), ½ p∘(ln(p/m) − KL(p‖m)) and the same of q for Jensen–Shannon with m = (p + q)/2.
    """
    import torch

    class Fused(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            wanted = any(ctx.needs_input_grad)
            found = _in_chunks((a, b), heads, tokens, objective, temperature, max_bytes, wanted)
            if wanted:
                ctx.save_for_backward(found.of_a, found.of_b)
            return found.value

        @staticmethod
        def backward(ctx: Any, *outer: Any) -> Any:
            [weight] = outer
            return tuple((weight.to(one.device)[:, None] * one).to(one.dtype) for one in ctx.saved_tensors)

    return Fused.apply(*states)


def _in_chunks(
    states: tuple[Any, Any],
    heads: tuple[Head, Head],
    tokens: Any,
    objective: Objective,
    temperature: float,
    max_bytes: int,
    wanted: bool,
) -> _Rows:
    """Values, and gradients with respect to the states."""
    import torch

    with torch.no_grad():
        sizes = [head(one[:1]).shape[-1] for head, one in zip(heads, states, strict=True)]
    if sizes[0] != sizes[1]:
        raise DataError(f"scores of {sizes[0]:,} and {sizes[1]:,} tokens: they should be alike")
    wide = 8 if states[0].dtype == torch.float64 else 4
    n_rows = max(1, max_bytes // (wide * _TABLES * sizes[0]))
    parts = []
    for start in range(0, max(1, len(tokens)), n_rows):
        chunk = slice(start, start + n_rows)
        parts.append(_chunk((states[0][chunk], states[1][chunk]), heads, tokens[chunk], objective, temperature, wanted))
    value, of_a, of_b = (None if column[0] is None else torch.cat(column) for column in zip(*parts, strict=True))
    return _Rows(value, of_a, of_b)


def _chunk(
    states: tuple[Any, Any],
    heads: tuple[Head, Head],
    tokens: Any,
    objective: Objective,
    temperature: float,
    wanted: bool,
) -> _Rows:
    import torch

    with torch.set_grad_enabled(wanted):
        first, second = (_scored(rows, head, temperature) for rows, head in zip(states, heads, strict=True))
    device = first.log_shares.device
    with torch.no_grad():
        found = _DIVERGENCES[objective](first.log_shares, second.log_shares.to(device), tokens.to(device))
    first.log_shares, second.log_shares = None, None
    if not wanted:
        return _Rows(found.value, None, None)
    return _Rows(found.value, first.lead_back(found.of_a, temperature), second.lead_back(found.of_b, temperature))


class _Scored:
    """Some rows of states, the logarithms of the shares that follow, and the way back.

    The scores themselves are let go of at once: what leads back from them is held by its edge in the graph.
    """

    def __init__(self, rows: Any, log_shares: Any, edge: Any, scores: Any) -> None:
        self.rows, self.log_shares, self._edge = rows, log_shares, edge
        self._dtype, self._device = scores.dtype, scores.device

    def lead_back(self, gradient: Any, temperature: float) -> Any:
        """The gradient with respect to the states, from that with respect to scores divided by the temperature."""
        import torch

        given = gradient.div_(temperature).to(device=self._device, dtype=self._dtype)
        return torch.autograd.grad(self._edge, self.rows, given)[0]


def _scored(states: Any, head: Head, temperature: float) -> _Scored:
    import torch
    from torch.autograd.graph import get_gradient_edge

    wanted = torch.is_grad_enabled()
    rows = states.detach().requires_grad_(wanted)
    scores = head(rows)
    edge = get_gradient_edge(scores) if wanted else None
    return _Scored(rows, _log_shares(scores.detach(), temperature), edge, scores)


def _log_shares(scores: Any, temperature: float) -> Any:
    import torch

    wide = scores.to(torch.promote_types(scores.dtype, torch.float32))
    return (wide if temperature == 1.0 else wide / temperature).log_softmax(-1)


def _kl(log_a: Any, log_b: Any, tokens: Any) -> _Rows:
    import torch

    p, q = log_a.exp(), log_b.exp()
    d = log_a.sub_(log_b)
    value = torch.linalg.vecdot(p, d)
    return _Rows(value, d.sub_(value[:, None]).mul_(p), q.sub_(p))


def _reverse_kl(log_a: Any, log_b: Any, tokens: Any) -> _Rows:
    value, of_b, of_a = _kl(log_b, log_a, tokens)
    return _Rows(value, of_a, of_b)


def _jeffreys(log_a: Any, log_b: Any, tokens: Any) -> _Rows:
    import torch

    p, q = log_a.exp(), log_b.exp()
    d = log_a.sub_(log_b)
    kl_ab, kl_ba = torch.linalg.vecdot(p, d), -torch.linalg.vecdot(q, d)
    of_a = (d - (kl_ab - 1)[:, None]).mul_(p).sub_(q)
    of_b = d.neg_().sub_((kl_ba - 1)[:, None]).mul_(q).sub_(p)
    return _Rows(kl_ab + kl_ba, of_a, of_b)


def _js(log_a: Any, log_b: Any, tokens: Any) -> _Rows:
    import torch

    log_m = torch.logaddexp(log_a, log_b).sub_(math.log(2))
    p, q = log_a.exp(), log_b.exp()
    from_a, from_b = log_a.sub_(log_m), log_b.sub_(log_m)
    kl_a, kl_b = torch.linalg.vecdot(p, from_a), torch.linalg.vecdot(q, from_b)
    of_a = from_a.sub_(kl_a[:, None]).mul_(p).mul_(0.5)
    of_b = from_b.sub_(kl_b[:, None]).mul_(q).mul_(0.5)
    return _Rows(0.5 * (kl_a + kl_b), of_a, of_b)


def _log_ratio(log_a: Any, log_b: Any, tokens: Any) -> _Rows:
    import torch

    there = tokens[:, None]
    value = (log_b.gather(-1, there) - log_a.gather(-1, there))[:, 0]
    one = torch.ones_like(there, dtype=log_a.dtype)
    return _Rows(value, log_a.exp_().scatter_add_(-1, there, -one), log_b.exp_().neg_().scatter_add_(-1, there, one))


def _disagreement(log_a: Any, log_b: Any, tokens: Any) -> _Rows:
    import torch

    p, q = log_a.exp_(), log_b.exp_()
    same = torch.linalg.vecdot(p, q)
    return _Rows(1 - same, (same[:, None] - q).mul_(p), (same[:, None] - p).mul_(q))


_DIVERGENCES: dict[Objective, Callable[[Any, Any, Any], _Rows]] = {
    "js": _js,
    "kl_ab": _kl,
    "kl_ba": _reverse_kl,
    "jeffreys": _jeffreys,
    "log_ratio": _log_ratio,
    "disagreement": _disagreement,
}
