"""Where in their answers two models disagree, on what, and how unlike the answers are. It describes; nothing is tested.

That the models differ, the divergence of whole answers says with its interval, and the comparison with its findings.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from diptych._types import FloatVector, Json
from diptych.apps.soft_prompting.conditions import Condition
from diptych.apps.soft_prompting.evaluation import Gain, by_prompt, gain_of
from diptych.apps.soft_prompting.sequences import Traced
from diptych.models.divergence_summary import summarise

N_SWAPS = 20
"""Pairs of tokens that are told."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Place:
    """One position in answers.

    Parameters
    ----------
    position : of the token, from 1
    n_texts : that reach it
    disagreement : share of them in which the models find different tokens the likeliest
    js : mean Jensen–Shannon divergence, in nats
    """

    position: int
    n_texts: int
    disagreement: float
    js: float


@dataclass(frozen=True, slots=True)
class Swap:
    """Two tokens, where the first model finds the one likeliest and the second the other.

    Parameters
    ----------
    a, b : the tokens as they read
    n, n_prompts : places, and prompts that have one
    js : mean Jensen–Shannon divergence at them, in nats
    """

    a: str
    b: str
    n: int
    n_prompts: int
    js: float


@dataclass(frozen=True, slots=True)
class Words:
    """How many of their words answers to one prompt share: the mean of the Jaccard index.

    Parameters
    ----------
    between : of an answer of each model
    within_a, within_b : of two answers of one model; None where there is but one
    """

    between: float
    within_a: float | None
    within_b: float | None


@dataclass(frozen=True, slots=True)
class Length:
    """Tokens of answers, means over prompts.

    Parameters
    ----------
    a, b : of either model
    difference : that of the second less that of the first
    """

    a: float
    b: float
    difference: Gain


@dataclass(frozen=True)
class Analysis:
    """All of it.

    Parameters
    ----------
    disagreement : share of tokens at which the models find different ones the likeliest, mean over prompts
    places : by position, as far as answers reach
    swaps : those at most places first
    words, length : of the answers
    tokens : by model, divergences at the tokens of its answers, as ``summarise`` tells them
    """

    disagreement: float
    places: Sequence[Place]
    swaps: Sequence[Swap]
    words: Words
    length: Length
    tokens: Json

    def as_json(self) -> Json:
        """As it stands in ``analysis.json``."""
        return asdict(self)


def analyse(condition: Condition, decode: Callable[[Sequence[int]], str], *, seed: int) -> Analysis:
    """See where and how the models' answers differ.

    Parameters
    ----------
    condition : what was said
    decode : the text of some tokens
    seed : of the interval
    """
    a, b = condition.answers
    both = [*a, *b]
    shares = np.array([(~one.divergences.same_top).mean() for one in both])
    return Analysis(
        disagreement=float(by_prompt(shares, _prompts_of(both)).mean()),
        places=places(both),
        swaps=swaps(both, decode),
        words=words_shared(a, b),
        length=_length(a, b, seed),
        tokens={name: summarise([one.divergences for one in own]) for name, own in (("a", a), ("b", b))},
    )


def places(answers: Sequence[Traced]) -> list[Place]:
    """Disagreement by position.

    Parameters
    ----------
    answers : of both models
    """
    found = []
    for at in range(max((len(one.divergences) for one in answers), default=0)):
        here = [one.divergences for one in answers if len(one.divergences) > at]
        disagreement = float(np.mean([not one.same_top[at] for one in here]))
        found.append(Place(at + 1, len(here), disagreement, float(np.mean([one.js[at] for one in here]))))
    return found


def swaps(answers: Sequence[Traced], decode: Callable[[Sequence[int]], str], *, most: int = N_SWAPS) -> list[Swap]:
    """Which tokens the models find likeliest where they disagree, the most frequent pairs first.

    Parameters
    ----------
    answers : of both models
    decode : the text of some tokens
    most : pairs at most
    """
    seen: dict[tuple[int, int], list[tuple[str, float]]] = defaultdict(list)
    for one in answers:
        prompt_id, own = one.said.prompt.prompt_id, one.divergences
        for at in np.flatnonzero(~own.same_top):
            seen[int(one.top_a[at]), int(one.top_b[at])].append((prompt_id, float(own.js[at])))
    order = sorted(seen.items(), key=lambda item: (-len(item[1]), item[0]))[:most]
    return [
        Swap(decode([a]), decode([b]), len(at), len({name for name, _ in at}), float(np.mean([js for _, js in at])))
        for (a, b), at in order
    ]


def words_shared(a: Sequence[Traced], b: Sequence[Traced]) -> Words:
    """How many of their words answers to one prompt share.

    Parameters
    ----------
    a, b : answers of either model
    """
    first, second = _texts_by_prompt(a), _texts_by_prompt(b)
    between = [
        np.mean([jaccard(one, other) for one, other in zip(first[name], second[name], strict=True)]) for name in first
    ]
    within = [
        [np.mean([jaccard(*two) for two in pairwise(texts)]) for texts in own.values() if len(texts) > 1]
        for own in (first, second)
    ]
    return Words(float(np.mean(between)), *(float(np.mean(some)) if some else None for some in within))


def jaccard(one: str, other: str) -> float:
    """Words that two texts have in common, as a share of all that either has; 1 where neither has any.

    Parameters
    ----------
    one, other : the texts

    Examples
    --------
    >>> jaccard("Red apple", "a red pear"), jaccard("", "…")
    (0.25, 1.0)
    """
    first, second = (set(_WORD.findall(text.lower())) for text in (one, other))
    either = first | second
    return len(first & second) / len(either) if either else 1.0


def _texts_by_prompt(answers: Sequence[Traced]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in answers:
        found[one.said.prompt.prompt_id].append(one.said.written.text)
    return found


def _length(a: Sequence[Traced], b: Sequence[Traced], seed: int) -> Length:
    first, second = (_lengths(own) for own in (a, b))
    return Length(float(first.mean()), float(second.mean()), gain_of(first, second, seed=seed))


def _lengths(answers: Sequence[Traced]) -> FloatVector:
    return by_prompt(np.array([float(one.said.written.n_tokens) for one in answers]), _prompts_of(answers))


def _prompts_of(answers: Sequence[Traced]) -> list[str]:
    return [one.said.prompt.prompt_id for one in answers]
