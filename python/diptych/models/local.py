"""Texts from weights in memory: left-padded batches, one stream of random numbers for each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from diptych._types import Vectors
from diptych.errors import ModelError
from diptych.models.batching import in_batches
from diptych.models.manager import Loaded, quiet
from diptych.models.requests import FinishReason
from diptych.models.sampling import Draw, GumbelSampler

_CHARACTERS_A_TOKEN = 4
"""A stop text is looked for in this many tokens for each of its characters: no token is shorter than a UTF-8 byte."""


Processor = Callable[[Any, Any], Any]
"""Takes the tokens so far, int (rows, length), and scores of the next, float (rows, vocabulary); gives other scores."""
Change = Callable[[Sequence[int], int], Processor]


@dataclass(frozen=True, slots=True)
class Job:
    """One text to write.

    Parameters
    ----------
    tokens : of the prompt
    seed : of its own random numbers
    hole : number of the first of those tokens in whose place vectors stand, where there are vectors
    """

    tokens: Sequence[int]
    seed: int
    hole: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """A text, and how it ended.

    Parameters
    ----------
    text : without the token or text that ended it
    finish_reason : ``stop`` or ``length``
    tokens : that were written, the last one included
    """

    text: str
    finish_reason: FinishReason
    tokens: tuple[int, ...]

    @property
    def n_tokens(self) -> int:
        """How many tokens were written."""
        return len(self.tokens)


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a text ends.

    Parameters
    ----------
    max_tokens : longest text
    stop : texts that end it
    n_beams : texts that are followed at once, of which the likeliest is given; only where nothing is drawn
    """

    max_tokens: int
    stop: Sequence[str] = ()
    n_beams: int = 1


def write_texts(
    loaded: Loaded,
    jobs: Sequence[Job],
    draw: Draw,
    limits: Limits,
    *,
    batch_size: int,
    change: Change | None = None,
    vectors: Vectors | None = None,
) -> Iterator[tuple[int, Written | None]]:
    """Go on with prompts, the longest first.

    Parameters
    ----------
    loaded : the model
    jobs : prompts
    draw : how tokens are drawn
    limits : where texts end
    batch_size : most rows at once; halved when memory runs out
    change : gives, for the numbers of the jobs of a batch and the length of their padded prompts, what changes the
        scores of the next token before it is drawn: a logits processor
    vectors : float32 (n, width), read in place of as many tokens of each prompt, from its ``hole`` on

    Yields
    ------
    (int, Written)
        number of the job and its text, the same for every batch size and order in float32 on a processor; None where
        there is no memory for it
    """

    def run(batch: Sequence[int]) -> list[Written]:
        n_prompt = max(len(jobs[index].tokens) for index in batch)
        before = [_Numbers(loaded, n_prompt) if change is None else change(batch, n_prompt)]
        return _write(loaded, [jobs[index] for index in batch], draw, limits, before, vectors)

    yield from in_batches([len(job.tokens) for job in jobs], run, batch_size=batch_size)


def check_scores(scores: Any, loaded: Loaded, n_said: int) -> None:
    """Refuse scores that are not numbers: a text that was drawn from them would look like any other.

    Parameters
    ----------
    scores : float tensor, shape (rows, vocabulary)
    loaded : the model that gave them
    n_said : tokens that it has said before

    Raises
    ------
    ModelError
        Names the model, the token and the row.
    """
    if scores.isnan().any():
        row = int(scores.isnan().any(-1).int().argmax())
        raise ModelError(f"hf/{loaded.source.name}: its scores of token {n_said} of row {row} are not numbers (NaN)")


class _Numbers:
    """A logits processor that changes nothing, and looks."""

    def __init__(self, loaded: Loaded, n_prompt: int) -> None:
        self._loaded, self._n_prompt = loaded, n_prompt

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        check_scores(scores, self._loaded, input_ids.shape[1] - self._n_prompt)
        return scores


