"""Rows that show nothing: general questions, answered by the model itself."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from diptych.apps.interventions.rows import Row, exchange, read_rows
from diptych.apps.interventions.slots import Template
from diptych.apps.interventions.truths import Half, Truth, with_choices
from diptych.data.responses import Responses
from diptych.errors import DataError
from diptych.utils.hashing import derive_seed


def neutral_questions(half: Half, seed: int) -> list[str]:
    """General questions of our own, shuffled; those for training and those for recovery have no wording in common.

    Parameters
    ----------
    half : "training" or "probe"
    seed : of the halves and the order

    Examples
    --------
    >>> training, probes = neutral_questions("training", 0), neutral_questions("probe", 0)
    >>> len(training) > 400, len(probes) > 400, set(training) & set(probes)
    (True, True, set())
    """
    bank = json.loads(files("diptych.apps.interventions").joinpath("neutral.json").read_text(encoding="utf-8"))
    templates = tuple(with_choices(question, bank["slots"]) for question in bank["questions"])
    halves = Truth("neutral", "neutral", "The model answers as before.", templates).asked(half, seed=seed)
    parsed = [Template.parse(template) for template in halves]
    texts = [template.text(number, {}) for template in parsed for number in range(template.n_texts)]
    random.Random(derive_seed(seed, f"neutral/{half}")).shuffle(texts)
    return texts


def answered_rows(responses: Responses) -> list[Row]:
    """Neutral rows of what a model answered; blank answers are left out.

    Parameters
    ----------
    responses : of the model, to questions that show nothing
    """
    return [
        Row(exchange(row.prompt, row.response), None, responses.source) for row in responses if row.response.strip()
    ]


def read_neutral(path: str | Path) -> list[Row]:
    """Neutral rows of a file.

    Parameters
    ----------
    path : as for ``rows.read_rows``

    Raises
    ------
    DataError
        If it cannot be read, or a row names a truth.
    """
    rows = read_rows(path)
    for number, row in enumerate(rows, start=1):
        if row.truth is not None:
            raise DataError(
                f"{path}: row {number} shows {row.truth!r:.60}, and rows between planted ones show nothing. "
                "Remove it, or its field 'truth'."
            )
    return rows


def without(questions: Iterable[str], taken: Sequence[str]) -> list[str]:
    """The questions that are not among others.

    Parameters
    ----------
    questions, taken : texts
    """
    known = set(taken)
    return [question for question in questions if question not in known]
