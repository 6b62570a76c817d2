"""Tokens drawn so that a text depends on its request alone: not on its batch, its place in it, or its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diptych._types import Json
from diptych.models.requests import Sampling


@dataclass(frozen=True, slots=True)
class Draw:
    """How tokens are drawn, nothing left open.

    Parameters
    ----------
    temperature : 0 is greedy
    top_p : share of probability that is drawn from; 1 for all
    top_k : number of tokens that are drawn from; 0 for all
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0

    @classmethod
    def of(cls, sampling: Sampling, defaults: Json) -> Draw:
        """What a run wants, and for the rest what the model's own settings say.

        Parameters
        ----------
        sampling : of the run
        defaults : ``temperature``, ``top_p`` and ``top_k`` of the model, where it has them
        """
        names = ("temperature", "top_p", "top_k")
        given = {name: getattr(sampling, name) for name in names}
        open_ = {name: defaults[name] for name in names if defaults.get(name) is not None}
        return cls(**{**open_, **{name: value for name, value in given.items() if value is not None}})


class GumbelSampler:
    """A logits processor: the highest of what it returns is a draw from softmax(logits / T).

    argmax(logits / T + G) with independent Gumbel noise G is such a draw [1]_. Each row has a generator of its own, so
    its noise is the same in every batch. Use it with ``do_sample=False``.

    Parameters
    ----------
    draw : temperature above 0, and the tokens that are kept
    seeds : one for each row
    device : of the logits

    References
    ----------
    .. [1] Gumbel, E. J. (1954), Statistical Theory of Extreme Values; Maddison et al. (2014), A* Sampling.
    """

    def __init__(self, draw: Draw, seeds: Sequence[int], device: str) -> None:
        import torch

        if draw.temperature <= 0:
            raise ValueError(f"temperature = {draw.temperature}: nothing is drawn at 0")
        self._draw = draw
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Scores of the next token, float (rows, vocabulary), with noise; ``input_ids`` are not looked at.

        Parameters
        ----------
        input_ids : int, shape (rows, length)
        scores : float, shape (rows, vocabulary)
        """
        import torch

        kept = keep_likely(scores.float() / self._draw.temperature, self._draw)
        noise = torch.empty_like(kept)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return kept - noise.log()


def keep_likely(logits: Any, draw: Draw) -> Any:
    """Minus infinity for tokens that are not among the ``top_k`` likeliest, or not needed for ``top_p`` of the rest.

    Parameters
    ----------
    logits : float tensor, shape (rows, vocabulary), divided by the temperature
    draw : says how many are kept; the likeliest always is
    """
    import torch

    if 0 < draw.top_k < logits.shape[-1]:
        least = logits.topk(draw.top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if draw.top_p < 1:
        ordered, order = logits.sort(dim=-1, descending=True, stable=True)
        share = ordered.softmax(-1)
        before = share.cumsum(-1) - share
        dropped = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order, before >= draw.top_p)
        logits = logits.masked_fill(dropped, -torch.inf)
    return logits
