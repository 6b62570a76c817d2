"""Names of clusters from a model that reads: what is in a cluster and not in its neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from diptych._types import FloatVector, Labels, Mask, Vectors
from diptych.clustering.judging import HeldOut, Label, validate_labels
from diptych.errors import ShapeError
from diptych.models.assistant import Assistant
from diptych.models.generation import Question
from diptych.models.requests import Failure, Message
from diptych.models.untrusted import Fence, orders_in
from diptych.utils.hashing import hex_digests
from diptych.utils.text import printable, shorten

N_TYPICAL, N_BOUNDARY, N_OUTSIDE = 5, 3, 6
"""Texts that are shown: nearest to the centroid, nearest to other clusters, and of those."""
N_HELD_OUT = 18
"""Texts of the cluster, and as many of its neighbours, that a judge is asked about."""
MAX_LABEL = 80
MAX_OVERLAP = 0.6
"""Of two labels that share more of their words (Jaccard), the later is left out."""
_LITTLE = re.compile(r"\b(?:an?|and|are|as|at|be|by|for|from|in|into|is|its?|of|on|or|that|the|their|to|with)\b")

_RULE = (
    "You name groups of texts. You get some texts of a group and some texts of others that are near it. Say in a few "
    "words what those of the group have in common that the others lack, whether in subject, in opinion, or in manner."
)
_FORM = (
    'Answer with one JSON object and nothing else: {"labels": ["…", "…", "…"]}, with up to three different labels of '
    "at most ten words each, the best first. A label is a phrase that can be judged true or false of one text."
)
_AVOID = "This was said of other groups already. Say something else, if it is as true:"


class Names(BaseModel):
    """What the labeller answers."""

    labels: list[str]


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two groups of texts, of which the first is to be named: a cluster and its neighbours, or two arms in a cluster.

    Parameters
    ----------
    inside : typical of the first, and at its boundary
    outside : of the second
    """

    inside: tuple[str, ...]
    outside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A cluster as it is shown to whoever names it, and what is held out for a judge."""

    contrast: Contrast
    held_out: HeldOut


def naming_question(contrast: Contrast, *, seed: int, avoid: Sequence[str] = ()) -> Question:
    """What a model is asked that names a group.

    Parameters
    ----------
    contrast : the texts
    seed : of the run
    avoid : what was said of other groups
    """
    fence = Fence.around([*contrast.inside, *contrast.outside, *avoid], seed=seed)
    inside, outside = ("\n".join(fence.quote(text) for text in side) for side in (contrast.inside, contrast.outside))
    asked = f"Texts of the group:\n{inside}\n\nTexts of others:\n{outside or '(none)'}\n\n"
    if avoid:
        asked += f"{_AVOID}\n" + "\n".join(fence.quote(said, "said") for said in avoid) + "\n\n"
    messages = (Message("system", f"{_RULE} {fence.rule}"), Message("user", f"{asked}{_FORM}"))
    return Question(f"name {fence.code}", messages)


def propose_labels(
    labeller: Assistant, contrasts: Sequence[Contrast], *, seed: int, avoid: Sequence[str] = ()
) -> list[tuple[str, ...]]:
    """Candidate labels of each group, the likeliest first, without near-duplicates.

    Parameters
    ----------
    labeller : is asked once for each group, and sees no text of another but its neighbours
    contrasts : the groups
    seed : of the run
    avoid : what was said of other groups, so that something else is said of these where it can be

    Returns
    -------
    list
        one line each, printable; none where the answer could not be read

    Raises
    ------
    ConfigError, BudgetError, ModelError, LedgerError
        As ``Assistant.ask_objects`` does.
    """
    answers = labeller.ask_objects([naming_question(contrast, seed=seed, avoid=avoid) for contrast in contrasts], Names)
    return [() if isinstance(answer, Failure) else clean_sentences(answer.labels) for answer in answers]


def clean_sentences(sentences: Sequence[str], *, max_length: int = MAX_LABEL) -> tuple[str, ...]:
    r"""Sentences that a model wrote, fit to be shown and asked after: on one line, printable, no two nearly alike.

    Parameters
    ----------
    sentences : as they came
    max_length : in characters; longer ones are cut

    Examples
    --------
    >>> clean_sentences(["Praises the user.", "praises users", " ", "is about\n food"])
    ('Praises the user', 'is about food')
    """
    kept: list[str] = []
    for sentence in sentences:
        line = shorten(printable(sentence), max_length).strip(" .\"'“”")
        if _words(line) and not orders_in(sentence) and all(_overlap(line, other) <= MAX_OVERLAP for other in kept):
            kept.append(line)
    return tuple(kept)


def _words(line: str) -> set[str]:
    """What a label says, without little words and endings."""
    said = _LITTLE.sub(" ", line.lower())
    return {re.sub(r"(?<=\w{3})(?:ing|es|s|ed)$", "", word) for word in re.findall(r"\w+", said)}


def _overlap(one: str, other: str) -> float:
    first, second = _words(one), _words(other)
    return len(first & second) / len(first | second)


def show_clusters(
    texts: Sequence[str],
    vectors: Vectors,
    labels: Labels,
    n_clusters: int,
    *,
    seed: int,
    n_held_out: int = N_HELD_OUT,
) -> list[Shown]:
    """For each cluster: texts to name it by, typical ones and boundary ones, neighbours, and texts held out.

    Parameters
    ----------
    texts : n; of equal ones in a cluster, one is used, and none that is in it stands for its neighbours
    vectors : float32 (n, d)
    labels : int32 (n,), cluster of each; -1 is no cluster, and may be a neighbour
    n_clusters : k
    seed : of what is held out
    n_held_out : texts of a cluster, and as many of its neighbours, at most

    Notes
    -----
    Texts with orders in them (``orders_in``) are neither shown to the labeller nor held out, where others are left. At
    most half of a cluster is shown.

    Raises
    ------
    ShapeError
        If the lengths differ.
    """
    if not len(texts) == len(vectors) == len(labels):
        raise ShapeError(f"{len(texts)} texts, {len(vectors)} vectors, {len(labels)} labels; give one of each a text")
    digests = hex_digests("diptych/held-out/1", [[str(seed)] * len(texts), texts])
    order = np.array(sorted(range(len(texts)), key=lambda i: (digests[i], i)), dtype=np.int64)
    suspicious = np.array([bool(orders_in(text)) for text in texts], dtype=np.bool_)
    centroids = _centroids(vectors, labels, n_clusters)
    usable = order[~suspicious[order]] if not suspicious.all() else order
    return [_show(texts, vectors, labels == c, centroids, c, usable, n_held_out) for c in range(n_clusters)]


def _centroids(vectors: Vectors, labels: Labels, n_clusters: int) -> Vectors:
    """Mean of each cluster; one that is empty lies infinitely far away."""
    centroids = np.full((n_clusters, vectors.shape[1]), np.inf, dtype=np.float32)
    for c in np.unique(labels[labels >= 0]).tolist():
        centroids[c] = vectors[labels == c].mean(axis=0)
    return centroids


def _show(
    texts: Sequence[str],
    vectors: Vectors,
    is_inside: Mask,
    centroids: Vectors,
    cluster: int,
    order: NDArray[np.int64],
    n_held_out: int,
) -> Shown:
    """One cluster; ``order`` holds the usable rows, shuffled."""
    inside, outside = (_once(texts, order[side[order]]) for side in (is_inside, ~is_inside))
    own_texts = {texts[i] for i in inside}
    outside = [i for i in outside if texts[i] not in own_texts]
    own = _distance(vectors, centroids[cluster])
    other = np.min([_distance(vectors, c) for i, c in enumerate(centroids) if i != cluster] or [own * 0], axis=0)
    most = max(1, len(inside) // 2)
    typical = sorted(inside, key=lambda i: own[i])[: min(N_TYPICAL, most)]
    rest = sorted((i for i in inside if i not in typical), key=lambda i: other[i] - own[i])
    shown = typical + rest[: max(0, min(N_BOUNDARY, most - len(typical)))]
    near = sorted(outside, key=lambda i: own[i])[: 3 * (N_OUTSIDE + n_held_out)]
    near = [i for i in outside if i in set(near)]
    n_near = min(N_OUTSIDE, len(near) // 2)
    held_out = [i for i in inside if i not in shown][:n_held_out]
    parts = (shown, near[:n_near], held_out, near[n_near : n_near + n_held_out])
    typical_texts, outside_texts, inside_held_out, outside_held_out = (tuple(texts[i] for i in part) for part in parts)
    return Shown(Contrast(typical_texts, outside_texts), HeldOut(inside_held_out, outside_held_out))


def _once(texts: Sequence[str], rows: NDArray[np.int64]) -> list[int]:
    """Rows without those whose text came before."""
    return list({texts[i]: i for i in reversed(rows.tolist())}.values())[::-1]


def _distance(vectors: Vectors, centroid: FloatVector) -> FloatVector:
    if not np.isfinite(centroid).all():
        return np.full(len(vectors), np.inf)
    return np.asarray(((vectors - centroid) ** 2).sum(axis=1))


def name_clusters(
    labeller: Assistant,
    judge: Assistant,
    texts: Sequence[str],
    vectors: Vectors,
    labels: Labels,
    n_clusters: int,
    *,
    seed: int,
    n_held_out: int = N_HELD_OUT,
) -> list[Label | None]:
    """Names of clusters, each with what a blind judge made of it.

    Parameters
    ----------
    labeller : proposes names
    judge : says which held-out texts they fit; may be the same
    texts : n
    vectors : float32 (n, d)
    labels : int32 (n,), cluster of each text; -1 is no cluster
    n_clusters : k
    seed : of which texts are shown and which are held out
    n_held_out : texts of a cluster, and as many of its neighbours, that the judge is asked about

    Returns
    -------
    list
        k labels; None where the model gave none that could be read

    Raises
    ------
    ShapeError
        If the lengths differ.
    ConfigError, BudgetError, ModelError, LedgerError
        As ``Assistant.ask_objects`` does.
    """
    shown = show_clusters(texts, vectors, labels, n_clusters, seed=seed, n_held_out=n_held_out)
    named = [number for number, one in enumerate(shown) if one.contrast.inside]
    proposed = propose_labels(labeller, [shown[number].contrast for number in named], seed=seed)
    candidates: list[tuple[str, ...]] = [()] * n_clusters
    for number, some in zip(named, proposed, strict=True):
        candidates[number] = some
    return validate_labels(judge, candidates, [one.held_out for one in shown], seed=seed)
