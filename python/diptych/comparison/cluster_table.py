"""The cluster table: kinds of answers, how large they are, whose they are, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, get_args

import numpy as np

from diptych._types import Json, Labels, Vectors
from diptych.clustering.hierarchy import grow_hierarchy
from diptych.clustering.labels import find_words, keywords
from diptych.clustering.shares import arm_shares
from diptych.errors import ShapeError
from diptych.utils.markdown import as_markdown
from diptych.utils.text import csv_text

Kind = Literal["inputs", "responses", "interactions"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Whose themes are told: the prompts of a cluster, its responses, and each prompt with its response."""
SCHEMA = 1


@dataclass(frozen=True)
class Answers:
    """Responses in clusters, one entry of each field a response.

    Parameters
    ----------
    arms : who answered
    units : what was sampled independently, as a rule the prompt's id
    prompts, responses : texts
    labels : int32 (n,), cluster of each, from 0
    vectors : float32 (n, d), that were clustered
    """

    arms: Sequence[str]
    units: Sequence[str]
    prompts: Sequence[str]
    responses: Sequence[str]
    labels: Labels
    vectors: Vectors

    def __post_init__(self) -> None:
        sizes = [len(getattr(self, name)) for name in self.__dataclass_fields__]
        if len(set(sizes)) > 1:
            raise ShapeError(f"arms, units, prompts, responses, labels and vectors are of {sizes}; give one a response")

    def texts(self, kind: Kind) -> list[str]:
        """What a theme of that kind is about.

        Parameters
        ----------
        kind : one of ``KINDS``
        """
        if kind == "interactions":
            return [f"{asked}\n\n{said}" for asked, said in zip(self.prompts, self.responses, strict=True)]
        return list(self.prompts if kind == "inputs" else self.responses)


@dataclass(frozen=True)
class Said:
    """What models say of clusters; nothing where none was asked.

    Parameters
    ----------
    names : by kind and cluster, as ``Label.as_json`` gives them
    contrasts : by cluster, what one arm does there that the other does not
    """

    names: Mapping[Kind, Mapping[int, Json]] = field(default_factory=dict)
    contrasts: Mapping[int, Sequence[Json]] = field(default_factory=dict)


def build_table(answers: Answers, arms: Sequence[str], said: Said | None = None) -> Json:
    """``clusters.json``: clusters, the largest first, and a tree over them.

    Parameters
    ----------
    answers : of all arms, clustered together without looking at arms
    arms : names, in the order of the columns
    said : by models that were asked

    Examples
    --------
    >>> rows = np.eye(2, dtype=np.float32)[[0, 1, 0, 0]]
    >>> labels = np.array([0, 1, 0, 0], np.int32)
    >>> said = ["red pear", "car", "red pear", "red pear"]
    >>> answers = Answers(list("abab"), list("1122"), ["Why?"] * 4, said, labels, rows)
    >>> table = build_table(answers, ["a", "b"])
    >>> [(one["cluster"], one["size"], one["themes"]["responses"]["keywords"]) for one in table["clusters"]]
    [(0, 3, ['pear', 'red']), (1, 1, ['car'])]
    """
    used, sizes = np.unique(answers.labels, return_counts=True)
    order = np.lexsort((used, -sizes))
    numbers = used[order].tolist()
    place = np.zeros(int(used.max()) + 1, dtype=np.int32)
    place[numbers] = np.arange(len(numbers))
    labels = place[answers.labels]
    words = _words(answers, labels, len(numbers))
    shares, said = list(_shares(answers, labels, arms)), said or Said()
    clusters = [
        {
            "cluster": number,
            "size": int(sizes[order[row]]),
            "shares": shares[row],
            "themes": {
                kind: {"keywords": list(words[kind][row]), "label": said.names.get(kind, {}).get(number)}
                for kind in KINDS
            },
            "contrasts": list(said.contrasts.get(number, ())),
        }
        for row, number in enumerate(numbers)
    ]
    centroids = np.array([answers.vectors[labels == row].mean(axis=0, dtype=np.float64) for row in range(len(numbers))])
    tree = grow_hierarchy(centroids, sizes[order].astype(np.int64))
    grown = {"children": tree.children.tolist(), "heights": tree.heights.tolist(), "sizes": tree.sizes.tolist()}
    return {"schema": SCHEMA, "arms": list(arms), "clusters": clusters, "tree": grown}


def _words(answers: Answers, labels: Labels, k: int) -> dict[Kind, list[tuple[str, ...]]]:
    """Keywords of each kind; each text is looked through once."""
    once = cache(find_words)
    parts = dict(zip(answers.texts("interactions"), zip(answers.prompts, answers.responses, strict=True), strict=True))
    both = {"interactions": lambda text: [word for part in parts[text] for word in once(part)]}
    return {kind: keywords(answers.texts(kind), labels, k, words_of=both.get(kind, once)) for kind in KINDS}


def _shares(answers: Answers, labels: Labels, arms: Sequence[str]) -> Iterator[list[Json]]:
    """For each cluster, what each arm has in it."""
    k = int(labels.max()) + 1
    found = arm_shares(labels, k, answers.arms, answers.units)
    of_row = np.array([arms.index(arm) for arm in answers.arms])
    counts = [np.bincount(labels[of_row == i], minlength=k) for i in range(len(arms))]
    for c in range(k):
        yield [
            {"arm": arm, "n": int(counts[i][c])}
            | {name: float(getattr(found, name)[c, found.arms.index(arm)]) for name in ("share", "low", "high")}
            for i, arm in enumerate(arms)
        ]


def theme(told: Json) -> str:
    """A theme in words: its name, if a judge confirmed one, else its keywords, with the name behind them.

    Parameters
    ----------
    told : of one kind and cluster, as in ``clusters.json``

    Examples
    --------
    >>> theme({"keywords": ["red", "pear"], "label": None}), theme({"keywords": [], "label": None})
    ('red, pear', 'no words of its own')
    """
    label, words = told["label"], ", ".join(told.get("keywords", ()))
    if label is None:
        return words or "no words of its own"
    if label["is_validated"]:
        return str(label["text"])
    return f"{words} (called “{label['text']}”, not confirmed)" if words else f"{label['text']} (not confirmed)"


def table_rows(table: Json) -> list[list[Any]]:
    """The table for spreadsheets, names of columns first.

    Parameters
    ----------
    table : ``clusters.json``
    """
    parts = ("share", "low", "high")
    has_contrasts = any(one["contrasts"] for one in table["clusters"])
    head = ["cluster", "size", *(f"{arm}: {part}" for arm in table["arms"] for part in parts)]
    head += [*KINDS, *(["contrasts"] if has_contrasts else [])]
    rows: list[list[Any]] = [head]
    for one in table["clusters"]:
        row = [one["cluster"], one["size"], *(share[part] for share in one["shares"] for part in parts)]
        row += [theme(one["themes"][kind]) for kind in KINDS]
        if has_contrasts:
            row.append("; ".join(f"{said['arm']}: {theme(said)}" for said in one["contrasts"]))
        rows.append(row)
    return rows


def table_files(table: Json) -> dict[str, str]:
    """The table as it lies in a folder: ``clusters.csv``, ``.md``, ``.html``; numbers in full stand in ``.json``.

    Parameters
    ----------
    table : ``clusters.json``
    """
    from diptych.comparison.report.clusters import render_clusters
    from diptych.utils.text import json_text

    rows = table_rows(table)
    return {
        "clusters.json": json_text(table) + "\n",
        "clusters.csv": csv_text(rows),
        "clusters.md": as_markdown(rows),
        "clusters.html": render_clusters(table),
    }
