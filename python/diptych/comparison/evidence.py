"""Examples: the responses behind a finding, typical ones rather than extreme ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from diptych._types import FloatVector, Mask, Span
from diptych.comparison.findings import Example, Finding
from diptych.comparison.pairing import Table
from diptych.data import Response

N_EXAMPLES = 4

Marker = Callable[[str], list[Span]]


def with_examples(
    finding: Finding, table: Table, a: FloatVector, b: FloatVector, validation: Mask, marker: Marker
) -> Finding:
    """The finding with its examples.

    Parameters
    ----------
    finding : whose effect is b minus a
    table : all responses
    a, b : float64 (n_units,), the measure's mean in each arm at each unit, NaN where there is none
    validation : bool (n_units,); examples come from there
    marker : pieces of a response that show the measure
    """
    if table.pairing == "paired":
        units = _typical(b - a, finding.effect, validation, table)
    else:
        units = _typical(b if finding.effect >= 0 else a, 1.0, validation, table)
    examples = [_pair(table, unit, float(a[unit]), float(b[unit]), marker) for unit in units]
    return replace(finding, examples=tuple(examples))


def _typical(values: FloatVector, effect: float, validation: Mask, table: Table) -> list[int]:
    """Units that go the way of the effect, those nearest to the median of such units first, then the shortest."""
    sign = 1.0 if effect >= 0 else -1.0
    candidates = np.flatnonzero(validation & (np.nan_to_num(values) * sign > 0))
    if not len(candidates):
        return []
    distance = np.round(np.abs(values[candidates] - np.median(values[candidates])), 9)
    lengths = np.zeros(len(table.units), dtype=np.int64)
    np.add.at(lengths, table.unit_of_row, [len(row.response) for row in table.rows])
    order = sorted(range(len(candidates)), key=lambda i: (distance[i], lengths[candidates[i]], candidates[i]))
    return [int(candidates[i]) for i in order[:N_EXAMPLES]]


def _pair(table: Table, unit: int, value_a: float, value_b: float, marker: Marker) -> Example:
    rows = np.flatnonzero(table.unit_of_row == unit)
    a, b = (_first_draw(table, rows[table.is_b[rows] == side]) for side in (False, True))
    row = a if a is not None else b
    assert row is not None, "a unit has at least one response"
    return Example(
        prompt_id=row.prompt_id,
        prompt=row.prompt,
        a=a.response if a is not None else None,
        b=b.response if b is not None else None,
        value_a=value_a if a is not None else None,
        value_b=value_b if b is not None else None,
        marks_a=tuple(marker(a.response)) if a is not None else (),
        marks_b=tuple(marker(b.response)) if b is not None else (),
    )


def _first_draw(table: Table, rows: np.ndarray) -> Response | None:
    return min((table.rows[i] for i in rows), key=lambda row: row.draw, default=None)
