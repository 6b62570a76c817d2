"""What tells two clusters apart, in the words of a model, judged blind on texts held out, there and elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatVector, Json, Mask
from diptych.apps.interventions.graph import Edge
from diptych.apps.interventions.word_baseline import Placed, WordBaseline
from diptych.clustering.judging import Item, score_texts
from diptych.clustering.naming import Contrast, propose_labels
from diptych.models.assistant import Assistant
from diptych.models.untrusted import orders_in
from diptych.stats.agreement import agreement_of_judges
from diptych.stats.auc import Auc
from diptych.stats.multiplicity import q_values
from diptych.utils.hashing import derive_seed, hex_digests

N_SHOWN = 8
"""Texts of either side that are shown, of the first half."""
N_JUDGED = 24
"""Texts of either side, about, of the second half, that a judge is asked about; and as many of all clusters."""
FEWEST = 3
"""Texts that either side needs in either half."""
_EDGES_AT_ONCE, _SENTENCES_AT_ONCE, _REMEMBERED = 5, 10, 20


@dataclass(frozen=True)
class Labelling:
    """Who says what differs, and who judges it.

    Parameters
    ----------
    labeller : sees texts of both sides
    judges : see one text at a time; the mean of their verdicts counts
    most : pairs of clusters that are labelled, at most
    diversify : whether the labeller is told what was said before, and asked for something else
    seed : of what is shown and judged
    """

    labeller: Assistant
    judges: tuple[Assistant, ...]
    most: int = 20
    diversify: bool = False
    seed: int = 0


@dataclass(frozen=True)
class EdgeLabel:
    """What one side of a pair of clusters does that the other does not.

    Parameters
    ----------
    a, b : clusters of the first arm and of the second
    arm : 0 or 1, of whose cluster it is said
    text : what is said
    here : how much oftener it holds of that side, on texts held out; its p-value counts only where a is b
    elsewhere : the same of the two arms in all other clusters
    words_here, words_elsewhere : of the same texts, by words that were learnt where the label was found
    by_judge : ``here``, by each judge alone
    agreement : of each two judges
    n_missing : texts without a verdict
    q_here, q_elsewhere : false discovery rates over all labels; None where nothing was tested
    """

    a: int
    b: int
    arm: int
    text: str
    here: Auc | None = None
    elsewhere: Auc | None = None
    words_here: Auc | None = None
    words_elsewhere: Auc | None = None
    by_judge: tuple[tuple[str, Auc | None], ...] = ()
    agreement: tuple[Json, ...] = ()
    n_missing: int = 0
    q_here: float | None = None
    q_elsewhere: float | None = None


def label_edges(placed: Placed, edges: Sequence[Edge], labelling: Labelling) -> list[EdgeLabel]:
    """Have pairs of clusters labelled, and the labels judged.

    Parameters
    ----------
    placed : the answers
    edges : of the graph; those within a cluster come first, then larger ones, whatever was found of them
    labelling : by whom

    Raises
    ------
    ConfigError, BudgetError, ModelError, LedgerError
        As ``Assistant.ask_objects`` does.

    Notes
    -----
    Labels are found on the first half of the units and judged on the second, which both arms have in common. Texts with
    orders in them are shown to no labeller.
    """
    usable = np.array([not orders_in(text) for text in placed.texts], dtype=np.bool_)
    chosen = _chosen(placed, edges, usable, labelling.most)
    labels = _proposed(placed, chosen, usable, labelling)
    return _corrected(list(_judged(placed, labels, labelling)))


def expected_questions(placed: Placed, edges: Sequence[Edge], most: int) -> tuple[int, int]:
    """How many questions a labeller, and each judge, is asked at most.

    Parameters
    ----------
    placed, edges : as for ``label_edges``
    most : pairs that are labelled
    """
    chosen = _chosen(placed, edges, np.ones(len(placed.texts), dtype=np.bool_), most)
    n_near = sum(len(_held_out(placed, np.logical_or(*_sides(placed, edge)), 0)) for edge in chosen)
    n_far = len(_held_out(placed, np.ones(len(placed.texts), dtype=np.bool_), 0))
    return 2 * len(chosen), 2 * (n_near + n_far * -(-2 * len(chosen) // _SENTENCES_AT_ONCE))


def _sides(placed: Placed, edge: Edge | EdgeLabel) -> tuple[Mask, Mask]:
    return (placed.labels == edge.a) & ~placed.is_b, (placed.labels == edge.b) & placed.is_b


def _chosen(placed: Placed, edges: Sequence[Edge], usable: Mask, most: int) -> list[Edge]:
    def fewest(edge: Edge) -> int:
        return min(int((side & half & usable).sum()) for side in _sides(placed, edge) for half in halves)

    halves = placed.first_half, ~placed.first_half
    sized = [(fewest(edge), edge) for edge in edges]
    several = [(n, edge) for n, edge in sized if n >= FEWEST]
    ordered = sorted(several, key=lambda one: (one[1].a != one[1].b, -one[0], one[1].a, one[1].b))
    return [edge for _, edge in ordered[:most]]


def _drawn(placed: Placed, rows: Mask, seed: int) -> NDArray[np.int64]:
    """Rows by a seeded hash of their units, so that the first of either side are of the same units."""
    there = np.flatnonzero(rows)
    digests = hex_digests("diptych/edge/1", [[str(seed)] * len(there), [placed.units[i] for i in there.tolist()]])
    return np.array([i for _, i in sorted(zip(digests, there.tolist(), strict=True))], dtype=np.int64)


def _held_out(placed: Placed, rows: Mask, seed: int) -> NDArray[np.int64]:
    """Rows of the second half, of as many units as it takes for some: which units does not depend on the arms."""
    ordered = _drawn(placed, rows & ~placed.first_half, seed)
    cut = min(2 * N_JUDGED, len(ordered))
    while 0 < cut < len(ordered) and placed.units[ordered[cut]] == placed.units[ordered[cut - 1]]:
        cut += 1
    return ordered[:cut]


def _texts(placed: Placed, rows: NDArray[np.int64]) -> tuple[str, ...]:
    """Different ones, in order."""
    return tuple(dict.fromkeys(placed.texts[i] for i in rows.tolist()))


def _proposed(placed: Placed, edges: Sequence[Edge], usable: Mask, labelling: Labelling) -> list[EdgeLabel]:
    found: list[EdgeLabel] = []
    for start in range(0, len(edges), _EDGES_AT_ONCE):
        asked: list[tuple[Edge, int, Contrast]] = []
        for edge in edges[start : start + _EDGES_AT_ONCE]:
            rows = [side & placed.first_half & usable for side in _sides(placed, edge)]
            shown = [_texts(placed, _drawn(placed, side, labelling.seed))[:N_SHOWN] for side in rows]
            asked += [(edge, arm, Contrast(shown[arm], shown[1 - arm])) for arm in (1, 0)]
        avoid = [label.text for label in found[-_REMEMBERED:]] if labelling.diversify else []
        said = propose_labels(
            labelling.labeller, [contrast for _, _, contrast in asked], seed=labelling.seed, avoid=avoid
        )
        for (edge, arm, _), candidates in zip(asked, said, strict=True):
            fresh = [text for text in candidates if text not in avoid] or list(candidates)
            found += [EdgeLabel(edge.a, edge.b, arm, fresh[0])] if fresh else []
    return found


def _judged(placed: Placed, labels: Sequence[EdgeLabel], labelling: Labelling) -> Iterator[EdgeLabel]:
    words = WordBaseline(placed, seed=labelling.seed)
    far = _held_out(placed, np.ones(len(placed.texts), dtype=np.bool_), labelling.seed)
    said_far = _verdicts(placed, far, [label.text for label in labels], labelling)
    pairs: dict[tuple[int, int], list[int]] = {}
    for j, label in enumerate(labels):
        pairs.setdefault((label.a, label.b), []).append(j)
    for (a, b), mine in pairs.items():
        sides = _sides(placed, labels[mine[0]])
        near = _held_out(placed, sides[0] | sides[1], labelling.seed)
        said = _verdicts(placed, near, [labels[j].text for j in mine], labelling)
        outside = (placed.labels != a) & (placed.labels != b)
        by_words = words.learnt_on_first(*sides)
        for place, j in enumerate(mine):
            there, elsewhere = (near, said[:, :, place]), (far, said_far[:, :, j], outside)
            yield _measured(placed, labels[j], there, elsewhere, by_words, labelling)


def _measured(
    placed: Placed, label: EdgeLabel, near: tuple[Any, Any], far: tuple[Any, Any, Any], words: FloatVector | None,
    labelling: Labelling,
) -> EdgeLabel:  # fmt: skip
    rows, said = near
    own = placed.is_b == bool(label.arm)

    def area(scores: FloatVector, of: NDArray[np.int64], within: Mask, name: str) -> Auc | None:
        column = np.full(len(placed.texts), np.nan)
        column[of] = scores
        seed = derive_seed(labelling.seed, f"{name} {label.a} {label.b} {label.arm}") % 2**32
        return placed.area(column, own & within, ~own & within, seed=seed)

    everywhere = np.ones(len(placed.texts), dtype=np.bool_)
    names = [judge.model.name for judge in labelling.judges]
    units = [placed.units[i] for i in rows]
    turned = None if words is None else words if label.arm else -words
    return replace(
        label,
        here=area(said.mean(axis=0), rows, everywhere, "here"),
        elsewhere=area(far[1].mean(axis=0), far[0], far[2], "elsewhere"),
        words_here=None if turned is None else area(turned[rows], rows, everywhere, "words"),
        words_elsewhere=None if turned is None else area(turned[far[0]], far[0], far[2], "words elsewhere"),
        by_judge=tuple(
            (name, area(verdicts, rows, everywhere, name)) for name, verdicts in zip(names, said, strict=True)
        ),
        agreement=tuple(
            {"first": one, "second": other, **agreement_of_judges(said[i], said[j], units)}
            for (i, one), (j, other) in combinations(enumerate(names), 2)
        ),
        n_missing=int(np.isnan(said.mean(axis=0)).sum()),
    )


def _verdicts(
    placed: Placed, rows: NDArray[np.int64], sentences: Sequence[str], labelling: Labelling
) -> NDArray[np.float64]:
    """By judge, text and sentence: 1 where it holds in both orders, 0 in neither; NaN without a verdict."""
    items = [Item(placed.texts[i]) for i in rows.tolist()]
    parts = [sentences[start : start + _SENTENCES_AT_ONCE] for start in range(0, len(sentences), _SENTENCES_AT_ONCE)]
    return np.array(
        [
            np.concatenate(
                [np.empty((len(items), 0))]
                + [score_texts(judge, items, part, seed=labelling.seed, both_orders=True) for part in parts],
                axis=1,
            )
            for judge in labelling.judges
        ]
    )


def _corrected(labels: Sequence[EdgeLabel]) -> list[EdgeLabel]:
    """With q over all that was tested."""
    tested = {
        (name, j): area.p_value
        for j, label in enumerate(labels)
        for name, area in (("here", label.here if label.a == label.b else None), ("elsewhere", label.elsewhere))
        if area is not None
    }
    q = dict(zip(tested, q_values(np.array(list(tested.values()))).tolist(), strict=True))
    return [
        replace(label, q_here=q.get(("here", j)), q_elsewhere=q.get(("elsewhere", j))) for j, label in enumerate(labels)
    ]


def diversity(labels: Sequence[EdgeLabel]) -> float | None:
    """How little labels have in common: 1 less the mean overlap (Jaccard) of their pairs of neighbouring words.

    None with fewer than two labels.

    Parameters
    ----------
    labels : of one run

    Examples
    --------
    >>> pairs = [("speaks of tea", "speaks of tea"), ("speaks of tea", "speaks of owls"), ("is long", "cites law")]
    >>> [diversity([EdgeLabel(0, 0, 1, text) for text in texts]) for texts in pairs]
    [0.0, 0.5, 1.0]
    """
    sets = [set(pairwise(["", *label.text.lower().split()])) for label in labels]
    shared = [len(one & other) / len(one | other) for one, other in combinations(sets, 2)]
    return 1.0 - float(np.mean(shared)) if shared else None
