"""One synthetic answer: its parts are drawn first, then changed by plants, then put into words in order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from diptych.bench import phrases
from diptych.bench.randomness import Draws
from diptych.bench.vocabulary import Circumstance, Topic

_SHARE_TERSE: Final = 0.06
_SHARE_OPENING: Final = 0.45
_SHARE_LIST: Final = 0.15
_SHARE_LIST_OPENING: Final = 0.8
_SHARE_ASIDE: Final = 0.10
_SHARE_HEDGE: Final = 0.15
_SHARE_CLOSING: Final = 0.18
_SHARE_CONNECTIVE: Final = 0.10
_SHARE_TWO_PARAGRAPHS: Final = 0.30
_SHARE_REPLY_FIRST: Final = 0.30


@dataclass(frozen=True)
class Sentence:
    """A sentence of the body: where it stands (ascending), the connective before it (or ""), and its words."""

    position: float
    connective: str
    text: str


@dataclass(frozen=True)
class Draft:
    """An answer in parts. Absent parts are empty; each plant changes parts that no other plant changes."""

    opening: str
    core: tuple[Sentence, ...]
    elaborations: tuple[Sentence, ...]
    two_paragraphs: bool
    as_list: bool
    list_opening: str
    aside: str
    persona: str
    persona_first: bool
    hedge: str
    hedge_first: bool
    closing: str


def draft_answer(topic: Topic, circumstance: Circumstance | None, draws: Draws) -> Draft:
    """Draw every part of an unplanted answer.

    Parameters
    ----------
    topic, circumstance : what the prompt asks about, and what the asker added
    draws : the only source of chance

    Returns
    -------
    a draft without persona; list, hedge, aside and closing occur at their natural rates of 10 to 20 per cent
    """
    opening = draws.fill(draws.pick(phrases.OPENINGS[topic.kind])).format(_for_the_asker(topic.clause))
    return Draft(
        opening=opening if draws.chance(_SHARE_OPENING) else "",
        core=_core(topic, circumstance, draws),
        elaborations=_elaborations(topic, draws),
        two_paragraphs=draws.chance(_SHARE_TWO_PARAGRAPHS),
        as_list=draws.chance(_SHARE_LIST),
        list_opening=_sometimes(_SHARE_LIST_OPENING, phrases.LIST_OPENINGS, draws),
        aside=_sometimes(_SHARE_ASIDE, phrases.ASIDES, draws),
        persona="",
        persona_first=False,
        hedge=_sometimes(_SHARE_HEDGE, phrases.HEDGES, draws),
        hedge_first=draws.chance(0.5),
        closing=_sometimes(_SHARE_CLOSING, phrases.CLOSINGS[topic.kind], draws),
    )


def planted(draft: Draft, kind: str, draws: Draws) -> Draft:
    """Return `draft` with the plant of that kind applied (see `corpora.Plant` for the kinds)."""
    if kind == "phrase":
        return replace(draft, closing=phrases.FIXED_CLOSING)
    if kind == "style":
        return replace(draft, as_list=True)
    if kind == "persona":
        sentence = draws.fill(draws.pick(phrases.PERSONA))
        return replace(draft, persona=sentence, persona_first=draws.chance(0.3))
    if kind == "length":
        return replace(draft, elaborations=())
    return replace(draft, hedge=draws.fill(draws.pick(phrases.HEDGES)), hedge_first=draws.chance(0.5))


def render(draft: Draft) -> str:
    """Put a draft into words: prose of one or two paragraphs, or a bulleted list between two paragraphs."""
    before = [draft.opening]
    after = [draft.aside]
    (before if draft.persona_first else after).append(draft.persona)
    (before if draft.hedge_first else after).append(draft.hedge)
    after.append(draft.closing)
    body = sorted(draft.core + draft.elaborations, key=lambda sentence: sentence.position)
    if draft.as_list:
        items = "\n".join(f"- {sentence.text}" for sentence in body)
        return "\n\n".join(filter(None, [_joined([*before, draft.list_opening]), items, _joined(after)]))
    sentences = [body[0].text, *(_linked(sentence) for sentence in body[1:])]
    middle = len(sentences) // 2
    if draft.two_paragraphs and middle > 1:
        return _joined([*before, *sentences[:middle]]) + "\n\n" + _joined([*sentences[middle:], *after])
    return _joined([*before, *sentences, *after])


def _core(topic: Topic, circumstance: Circumstance | None, draws: Draws) -> tuple[Sentence, ...]:
    """Draw what answers the question: two or three facts in their written order, then the reply to the asker.

    The facts about a topic build on one another, so there the last one may be missing but never the first.
    The earliest fact stands before every elaboration.
    """
    n_facts = 2 + draws.below(2)
    chosen = draws.sample(range(len(topic.facts)), n_facts) if topic.kind == "task" else range(n_facts)
    positions = [0.0, *sorted(draws.uniform() for _ in range(n_facts - 1))]
    core = [
        Sentence(position, _connective(topic, draws), draws.fill(topic.facts[index]))
        for position, index in zip(positions, sorted(chosen), strict=True)
    ]
    if circumstance is not None:
        anywhere = -1.0 if draws.chance(_SHARE_REPLY_FIRST) else draws.uniform()
        reply = draws.fill(draws.pick(circumstance.replies))
        core.append(Sentence(anywhere if topic.kind == "task" else 1.0, "", reply))
    return tuple(core)


def _elaborations(topic: Topic, draws: Draws) -> tuple[Sentence, ...]:
    """Draw tips of the domain and general remarks; a terse answer has one or none."""
    terse = draws.chance(_SHARE_TERSE)
    n_tips, n_general = 0 if terse else 1 + draws.below(2), draws.below(2) if terse else 1 + draws.below(3)
    templates = draws.sample(topic.tips, n_tips) + draws.sample(phrases.ELABORATIONS[topic.kind], n_general)
    return tuple(Sentence(draws.uniform(), _connective(topic, draws), draws.fill(each)) for each in templates)


def _sometimes(share: float, templates: tuple[str, ...], draws: Draws) -> str:
    sentence = draws.fill(draws.pick(templates))
    return sentence if draws.chance(share) else ""


def _connective(topic: Topic, draws: Draws) -> str:
    """Draw a connective or nothing; sentences about topics often start with a name, so they get none."""
    found = draws.pick(phrases.CONNECTIVES) if draws.chance(_SHARE_CONNECTIVE) else ""
    return found if topic.kind == "task" else ""


def _for_the_asker(clause: str) -> str:
    """Turn the asker's own words round: "my dog" becomes "your dog"."""
    for mine, yours in (("my", "your"), ("myself", "yourself"), ("I am", "you are"), ("I", "you")):
        clause = re.sub(rf"\b{mine}\b", yours, clause)
    return clause


def _linked(sentence: Sentence) -> str:
    if not sentence.connective:
        return sentence.text
    return sentence.connective + sentence.text[0].lower() + sentence.text[1:]


def _joined(sentences: Iterable[str]) -> str:
    return " ".join(filter(None, sentences))
