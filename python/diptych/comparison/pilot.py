"""What an earlier run says about the spread of a measure."""

from __future__ import annotations

import numpy as np

from diptych._types import FloatVector
from diptych.comparison.folder import Documents
from diptych.errors import RunError
from diptych.utils.names import check_name


def paired_differences(documents: Documents, measure_id: str) -> FloatVector:
    """The differences of a measure by prompt, second arm minus first, draws averaged: float64 (n_prompts,).

    Parameters
    ----------
    documents : of a paired run
    measure_id : such as ``surface.words``

    Raises
    ------
    RunError
        If the run is unpaired, or fewer than two prompts have the measurement in both arms.
    UnknownNameError
        If the run has no such measure; names the near ones.
    """
    if documents.findings["pairing"] != "paired":
        raise RunError("the pilot is unpaired: its prompts say nothing about differences. Give a paired run.")
    ids = [measure["id"] for measure in documents.measures["measures"]]
    column = documents.values[:, ids.index(check_name("measure", measure_id, ids))]
    arms = [arm["name"] for arm in documents.findings["arms"]]
    prompts = {name: i for i, name in enumerate(dict.fromkeys(row["prompt_id"] for row in documents.responses))}
    sums, counts = np.zeros((2, len(prompts))), np.zeros((2, len(prompts)))
    for row, value in zip(documents.responses, column.tolist(), strict=True):
        if not np.isnan(value):
            place = arms.index(row["arm"]), prompts[row["prompt_id"]]
            sums[place] += value
            counts[place] += 1
    both = (counts > 0).all(axis=0)
    if both.sum() < 2:
        raise RunError(f"the pilot has {measure_id} in both arms of {int(both.sum())} prompts; at least 2 are needed.")
    first, second = sums[:, both] / counts[:, both]
    return np.asarray(second - first)
