"""How likely a model finds given texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diptych._types import FloatVector
from diptych.errors import DataError
from diptych.models.batching import in_batches
from diptych.models.manager import Loaded, quiet
from diptych.models.requests import Message
from diptych.models.templates import continuation, render


@dataclass(frozen=True, slots=True)
class TextToScore:
    """A text, and what it follows.

    Parameters
    ----------
    messages : the conversation before it
    text : the answer
    """

    messages: tuple[Message, ...]
    text: str


def log_likelihoods(
    loaded: Loaded, texts: Sequence[TextToScore], *, raw: bool = False, batch_size: int = 8
) -> list[FloatVector]:
    """Log-probability of each token of each text, given what comes before it: natural logarithm, temperature 1.

    The end of the answer is not scored. A text and its prompt are cut into tokens apart, as when a model answers.

    Parameters
    ----------
    loaded : the model
    texts : what is scored
    raw : leave the chat template out
    batch_size : most texts at once; halved when memory runs out

    Returns
    -------
    list of float64 arrays
        of shape (n_tokens,), one for each text, in order; their sums are log-likelihoods

    Raises
    ------
    DataError
        If a prompt is empty, a text and its prompt together are longer than the model takes, or there is no memory for
        one text alone.
    """
    pairs = [
        (render(loaded.tokenizer, one.messages, raw=raw).tokens, continuation(loaded.tokenizer, one.text))
        for one in texts
    ]
    lengths = [len(prompt) + len(text) for prompt, text in pairs]
    for number, (prompt, _) in enumerate(pairs):
        if not prompt:
            raise DataError(f"text {number}: nothing comes before it: its first token has no probability")
        if loaded.n_context is not None and lengths[number] > loaded.n_context:
            raise DataError(f"text {number}: {lengths[number]:,} tokens with its prompt; {loaded.n_context:,} go in")
    found: list[FloatVector] = [np.zeros(0)] * len(pairs)

    def run(batch: Sequence[int]) -> list[FloatVector]:
        return _score(loaded, [pairs[index] for index in batch])

    for index, scores in in_batches(lengths, run, batch_size=batch_size):
        if scores is None:
            raise DataError(f"text {index}: no memory for its {lengths[index]:,} tokens")
        found[index] = scores
    return found


def _score(loaded: Loaded, pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[FloatVector]:
    """Padding stands on the right, where nothing that is scored can see it."""
    import torch

    rows = {"input_ids": [[*prompt, *text] for prompt, text in pairs]}
    padded = loaded.tokenizer.pad(rows, padding_side="right", return_tensors="pt")
    found: list[FloatVector] = []
    with loaded.active() as model, torch.inference_mode(), quiet():
        padded = padded.to(model.get_input_embeddings().weight.device)
        logits = model(**padded, use_cache=False).logits
        for row, (prompt, text) in enumerate(pairs):
            places = slice(len(prompt) - 1, len(prompt) + len(text) - 1)  # where each token is foretold
            foretold = logits[row, places].float().log_softmax(-1)
            tokens = padded["input_ids"][row, len(prompt) : len(prompt) + len(text)]
            found.append(foretold.gather(-1, tokens[:, None])[:, 0].double().cpu().numpy())
    return found
