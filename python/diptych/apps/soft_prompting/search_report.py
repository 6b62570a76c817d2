"""What came of a search for words, and what one would take, as lines of text."""

from __future__ import annotations

from diptych._types import Json
from diptych.apps.soft_prompting.evaluation import on_held_out
from diptych.utils.amounts import percent

_WIDTH = 60


def search_lines(found: Json) -> list[str]:
    """A search in a few lines: every prompt as it may be typed, and what it does in texts that were not searched on.

    Parameters
    ----------
    found : what stands in ``search.json``
    """
    random = found["random"]
    lines = [
        f"{found['optimiser']}: {found['n_rounds']:,} rounds, {found['spent']:,} of {found['budget']:,} forward passes",
        on_held_out(found["objective"], found["n_held_out"]),
        f"  without words        {found['none']:.6g}",
        f"  random words         {random['mean']:.6g} (at most {random['max']:.6g}, of {random['n']})",
        f"  strongest prompt     {found['corpus']:.6g} (of the file, without words)",
    ]
    if "soft" in found:
        soft = found["soft"]
        lines += [
            f"  the soft prompt      {soft['value']:.6g}",
            f"  nearest tokens       {soft['as_text']:.6g} as text, {soft['as_tokens']:.6g} as tokens: "
            f"{soft['gap']:.6g} is lost. {_quoted(soft['text'])}",
        ]
    if found["relaxed"] is not None:
        best = found["prompts"][0]["searched"]
        lines.append(
            f"where it was searched, what is between tokens reaches {found['relaxed']:.6g}, words {best:.6g}: a gap of "
            f"{found['relaxed'] - best:.6g}"
        )
    for prompt in found["prompts"]:
        lines += ["", *_prompt_lines(prompt)]
    return lines


def _prompt_lines(prompt: Json) -> list[str]:
    gain = prompt["gain"]
    verdict = "above" if prompt["above_noise"] else "not above"
    lines = [
        _quoted(prompt["text"]),
        f"  {prompt['as_text']:.6g} as text, {prompt['as_tokens']:.6g} as tokens, {prompt['searched']:.6g} where it "
        f"was searched; fluency {prompt['fluency']:.3g} nats a token",
        f"  gain {gain['mean']:.6g} [{gain['low']:.6g}, {gain['high']:.6g}], p = {gain['p_value']:.3g}, "
        f"q = {prompt['q_value']:.3g}: {verdict} the noise floor of {prompt['noise_floor']:.2g}",
    ]
    if prompt["read_back"] < 1:
        lines.append(f"  read as other tokens in {percent(1 - prompt['read_back'], 0)} of texts")
    shorter = prompt["shortened"]
    if len(shorter["tokens"]) < len(prompt["tokens"]):
        lines.append(f"  {_quoted(shorter['text'])} does nearly the same: {shorter['searched']:.6g}")
    return lines


def plan_lines(plan: Json) -> list[str]:
    """What a search would take.

    Parameters
    ----------
    plan : of ``plan_search``
    """
    return [
        f"{plan['optimiser']}: {plan['budget']:,} forward passes, {plan['n_texts']} texts for each candidate, "
        f"{plan['n_held_out']} held out, at most {plan['longest']:,} tokens",
        f"at most {plan['measuring']:,} more measure what is found, and which of its tokens do the work",
        f"{plan['n_allowed']:,} of {plan['n_vocabulary']:,} tokens may stand in a prompt; of random prompts of them, "
        f"written as words, {percent(plan['read_back'], 0)} are read as the same tokens",
    ]


def _quoted(text: str) -> str:
    """In quotes, so that spaces at its ends are seen; cut where it is long."""
    return repr(text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…")
