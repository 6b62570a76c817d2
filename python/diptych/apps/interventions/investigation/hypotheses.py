"""Hypotheses of an assistant, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diptych._types import Json
from diptych.comparison.inference import Tested
from diptych.comparison.lenses.judge import JudgeProposal
from diptych.comparison.lenses.surface import FEATURES, SurfaceProposal
from diptych.comparison.measures import Measure, Proposal
from diptych.data.responses import Response
from diptych.models.assistant import Assistant
from diptych.utils.names import slug

MEASURES = {f"surface.{feature.name}": feature for feature in FEATURES}
"""What can be counted in an answer, by the names of a comparison."""


@dataclass(frozen=True)
class Hypothesis:
    """A sentence about how B differs, and how that is measured.

    Parameters
    ----------
    number : in the stream, from 1
    round : in which it was put forward
    sentence : as the assistant says it
    criterion : what a judge says of one answer; empty where something is counted
    measure : name of what is counted; empty where a judge is asked
    written : prompts that the assistant wrote for its test
    seen : prompts whose answers it had seen
    """

    number: int
    round: int
    sentence: str
    criterion: str
    measure: str
    written: tuple[str, ...]
    seen: tuple[str, ...]

    def proposal(self, judges: Sequence[Assistant], seen: frozenset[str], *, seed: int) -> Proposal:
        """How it is measured: as the lenses ``judge`` and ``surface`` of a comparison do.

        Parameters
        ----------
        judges : each sees one answer at a time, and not whose it is; of several the mean counts
        seen : ids of prompts that had a part in choosing it; none of them is measured
        seed : of the marks round what the judge reads
        """
        if self.measure:
            return SurfaceProposal([list(MEASURES).index(self.measure)], {})
        return JudgeProposal(judges, [self.criterion], half="first", seen=seen, seed=seed)

    def named(self, measure: Measure) -> Measure:
        """A measure under a name of this hypothesis's own, as it stands in the list of hypotheses.

        Parameters
        ----------
        measure : of ``proposal``
        """
        return Measure(
            f"{measure.lens}.h{self.number:03d}_{slug(self.criterion or self.measure, max_length=40)}", measure.lens,
            measure.more, measure.fewer, measure.unit, measure.kind,
            {**measure.definition, "sentence_of_the_assistant": self.sentence},
        )  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """A hypothesis after its test.

    Parameters
    ----------
    hypothesis : as it was written down
    measure : of it
    rows : the answers that it was tested on, A's first
    scores : what was measured of each; NaN where nothing was
    tested : with one entry; None where it could not be tested
    reason : why not
    level : at most so large its p had to be
    is_found : whether it was
    """

    hypothesis: Hypothesis
    measure: Measure
    rows: tuple[Response, ...] = ()
    scores: tuple[float, ...] = ()
    tested: Tested | None = None
    reason: str = ""
    level: float = 0.0
    is_found: bool = False

    @property
    def p_value(self) -> float:
        """Of its test; 1 where there was none."""
        return 1.0 if self.tested is None else float(self.tested.test.p_value[0])

    @property
    def means(self) -> tuple[float, float]:
        """Of A and of B, over the prompts where both are measured."""
        assert self.tested is not None
        return float(self.tested.mean_first[0]), float(self.tested.mean_second[0])

    @property
    def outcome(self) -> str:
        """In a word or two."""
        if self.tested is None:
            return "not tested"
        return "found" if self.is_found else "not found"

    def as_json(self) -> Json:
        """As it stands in ``investigation.json``, but for its q."""
        one, tested = self.hypothesis, self.tested
        numbers: Json = {}
        if tested is not None:
            mean_a, mean_b = self.means
            numbers = {
                "statement": self.measure.statement("B", mean_b - mean_a),
                "mean_a": mean_a,
                "mean_b": mean_b,
                "effect": mean_b - mean_a,
                "ci_low": float(tested.low[0]),
                "ci_high": float(tested.high[0]),
                "statistic": float(tested.test.statistic[0]),
                "p_value": self.p_value,
                "level": self.level,
                "n_prompts": int(tested.n_prompts[0]),
                "n_missing": int(tested.n_missing[0]),
                "drop_out_p": float(tested.drop_out_p[0]),
            }
        return {
            "number": one.number,
            "round": one.round,
            "sentence": one.sentence,
            "criterion": one.criterion or None,
            "counted": one.measure or None,
            "measure": self.measure.id,
            "unit": self.measure.unit,
            "outcome": self.outcome,
            "reason": self.reason or None,
            **numbers,
            "tested_on": list(dict.fromkeys(row.prompt for row in self.rows)),
            "written_by_the_assistant": list(one.written),
            "seen_before": list(one.seen),
        }
