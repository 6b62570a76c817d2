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
    a, b : float64 (n_prompts,), the measure's mean in each arm at each prompt, NaN where there is none
    validation : bool (n_units,); examples come from there, one of a unit
    marker : pieces of a response that show the measure
    """
    if table.pairing == "paired":
        prompts = _typical(b - a, finding.effect, validation, table)
    else:
        prompts = _typical(b if finding.effect >= 0 else a, 1.0, validation, table)
    examples = [_pair(table, prompt, float(a[prompt]), float(b[prompt]), marker) for prompt in prompts]
    return replace(finding, examples=tuple(examples))


def _typical(values: FloatVector, effect: float, validation: Mask, table: Table) -> list[int]:
    """Prompts that go the way of the effect, those nearest to the median of such prompts first, then the shortest."""
    sign = 1.0 if effect >= 0 else -1.0
    candidates = np.flatnonzero(validation[table.unit_of_prompt] & (np.nan_to_num(values) * sign > 0))
    if not len(candidates):
        return []
    distance = np.round(np.abs(values[candidates] - np.median(values[candidates])), 9)
    lengths = np.zeros(len(values), dtype=np.int64)
    np.add.at(lengths, table.prompt_of_row, [len(row.response) for row in table.rows])
    order = sorted(range(len(candidates)), key=lambda i: (distance[i], lengths[candidates[i]], candidates[i]))
    best: dict[int, int] = {}  # of each unit
    for i in order:
        best.setdefault(int(table.unit_of_prompt[candidates[i]]), int(candidates[i]))
    return list(best.values())[:N_EXAMPLES]


def _pair(table: Table, prompt: int, value_a: float, value_b: float, marker: Marker) -> Example:
    rows = np.flatnonzero(table.prompt_of_row == prompt)
    a, b = (_first_draw(table, rows[table.is_b[rows] == side]) for side in (False, True))
    row = a if a is not None else b
    assert row is not None, "a prompt has at least one response"
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
