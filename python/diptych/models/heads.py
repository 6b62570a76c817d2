"""A model in two parts: what it makes of a text, and the scores of the next token that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
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
    body : from token ids, int (rows, length), or vectors in their place, float (rows, length, width), and the attention
        mask, int (rows, length), to the last hidden states, float (rows, length, width)
    head : from states, float (n, width), to scores, float (n, vocabulary)
    """

    body: Callable[[Any, Any], Any]
    head: Head


def split(loaded: Loaded, *, gradients: bool = False) -> Parts:
    """The parts of a model, so that scores need not be held for every place of a text.

    A few models do something to their scores after the head. Whether head after body gives the model's own scores is
    tried on a short text; where it does not, the "states" are scores of all places, and the head leaves them alone.

    Parameters
    ----------
    loaded : the model
    gradients : whether they flow back through the parts; by default nothing is kept for them
    """
    import torch

    mode: Callable[[], AbstractContextManager[Any]] = nullcontext if gradients else torch.inference_mode

    def body(inputs: Any, attention_mask: Any) -> Any:
        with loaded.active() as model, mode(), quiet():
            decoder = model.get_decoder()
            given = _as_argument(inputs)
            return decoder(**given, attention_mask=attention_mask, use_cache=False).last_hidden_state

    def head(states: Any) -> Any:
        with loaded.active() as model, mode():
            return model.get_output_embeddings()(states)

    def whole(inputs: Any, attention_mask: Any) -> Any:
        with loaded.active() as model, mode(), quiet():
            return model(**_as_argument(inputs), attention_mask=attention_mask, use_cache=False).logits

    with loaded.active() as model:
        device = model.get_input_embeddings().weight.device
        ids = torch.arange(_PROBE, device=device)[None] % loaded.n_outputs
    mask = torch.ones_like(ids)
    with torch.no_grad():
        agree = torch.allclose(head(body(ids, mask)).float(), whole(ids, mask).float(), rtol=1e-3, atol=1e-3)
    return Parts(body, head) if agree else Parts(whole, lambda scores: scores)


def _as_argument(inputs: Any) -> dict[str, Any]:
    return {"inputs_embeds" if inputs.is_floating_point() else "input_ids": inputs}
