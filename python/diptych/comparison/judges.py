"""Several judges of the same sentences: what each by itself makes of the arms, and how far they say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from diptych._types import FloatMatrix, Json
from diptych.comparison import inference
from diptych.comparison.measures import Judged, Measure, Proposal
from diptych.comparison.pairing import Table
from diptych.comparison.parts import Part
from diptych.comparison.units import unit_means
from diptych.stats.agreement import agreement_of_judges

_ENDS = ("mean_a", "mean_b", "effect", "ci_low", "ci_high")


@dataclass(frozen=True)
class Bench:
    """Where verdicts stand.

    Parameters
    ----------
    table : the responses, in the order in which they were measured
    swapped : whether its arms are the other way round than in the run
    resampling : seed, number, threads
    """

    table: Table
    swapped: bool
    resampling: inference.Resampling

    def figures(self, part: Part) -> Iterator[Json]:
        """For each sentence that several judges judged: the arms by each judge, and each two judges.

        Parameters
        ----------
        part : after its test
        """
        for proposal in part.proposals:
            if isinstance(proposal, Judged) and len(proposal.verdicts) > 1:
                yield from self._of_proposal(part, proposal, proposal.verdicts)

    def _of_proposal(self, part: Part, proposal: Proposal, verdicts: Mapping[str, FloatMatrix]) -> Iterator[Json]:
        by_judge = {name: self._of_judge(part, proposal.measures, said) for name, said in verdicts.items()}
        units = [self.table.units[unit] for unit in self.table.unit_of_row]
        for j, measure in enumerate(proposal.measures):
            yield {
                "id": measure.id,
                "sentence": measure.definition["sentence"],
                "tested_on": part.tested_on,
                "judges": [{"judge": name, **rows[j]} for name, rows in by_judge.items()],
                "agreement": [
                    {"first": one, "second": other, **agreement_of_judges(said[:, j], others[:, j], units)}
                    for (one, said), (other, others) in combinations(verdicts.items(), 2)
                ],
            }

    def _of_judge(self, part: Part, measures: Sequence[Measure], said: FloatMatrix) -> list[Json]:
        """Means of the arms and their difference with its interval, by one judge's verdicts alone."""
        found = inference.infer(self.table, unit_means(self.table, said), part.tested, measures, self.resampling)
        means, ends = (found.mean_first, found.mean_second), (found.low, found.high)
        if self.swapped:
            means, ends = means[::-1], (-found.high, -found.low)
        columns = np.array([*means, means[1] - means[0], *ends])
        return [
            {**dict(zip(_ENDS, columns[:, j].tolist(), strict=True)),
             "n_prompts": int(found.n_prompts[j]), "n_missing": int(found.n_missing[j])}
            for j in range(len(measures))
        ]  # fmt: skip
