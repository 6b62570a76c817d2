"""Flags of a contrast, for the verbs that make one."""

from __future__ import annotations

from typing import Annotated

from diptych.cli.settings import option

CONTRAST = "The contrast"

Rule = Annotated[str | None, option("rule", "amplify, contrastive, or difference.", CONTRAST, "amplify")]
Weight = Annotated[float | None, option("weight", "How much the foil counts.", CONTRAST, "1")]
Nucleus = Annotated[float | None, option("nucleus", "Share of the speaker's probability.", CONTRAST, "1")]
Gating = Annotated[float | None, option("gating", "Less contrast where both agree.", CONTRAST, "none")]
