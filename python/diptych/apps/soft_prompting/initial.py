"""What the vectors of a soft prompt begin as."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diptych._types import Vectors
from diptych.apps.soft_prompting.allowed import usual_tokens
from diptych.apps.soft_prompting.config import Initial
from diptych.errors import ConfigError
from diptych.models.prompted import PromptedModel
from diptych.models.templates import continuation


def initial_vectors(
    models: Sequence[PromptedModel], n_tokens: int, *, kind: Initial, text: str | None = None, seed: int = 0
) -> tuple[Vectors, ...]:
    """Vectors for each of some models: float32 (n_tokens, width).

    Parameters
    ----------
    models : with one vocabulary; they begin with the same tokens
    n_tokens : of the prompt
    kind : ``vocabulary``, tokens drawn from it; ``text``, the tokens of a text; ``random``, noise of their scale
    text : for ``text``; repeated or cut to so many tokens
    seed : of what is drawn

    Raises
    ------
    ConfigError
        If the text has no token.
    """
    rng = np.random.default_rng(seed)
    if kind == "random":
        return tuple(
            (one.scale * rng.standard_normal((n_tokens, one.loaded.width))).astype(np.float32) for one in models
        )
    tokenizer = models[0].loaded.tokenizer
    if kind == "text":
        tokens = continuation(tokenizer, text or "")
        if not tokens:
            raise ConfigError(f"initial_text = {text!r}: it has no token to begin with")
        chosen = np.resize(np.array(tokens), n_tokens)
    else:
        chosen = rng.choice(usual_tokens(tokenizer), n_tokens)
    return tuple(embedded(one, chosen.tolist()) for one in models)


def embedded(model: PromptedModel, tokens: Sequence[int]) -> Vectors:
    """The vectors of tokens as a model reads them, float32 (n, width).

    Parameters
    ----------
    model : that reads them
    tokens : their numbers
    """
    import torch

    with torch.no_grad():
        found: Vectors = model.embed(torch.tensor(list(tokens), device=model.device)).float().cpu().numpy()
        return found
