"""A blind judge: which sentences hold of a text, and so whether a label tells a cluster from its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from pydantic import BaseModel

from diptych._types import FloatMatrix, FloatVector, Json
from diptych.models.assistant import Assistant
from diptych.models.generation import Question
from diptych.models.requests import Failure, Message
from diptych.models.untrusted import Fence
from diptych.stats.auc import Auc, auc
from diptych.stats.multiplicity import q_values
from diptych.utils.hashing import content_hash, derive_seed

_RULE = (
    "You say which of some sentences hold of a text. Judge each by itself, by what stands in the text alone; a "
    "sentence that holds only in part holds if most readers would say so."
)
_FORM = (
    'Answer with one JSON object and nothing else: {"verdicts": [{"number": 1, "holds": true}, …]}, with every number '
    "once and holds true or false."
)


class Verdict(BaseModel):
    """Whether a numbered sentence holds."""

    number: int
    holds: bool


class Verdicts(BaseModel):
    """What the judge says of one text."""

    verdicts: list[Verdict]


@dataclass(frozen=True, slots=True)
class Item:
    """A text to be judged.

    Parameters
    ----------
    text : untrusted
    context : what it answers, which is shown and not judged; None for nothing
    """

    text: str
    context: str | None = None


def judge_question(item: Item, sentences: Sequence[str], *, seed: int, turned: bool = False) -> Question:
    """What a judge is asked about one text. It holds nothing but the text, what it answers, and the sentences.

    Parameters
    ----------
    item : the text
    sentences : in the order in which they are asked after, each on one line
    seed : of the run
    turned : whether the sentences stand in the other order, and before the text

    Notes
    -----
    Each text is asked about alone, so that orders in it can change no verdict on another.
    """
    untrusted = [item.text] if item.context is None else [item.context, item.text]
    fence = Fence.around([*untrusted, *sentences], seed=seed)
    numbered = [f"{number}. {sentence}" for number, sentence in enumerate(sentences, start=1)]
    asked = "Sentences about the text:\n" + "\n".join(numbered[::-1] if turned else numbered)
    shown = fence.quote(item.text)
    if item.context is not None:
        shown = f"The text answers this, which is not judged:\n{fence.quote(item.context, 'asked')}\n\n{shown}"
    parts = [asked, shown] if turned else [shown, asked]
    messages = (
        Message("system", f"{_RULE} {fence.rule}"),
        Message("user", "\n\n".join([*parts, f"{_FORM} Numbers: 1 to {len(sentences)}."])),
    )
    name = content_hash("diptych/judged/1", [item.text, item.context])[:12]
    return Question(f"judge {name}{' turned' if turned else ''}", messages)


def read_verdicts(answer: Verdicts | Failure, n_sentences: int) -> FloatVector:
    """Verdicts by number: 1 where a sentence holds, 0 where not, NaN where there is no verdict or two that differ.

    Parameters
    ----------
    answer : what came
    n_sentences : that were asked after

    Examples
    --------
    >>> said = Verdicts(verdicts=[Verdict(number=2, holds=True), Verdict(number=9, holds=True)])
    >>> read_verdicts(said, 2).tolist()
    [nan, 1.0]
    """
    found: list[set[bool]] = [set() for _ in range(n_sentences)]
    if isinstance(answer, Verdicts):
        for verdict in answer.verdicts:
            if 1 <= verdict.number <= n_sentences:
                found[verdict.number - 1].add(verdict.holds)
    return np.array([float(next(iter(said))) if len(said) == 1 else np.nan for said in found])


def score_texts(
    judge: Assistant, items: Sequence[Item], sentences: Sequence[str], *, seed: int, both_orders: bool = False
) -> FloatMatrix:
    """Whether sentences hold of texts, as a judge says who sees one text at a time and not where it comes from.

    Parameters
    ----------
    judge : is asked once for each different text
    items : n texts
    sentences : m; written by a model too, so they are stripped of what could end their line
    seed : of the run
    both_orders : whether each text is asked about twice, with sentences and text the other way round

    Returns
    -------
    float64 (n, m)
        1 where a sentence holds, 0 where not; with ``both_orders`` their mean, which may be 0.5; NaN where there is no
        verdict, in either order

    Raises
    ------
    ConfigError, BudgetError, ModelError, LedgerError
        As ``Assistant.ask_objects`` does.
    """
    if not sentences or not items:
        return np.empty((len(items), len(sentences)))
    different = list(dict.fromkeys(items))
    lines = [" ".join(sentence.split()) for sentence in sentences]
    orders = (False, True) if both_orders else (False,)
    questions = [judge_question(item, lines, seed=seed, turned=turned) for turned in orders for item in different]
    answers = judge.ask_objects(questions, Verdicts)
    scores = np.array([read_verdicts(answer, len(lines)) for answer in answers])
    means = scores.reshape(len(orders), len(different), len(lines)).mean(axis=0)
    place = {item: row for row, item in enumerate(different)}
    return np.asarray(means[[place[item] for item in items]])


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Texts that whoever named a cluster has not seen.

    Parameters
    ----------
    inside : of the cluster
    outside : of its neighbours
    """

    inside: tuple[str, ...]
    outside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """A name of a cluster, and what a blind judge made of it.

    Parameters
    ----------
    text : the name
    auc : how well verdicts on it tell held-out texts of the cluster from those of its neighbours; None where too few
        were judged
    q_value : of its p-value, among all labels; None where there is no ``auc``
    n_missing : held-out texts without a verdict
    is_validated : whether q is at most 0.05
    note : what a reader should know; may be empty
    others : names that were proposed too
    """

    text: str
    auc: Auc | None = None
    q_value: float | None = None
    n_missing: int = 0
    is_validated: bool = False
    note: str = ""
    others: tuple[str, ...] = field(default=())

    def as_json(self) -> Json:
        """As in the definition of a measure."""
        area = self.auc
        return {
            "text": self.text,
            "auc": None if area is None else area.value,
            "auc_low": None if area is None else area.low,
            "auc_high": None if area is None else area.high,
            "p_value": None if area is None else area.p_value,
            "q_value": self.q_value,
            "n_inside": 0 if area is None else area.n_first,
            "n_outside": 0 if area is None else area.n_second,
            "n_missing": self.n_missing,
            "is_validated": self.is_validated,
            "note": self.note,
            "others": list(self.others),
        }


