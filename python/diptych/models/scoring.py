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


@dataclass(frozen=True, slots=True)
class Cut:
    """Tokens of a prompt and of a text after it.

    Parameters
    ----------
    prompt, text : their numbers
    """

    prompt: tuple[int, ...]
    text: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.text)

    def fits(self, loaded: Loaded) -> bool:
        """Whether the model, ``loaded``, takes so many."""
        return loaded.n_context is None or len(self) <= loaded.n_context


def cut(loaded: Loaded, one: TextToScore, *, raw: bool) -> Cut:
    """A text and its prompt in tokens, cut apart, as when a model answers.

    Parameters
    ----------
    loaded : the model
    one : the text
    raw : leave the chat template out

    Raises
    ------
    DataError
        If the template does not take such a conversation.
    """
    return Cut(render(loaded.tokenizer, one.messages, raw=raw).tokens, continuation(loaded.tokenizer, one.text))


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
    pieces = [cut(loaded, one, raw=raw) for one in texts]
    for number, piece in enumerate(pieces):
        if not piece.prompt:
            raise DataError(f"text {number}: nothing comes before it: its first token has no probability")
        if not piece.fits(loaded):
            raise DataError(f"text {number}: {len(piece):,} tokens with its prompt; {loaded.n_context:,} go in")
    found: list[FloatVector] = [np.zeros(0)] * len(pieces)

    def run(batch: Sequence[int]) -> list[FloatVector]:
        return _score(loaded, [pieces[index] for index in batch])

    for index, scores in in_batches([len(piece) for piece in pieces], run, batch_size=batch_size):
        if scores is None:
            raise DataError(f"text {index}: no memory for its {len(pieces[index]):,} tokens")
        found[index] = scores
    return found


def _score(loaded: Loaded, pieces: Sequence[Cut]) -> list[FloatVector]:
    """Padding stands on the right, where nothing that is scored can see it."""
    import torch

    rows = {"input_ids": [[*piece.prompt, *piece.text] for piece in pieces]}
    padded = loaded.tokenizer.pad(rows, padding_side="right", return_tensors="pt")
    found: list[FloatVector] = []
    with loaded.active() as model, torch.inference_mode(), quiet():
        padded = padded.to(model.get_input_embeddings().weight.device)
        logits = model(**padded, use_cache=False).logits
        for row, piece in enumerate(pieces):
            places = slice(len(piece.prompt) - 1, len(piece) - 1)  # where each token is foretold
            foretold = logits[row, places].float().log_softmax(-1)
            tokens = padded["input_ids"][row, len(piece.prompt) : len(piece)]
            found.append(foretold.gather(-1, tokens[:, None])[:, 0].double().cpu().numpy())
    return found
