"""The page of what was mined: one offline file. Model text is hostile text, and reaches it through escaping only."""

from __future__ import annotations

from collections.abc import Sequence

from diptych._types import Json
from diptych.apps.contrastive_decoding.mining.ranking import RankedText
from diptych.apps.contrastive_decoding.mining.run import Mined
from diptych.apps.contrastive_decoding.mining.summary import CAVEAT, divergence_lines, spread, statistics_lines
from diptych.apps.contrastive_decoding.page import token_views
from diptych.apps.contrastive_decoding.terms import cloud
from diptych.utils.text import printable
from diptych.visualization.documents import render_document
from diptych.visualization.pages import Picture

MAX_TEXTS = 40
"""Texts at either end of the ranking that the page shows, at most."""


def render_mined(mined: Mined, summary: Json, pictures: Sequence[Picture]) -> str:
    """The page.

    Parameters
    ----------
    mined : what came of it
    summary : of it
    pictures : that lie in ``plots`` beside it
    """
    return render_document(
        "diptych.apps.contrastive_decoding",
        "mine",
        a=printable(mined.a),
        b=printable(mined.b),
        caveat=CAVEAT,
        summary=summary,
        notices=[printable(notice) for notice in mined.notices],
        tokens=[_token(one) for one in summary["tokens"]],
        divergence=divergence_lines(summary),
        statistics="\n".join(statistics_lines(summary)).strip(),
        ends=[
            {"model": side, "texts": [_text(one) for one in mined.liked_by(side)[:MAX_TEXTS]]} for side in ("b", "a")
        ],
        words=cloud(mined.terms),
        terms=[{**term, "phrase": printable(term["phrase"])} for term in summary["terms"]],
        pictures=pictures,
    )


def _token(one: Json) -> Json:
    decimals = {"gain": 4, "log_ratio": 2, "wanted": 3}
    return {
        "text": repr(printable(one["text"])),
        **{name: spread(one[name], n) for name, n in decimals.items()},
        "n_wanted": one["n_wanted"],
        "n_places": one["n_places"],
    }


def _text(one: RankedText) -> Json:
    row = one.scored.response
    return {
        "per_token": f"{one.per_token:+.3f}",
        "n_tokens": one.n_tokens,
        "writer": row.arm,
        "prompt": printable(row.prompt),
        "tokens": token_views(one.scored),
    }
