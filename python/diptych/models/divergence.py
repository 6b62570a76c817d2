"""How far two models differ in what they expect next: token by token, over the whole vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from diptych._types import FloatVector, Mask
from diptych.errors import DataError

MAX_BYTES = 1 << 27
"""Memory for scores of tokens and what is computed from them, unless the caller allows more."""
_TABLES = 6
"""Tables of numbers that are alive at once while some rows are compared, at most."""
_CACHE_BYTES = 1 << 23
"""On a processor no more than this is worked on at once: tables that leave its cache are read from memory each time."""
_BLOCK = 256
"""Scores are summed in their own precision for so many, and in float64 from there: exact to 1e-6 of float64."""
_LEAST = -1e4
"""A score that is minus infinity counts as this much below the greatest: its exponential is nothing."""
N_TOP = 10

Head = Callable[[Any], Any]
"""From last hidden states, float (n, width), to scores of all tokens, float (n, vocabulary)."""
Look = Callable[[slice, Any, Any], None]
"""Takes the numbers of some tokens, and their scores of both models, float (n, vocabulary)."""


@dataclass(frozen=True, slots=True)
class Divergences:
    """Of each token of a text, how two models differ in what they expect there. Natural logarithms.

    Parameters
    ----------
    kl_ab, kl_ba : float64 (n,), Kullback–Leibler divergence of b from a, and of a from b
    js : float64 (n,), Jensen–Shannon divergence, at most ln 2
    entropy_a, entropy_b : float64 (n,)
    log_a, log_b : float64 (n,), log-probability of the token that stands there
    same_top : bool (n,), whether both find the same token the likeliest
    top_changed : float64 (n,), share of a's ten likeliest tokens that are not among b's
    """

    kl_ab: FloatVector
    kl_ba: FloatVector
    js: FloatVector
    entropy_a: FloatVector
    entropy_b: FloatVector
    log_a: FloatVector
    log_b: FloatVector
    same_top: Mask
    top_changed: FloatVector

    def __len__(self) -> int:
        return len(self.kl_ab)

    @property
    def log_ratio(self) -> FloatVector:
        """Log-probability under b minus that under a, float64 (n,)."""
        return self.log_b - self.log_a

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Several, one after the other.

        Parameters
        ----------
        parts : at least one
        """
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))

    def part(self, start: int, stop: int) -> Self:
        """Those of some tokens.

        Parameters
        ----------
        start, stop : as of a slice
        """
        return type(self)(*(getattr(self, one.name)[start:stop] for one in fields(self)))


def not_a_number(found: Divergences, a: str, b: str) -> str | None:
    """Where scores are not numbers, or divergences infinite, in a sentence; None where all is well.

    Parameters
    ----------
    found : of one text
    a, b : names of the models
    """
    columns = {
        f"the scores of {a} are not numbers (NaN)": found.entropy_a,
        f"the scores of {b} are not numbers (NaN)": found.entropy_b,
        "one model rules out what the other expects, and the divergence is infinite": found.kl_ab + found.kl_ba,
    }
    for said, column in columns.items():
        wrong = np.flatnonzero(~np.isfinite(column))
        if len(wrong):
            return f"token {wrong[0]}: {said}"
    return None


