"""Kinds of answers, as measures: named by their words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from diptych._types import Json, Labels, Span
from diptych.clustering.judging import Label
from diptych.clustering.naming import name_clusters
from diptych.comparison.measures import Measure, Tools, find_spans

REMEMBERED = 10_000
"""A lens remembers the words of so many texts, for comparisons that share them."""


def name_kinds(texts: Sequence[str], labels: Labels, n_kinds: int, tools: Tools) -> list[Label | None]:
    """What a labeller calls kinds of answers, as a judge confirms it; nothing where there is no labeller.

    Parameters
    ----------
    texts : n responses of both arms
    labels : int32 (n,), kind of each, or -1
    n_kinds : k
    tools : with the labeller; without another judge it is its own, asked anew about each text
    """
    labeller = tools.readers.labeller
    if labeller is None or not n_kinds:
        return [None] * n_kinds
    judge = tools.readers.judge or labeller
    return name_clusters(labeller, judge, texts, tools.embed(texts), labels, n_kinds, seed=tools.seed)


def kind_measure(lens: str, name: str, words: Sequence[str], definition: Json, label: Label | None = None) -> Measure:
    """Whether a response is of a kind.

    Parameters
    ----------
    lens, name : together the id
    words : that set the kind apart, strongest first
    definition : everything needed to compute it again
    label : what a model calls it; one that was not confirmed stands behind the words
    """
    kind = named(f"“{', '.join(words)}”" if words else "without words", label)
    if label is not None:
        definition = {**definition, "label": label.as_json()}
    return Measure(
        id=f"{lens}.{name}",
        lens=lens,
        more=f"gives more responses of the kind {kind}",
        fewer=f"gives fewer responses of the kind {kind}",
        unit="share of responses",
        kind="indicator",
        definition=definition,
    )


def named(words: str, label: Label | None) -> str:
    """What a kind is called: the name that a model gave it, where a judge confirmed that, before its words.

    Parameters
    ----------
    words : of the kind
    label : what a model calls it

    Examples
    --------
    >>> named("sea, ship", Label("sails"))
    'sea, ship (called “sails”, which could not be checked)'
    """
    if label is None:
        return words
    if label.auc is None:
        return f"{words} (called “{label.text}”, which could not be checked)"
    if not label.is_validated:
        return f"{words} (called “{label.text}”, which was not confirmed: AUC {label.auc.value:.2f})"
    return f"“{label.text}” (AUC {label.auc.value:.2f}; words {words})"


def word_spans(words: Sequence[str], text: str) -> list[Span]:
    """Where words stand in a text, whole and in any case.

    Examples
    --------
    >>> word_spans(["red", "pear"], "A red pear, reddish")
    [(2, 5), (6, 10)]
    """
    if not words:
        return []
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, words)) + r")\b", re.IGNORECASE)
    return find_spans(match.span() for match in pattern.finditer(text))
