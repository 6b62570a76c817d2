"""The page of a trial: one offline file. Model text is hostile text, and reaches it through escaping only."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from diptych._types import Json
from diptych.apps.soft_prompting.sequences import Traced
from diptych.apps.soft_prompting.tried import WITH, WITHOUT, Tried
from diptych.models.templates import pieces
from diptych.utils.amounts import percent
from diptych.utils.text import printable
from diptych.visualization.documents import render_document
from diptych.visualization.pages import Picture

N_SHOWN = 20
"""Prompts whose answers the page shows."""
LEVELS = (0.05, 0.2, 0.4)
"""Of ln 2, the most that a Jensen–Shannon divergence can be: a token is coloured, the stronger the more."""
_TITLES = {"kl_ab": "KL(a ‖ b) of answers of a", "kl_ba": "KL(b ‖ a) of answers of b"}


def render_trial(tried: Tried, summary: Json, pictures: Sequence[Picture]) -> str:
    """The page.

    Parameters
    ----------
    tried : what came of it
    summary : in numbers
    pictures : that lie in ``plots`` beside it
    """
    return render_document(
        "diptych.apps.soft_prompting",
        "trial",
        a=printable(tried.names[0]),
        b=printable(tried.names[1]),
        summary=summary,
        divergence=[_direction(name, summary["sequence"][name]) for name in _TITLES],
        floor=f"{max(summary['noise_floor_a_token'].values()):.2g}",
        baselines=[_baseline(row) for row in summary.get("baselines", {}).get("rows", ())],
        unrelated=[_pair(row) for row in summary.get("unrelated", {}).get("pairs", ())],
        findings={name: [_finding(one) for one in found] for name, found in summary["findings"].items()},
        analysis={name: _analysis(tried, name) for name in (WITH, WITHOUT)},
        swaps=[
            {"a": repr(printable(one.a)), "b": repr(printable(one.b)), "n": one.n, "n_prompts": one.n_prompts,
             "js": f"{one.js:.3f}"}
            for one in tried.analyses[WITH].swaps
        ],
        kinds=[_kind(tried, number) for number in range(len(tried.kinds))],
        prompts=_prompts(tried),
        pictures=pictures,
    )  # fmt: skip


def shade(js: float) -> str:
    """How a token is coloured.

    Parameters
    ----------
    js : Jensen–Shannon divergence there, in nats

    Examples
    --------
    >>> shade(0.01), shade(0.69)
    ('none', 'd3')
    """
    level = sum(js >= share * math.log(2) for share in LEVELS)
    return f"d{level}" if level else "none"


def _direction(name: str, one: Json) -> Json:
    sums = {which: f"{one[which]:.4g} ({one['a_token'][which]:.3g})" for which in (WITH, WITHOUT)}
    return {"title": _TITLES[name], **sums, **_gain(one["gain"])}


def _gain(gain: Json) -> Json:
    return {"gain": f"{gain['mean']:+z.4g}", "interval": _interval(gain), "p": f"{gain['p_value']:.2g}"}


def _interval(one: Json) -> str:
    return f"[{one['low']:z.4g}, {one['high']:z.4g}]"


def _baseline(row: Json) -> Json:
    told = {"name": row["name"], "text": printable(row["text"]), "spent": f"{row['spent']:,}"}
    against = {"gain": "", "interval": "", "p": ""} if row["against"] is None else _gain(row["against"])
    return {**told, "apart": f"{row['apart']:.4g} {_interval(row)}", "against": against}


def _pair(row: Json) -> Json:
    told = {name: printable(row[name]) for name in ("pair", "form")}
    return {**told, "with": f"{row['under']:.4g}", "without": f"{row['none']:.4g}", **_gain(row["gain"])}


def _finding(one: Json) -> Json:
    return {
        "statement": printable(one["statement"]),
        "effect": f"{one['effect']:+.3g} [{one['ci_low']:.3g}, {one['ci_high']:.3g}] {one['unit']}",
        "p": f"{one['p_value']:.2g}",
        "q": f"{one['q_value']:.2g}",
    }


def _analysis(tried: Tried, name: str) -> Json:
    own = tried.analyses[name]
    within = (own.words.within_a, own.words.within_b)
    difference = own.length.difference
    return {
        "disagreement": percent(own.disagreement, 1),
        "js": [_spread(own.tokens[side]["by_token"]["js"]) for side in ("a", "b")],
        "between": percent(own.words.between, 1),
        "within": ["one draw" if one is None else percent(one, 1) for one in within],
        "lengths": f"{own.length.a:.1f} and {own.length.b:.1f}",
        "difference": f"{difference.mean:+z.1f} [{difference.low:z.1f}, {difference.high:z.1f}]",
    }


def _spread(js: Json) -> str:
    return ", ".join(f"{js[name]:.3f}" for name in ("mean", "median", "90 %", "99 %", "max"))


def _kind(tried: Tried, number: int) -> Json:
    kind = tried.kinds[number]
    text = {prompt.prompt_id: prompt.text for prompt in tried.prompts}
    return {
        "n": kind.n,
        "js": f"{kind.js:.3f}",
        "a": printable(", ".join(kind.words_a)) or "–",
        "b": printable(", ".join(kind.words_b)) or "–",
        "prompts": [printable(text[name]) for name in kind.prompt_ids],
    }


def _prompts(tried: Tried) -> list[Json]:
    """Those to which the prompt adds most, with an answer of each model."""
    ids = sorted(prompt.prompt_id for prompt in tried.prompts)
    text = {prompt.prompt_id: prompt.text for prompt in tried.prompts}
    under, without = (tried.conditions[name].apart for name in (WITH, WITHOUT))
    first = [{one.said.prompt.prompt_id: one for one in reversed(own)} for own in tried.conditions[WITH].answers]
    return [
        {
            "gain": f"{under[i] - without[i]:+.3g}",
            "with": f"{under[i]:.3g}",
            "without": f"{without[i]:.3g}",
            "prompt": printable(text[ids[i]]),
            "a": _tokens(tried, first[0][ids[i]]),
            "b": _tokens(tried, first[1][ids[i]]),
        }
        for i in np.argsort(without - under, kind="stable")[:N_SHOWN].tolist()
    ]


def _tokens(tried: Tried, one: Traced) -> list[Json]:
    own, decode = one.divergences, tried.tokenizer.decode
    return [
        {
            "text": printable(piece),
            "shade": shade(float(own.js[i])),
            "title": f"a {printable(decode([int(one.top_a[i])]))!r}, b {printable(decode([int(one.top_b[i])]))!r}, "
            f"Jensen–Shannon {own.js[i]:.3f}",
        }
        for i, piece in enumerate(pieces(tried.tokenizer, one.said.written.tokens))
        if piece
    ]
