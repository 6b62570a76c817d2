"""Pictures of scored texts, each a page that works offline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec

import numpy as np

from diptych.apps.contrastive_decoding.scoring import ScoredText
from diptych.visualization.pages import Picture


def draw(texts: Sequence[ScoredText]) -> Iterator[Picture]:
    """Divergence by position, its histogram, and perplexities; none where plotly is not installed.

    Parameters
    ----------
    texts : scored
    """
    kept = [text for text in texts if len(text.divergences)]
    if not kept or find_spec("plotly") is None:
        return
    from diptych.visualization import divergences as views

    own = [text.divergences for text in kept]
    curves = {"KL(a ‖ b)": [one.kl_ab for one in own], "KL(b ‖ a)": [one.kl_ba for one in own]}
    all_tokens = {name: np.concatenate(values) for name, values in curves.items()}
    a, b = (np.exp([-getattr(one, name).mean() for one in own]) for name in ("log_a", "log_b"))
    writers, responses = [text.response.arm for text in kept], [text.response.response for text in kept]
    unit = "nats a token"
    yield Picture.of("position", "Divergence by position", views.divergence_by_position(curves, unit=unit))
    yield Picture.of("histogram", "Tokens by divergence", views.divergence_histogram(all_tokens, unit=unit))
    scatter = views.perplexity_scatter(a, b, responses, writers)
    yield Picture.of("perplexity", "Perplexity under both models", scatter)