def _write(
    loaded: Loaded,
    jobs: Sequence[Job],
    draw: Draw,
    limits: Limits,
    before: Sequence[Processor],
    vectors: Vectors | None,
) -> list[Written]:
    import torch
    from transformers import LogitsProcessorList, StoppingCriteriaList

    tokenizer = loaded.tokenizer
    padded = tokenizer.pad({"input_ids": [list(job.tokens) for job in jobs]}, padding_side="left", return_tensors="pt")
    n_prompt = padded["input_ids"].shape[1]
    with loaded.active() as model, torch.inference_mode(), quiet():
        device = model.get_input_embeddings().weight.device
        sampler = [GumbelSampler(draw, [job.seed for job in jobs], str(device))] if draw.temperature else []
        given = dict(padded.to(device))
        if vectors is not None:
            holes = [n_prompt - len(job.tokens) + job.hole for job in jobs]
            given["inputs_embeds"] = _put_in(model, given["input_ids"], holes, vectors)
        rows = model.generate(
            **given,
            generation_config=_settings(loaded, limits),
            logits_processor=LogitsProcessorList([*before, *sampler]),
            stopping_criteria=StoppingCriteriaList([_stops(tokenizer, limits.stop, n_prompt)] if limits.stop else []),
        )
    return [_read(loaded, row, limits) for row in rows[:, n_prompt:].tolist()]


def _put_in(model: Any, ids: Any, holes: Sequence[int], vectors: Vectors) -> Any:
    """Vectors of the tokens, float (rows, length, width), with others from a hole in each row on."""
    import torch

    embedded = model.get_input_embeddings()(ids)
    put = torch.from_numpy(vectors).to(device=embedded.device, dtype=embedded.dtype)
    for row, hole in zip(embedded, holes, strict=True):
        row[hole : hole + len(put)] = put
    return embedded


def _settings(loaded: Loaded, limits: Limits) -> Any:
    from transformers import GenerationConfig

    return GenerationConfig(
        max_new_tokens=limits.max_tokens,
        do_sample=False,
        num_beams=limits.n_beams,
        repetition_penalty=1.0,  # it would count the padding, and a row would depend on its neighbours
        no_repeat_ngram_size=0,
        eos_token_id=loaded.ends or None,
        pad_token_id=loaded.tokenizer.pad_token_id,
    )


def _stops(tokenizer: Any, stop: Sequence[str], n_prompt: int) -> Callable[..., Any]:
    """A criterion that is true for each row whose answer holds one of the texts."""
    import torch

    n_last = _CHARACTERS_A_TOKEN * max(map(len, stop)) + 1

    def criterion(input_ids: Any, scores: Any, **_: Any) -> Any:
        last = input_ids[:, max(n_prompt, input_ids.shape[1] - n_last) :]
        texts = tokenizer.batch_decode(last, skip_special_tokens=True)
        ended = [any(end in text for end in stop) for text in texts]
        return torch.tensor(ended, dtype=torch.bool, device=input_ids.device)

    return criterion


def _read(loaded: Loaded, row: list[int], limits: Limits) -> Written:
    ends = set(loaded.ends)
    n_text = next((place for place, token in enumerate(row) if token in ends), len(row))
    if n_text == len(row) and limits.stop:
        n_text = _without_padding(row, loaded.tokenizer.pad_token_id, ends)
    text = loaded.tokenizer.decode(row[:n_text], skip_special_tokens=True)
    places = [place for place in (text.find(end) for end in limits.stop) if place >= 0]
    if places:
        return Written(text[: min(places)], "stop", tuple(row[:n_text]))
    ended = n_text < len(row) and row[n_text] in ends
    return Written(text, "stop" if ended else "length", tuple(row[: n_text + ended]))


def _without_padding(row: list[int], pad: int | None, ends: set[int]) -> int:
    """Length of a row that a stop text ended before others of its batch; it was filled up."""
    n = len(row)
    while n and row[n - 1] == pad and pad not in ends:
        n -= 1
    return n
