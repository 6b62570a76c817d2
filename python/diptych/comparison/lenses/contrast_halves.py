"""Lens ``contrast_halves``: what sets the responses of either arm apart in one half, looked for in the other."""

from __future__ import annotations

from typing import ClassVar, Literal

from diptych.comparison.lenses.contrasting import ContrastProposal, propose_by_contrast
from diptych.comparison.measures import Discovery, Tools


class ContrastHalvesLens:
    """As lens ``contrast``, where there are no other texts than the responses: one half of the prompts proposes."""

    blinded: ClassVar[Literal[False]] = False

    def propose(self, discovery: Discovery, tools: Tools) -> ContrastProposal:
        a, b = (
            [row for row, is_b in zip(discovery, discovery.is_b, strict=True) if is_b == side] for side in (False, True)
        )
        prefix = f"{discovery.half}_"
        return propose_by_contrast(a, b, tools, lens="contrast_halves", prefix=prefix, way=tools.contrast_clusters)
