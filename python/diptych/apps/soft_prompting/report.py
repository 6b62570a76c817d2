"""What came of trainings, as lines of text."""

from __future__ import annotations

from collections.abc import Mapping

from diptych._types import Json


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
        f"{summary['objective']} on {summary['n_held_out']} held-out prompts:",
        f"  without a prompt     {summary['none']:.6g}",
        f"  random tokens        {random['mean']:.6g} (at most {random['max']:.6g}, of {random['n']} prompts)",
        f"  strongest prompt     {summary['corpus']:.6g} (of the file, without vectors)",
        f"  this soft prompt     {summary['prompt']:.6g}",
        f"gain {gain['mean']:.6g} [{gain['low']:.6g}, {gain['high']:.6g}], p = {gain['p_value']:.3g}: "
        f"{verdict} the noise floor of {summary['noise_floor']:.2g}",
    ]
