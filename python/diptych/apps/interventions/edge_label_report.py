"""Labels of pairs of clusters as numbers and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diptych._types import Json
from diptych.apps.interventions.edge_labels import EdgeLabel, Labelling, diversity
from diptych.stats.auc import Auc

_COLUMNS = (
    "a", "b", "of", "label", "auc", "low", "high", "q", "by words", "elsewhere", "low elsewhere", "high elsewhere",
    "q elsewhere", "by words elsewhere", "without verdict",
)  # fmt: skip


def labels_as_json(labels: Sequence[EdgeLabel], labelling: Labelling, arms: Sequence[str]) -> Json:
    """``labels`` of ``graph.json``.

    Parameters
    ----------
    labels : of the pairs
    labelling : by whom
    arms : names of the two
    """
    return {
        "labeller": labelling.labeller.model.name,
        "judges": [judge.model.name for judge in labelling.judges],
        "diversified": labelling.diversify,
        "diversity": diversity(labels),
        "family_size": sum(q is not None for label in labels for q in (label.q_here, label.q_elsewhere)),
        "pairs": [_as_json(label, arms) for label in labels],
    }


def _as_json(label: EdgeLabel, arms: Sequence[str]) -> Json:
    return {
        "a": label.a,
        "b": label.b,
        "arm": arms[label.arm],
        "text": label.text,
        "here": area_as_json(label.here, label.q_here),
        "elsewhere": area_as_json(label.elsewhere, label.q_elsewhere),
        "words_here": area_as_json(label.words_here),
        "words_elsewhere": area_as_json(label.words_elsewhere),
        "judges": [{"judge": name, "here": area_as_json(area)} for name, area in label.by_judge],
        "agreement": list(label.agreement),
        "n_missing": label.n_missing,
    }


def area_as_json(area: Auc | None, q_value: float | None = None) -> Json | None:
    """An area with its interval, and its p-value where that was corrected.

    Parameters
    ----------
    area : None where there is none
    q_value : of its p-value; None where it was not tested
    """
    if area is None:
        return None
    found = {name: getattr(area, name) for name in ("value", "low", "high", "n_first", "n_second")}
    return found if q_value is None else {**found, "p_value": area.p_value, "q_value": q_value}


def label_rows(found: Json) -> list[list[Any]]:
    """A row for each label, names of columns first.

    Parameters
    ----------
    found : of ``labels_as_json``
    """
    return [list(_COLUMNS), *(_row(label) for label in found["pairs"])]


def _row(label: Json) -> list[Any]:
    here, elsewhere = (label[name] or {} for name in ("here", "elsewhere"))
    words = [(label[name] or {}).get("value") for name in ("words_here", "words_elsewhere")]
    ends = ("value", "low", "high", "q_value")
    return [
        label["a"], label["b"], label["arm"], label["text"], *(here.get(end) for end in ends), words[0],
        *(elsewhere.get(end) for end in ends), words[1], label["n_missing"],
    ]  # fmt: skip
