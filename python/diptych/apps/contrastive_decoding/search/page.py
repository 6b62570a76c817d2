"""The page of a search: one offline file. Model text is hostile text, and reaches it through escaping only."""

from __future__ import annotations

from collections.abc import Sequence

from diptych._types import Json
from diptych.apps.contrastive_decoding.search.config import MEASURES
from diptych.apps.contrastive_decoding.search.run import Kept, Outcome
from diptych.apps.contrastive_decoding.search.summary import plus_minus
from diptych.utils.text import printable
from diptych.visualization.documents import render_document

MAX_TEXTS = 4
"""Fresh texts of each model that the page shows of a prompt."""


def render_search(outcome: Outcome, summary: Json) -> str:
    """The page of what a search found.

    Parameters
    ----------
    outcome : of the search
    summary : of it
    """
    rows = [_view(*pair) for pair in zip(outcome.kept, summary["prompts"], strict=True)]
    return render_document(
        "diptych.apps.contrastive_decoding",
        "search",
        a=printable(summary["a"]),
        b=printable(summary["b"]),
        assistant=printable(summary["assistant"]),
        measure=MEASURES[summary["measure"]],
        summary=summary,
        means=[
            (label, summary[name]["n_prompts"], plus_minus(summary[name]["mean"], summary[name]["error"]))
            for name, label in _MEANS.items()
            if summary[name] is not None
        ],
        notices=[printable(notice) for notice in summary["notices"]],
        rows=rows,
        rounds=outcome.searched.rounds,
        has_criterion=any(one["meets_criterion"] is not None for one in summary["prompts"]),
    )


_MEANS = {
    "seeds": "seeds, which were not chosen by it",
    "kept_in_the_search": "kept prompts, on the draws that chose them",
    "kept_on_fresh_draws": "kept prompts, on fresh draws",
}


def _view(kept: Kept, row: Json) -> Json:
    return {
        "prompt": printable(row["prompt"]),
        "confirmed": plus_minus(row["confirmed"], row["confirmed_error"]),
        "searched": plus_minus(row["divergence"], row["divergence_error"]),
        "where": f"{row['search']}.{row['round']}",
        "meets": {True: "yes", False: "no", None: "?"}[row["meets_criterion"]],
        "pairs": _texts(kept),
        "reason": printable(kept.fresh.reason),
    }


def _texts(kept: Kept) -> Sequence[Json]:
    drawn = kept.fresh.drawn[:MAX_TEXTS]
    return [{"a": printable(one.a.text), "b": printable(one.b.text)} for one in drawn]
