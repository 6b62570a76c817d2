"""Coloured tokens: one offline page. Model text is hostile text, and reaches it through escaping only."""

from __future__ import annotations

import math
from collections.abc import Sequence

from diptych._types import Json
from diptych.apps.contrastive_decoding.scoring import ScoredText
from diptych.apps.contrastive_decoding.terms import Term, cloud
from diptych.models.divergence_summary import as_lines
from diptych.utils.text import printable
from diptych.visualization.documents import render_document
from diptych.visualization.pages import Picture

TIMES = (1.5, 3.0, 10.0, 30.0)
"""A token so many times likelier under one model than under the other is coloured, the stronger the more."""
MAX_TEXTS = 200


def render_scores(
    texts: Sequence[ScoredText],
    summary: Json,
    *,
    a: str,
    b: str,
    terms: Sequence[Term] = (),
    pictures: Sequence[Picture] = (),
) -> str:
    """The page of scored texts, those first in which the models differ most.

    Parameters
    ----------
    texts : scored
    summary : of them
    a, b : names of the models
    terms : in which texts that either model finds likelier differ
    pictures : that lie in ``plots`` beside it
    """
    order = sorted((text for text in texts if len(text.divergences)), key=lambda text: -_mean(text))
    return render_document(
        "diptych.apps.contrastive_decoding",
        "scores",
        a=printable(a),
        b=printable(b),
        summary="\n".join(as_lines(summary)),
        names=[f"{times:g}×" for times in TIMES],
        n_texts=len(texts),
        texts=[_view(text) for text in order[:MAX_TEXTS]],
        words=cloud(terms),
        terms=[{**term.as_json(), "phrase": printable(term.phrase)} for term in terms],
        pictures=pictures,
    )


def shade(log_ratio: float) -> str:
    """How a token is coloured.

    Parameters
    ----------
    log_ratio : log-probability under b minus that under a

    Examples
    --------
    >>> shade(0.1), shade(-0.5), shade(5.0)
    ('none', 'a1', 'b4')
    """
    level = sum(abs(log_ratio) >= math.log(times) for times in TIMES)
    return f"{'b' if log_ratio > 0 else 'a'}{level}" if level else "none"


def _mean(text: ScoredText) -> float:
    return float(text.divergences.js.mean())


def token_views(text: ScoredText) -> list[Json]:
    """What a page shows of each token: its text, its shade, and its numbers under the pointer.

    Parameters
    ----------
    text : scored
    """
    own = text.divergences
    return [
        {
            "text": printable(piece),
            "shade": shade(float(own.log_ratio[i])),
            "title": f"p(a) {math.exp(own.log_a[i]):.3g}, p(b) {math.exp(own.log_b[i]):.3g}, "
            f"Jensen–Shannon {own.js[i]:.3f}",
        }
        for i, piece in enumerate(text.pieces)
        if piece
    ]


def _view(text: ScoredText) -> Json:
    row = text.response
    return {
        "prompt_id": printable(row.prompt_id),
        "draw": row.draw,
        "prompt": printable(row.prompt),
        "js": f"{_mean(text):.3f}",
        "tokens": token_views(text),
    }
