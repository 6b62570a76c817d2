"""The result of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from diptych._types import FloatMatrix, Json, Labels, Mask, Vectors
from diptych.comparison.equivalence import judge
from diptych.comparison.findings import Finding, columns, median_share_detectable, said_by, strongest_first
from diptych.comparison.measures import Measure
from diptych.comparison.pairing import Table
from diptych.comparison.proposing import Proposing
from diptych.stats.two_sample import GlobalTest
from diptych.utils.extras import require_extra

if TYPE_CHECKING:
    import pandas

    from diptych.comparison.folder import Documents


@dataclass(frozen=True)
class Result:
    """What ``diptych.compare`` gives.

    Parameters
    ----------
    table : the responses of both arms, as compared
    measures : every measure that was tested
    values : float64 (n_rows, n_measures), as measured; NaN where missing
    tested : one finding per measure, passed or not, in the order of ``measures``
    family_size : how many measures the whole run has tested, over all its pairs of arms
    global_test : are the arms the same at all?
    coordinates : float32 (n_rows, 2), a map of the responses
    clusters : int32 (n_rows,), cluster of each response, -1 without the clusters lens
    discovery : bool (n_units,), units of the first half of the prompts
    n_discovery, n_validation : prompts in the first and in the second half
    n_resamples : of the test
    manifest : inputs with hashes, settings, versions
    hypotheses, events : the ledger and the log, as JSON lines
    rejects : lines of the inputs that were left out, as JSON lines; None where none may be
    cluster_table : ``clusters.json``: clusters with sizes, shares and themes; None without the lens ``clusters``
    proposing : texts that said what to look for
    judges : where several judged, what each by itself made of each sentence, and how far they agree
    """

    table: Table
    measures: tuple[Measure, ...]
    values: FloatMatrix
    tested: tuple[Finding, ...]
    family_size: int
    global_test: GlobalTest
    coordinates: Vectors
    clusters: Labels
    discovery: Mask
    n_discovery: int
    n_validation: int
    n_resamples: int
    manifest: Json
    hypotheses: str
    events: str
    rejects: str | None = None
    cluster_table: Json | None = None
    proposing: Proposing | None = None
    judges: Sequence[Json] = ()

    @property
    def alpha(self) -> float:
        """The false discovery rate that was asked for."""
        return float(self.manifest["config"]["alpha"])

    @cached_property
    def findings(self) -> list[Finding]:
        """What passed, strongest first; what passed in both halves stands there once, as the stronger says it."""
        passed = strongest_first([finding for finding in self.tested if finding.q_value <= self.alpha])
        kept: dict[str, Finding] = {}
        for finding in passed:
            kept.setdefault(said_by(finding), finding)
        return list(kept.values())

    @cached_property
    def not_found(self) -> list[Finding]:
        """What was tested and did not pass, strongest first."""
        return strongest_first([finding for finding in self.tested if finding.q_value > self.alpha])

    def to_json(self) -> Json:
        """``findings.json`` as an object."""
        table = self.table
        return {
            "schema": 1,
            "diptych_version": self.manifest["diptych_version"],
            "created": self.manifest["created"],
            "arms": [{"name": arm.name, "source": arm.source, "n_responses": arm.n_responses} for arm in table.arms],
            "pairing": table.pairing,
            "n_prompts": table.n_prompts,
            **self._groups(),
            "split": {
                "discovery": self.n_discovery,
                "validation": self.n_validation,
                "seed": self.manifest["config"]["seed"],
                "cross_fit": self.manifest["config"]["cross_fit"],
            },
            "alpha": self.alpha,
            "fdr": self.manifest["config"]["fdr"],
            "family_size": self.family_size,
            "resamples": self.n_resamples,
            "global": {
                "statistic": self.global_test.statistic,
                "value": self.global_test.value,
                "p_value": self.global_test.p_value,
            },
            "notices": list(table.notices),
            "findings": [finding.as_json() for finding in self.findings],
            "equivalent": [one.as_json() for one in judge(self.tested, self.manifest["config"]["equivalent_within"])],
            "not_found": {
                "n_tested": len(self.not_found),
                "n_equivalent": sum(bool(finding.is_equivalent) for finding in self.not_found),
                "minimum_detectable_effect": {"median_share": median_share_detectable(self.tested)},
            },
        }

    def _groups(self) -> Json:
        """What ``findings.json`` says of groups, where they are the units."""
        table = self.table
        if not table.is_grouped:
            return {}
        halves = {"discovery": table.n_groups(self.discovery), "validation": table.n_groups(~self.discovery)}
        return {"n_groups": table.n_groups(), "groups": {"field": table.group_field, **halves}}

    def to_pandas(self) -> pandas.DataFrame:
        """One row per finding, strongest first, without examples.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        require_extra("pandas", extra="frames")
        import pandas

        names = columns(is_grouped=self.table.is_grouped)
        rows = [{name: getattr(finding, name) for name in names} for finding in self.findings]
        return pandas.DataFrame(rows, columns=names)

    def documents(self) -> Documents:
        """Everything that a run's folder holds."""
        from diptych.comparison.folder import documents_of

        return documents_of(self)

    def to_html(self) -> str:
        """The report: one offline page."""
        from diptych.comparison.report import render

        return render(self.documents())

    def save(self, folder: str | Path) -> Path:
        """Write the run's folder, whole or not at all, and return it.

        Raises
        ------
        RunError
            If the folder exists and is not empty, or cannot be written.
        """
        from diptych.comparison.folder import write_run

        return write_run(self.documents(), Path(folder))

    def _repr_html_(self) -> str:
        from diptych.comparison.report import render_summary

        return render_summary(self.documents())

    def __repr__(self) -> str:
        a, b = (arm.name for arm in self.table.arms)
        return f"<diptych.Result {a} vs {b}: {len(self.findings)} findings of {len(self.tested)} tested>"
