"""The report: one offline page, made from a run's documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diptych.comparison.folder import Documents


def render(documents: Documents) -> str:
    return "TODO"


def render_summary(documents: Documents) -> str:
    return "TODO"
