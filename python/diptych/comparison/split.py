"""Discovery and validation: which prompts may be looked at, and which are tested on. Groups of prompts stay whole."""

from __future__ import annotations

import math

import numpy as np

from diptych._types import Mask
from diptych.comparison.measures import Discovery, Half
from diptych.comparison.pairing import Table
from diptych.errors import DataError
from diptych.utils.hashing import hash_rows

MIN_UNITS = 4
"""Fewer units than this (prompts, or groups of them), in either half, cannot show anything."""


def split_units(table: Table, *, fraction: float, seed: int) -> Mask:
    """Which units are for discovery: bool (n_units,).

    Units are ranked by a seeded hash of their names (prompts by their ids) and the first share of them taken, so the
    split depends on neither the order of rows nor the names of the arms.

    Raises
    ------
    DataError
        If a half is left with too few units of an arm.
    """
    names = sorted(set(table.units))
    digests = hash_rows("diptych/split/1", [[str(seed)] * len(names), names])
    ranked = sorted(range(len(names)), key=lambda i: digests[i].tobytes())
    chosen = {names[i] for i in ranked[: math.ceil(fraction * len(names))]}
    discovery = np.array([unit in chosen for unit in table.units], dtype=np.bool_)
    for half, mask in (("discovery", discovery), ("validation", ~discovery)):
        for side, arm in enumerate(table.arms):
            n = len(np.unique(table.unit_of_row[mask[table.unit_of_row] & (table.is_b == bool(side))]))
            if n < MIN_UNITS:
                raise DataError(
                    f"too few {table.noun}: {n} of {arm.name!r} in the {half} half, of {len(names)} in all; "
                    f"at least {MIN_UNITS} are needed. "
                    f"Give more {table.noun}, a greater --limit, or another --discovery-fraction."
                )
    return discovery


def discovery_view(table: Table, discovery: Mask, half: Half = "first") -> Discovery:
    """The responses that a lens may see which looks at the arms."""
    seen = discovery[table.unit_of_row]
    rows = [row for row, is_open in zip(table.rows, seen, strict=True) if is_open]
    return Discovery(rows, table.is_b[seen].tolist(), table.prompt_ids(~discovery), half)
