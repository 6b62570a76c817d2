"""Lenses: each file holds one, each proposes measures and reports nothing by itself."""

from __future__ import annotations

from importlib import import_module

from diptych.comparison.measures import Lens
from diptych.utils.names import check_name

LENSES = {
    "surface": "SurfaceLens",
    "phrases": "PhrasesLens",
    "clusters": "ClustersLens",
    "regions": "RegionsLens",
    "scores": "ScoresLens",
    "log_odds": "LogOddsLens",
    "likelihood": "LikelihoodLens",
    "judge": "JudgeLens",
    "claims": "ClaimsLens",
    "approval": "ApprovalLens",
    "contrast": "ContrastLens",
    "contrast_halves": "ContrastHalvesLens",
}
"""Name of each lens and its class, in the file of the same name."""

DEFAULT_LENSES = ("surface", "phrases", "clusters", "regions")


class Lenses(dict[str, Lens]):
    """Lenses by name, each made when it is first asked for.

    Some remember what they counted in a text, so comparisons that share texts are quicker with the same lenses.
    """

    def __missing__(self, name: str) -> Lens:
        return self.setdefault(name, make_lens(name))


def make_lens(name: str) -> Lens:
    """The lens of that name.

    Raises
    ------
    UnknownNameError
        Names the near ones.

    Examples
    --------
    >>> type(make_lens("surface")).__name__
    'SurfaceLens'
    """
    check_name("lens", name, LENSES)
    lens: Lens = getattr(import_module(f"diptych.comparison.lenses.{name}"), LENSES[name])()
    return lens
