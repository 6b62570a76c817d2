"""A model in two parts: what it makes of a text, and the scores of the next token that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diptych.models.divergence import Head
from diptych.models.manager import Loaded, quiet

_PROBE = 4


@dataclass(frozen=True, slots=True)
class Parts:
    """A model in two parts.

    Parameters
    ----------
    body : from token ids and attention mask, int (rows, length), to the last hidden states, float (rows, length, width)
    head : from states, float (n, width), to scores, float (n, vocabulary)
    """

    body: Callable[[Any, Any], Any]
    head: Head


def split(loaded: Loaded) -> Parts:
    """The parts of a model, so that scores need not be held for every place of a text.

    A few models do something to their scores after the head. Whether head after body gives the model's own scores is
    tried on a short text; where it does not, the "states" are scores of all places, and the head leaves them alone.

    Parameters
    ----------
    loaded : the model
    """
    import torch

    def body(input_ids: Any, attention_mask: Any) -> Any:
        with loaded.active() as model, torch.inference_mode(), quiet():
            decoder = model.get_decoder()
            return decoder(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).last_hidden_state

    def head(states: Any) -> Any:
        with loaded.active() as model, torch.inference_mode():
            return model.get_output_embeddings()(states)

    def whole(input_ids: Any, attention_mask: Any) -> Any:
        with loaded.active() as model, torch.inference_mode(), quiet():
            return model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits

    with loaded.active() as model:
        device = model.get_input_embeddings().weight.device
        ids = torch.arange(_PROBE, device=device)[None] % loaded.n_outputs
    mask = torch.ones_like(ids)
    agree = torch.allclose(head(body(ids, mask)).float(), whole(ids, mask).float(), rtol=1e-3, atol=1e-3)
    return Parts(body, head) if agree else Parts(whole, lambda scores: scores)
