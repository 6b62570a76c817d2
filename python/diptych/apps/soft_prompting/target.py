"""What a search for words makes large: how far two models differ when some tokens stand in their prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych._types import FloatVector, Mask, Tokens, Vectors
from diptych.apps.soft_prompting.objective import Measure, Pair
from diptych.apps.soft_prompting.optimiser import Candidate
from diptych.errors import BudgetError
from diptych.models.prompted import Row
from diptych.models.templates import Around

GRADIENT_PASSES = 3
"""Forward passes that a gradient counts as: one there, and twice its work back."""
_CHUNK = 4096
"""Tokens whose vectors are looked at together."""

Reader = Callable[[str], tuple[int, ...]]
"""What a model reads, in tokens, when a text stands in its prompt."""


@dataclass(frozen=True, slots=True)
class Pull:
    """A value, and its gradient.

    Parameters
    ----------
    value : the mean divergence over the texts of the search
    of_a, of_b : float32, shape (n, width of the model), with respect to the vectors that each model reads
    """

    value: float
    of_a: Vectors
    of_b: Vectors


class Target:
    """Values and gradients of candidates, and what they cost.

    Parameters
    ----------
    pair : the models, with room for tokens in their texts
    numbers : of the texts of the search
    measure : what is measured
    n_tokens : of a candidate
    allowed : int64, tokens that it may be made of
    batch_size : texts at once
    read : what the first model reads in the first of the texts when words stand there; None trusts every candidate

    Attributes
    ----------
    spent : forward passes of texts; a text through both models is one, and a gradient counts as three
    budget : most that may be spent; None for no end
    is_spent : whether more was wanted than was left
    """

    budget: int | None = None
    is_spent = False

    def __init__(
        self,
        pair: Pair,
        numbers: Sequence[int],
        measure: Measure,
        *,
        n_tokens: int,
        allowed: Tokens,
        batch_size: int = 32,
        read: Reader | None = None,
    ) -> None:
        self.pair, self.numbers, self.measure = pair, list(numbers), measure
        self.n_tokens, self.allowed, self.batch_size = n_tokens, allowed, batch_size
        self.n_vocabulary = min(model.n_vocabulary for model in pair.models)
        self.spent = 0
        self._read, self._seen = read, list[Candidate]()

    def text(self, tokens: Sequence[int]) -> str:
        """The words of some tokens.

        Parameters
        ----------
        tokens : their numbers
        """
        tokenizer = self.pair.models[0].loaded.tokenizer
        return str(tokenizer.decode([int(token) for token in tokens], clean_up_tokenization_spaces=False))

    def keeps(self, tokens: Tokens) -> Mask:
        """Which candidates, written as words into the first text's prompt, are read as the same tokens; (candidates,).

        Parameters
        ----------
        tokens : int64, shape (candidates, n)
        """
        around, read = self.pair.rows[0][self.numbers[0]].around, self._read
        if read is None:
            return np.ones(len(tokens), bool)
        is_read = [read(self.text(one)) == (*around.before, *one, *around.after) for one in tokens.tolist()]
        return np.array(is_read, bool)

    def values(self, tokens: Tokens) -> FloatVector:
        """The mean divergence over the texts under each candidate, float64 (candidates,). Alike ones are paid for once.

        Parameters
        ----------
        tokens : int64, shape (candidates, n)

        Raises
        ------
        BudgetError
            If that costs more than is left, as every method does that makes forward passes.
        """
        import torch

        alone, which = np.unique(tokens, axis=0, return_inverse=True)
        n_texts, sums = len(self.numbers), np.zeros(len(alone))
        self.pay(len(alone) * n_texts)
        with torch.no_grad():
            for start in range(0, len(alone) * n_texts, self.batch_size):
                rows = np.arange(start, min(start + self.batch_size, len(alone) * n_texts))
                of, text = np.divmod(rows, n_texts)
                found = self.pair.divergence([self.numbers[i] for i in text], self._embedded(alone[of]), self.measure)
                np.add.at(sums, of, found.double().cpu().numpy())
        means: FloatVector = sums / n_texts
        self._seen += [Candidate(tuple(one), value) for one, value in zip(alone.tolist(), means.tolist(), strict=True)]
        return means[which.reshape(-1)]

    def gradient(self, tokens: Tokens) -> Vectors:
        """The gradient of a candidate's value with respect to its one-hot rows, float32 (n, n_vocabulary).

        Parameters
        ----------
        tokens : int64, shape (n,)
        """
        import torch

        pull = self.pull(tokens)
        whole = np.zeros((len(tokens), self.n_vocabulary), np.float32)
        with torch.no_grad():
            for model, own in zip(self.pair.models, (pull.of_a, pull.of_b), strict=True):
                vectors = torch.from_numpy(own).to(model.device)
                for some in self._vocabulary(model.device):
                    whole[:, some.cpu().numpy()] += (vectors @ model.embed(some).float().T).cpu().numpy()
        return whole

    def pull(self, tokens: Tokens) -> Pull:
        """A candidate's value, and its gradient with respect to the vectors that the models read.

        Parameters
        ----------
        tokens : int64, shape (n,)
        """
        self.pay(GRADIENT_PASSES * len(self.numbers))
        both = tuple(one[0].float().requires_grad_() for one in self._embedded(tokens[None]))
        value = 0.0
        for batch in self._batches():
            part = self.pair.divergence(batch, (both[0], both[1]), self.measure).sum() / len(self.numbers)
            part.backward()
            value += float(part.detach())
        return Pull(value, *(one.grad.cpu().numpy() for one in both))

    def soft_value(self, mix: Any) -> Any:
        """The mean divergence over the texts under mixtures of tokens, float tensor, shape (); gradients flow back.

        Parameters
        ----------
        mix : float tensor, shape (n, n_vocabulary), weights of the tokens at each place
        """
        import torch

        is_followed = torch.is_grad_enabled() and mix.requires_grad
        self.pay(len(self.numbers) * (GRADIENT_PASSES if is_followed else 1))
        under = []
        for model in self.pair.models:
            parts = [mix[:, some.to(mix.device)].to(model.device) @ model.embed(some).float()
                     for some in self._vocabulary(model.device)]  # fmt: skip
            under.append(torch.stack(parts).sum(0))
        by_text = [self.pair.divergence(batch, (under[0], under[1]), self.measure) for batch in self._batches()]
        return torch.cat(by_text).mean()

    def expected(self, tokens: Tokens) -> Vectors:
        """Probabilities of what follows words that stand in the prompts, float32 (candidates, n_vocabulary).

        They are means over both models and over all that differs before the words; of each, a text is paid for.

        Parameters
        ----------
        tokens : int64, shape (candidates, n); n may be 0
        """
        import torch

        found = np.zeros((len(tokens), self.n_vocabulary), np.float32)
        befores = [list({rows[number].around.before: None for number in self.numbers}) for rows in self.pair.rows]
        self.pay(len(tokens) * max(map(len, befores)))
        for model, own in zip(self.pair.models, befores, strict=True):
            asked = [Row(Around((*before, *one), ()), (0,)) for one in tokens.tolist() for before in own]
            nothing = torch.zeros(0, model.loaded.width)
            if asked[0].n_around == 1:  # nothing stands before what is asked for
                found += 1.0 / self.n_vocabulary / len(self.pair.models)
                continue
            with torch.no_grad():
                for start in range(0, len(asked), self.batch_size):
                    states = model.states(asked[start : start + self.batch_size], nothing)
                    scores = model.parts.head(states).float().softmax(-1)[:, : self.n_vocabulary]
                    of = np.arange(start, start + len(scores)) // len(own)
                    np.add.at(found, of, scores.cpu().numpy() / len(own) / len(self.pair.models))
        return found

    def pay(self, n_passes: int) -> None:
        """Count forward passes that are about to be made.

        Parameters
        ----------
        n_passes : of texts

        Raises
        ------
        BudgetError
            If that is more than is left; nothing is counted then.
        """
        if self.budget is not None and self.spent + n_passes > self.budget:
            self.is_spent = True
            raise BudgetError(f"{self.spent:,} of {self.budget:,} passes are spent; {n_passes:,} more are too many")
        self.spent += n_passes

    def see(self, candidate: Candidate) -> None:
        """Take note of a candidate whose value came with a gradient.

        Parameters
        ----------
        candidate : that can be written as words
        """
        self._seen.append(candidate)

    def take_seen(self) -> list[Candidate]:
        """Every candidate whose value was asked for or told since this was last called."""
        seen, self._seen = self._seen, []
        return seen

    def _embedded(self, tokens: Tokens) -> tuple[Any, Any]:
        """Vectors of (rows, n) tokens as each model reads them, shape (rows, n, width)."""
        import torch

        ids = torch.from_numpy(np.ascontiguousarray(tokens))
        a, b = (model.embed(ids.to(model.device)).detach() for model in self.pair.models)
        return a, b

    def _batches(self) -> Iterator[list[int]]:
        for start in range(0, len(self.numbers), self.batch_size):
            yield self.numbers[start : start + self.batch_size]

    def _vocabulary(self, device: Any) -> Iterator[Any]:
        import torch

        for start in range(0, self.n_vocabulary, _CHUNK):
            yield torch.arange(start, min(start + _CHUNK, self.n_vocabulary), device=device)
