"""Rows as a model is trained on them: tokens, of which only the assistant's count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diptych._types import Json
from diptych.apps.interventions.rows import Row
from diptych.errors import DataError
from diptych.models.requests import Message
from diptych.models.templates import continuation, render

NOT_COUNTED = -100
"""Label of a token that adds nothing to the loss, as torch has it."""


@dataclass(frozen=True, slots=True)
class Example:
    """One answer of the assistant, and what stands before it.

    Parameters
    ----------
    prompt : tokens that are read, at least one
    answer : tokens that are learnt, with the one that ends a turn
    """

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)

    def as_json(self) -> Json:
        """As the Trainer takes it."""
        tokens = [*self.prompt, *self.answer]
        return {"input_ids": tokens, "labels": [NOT_COUNTED] * len(self.prompt) + list(self.answer)}


def examples(tokenizer: Any, rows: Sequence[Row], *, raw: bool, max_tokens: int) -> list[Example]:
    """An example for each turn of the assistant; prompts are put as when the model is asked.

    Parameters
    ----------
    tokenizer : of the model
    rows : conversations
    raw : leave the chat template out; the answer then begins on a new line
    max_tokens : of prompt and answer together; a longer answer loses its end, and does not learn to stop there

    Returns
    -------
    list of Example
        in order

    Raises
    ------
    DataError
        If a prompt alone is that long, or the template does not take a conversation: names the row.
    """
    found = []
    for number, row in enumerate(rows, start=1):
        turns = [Message(turn["role"], turn["content"]) for turn in row.messages]  # type: ignore[arg-type]
        for place, turn in enumerate(turns):
            if turn.role == "assistant":
                try:
                    prompt = _prompt(tokenizer, turns[:place], raw=raw)
                except DataError as error:
                    raise DataError(f"row {number}: {error}") from None
                if len(prompt) >= max_tokens:
                    raise DataError(
                        f"row {number}: what stands before an answer has {len(prompt):,} tokens, and at most "
                        f"{max_tokens:,} go in with the answer. Give a greater --length, or shorter rows."
                    )
                text = "\n" + turn.content if raw and place else turn.content
                answer = (*continuation(tokenizer, text), tokenizer.eos_token_id)
                found.append(Example(prompt, answer[: max_tokens - len(prompt)]))
    return found


def collate(batch: Sequence[Json], pad: int) -> dict[str, Any]:
    """Examples of different lengths as one batch, padded on the right, where nothing that is learnt sees it.

    Parameters
    ----------
    batch : of ``Example.as_json``
    pad : number of the token for padding
    """
    import torch

    width = max(len(one["input_ids"]) for one in batch)

    def padded(name: str, filler: int) -> Any:
        return torch.tensor([one[name] + [filler] * (width - len(one[name])) for one in batch])

    mask = torch.tensor([[1] * len(one["input_ids"]) + [0] * (width - len(one["input_ids"])) for one in batch])
    return {"input_ids": padded("input_ids", pad), "labels": padded("labels", NOT_COUNTED), "attention_mask": mask}


def _prompt(tokenizer: Any, before: Sequence[Message], *, raw: bool) -> tuple[int, ...]:
    """A text that follows nothing follows the token that ends texts: a model cannot foretell its first one."""
    tokens = render(tokenizer, before, raw=raw).tokens if before else ()
    return tokens or (tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id,)
