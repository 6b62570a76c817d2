"""What came of trainings, as lines of text."""

from __future__ import annotations

from collections.abc import Mapping

from diptych._types import Json
from diptych.apps.soft_prompting.evaluation import on_held_out

_SHOWN = 10


def as_lines(summaries: Mapping[int, Json]) -> list[str]:
    """The summaries of trainings, each in a few lines.

    Parameters
    ----------
    summaries : by number of vectors
    """
    return [line for n, summary in summaries.items() for line in _lines(n, summary)]


def _lines(n: int, summary: Json) -> list[str]:
    gain = summary["gain"]
    ended = f"stopped after {summary['n_steps']} steps" if summary["stopped_early"] else f"{summary['n_steps']} steps"
    verdict = "above" if summary["above_noise"] else "not above"
    random = summary["random"]
    return [
        f"{n} vectors, {ended}; best after {summary['best_step']}",
        on_held_out(summary["objective"], summary["n_held_out"]),
        f"  without a prompt     {summary['none']:.6g}",
        f"  random tokens        {random['mean']:.6g} (at most {random['max']:.6g}, of {random['n']} prompts)",
        f"  strongest prompt     {summary['corpus']:.6g} (of the file, without vectors)",
        f"  this soft prompt     {summary['prompt']:.6g}",
        f"gain {gain['mean']:.6g} [{gain['low']:.6g}, {gain['high']:.6g}], p = {gain['p_value']:.3g}: "
        f"{verdict} the noise floor of {summary['noise_floor']:.2g}",
    ]


def trial_lines(summary: Json) -> list[str]:
    """The summary of a trial in a few lines.

    Parameters
    ----------
    summary : of ``try_prompt``
    """
    lines = [f"{summary['n_prompts']} prompts that were not trained on"]
    for name, label in (("kl_ab", "KL(a ‖ b) of answers of a"), ("kl_ba", "KL(b ‖ a) of answers of b")):
        one = summary["sequence"][name]
        gain, token = one["gain"], one["a_token"]
        lines.append(
            f"{label}: {one['with']:.4g} nats an answer ({token['with']:.3g} a token), {one['without']:.4g} "
            f"({token['without']:.3g}) without the prompt; "
            f"gain {gain['mean']:.4g} [{gain['low']:.4g}, {gain['high']:.4g}], p = {gain['p_value']:.3g}"
        )
    floors = summary["noise_floor_a_token"]
    lines.append(f"noise floor: {max(floors.values()):.2g} nats a token")
    for which in ("with", "without"):
        found = summary["findings"][which]
        lines.append(f"{which} the prompt: {len(found)} findings of {summary['n_tested'][which]} measures tested")
        lines += [
            f"  {one['statement']} (p = {one['p_value']:.2g}, q = {one['q_value']:.2g})" for one in found[:_SHOWN]
        ]
        lines += [f"  … and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    if "baselines" in summary:
        lines += _baseline_lines(summary)
    if "unrelated" in summary:
        lines += _specific_lines("the prompt", summary["unrelated"]["specificity"])
    return lines


def _baseline_lines(summary: Json) -> list[str]:
    lines = [
        f"found for {summary['baselines']['budget']:,} forward passes; nats an answer, mean of both directions:",
        f"  this prompt  {summary['apart']['with']:.4g}",
    ]
    for row in summary["baselines"]["rows"]:
        against = row["against"]
        more = "" if against is None else f"; this prompt {against['mean']:+.4g}, p = {against['p_value']:.2g}"
        interval = f"[{row['low']:.4g}, {row['high']:.4g}]"
        lines.append(f"  {row['name']}  {row['apart']:.4g} {interval}, {row['spent']:,} passes{more}")
    return lines


def transfer_lines(summary: Json) -> list[str]:
    """The matrix of prompts and pairs, a line a cell.

    Parameters
    ----------
    summary : of ``run_transfer``
    """
    lines = [f"{summary['n_prompts']} prompts that nothing was trained on; nats an answer, mean of both directions"]
    for cell in summary["cells"]:
        read = "" if cell["form"] == "vectors" else f" ({cell['form']})"
        own = ", its own pair" if cell["is_home"] else ""
        gain = cell["gain"]
        lines.append(
            f"{cell['prompt']} on {cell['pair']}{own}{read}: {cell['under']:.4g}, {cell['none']:.4g} without it; "
            f"gain {gain['mean']:.4g} [{gain['low']:.4g}, {gain['high']:.4g}], q = {cell['q_value']:.2g}"
        )
    return lines + [line for name, one in summary["specificity"].items() for line in _specific_lines(name, one)]


def _specific_lines(name: str, one: Json) -> list[str]:
    excess = one["excess"]
    verdict = "specific to its own pair" if one["is_specific"] else "not shown to be specific to its own pair"
    return [
        f"{name} adds {one['own']:.4g} nats to its own pair and {one['others']:.4g} to others; difference "
        f"{excess['mean']:.4g} [{excess['low']:.4g}, {excess['high']:.4g}], p = {excess['p_value']:.2g}: {verdict}"
    ]
