"""Rules that put two models' expectations against each other: which token does the one like and the other not?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from diptych.models.sampling import Draw, keep_likely

Rule = Literal["amplify", "contrastive", "difference"]
_NOTHING = 1e-4
"""Two models expect the same where the logarithms of no plausible token differ by more."""
_LEAST = -1e4
"""A logarithm below it counts as this much: what a model holds for impossible is not infinitely unlikely."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """How scores of the one model, the speaker, are changed by those of the other, the foil.

    Parameters
    ----------
    rule : ``amplify``, ``contrastive`` or ``difference``; see ``combine``
    weight : how much the foil counts; 0 leaves the speaker as it is
    plausibility : tokens with less than this share of the speaker's likeliest are never said; 0 allows all
    top_p : share of the speaker's probability that tokens are taken from; 1 for all
    gating : how quickly the contrast vanishes where the models agree; None keeps it
    """

    rule: Rule = "amplify"
    weight: float = 1.0
    plausibility: float = 0.1
    top_p: float = 1.0
    gating: float | None = None


def combine(speaker: Any, foil: Any, contrast: Contrast) -> Any:
    """Log-probabilities of the next token.

    Parameters
    ----------
    speaker, foil : float tensors, shape (rows, vocabulary), logits
    contrast : the rule, and how strongly

    Returns
    -------
    float32 tensor, shape (rows, vocabulary)
        normalised; minus infinity for what is never said

    Notes
    -----
    With p the speaker's distribution, q the foil's, w the weight, over the plausible tokens:

    - ``amplify``: log p + w (log p - log q), the change from q to p taken further. O'Brien & Lewis (2023), arXiv
      2309.09117, eq. 2; without plausibility it is the amplification of logit differences.
    - ``contrastive``: log p - w log q. Li et al. (2022), arXiv 2210.15097, eq. 3, where w is 1.
    - ``difference``: log max(0, p - w q). Linear in probability; the rule of the research code that diptych replaces.

    Where both models expect the same, or w is 0, the speaker's whole distribution is left alone: a model against itself
    speaks as it does alone. Gating by g gives ``(1 - s) r + s p`` with s = exp(g (cos(p, q) - 1)) and r what the rule
    gives.

    Examples
    --------
    >>> import torch                                                                               # doctest: +SKIP
    >>> p, q = torch.tensor([[0.6, 0.4]]).log(), torch.tensor([[0.9, 0.1]]).log()                  # doctest: +SKIP
    >>> combine(p, q, Contrast("difference")).exp()                                                # doctest: +SKIP
    tensor([[0., 1.]])
    """
    import torch

    log_p, log_q = (scores.float().log_softmax(-1) for scores in (speaker, foil))
    if contrast.weight == 0:
        return log_p
    allowed = _allowed(log_p, contrast)
    scores = _changed(log_p, log_q, contrast).masked_fill(~allowed, -torch.inf)
    own = log_p.masked_fill(~allowed, -torch.inf)
    scores = torch.where(scores.isneginf().all(-1, keepdim=True), own, scores).log_softmax(-1)
    if contrast.gating is not None:
        scores = _gated(scores, own.log_softmax(-1), (log_p, log_q), contrast.gating)
    apart = (log_p - log_q.clamp(min=_LEAST)).abs().masked_fill(~allowed, 0.0).amax(-1, keepdim=True)
    return torch.where(apart < _NOTHING, log_p, scores)


def _changed(log_p: Any, log_q: Any, contrast: Contrast) -> Any:
    weight = contrast.weight
    if contrast.rule == "difference":
        return (log_p.exp() - weight * log_q.exp()).clamp(min=0.0).log()
    foil = log_q.clamp(min=_LEAST)
    return log_p + weight * (log_p - foil) if contrast.rule == "amplify" else log_p - weight * foil


def _allowed(log_p: Any, contrast: Contrast) -> Any:
    """Which tokens may be said, bool (rows, vocabulary); the speaker's likeliest always may."""
    import torch

    allowed = log_p > -torch.inf
    if contrast.plausibility > 0:
        allowed &= log_p >= log_p.amax(-1, keepdim=True) + math.log(contrast.plausibility)
    if contrast.top_p < 1:
        allowed &= keep_likely(log_p, Draw(top_p=contrast.top_p)) > -torch.inf
    return allowed


def _gated(scores: Any, own: Any, logs: tuple[Any, Any], gating: float) -> Any:
    import torch

    p, q = (log.exp() for log in logs)
    share = torch.exp(gating * (torch.nn.functional.cosine_similarity(p, q, dim=-1)[:, None] - 1.0))
    return ((1.0 - share) * scores.exp() + share * own.exp()).log()
