"""Lens ``contrast``: what texts propose that were made to bring the difference out, looked for in the responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from diptych.comparison.lenses.contrasting import ContrastProposal, propose_by_contrast
from diptych.comparison.measures import Tools
from diptych.errors import ConfigError


class ContrastLens:
    """Looks at texts of a contrast, and at no response: every prompt is tested on.

    The texts are drawn apart from the responses, so what they propose does not change when the arms are exchanged.
    """

    blinded: ClassVar[Literal[True]] = True

    def propose(self, texts: Sequence[str], tools: Tools) -> ContrastProposal:
        given = tools.proposing
        if given is None:
            raise ConfigError(
                "the lens 'contrast' needs texts that propose; see diptych contrast explain, which makes or takes them"
            )
        return propose_by_contrast(given.a, given.b, tools, lens="contrast", way=tools.contrast_clusters)
