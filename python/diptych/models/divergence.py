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
_TABLES = 10
"""Tables of float64 that are alive at once while some rows are compared, at most."""
N_TOP = 10

Head = Callable[[Any], Any]
"""From last hidden states, float (n, width), to scores of all tokens, float (n, vocabulary)."""


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
    Kullback & Leibler (1951), Ann. Math. Stat. 22(1); Lin (1991), IEEE Trans. Inf. Theory 37(1). Computed in float64.

    Examples
    --------
    >>> import torch                                                                          # doctest: +SKIP
    >>> a, b = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 1.0986123]])                   # doctest: +SKIP
    >>> compare_scores(a, b, torch.tensor([1])).kl_ab.round(3)                                # doctest: +SKIP
    array([0.144])
    """
    if scores_a.shape != scores_b.shape:
        raise DataError(f"scores of shape {tuple(scores_a.shape)} and {tuple(scores_b.shape)}: they should be alike")
    size = max(1, max_bytes // (8 * _TABLES * max(1, scores_a.shape[-1])))
    starts = range(0, max(1, len(tokens)), size)
    parts = [_compare_rows(scores_a[i : i + size], scores_b[i : i + size], tokens[i : i + size]) for i in starts]
    return Divergences.join(parts)


def compare_states(
    states: tuple[Any, Any], heads: tuple[Head, Head], tokens: Any, *, max_bytes: int = MAX_BYTES
) -> Divergences:
    """Divergences from the last hidden states: scores are made for some tokens at a time, and never held together.

    Parameters
    ----------
    states : of both models, float tensors, shape (n, width of the model)
    heads : of both models
    tokens : int tensor, shape (n,), the token that stands there
    max_bytes : of memory beside the states; one row is worked on even if it takes more

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
    return Divergences.join(parts)


def _compare_rows(scores_a: Any, scores_b: Any, tokens: Any) -> Divergences:
    import torch

    n_top = min(N_TOP, scores_a.shape[-1])
    top_a, top_b = (scores.topk(n_top, dim=-1).indices for scores in (scores_a, scores_b))
    log_a, log_b = (scores.double().log_softmax(-1) for scores in (scores_a, scores_b))
    share_a, share_b = log_a.exp(), log_b.exp()
    entropy_a, entropy_b = (-_expect(share, log) for share, log in ((share_a, log_a), (share_b, log_b)))
    cross_ab, cross_ba = -_expect(share_a, log_b), -_expect(share_b, log_a)
    mixed = torch.special.entr(share_a.add_(share_b).mul_(0.5)).sum(-1)
    kept = (top_a[:, :, None] == top_b[:, None, :]).any(-1).double().mean(-1)
    found = (
        (cross_ab - entropy_a).clamp_(min=0.0),  # rounding can put nothing below zero
        (cross_ba - entropy_b).clamp_(min=0.0),
        (mixed - 0.5 * (entropy_a + entropy_b)).clamp_(min=0.0),
        entropy_a,
        entropy_b,
        *(log.gather(-1, tokens[:, None])[:, 0] for log in (log_a, log_b)),
        top_a[:, 0] == top_b[:, 0],
        1.0 - kept,
    )
    return Divergences(*(one.cpu().numpy() for one in found))


def _expect(share: Any, log: Any) -> Any:
    """Mean of a logarithm by row; what has no share counts as nothing, even if its logarithm is minus infinity."""
    import torch

    mean = torch.linalg.vecdot(share, log)
    if mean.isnan().any():
        return torch.where(share > 0, share * log, 0.0).sum(-1)
    return mean
