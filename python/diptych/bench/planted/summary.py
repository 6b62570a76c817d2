"""Many runs of a cell in a few numbers, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from diptych._types import Json
from diptych.bench.planted.scoring import Score
from diptych.stats.summaries import median, share


def summarise(rule: str, scores: Sequence[Score]) -> Json:
    """What one rule did in one cell.

    Parameters
    ----------
    rule : its name
    scores : of each run

    Returns
    -------
    Json
        ``recall`` of what was planted, over runs and kinds, and ``recall_by_lens``; ``false_share``, the mean false
        discovery proportion; ``any``, runs with a claim; ``any_false``, runs with a false one; ``first_true``, the
        median rank of the first that stands for a plant; ``n_claims``, their mean number
    """
    n = len(scores)
    found = [lenses for score in scores for lenses in score.recovered.values()]
    by_lens = sorted({lens for lenses in found for lens in lenses})
    return {
        "rule": rule,
        "recall": share(_mean([bool(lenses) for lenses in found]), len(found)),
        "recall_by_lens": {lens: _mean([lens in lenses for lenses in found]) for lens in by_lens},
        "false_share": share(_mean([score.false_share for score in scores]), n),
        "any": share(_mean([score.n_claims > 0 for score in scores]), n),
        "any_false": share(_mean([score.n_false > 0 for score in scores]), n),
        "first_true": median([score.first_true for score in scores if score.first_true is not None]),
        "n_claims": _mean([score.n_claims for score in scores]),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
