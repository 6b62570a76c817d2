"""A model with vectors in place of some tokens: its states, and gradients back to the vectors."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diptych.errors import DataError, ModelError
from diptych.models.heads import split
from diptych.models.manager import Loaded
from diptych.models.templates import Around

_TRIED = 4
_SAMPLE = 4096
"""Tokens whose vectors are looked at together."""


@dataclass(frozen=True, slots=True)
class Row:
    """A text to score, after a prompt with vectors in it.

    Parameters
    ----------
    around : what stands before and after the vectors
    tokens : of the text; at least one
    """

    around: Around
    tokens: tuple[int, ...]

    @property
    def n_around(self) -> int:
        """Tokens but for the vectors."""
        return len(self.around.before) + len(self.around.after) + len(self.tokens)


@dataclass(frozen=True, slots=True)
class Nearest:
    """Tokens that lie nearest to vectors. Such tokens need not do what the vectors do.

    Parameters
    ----------
    tokens : int tensor, shape (n,)
    distances : float32 tensor, shape (n,), Euclidean
    """

    tokens: Any
    distances: Any


class PromptedModel:
    """A model whose weights are frozen, and which reads vectors where tokens would stand.

    Parameters
    ----------
    loaded : the model; its weights take no gradients from now on

    Raises
    ------
    ModelError
        If it does not read vectors as it reads tokens, or no gradient comes back through its weights.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        with loaded.active() as model:
            model.requires_grad_(False)
            self._embed = model.get_input_embeddings()
        self.parts = split(loaded, gradients=True)
        self._try()

    @property
    def name(self) -> str:
        return f"hf/{self.loaded.source.name}"

    @property
    def device(self) -> Any:
        """Where the vectors go in."""
        return self._embed.weight.device

    @property
    def n_vocabulary(self) -> int:
        """Tokens that have a vector."""
        return int(self._embed.weight.shape[0])

    @functools.cached_property
    def scale(self) -> float:
        """Root mean square of the entries of tokens' vectors, over an even sample of the vocabulary."""
        import torch

        step = -(-self.n_vocabulary // _SAMPLE)
        with torch.no_grad():
            sample = self.embed(torch.arange(0, self.n_vocabulary, step, device=self.device))
            return float(sample.float().square().mean().sqrt())

    def embed(self, tokens: Any) -> Any:
        """Vectors of tokens, float, shape (…, width).

        Parameters
        ----------
        tokens : int tensor, any shape
        """
        return self._embed(tokens)

    def nearest(self, vectors: Any) -> Nearest:
        """The token whose vector lies nearest to each vector.

        Parameters
        ----------
        vectors : float tensor, shape (n, width)
        """
        import torch

        wanted = vectors.detach().to(self.device, torch.float32)
        best = torch.full((len(wanted),), torch.inf, device=self.device)
        tokens = torch.zeros(len(wanted), dtype=torch.long, device=self.device)
        with torch.no_grad():
            for start in range(0, self.n_vocabulary, _SAMPLE):
                some = torch.arange(start, min(start + _SAMPLE, self.n_vocabulary), device=self.device)
                distances = torch.cdist(wanted, self.embed(some).float())
                least = distances.min(dim=1)
                nearer = least.values < best
                best = torch.where(nearer, least.values, best)
                tokens = torch.where(nearer, some[least.indices], tokens)
        return Nearest(tokens, best)

    def check(self, rows: Sequence[Row], n_vectors: int) -> None:
        """Refuse what cannot be scored.

        Parameters
        ----------
        rows : to score
        n_vectors : that stand in each

        Raises
        ------
        DataError
            If one follows nothing, or is longer than the model takes.
        """
        for number, row in enumerate(rows):
            n = row.n_around + n_vectors
            if n == len(row.tokens):
                raise DataError(f"text {number}: nothing comes before it: its first token has no probability")
            if self.loaded.n_context is not None and n > self.loaded.n_context:
                raise DataError(
                    f"text {number}: {n:,} tokens with its prompt and {n_vectors} vectors; "
                    f"{self.loaded.n_context:,} go into {self.name}"
                )

    def states(self, rows: Sequence[Row], vectors: Any) -> Any:
        """States of the places where the texts' tokens are foretold, one after the other, float (tokens, width).

        Parameters
        ----------
        rows : to score
        vectors : float tensor, shape (n, width) for all rows alike or (rows, n, width); gradients flow back to it
        """
        import torch

        n_vectors = vectors.shape[-2]
        inputs, mask, is_vector = self._padded(rows, n_vectors)
        put = vectors.to(device=inputs.device, dtype=inputs.dtype).expand(len(rows), n_vectors, inputs.shape[-1])
        states = self.parts.body(inputs.masked_scatter(is_vector[..., None], put), mask)
        starts = [row.n_around + n_vectors - len(row.tokens) - 1 for row in rows]
        found = [one[at : at + len(row.tokens)] for one, at, row in zip(states, starts, rows, strict=True)]
        return torch.cat(found)

    def _padded(self, rows: Sequence[Row], n_vectors: int) -> tuple[Any, Any, Any]:
        """Vectors of the tokens, padding on the right, with the attention mask, and where the vectors go."""
        import torch

        hole = (0,) * n_vectors
        whole = [(*row.around.before, *hole, *row.around.after, *row.tokens) for row in rows]
        length = max(map(len, whole))
        ids = torch.tensor([(*one, *(0,) * (length - len(one))) for one in whole], device=self.device)
        place = torch.arange(length, device=self.device)[None]
        ends, starts = (
            torch.tensor(numbers, device=self.device)[:, None]
            for numbers in ([len(one) for one in whole], [len(row.around.before) for row in rows])
        )
        return self.embed(ids), (place < ends).long(), (place >= starts) & (place < starts + n_vectors)

    def _try(self) -> None:
        """Read a few tokens as vectors, and follow a gradient back."""
        import torch

        ids = torch.arange(1, 1 + _TRIED, device=self.device)[None] % self.loaded.n_outputs
        mask = torch.ones_like(ids)
        try:
            vectors = self.embed(ids).detach().requires_grad_()
            states = self.parts.body(vectors, mask)
            self.parts.head(states[0]).float().square().mean().backward()
        except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
            first, *_ = str(error).splitlines() or [type(error).__name__]
            raise ModelError(f"{self.name}: no gradient comes back through its weights: {first}. {_REMEDY}") from error
        if vectors.grad is None or not torch.isfinite(vectors.grad).all() or not vectors.grad.any():
            raise ModelError(f"{self.name}: no gradient comes back through its weights. {_REMEDY}")
        with torch.no_grad():
            by_tokens = self.parts.body(ids, mask)
        if not torch.allclose(states.detach().float(), by_tokens.float(), rtol=1e-2, atol=1e-2):
            raise ModelError(f"{self.name}: it does not read vectors as it reads tokens, so it takes no soft prompt.")


_REMEDY = "Load it without quantisation, or by one that can be trained through."
