"""What an earlier run says about the spread of a measure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diptych._types import FloatVector
from diptych.comparison.folder import Documents
from diptych.comparison.groups import group_name
from diptych.errors import RunError
from diptych.utils.names import check_name


def paired_differences(documents: Documents, measure_id: str) -> FloatVector:
    """The differences of a measure by unit, second arm minus first: float64 (n_units,).

    Units are those of the run: prompts, their draws averaged, or groups of prompts, their prompts averaged.

    Parameters
    ----------
    documents : of a paired run
    measure_id : such as ``surface.words``

    Raises
    ------
    RunError
        If the run is unpaired, or fewer than two units have the measurement in both arms.
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
    first, second = sums[:, both] / counts[:, both]
    differences, units, field = np.asarray(second - first), "prompts", pilot_groups(documents)
    if field is not None:
        units = "groups of prompts"
        measured = np.array(list(prompts))[both].tolist()
        differences = _by_group(differences, documents, measured, field)
    if len(differences) < 2:
        raise RunError(f"the pilot has {measure_id} in both arms of {len(differences)} {units}; at least 2 are needed.")
    return differences


def pilot_groups(documents: Documents) -> str | None:
    """The field that names the groups of a run, where they are its units."""
    field = documents.findings.get("groups", {}).get("field")
    return None if field is None else str(field)


def _by_group(differences: FloatVector, documents: Documents, prompts: Sequence[str], field: str) -> FloatVector:
    """Means over the prompts of each group."""
    group_of = {row["prompt_id"]: group_name(row["meta"][field]) for row in documents.responses}
    _, index = np.unique([group_of[prompt_id] for prompt_id in prompts], return_inverse=True)
    return np.asarray(np.bincount(index, differences) / np.bincount(index))
