"""What a blind comparison brings to light: hypotheses, each with all findings that say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from diptych._types import Json
from diptych.apps.interventions.blind_run import BlindRun
from diptych.apps.interventions.run_evidence import Evidence
from diptych.comparison.folder import Documents
from diptych.comparison.report.format import probability
from diptych.stats.agreement import AGREES
from diptych.utils.files import write_files, writing
from diptych.utils.markdown import as_markdown
from diptych.utils.text import json_text

NAMES: Final = ("A", "B")
"""The model before and the model after are called so: who proposes or judges is told no other name."""
TELLS_NO_BEHAVIOUR: Final = frozenset({"likelihood"})
"""Lenses whose findings say that two models differ, and not in what."""
RECOVERED: Final = "recovered.json"
_OF_STRONGEST = ("lens", "unit", "mean_a", "mean_b", "effect", "ci_low", "ci_high", "effect_size", "p_value", "q_value")


@dataclass(frozen=True)
class Hypothesis:
    """One way in which the models differ.

    Parameters
    ----------
    rank : by strength of evidence, from 1
    findings : of ``findings.json``, strongest first; all of them tell of the same responses
    """

    rank: int
    findings: tuple[Json, ...]

    @property
    def statement(self) -> str:
        """As its strongest finding says it."""
        return str(self.findings[0]["statement"])

    def as_json(self) -> Json:
        """As in ``recovered.json``."""
        return {
            "rank": self.rank,
            "statement": self.statement,
            **{name: self.findings[0][name] for name in _OF_STRONGEST},
            "findings": [finding["id"] for finding in self.findings],
        }


def hypotheses_of(evidence: Evidence) -> list[Hypothesis]:
    """The findings of a run, strongest first, those that say the same put together.

    A finding joins the first hypothesis with all findings of which it has, within the second arm, a correlation of at
    least ``AGREES`` in the same direction. What only says that the models differ is left out.

    Parameters
    ----------
    evidence : of the run
    """
    groups: list[list[Json]] = []
    for finding in evidence.findings:
        if finding["lens"] in TELLS_NO_BEHAVIOUR:
            continue
        same = next((group for group in groups if all(evidence.alike(finding, one) >= AGREES for one in group)), None)
        if same is None:
            groups.append([finding])
        else:
            same.append(finding)
    return [Hypothesis(rank, tuple(group)) for rank, group in enumerate(groups, start=1)]


def blind_comparison(documents: Documents) -> BlindRun:
    """A comparison, as truths are held against it.

    Parameters
    ----------
    documents : of the run
    """
    evidence = Evidence(documents)
    return BlindRun(
        kind="comparison",
        responses=tuple(str(row["response"]) for row in documents.responses),
        is_after=evidence.is_after,
        hypotheses=tuple(tuple(map(evidence.measured, one.findings)) for one in hypotheses_of(evidence)),
        n_findings=len(evidence.findings),
    )


def write_recovered(folder: Path, documents: Documents) -> list[Hypothesis]:
    """Write the hypotheses of a run into its folder: ``recovered.json`` and ``recovered.md``.

    Parameters
    ----------
    folder : of the run
    documents : of the run

    Raises
    ------
    RunError
        If they cannot be written.
    """
    found = hypotheses_of(Evidence(documents))
    differ = [one["statement"] for one in documents.findings["findings"] if one["lens"] in TELLS_NO_BEHAVIOUR]
    whole = {
        "schema": 1,
        "alpha": documents.findings["alpha"],
        "global": documents.findings["global"],
        "differ_somehow": differ,
        "hypotheses": [_with_judges(one.as_json(), documents.judges) for one in found],
    }
    texts = {RECOVERED: json_text(whole) + "\n", "recovered.md": as_markdown(_rows(found))}
    with writing(folder):
        write_files(folder, texts)
    return found


def _with_judges(hypothesis: Json, judges: Sequence[Json]) -> Json:
    """With what each of several judges by itself made of its sentences."""
    own = [entry for entry in judges if entry["id"] in hypothesis["findings"]]
    return {**hypothesis, "judges": own} if own else hypothesis


def _rows(found: Sequence[Hypothesis]) -> list[Sequence[object]]:
    rows = [
        [one.rank, one.statement, *(one.findings[0][name] for name in ("mean_a", "mean_b", "unit")),
         probability(one.findings[0]["q_value"]).text, len(one.findings)]
        for one in found
    ]  # fmt: skip
    return [["rank", "hypothesis", *NAMES, "unit", "q", "findings"], *rows]
