"""Which tokens does one model want more than another? Looked for in some texts, measured in others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, FloatVector

N_TOP = 100
"""A token is wanted at a place if its log ratio is positive and among so many greatest there."""
_PIECE_BYTES = 1 << 24
"""Scores that are worked on at once; four tables of their size are alive then."""
_LEAST = -1e4


@dataclass(frozen=True, slots=True)
class _Wants:
    """What b wants more than a at some places.

    Parameters
    ----------
    ratio : float32 tensor (n, tokens), log-probability under b minus that under a
    gain : float32 tensor (n, tokens), probability under b minus that under a
    wanted : bool tensor (n, tokens)
    """

    ratio: Any
    gain: Any
    wanted: Any


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over places, of each token.

    Parameters
    ----------
    n_places : that were looked at
    gain : float64 (tokens,)
    n_wanted : int64 (tokens,), places where it is wanted
    """

    n_places: int
    gain: FloatVector
    n_wanted: NDArray[np.int64]


class Scout:
    """Looks at all tokens. An onlooker of ``models.pair_scoring.divergences``.

    Parameters
    ----------
    n_tokens : of the vocabulary; scores may be wider, and what pads them is left out
    """

    def __init__(self, n_tokens: int) -> None:
        self.tally = Tally(0, np.zeros(n_tokens), np.zeros(n_tokens, np.int64))

    def see(self, texts: NDArray[np.int64], scores_a: Any, scores_b: Any) -> Tally:
        """Sums over some places; of which ``texts`` they are plays no part.

        Parameters
        ----------
        texts : number of the text of each place, shape (n,)
        scores_a, scores_b : float tensors, shape (n, vocabulary)
        """
        gain, n_wanted = np.zeros_like(self.tally.gain), np.zeros_like(self.tally.n_wanted)
        for _, wants in _pieces(scores_a, scores_b, len(gain)):
            gain += wants.gain.double().sum(0).cpu().numpy()
            n_wanted += wants.wanted.sum(0).cpu().numpy()
        return Tally(len(texts), gain, n_wanted)

    def keep(self, seen: Tally) -> None:
        """Add sums.

        Parameters
        ----------
        seen : by ``see``
        """
        own = self.tally
        self.tally = Tally(own.n_places + seen.n_places, own.gain + seen.gain, own.n_wanted + seen.n_wanted)

    def choose(self, n: int) -> list[int]:
        """The tokens that b wants more: by the probability that they gain, and by the places where they are wanted.

        Parameters
        ----------
        n : tokens by either at most

        Returns
        -------
        list of int
            numbers of the tokens, in order
        """
        chosen: set[int] = set()
        for values in (self.tally.gain, self.tally.n_wanted):
            best = np.argsort(-values, kind="stable")[:n]
            chosen.update(best[values[best] > 0].tolist())
        return sorted(chosen)


class Gauge:
    """Measures chosen tokens text by text. An onlooker of ``models.pair_scoring.divergences``.

    Parameters
    ----------
    tokens : their numbers
    n_tokens : of the vocabulary
    n_texts : that are looked at
    """

    def __init__(self, tokens: Sequence[int], n_tokens: int, n_texts: int) -> None:
        self._tokens, self._n_tokens = list(tokens), n_tokens
        self.n_places = np.zeros(n_texts, np.int64)
        self.ratio, self.gain, self.wanted = (np.zeros((n_texts, len(tokens))) for _ in range(3))

    def see(
        self, texts: NDArray[np.int64], scores_a: Any, scores_b: Any
    ) -> tuple[NDArray[np.int64], list[FloatMatrix]]:
        """Of each place and chosen token: log ratio, gain, whether it is wanted.

        Parameters
        ----------
        texts : number of the text of each place, shape (n,)
        scores_a, scores_b : float tensors, shape (n, vocabulary)
        """
        found = [np.zeros((len(texts), len(self._tokens))) for _ in range(3)]
        for rows, wants in _pieces(scores_a, scores_b, self._n_tokens):
            for into, values in zip(found, (wants.ratio, wants.gain, wants.wanted), strict=True):
                into[rows] = values[:, self._tokens].cpu().numpy()
        return texts, found

    def keep(self, seen: tuple[NDArray[np.int64], list[FloatMatrix]]) -> None:
        """Add them to those of their texts.

        Parameters
        ----------
        seen : by ``see``
        """
        texts, found = seen
        np.add.at(self.n_places, texts, 1)
        for into, values in zip((self.ratio, self.gain, self.wanted), found, strict=True):
            np.add.at(into, texts, values)


def _pieces(scores_a: Any, scores_b: Any, n_tokens: int) -> Iterator[tuple[slice, _Wants]]:
    """Some rows at a time."""
    import torch

    size = max(1, _PIECE_BYTES // (4 * max(1, n_tokens)))
    for start in range(0, len(scores_a), size):
        rows = slice(start, start + size)
        log_a, log_b = (scores[rows].float().log_softmax(-1)[:, :n_tokens] for scores in (scores_a, scores_b))
        ratio = log_b.clamp(min=_LEAST) - log_a.clamp(min=_LEAST)
        least = ratio.topk(min(N_TOP, ratio.shape[-1]), dim=-1).values[:, -1:]
        yield rows, _Wants(ratio, torch.exp(log_b) - torch.exp(log_a), (ratio >= least) & (ratio > 0))
