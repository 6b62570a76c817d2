"""What a run cannot find, whatever the responses say: too few prompts, or too few resamples, for its many measures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from diptych._types import Mask
from diptych.comparison.inference import Resampling
from diptych.comparison.pairing import Table
from diptych.comparison.parts import Part
from diptych.stats.exact import smallest_paired_p, smallest_unpaired_p


def out_of_reach(parts: Sequence[Part], table: Table, resampling: Resampling) -> list[str]:
    """A notice for each kind of measure that could not pass, or not by itself.

    Parameters
    ----------
    parts : of the run
    table : the responses
    resampling : as the parts are tested, with the family as it was in the end

    Notes
    -----
    A measure that alone differs passes at ``first_step``. One of many that differ passes at no more than that times
    the family: q is at least p, and with Benjamini and Yekutieli at least ``p (1 + 1/2 + … + 1/m)``.
    """
    return list(dict.fromkeys(notice for part in parts for notice in _notices(part, table, resampling)))


def _notices(part: Part, table: Table, resampling: Resampling) -> Iterator[str]:
    if not part.n_reported:
        return
    sizes = _sizes(table, part.tested)
    least = smallest_paired_p(sizes[0]) if table.pairing == "paired" else smallest_unpaired_p(*sizes)
    units = " and ".join(map(str, sizes)) + f" {table.noun}"
    if least > resampling.first_step:
        yield _notice("measures", part.tested_on, units, least, resampling)
        return
    sampled = 1.0 / (1 + resampling.n_resamples)
    if sampled > resampling.first_step and (part.scan or any(m.kind == "number" for m in part.hypotheses)):
        resamples = f"{resampling.n_resamples} resamples"
        yield _notice("resampled measures", part.tested_on, resamples, sampled, resampling)


def _notice(who: str, tested_on: str, given: str, least: float, resampling: Resampling) -> str:
    """Why they cannot pass, or cannot by themselves."""
    step = resampling.first_step
    alone = least <= step * resampling.family
    where = tested_on if tested_on == "all prompts" else f"the {tested_on}"
    cannot = f"cannot {'alone ' if alone else ''}reach alpha = {resampling.alpha:g} with {given}"
    needed = f"; one difference among {resampling.family} measures needs {step:.2g}" if alone else ""
    return f"{who} tested on {where} {cannot}: smallest possible p is {least:.2g}{needed}"


def _sizes(table: Table, tested: Mask) -> list[int]:
    """Units that are tested on: paired, of both; unpaired, of the smaller arm and of the greater."""
    if table.pairing == "paired":
        return [int(tested.sum())]
    return sorted(int(np.sum(tested & side)) for side in (table.first_units, ~table.first_units))