def compare_scores(scores_a: Any, scores_b: Any, tokens: Any, *, max_bytes: int = MAX_BYTES) -> Divergences:
    """Divergences of scores that are there already.

    Parameters
    ----------
    scores_a, scores_b : float tensors, shape (n, vocabulary), logits of both models
    tokens : int tensor, shape (n,), the token that stands there
    max_bytes : of memory beside them; one row is worked on even if it takes more

    Raises
    ------
    DataError
        If the shapes differ.

    Notes
    -----
    Kullback & Leibler (1951), Ann. Math. Stat. 22(1); Lin (1991), IEEE Trans. Inf. Theory 37(1). Scores in
    float64 are worked on in float64, all others in float32, one exponential a score, and summed in float64.

    Examples
    --------
    >>> import torch                                                                          # doctest: +SKIP
    >>> a, b = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 1.0986123]])                   # doctest: +SKIP
    >>> compare_scores(a, b, torch.tensor([1])).kl_ab.round(3)                                # doctest: +SKIP
    array([0.144])
    """
    import torch

    if scores_a.shape != scores_b.shape:
        raise DataError(f"scores of shape {tuple(scores_a.shape)} and {tuple(scores_b.shape)}: they should be alike")
    at_once = min(max_bytes, _CACHE_BYTES) if scores_a.device.type == "cpu" else max_bytes
    like = {"dtype": _precision(scores_a), "device": scores_a.device}
    n_blocks = max(1, -(-scores_a.shape[-1] // _BLOCK))
    size = max(1, at_once // (like["dtype"].itemsize * _TABLES * n_blocks * _BLOCK))
    tables = torch.empty((_TABLES, min(size, len(tokens)), n_blocks, _BLOCK), **like)  # made once: fresh memory is slow
    parts = []
    for start in range(0, max(1, len(tokens)), size):
        rows = slice(start, start + size)
        n = len(tokens[rows])
        parts.append(_compare_rows(scores_a[rows], scores_b[rows], tokens[rows], tables[:, :n]))
    return Divergences.join(parts)


def compare_states(
    states: tuple[Any, Any],
    heads: tuple[Head, Head],
    tokens: Any,
    *,
    max_bytes: int = MAX_BYTES,
    look: Look | None = None,
) -> Divergences:
    """Divergences from the last hidden states: scores are made for some tokens at a time, and never held together.

    Parameters
    ----------
    states : of both models, float tensors, shape (n, width of the model)
    heads : of both models
    tokens : int tensor, shape (n,), the token that stands there
    max_bytes : of memory beside the states; one row is worked on even if it takes more
    look : is handed the scores of both models, and which tokens they are of

    Raises
    ------
    DataError
        If the heads score another number of tokens.
    """
    n_outputs = heads[0](states[0][:1]).shape[-1]
    half = max_bytes // 2  # a head reads all its weights whenever it is called: its batches are as large as they may be
    size = max(1, half // (2 * 4 * n_outputs))
    parts = []
    for start in range(0, max(1, len(tokens)), size):
        a, b = (head(rows[start : start + size]) for head, rows in zip(heads, states, strict=True))
        parts.append(compare_scores(a, b, tokens[start : start + size], max_bytes=half))
        if look is not None:
            look(slice(start, start + size), a, b)
    return Divergences.join(parts)


class _Rows:
    """Some rows of scores of one model.

    Parameters
    ----------
    scores : float tensor, shape (n, vocabulary)
    less : table for scores less their row's greatest, shape (n, blocks, block)
    exp : table for their exponentials
    """

    def __init__(self, scores: Any, less: Any, exp: Any) -> None:
        import torch

        width = scores.shape[-1]
        row = less.flatten(1)
        row[:, :width] = scores
        row[:, width:] = -torch.inf
        best = less.amax(-1)
        self.top = _top(less, best, min(N_TOP, width))
        self.greatest = best.amax(-1).double()
        self.less = less.sub_(best.amax(-1)[:, None, None])
        self.exp = torch.exp(less, out=exp)
        self.total = exp.sum(-1).double().sum(-1)
        row[:, width:] = 0.0  # beside an exponential of nothing
        self.never = less.isneginf() if scores.amin(-1).isneginf().any() else None
        if self.never is not None:
            less.clamp_(min=_LEAST)

    def mean(self, values: Any, table: Any) -> Any:
        """Of each row, under the model: float64 (n,) from values of shape (n, blocks, block)."""
        return _dot(self.exp, values, table) / self.total

    def log_of(self, scores: Any, tokens: Any) -> Any:
        """Log-probability of one token a row, float64 (n,)."""
        return scores.gather(-1, tokens[:, None])[:, 0].double() - self.greatest - self.total.log()

    def finds_possible(self, never: Any) -> Any:
        """Whether it gives a chance to any of what is never said by the other, bool (n,)."""
        mine = never if self.never is None else never & ~self.never
        return mine.any(-1).any(-1)


def _compare_rows(scores_a: Any, scores_b: Any, tokens: Any, tables: Any) -> Divergences:
    """KL(a || b) is E_a[a - b] + ln s_b / s_a, with s the sum of the exponentials: the difference is taken by score."""
    import torch

    a, b = _Rows(scores_a, *tables[:2]), _Rows(scores_b, *tables[2:4])
    one, other = tables[4:]
    entropy_a, entropy_b = (rows.total.log() - rows.mean(rows.less, one) for rows in (a, b))
    js = _mixed(a, b, (entropy_a, entropy_b), (one, other))
    apart, ratio = torch.sub(a.less, b.less, out=one), b.total.log() - a.total.log()
    kl_ab, kl_ba = a.mean(apart, other) + ratio, -b.mean(apart, other) - ratio
    if b.never is not None:
        kl_ab[a.finds_possible(b.never)] = float("inf")
    if a.never is not None:
        kl_ba[b.finds_possible(a.never)] = float("inf")
    kl_ab, kl_ba, js = (value.clamp_(min=0.0) for value in (kl_ab, kl_ba, js))  # rounding can put nothing below zero
    kept = (a.top[:, :, None] == b.top[:, None, :]).any(-1).double().mean(-1)
    found = (
        kl_ab,
        kl_ba,
        js.minimum(0.25 * (kl_ab + kl_ba)),  # a bound (Lin 1991), so that what is equal differs by nothing
        entropy_a,
        entropy_b,
        a.log_of(scores_a, tokens),
        b.log_of(scores_b, tokens),
        a.top[:, 0] == b.top[:, 0],
        1.0 - kept,
    )
    return Divergences(*(value.cpu().numpy() for value in found))


def _mixed(a: _Rows, b: _Rows, entropies: tuple[Any, Any], tables: tuple[Any, Any]) -> Any:
    """Entropy of the mixture e_a + r e_b less that of its parts, float64 (n,).

    With r the ratio of their sums both parts weigh a half, but for the rounding of r; they count as they weigh.
    """
    import torch

    ratio = (a.total / b.total).to(a.exp.dtype)
    mixture = torch.addcmul(a.exp, b.exp, ratio[:, None, None], out=tables[0])
    logs = torch.clamp(mixture, min=torch.finfo(mixture.dtype).tiny, out=tables[1]).log_()
    total = a.total + ratio.double() * b.total
    share = a.total / total
    mean = _dot(mixture, logs, logs) / total
    return total.log() - mean - share * entropies[0] - (1.0 - share) * entropies[1]


def _top(blocks: Any, best: Any, n: int) -> Any:
    """Places of the n greatest of each row, the greatest first: they stand in the n blocks with the greatest."""
    chosen = best.topk(min(n, best.shape[-1]), dim=-1).indices
    values = blocks.gather(1, chosen[:, :, None].expand(-1, -1, _BLOCK)).flatten(1)
    at = values.topk(n, dim=-1).indices
    return chosen.gather(-1, at // _BLOCK) * _BLOCK + at % _BLOCK


def _dot(a: Any, b: Any, table: Any) -> Any:
    """Sum of the products of each row, float64 (n,), of two tensors of shape (n, blocks, block)."""
    import torch

    return torch.mul(a, b, out=table).sum(-1).double().sum(-1)


def _precision(scores: Any) -> Any:
    import torch

    return torch.float64 if scores.dtype == torch.float64 else torch.float32
