"""Texts that one model likes and another does not: the one speaks, the other is its foil."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.models.contrast import Contrast, combine
from diptych.models.local import Job, Limits, Written, check_scores, write_texts
from diptych.models.manager import Loaded, quiet
from diptych.models.sampling import Draw


@dataclass(frozen=True, slots=True)
class ContrastJob:
    """One text to write.

    Parameters
    ----------
    tokens : of the prompt, as the speaker reads it
    foil_tokens : as the foil reads it; another system prompt, or none, may stand before it
    seed : of its own random numbers
    """

    tokens: Sequence[int]
    foil_tokens: Sequence[int]
    seed: int


def write_contrasts(
    speaker: Loaded,
    foil: Loaded,
    jobs: Sequence[ContrastJob],
    contrast: Contrast,
    draw: Draw,
    limits: Limits,
    *,
    batch_size: int,
    in_foil: Sequence[int] | None = None,
) -> Iterator[tuple[int, Written | None]]:
    """Go on with prompts by a contrast of two models.

    Parameters
    ----------
    speaker, foil : the models; they may share their weights
    jobs : prompts
    contrast : the rule
    draw, limits, batch_size : as for ``models.local.write_texts``
    in_foil : what each of the speaker's tokens is called in the foil's vocabulary, -1 for what is not in it and is
        then never said; None where both have one vocabulary

    Yields
    ------
    (int, Written)
        number of the job and its text, the same for every batch size and order in float32 on a processor; None where
        there is no memory for it

    Raises
    ------
    ModelError
        If a model gives scores that are not numbers; says which, and at which token.
    """
    own = [Job(job.tokens, job.seed) for job in jobs]

    def change(batch: Sequence[int], n_prompt: int) -> _Foil:
        return _Foil(speaker, foil, [jobs[index].foil_tokens for index in batch], contrast, n_prompt, in_foil)

    yield from write_texts(speaker, own, draw, limits, batch_size=batch_size, change=change)


class _Foil:
    """A logits processor: the foil reads along with a cache of its own."""

    def __init__(
        self,
        speaker: Loaded,
        foil: Loaded,
        prompts: Sequence[Sequence[int]],
        contrast: Contrast,
        n_prompt: int,
        in_foil: Sequence[int] | None,
    ) -> None:
        import torch

        self._speaker, self._foil, self._contrast, self._n_prompt = speaker, foil, contrast, n_prompt
        self._prompts = prompts
        with foil.active() as model:
            self._device = model.get_input_embeddings().weight.device
            self._takes = inspect.signature(getattr(model, "get_base_model", lambda: model)().forward).parameters.keys()
        self._names = None if in_foil is None else torch.tensor(in_foil, device=self._device)
        self._shared: tuple[Any, Any] | None = None
        self._cache: Any = None
        self._mask: Any = None
        self._said: Any = None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        said = input_ids[:, self._n_prompt :]
        with quiet():
            foil = self._read(said)
        check_scores(scores, self._speaker, said.shape[1])
        check_scores(foil, self._foil, said.shape[1])
        return self._combined(scores, foil.to(scores.device))

    def _combined(self, scores: Any, foil: Any) -> Any:
        """In the speaker's vocabulary; what the foil cannot say is never said."""
        import torch

        width = scores.shape[-1]
        if self._shared is None:
            self._shared = self._in_both(width, foil.shape[-1], scores.device)
        kept, named = self._shared
        combined = combine(scores[:, kept], foil[:, named], self._contrast)
        if len(kept) == width:
            return combined
        return torch.full_like(scores, -torch.inf, dtype=combined.dtype).index_copy(1, kept, combined)

    def _in_both(self, width: int, foil_width: int, device: Any) -> tuple[Any, Any]:
        """Numbers of the tokens that both have, in the speaker's vocabulary and in the foil's."""
        import torch

        if self._names is None:
            kept = torch.arange(min(width, foil_width), device=device)
            return kept, kept
        names = self._names[:width].to(device)
        kept = torch.nonzero(names >= 0)[:, 0]
        return kept, names[kept]

    def _read(self, said: Any) -> Any:
        """The foil's scores of the next token, float (rows, vocabulary)."""
        import torch

        with self._foil.active() as model, torch.inference_mode():
            said = self._as_foil_reads(said.to(self._device))
            if self._cache is None:
                new = self._begin(said)
            else:
                self._follow(said)
                new = said[:, -1:]
                self._mask = torch.cat([self._mask, self._mask.new_ones(len(said), 1)], dim=1)
            places = (self._mask.cumsum(-1) - 1).clamp(min=0)[:, -new.shape[1] :]
            more = {"position_ids": places, "logits_to_keep": 1}
            out = model(
                input_ids=new,
                attention_mask=self._mask,
                past_key_values=self._cache,
                use_cache=True,
                **{name: value for name, value in more.items() if name in self._takes},
            )
            self._cache, self._said = out.past_key_values, said
            return out.logits[:, -1]

    def _as_foil_reads(self, said: Any) -> Any:
        if self._names is None:
            return said
        return self._names[said].clamp(min=0)  # what fills up a text that has ended has no name, and plays no part

    def _begin(self, said: Any) -> Any:
        """The padded prompts, once for each row: with beams there are several rows of a prompt."""
        padded = self._foil.tokenizer.pad(
            {"input_ids": [list(prompt) for prompt in self._prompts]}, padding_side="left", return_tensors="pt"
        ).to(self._device)
        n_beams = len(said) // len(self._prompts)
        self._mask = padded["attention_mask"].repeat_interleave(n_beams, dim=0)
        return padded["input_ids"].repeat_interleave(n_beams, dim=0)

    def _follow(self, said: Any) -> None:
        """Where beams have changed places, the cache does so too."""
        import torch

        before = said[:, :-1]
        if torch.equal(before, self._said):
            return
        n_beams = len(said) // len(self._prompts)
        groups = torch.arange(len(said), device=said.device) // n_beams
        same = (before[:, None] == self._said[None]).all(-1) & (groups[:, None] == groups[None])
        self._cache.reorder_cache(same.int().argmax(dim=1))