ALPHA = 0.05
"""A label with a greater q is shown as one that was not confirmed."""


def validate_labels(
    judge: Assistant, candidates: Sequence[Sequence[str]], held_out: Sequence[HeldOut], *, seed: int
) -> list[Label | None]:
    """Let a blind judge say which held-out texts each label fits, and how well that finds the cluster again.

    Where there are several candidates the first third of the held-out texts chooses, and only the others count.

    Parameters
    ----------
    judge : sees one text at a time, with all candidates of one cluster, in both orders
    candidates : labels of each cluster, the likeliest first; none for a cluster without a name
    held_out : of each cluster
    seed : of the run

    Returns
    -------
    list
        a label for each cluster, None where there is no candidate

    Raises
    ------
    ConfigError, BudgetError, ModelError, LedgerError
        As ``Assistant.ask_objects`` does.
    """
    scored = [
        _validate(judge, some, texts, seed=derive_seed(seed, f"label {number}"))
        for number, (some, texts) in enumerate(zip(candidates, held_out, strict=True))
    ]
    judged = [label.auc.p_value for label in scored if label is not None and label.auc is not None]
    corrected = iter(q_values(np.array(judged)).tolist())
    return [_decided(label, next(corrected)) if label is not None and label.auc is not None else label
            for label in scored]  # fmt: skip


def _validate(judge: Assistant, candidates: Sequence[str], texts: HeldOut, *, seed: int) -> Label | None:
    if not candidates:
        return None
    n_choosing = [len(side) // 3 if len(candidates) > 1 else 0 for side in (texts.inside, texts.outside)]
    inside, outside = (
        score_texts(judge, [Item(text) for text in side], candidates, seed=seed, both_orders=True)
        for side in (texts.inside, texts.outside)
    )
    chosen = _best(inside[: n_choosing[0]], outside[: n_choosing[1]])
    first, second = inside[n_choosing[0] :, chosen], outside[n_choosing[1] :, chosen]
    n_missing = int(np.isnan(first).sum() + np.isnan(second).sum())
    first, second = first[~np.isnan(first)], second[~np.isnan(second)]
    others = tuple(other for other in candidates if other != candidates[chosen])
    label = Label(candidates[chosen], n_missing=n_missing, others=others)
    if not len(first) or not len(second):
        return replace(label, note=f"not judged: verdicts on {len(first)} texts inside and {len(second)} outside")
    always = np.concatenate([first, second])
    note = ""
    if len(np.unique(always)) == 1:
        said = {1.0: "yes", 0.0: "no"}.get(float(always[0]), "yes in one order and no in the other")
        note = f"the judge always says {said}, so it tells nothing apart"
    return replace(label, auc=auc(first, second, seed=derive_seed(seed, "permutations")), note=note)


def _best(inside: FloatMatrix, outside: FloatMatrix) -> int:
    """The candidate whose verdicts differ most, the first of equally good ones."""
    if not len(inside) or not len(outside):
        return 0
    differences = [_mean(inside[:, j]) - _mean(outside[:, j]) for j in range(inside.shape[1])]
    return int(np.argmax(np.nan_to_num(differences, nan=-2.0)))


def _mean(column: FloatVector) -> float:
    known = column[~np.isnan(column)]
    return float(known.mean()) if len(known) else np.nan


def _decided(label: Label, q_value: float) -> Label:
    return replace(label, q_value=q_value, is_validated=q_value <= ALPHA)
