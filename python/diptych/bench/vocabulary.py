"""The parts that a synthetic answer is put together from, and the notation they are written in.

A *template* is a sentence in which ``[a|b|c]`` stands for a choice of one alternative; choices are not nested.
The subjects are kept as plain text in the ``topics_*`` modules: ``== DOMAIN KIND`` opens a domain, ``+`` marks
a tip that suits every subject of it, ``#`` opens a subject, and the lines below are sentences about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from diptych.bench import topics_home, topics_life, topics_mind

Kind = Literal["task", "topic"]


@dataclass(frozen=True)
class Topic:
    """One subject that a prompt may ask about.

    Attributes
    ----------
    domain : for example ``"cooking"``
    kind : ``"task"`` if `clause` completes "How do I …?", ``"topic"`` if it completes "Can you explain …?"
    clause : the subject as the asker says it
    facts : templates about this subject alone
    tips : templates that suit the whole domain
    """

    domain: str
    kind: Kind
    clause: str
    facts: tuple[str, ...]
    tips: tuple[str, ...]


@dataclass(frozen=True)
class Circumstance:
    """What the asker adds about themselves (`remark`), and templates that respond to it (`replies`)."""

    remark: str
    replies: tuple[str, ...]


def parse_topics(text: str) -> tuple[Topic, ...]:
    """Read subjects written in the notation of this module.

    Parameters
    ----------
    text : domains, tips, subjects and sentences, one a line

    Returns
    -------
    the subjects in the order in which they are written

    Examples
    --------
    >>> parse_topics('''== sport task
    ... + Warm up.
    ... # swim
    ... Breathe out.''')[0].clause
    'swim'
    """
    topics: list[Topic] = []
    domain, kind = "", "task"
    tips: list[str] = []
    for line in filter(None, (raw.strip() for raw in text.splitlines())):
        if line.startswith("== "):
            domain, kind = line[3:].split()
            tips = []
        elif line.startswith("+ "):
            tips.append(line[2:])
        elif line.startswith("# "):
            topics.append(Topic(domain, "topic" if kind == "topic" else "task", line[2:], (), tuple(tips)))
        else:
            last = topics[-1]
            topics[-1] = Topic(last.domain, last.kind, last.clause, (*last.facts, line), last.tips)
    return tuple(topics)


@cache
def all_topics() -> tuple[Topic, ...]:
    """Return every subject, always in the same order."""
    return parse_topics(topics_home.TOPICS + topics_life.TOPICS + topics_mind.TOPICS)


QUESTIONS: dict[Kind, tuple[str, ...]] = {
    "task": (
        "How do I {}?",
        "What is the best way to {}?",
        "Can you help me {}?",
        "I want to {}. Where should I start?",
        "What should I know if I want to {}?",
        "I would like to {}. Any advice?",
        "Could you tell me how to {}?",
        "Please explain how to {}.",
        "I need to {}. What would you suggest?",
        "What is a sensible way to {}?",
        "I am trying to {}. What matters most?",
        "I am planning to {}. How would you go about it?",
    ),
    "topic": (
        "Can you explain {}?",
        "I would like to understand {}.",
        "Do you know {}?",
        "I have always wondered {}.",
        "Please tell me {}.",
        "Could you describe {}?",
        "I am giving a short talk about {}. What should I say?",
        "Someone asked me {}, and I had no answer.",
        "What is a good way to explain {}?",
        "I am reading about {}. What matters most?",
    ),
}

CIRCUMSTANCES: dict[Kind, tuple[Circumstance, ...]] = {
    "task": (
        Circumstance(
            "I am a complete beginner.",
            (
                "Since you are new to this, [keep|make] the first attempt small and [forgiving|simple].",
                "Beginners often try too much at once, so [choose|settle on] one part and get that right.",
            ),
        ),
        Circumstance(
            "I have very little spare time.",
            (
                "With so little time, even [ten minutes|a quarter of an hour] here and there will [add up|count].",
                "As your time is short, drop whatever is merely [nice to have|decorative].",
            ),
        ),
        Circumstance(
            "My budget is small.",
            (
                "None of this needs much money, and [second-hand|borrowed] things will often do.",
                "On a small budget, spend on the one thing that [matters most|you will use most] and save on the rest.",
            ),
        ),
        Circumstance(
            "I tried it once and gave up.",
            (
                "It is worth asking what went wrong [last time|the first time], and changing only that.",
                "Many people need a second attempt, and you [already know|have already learnt] what does not work.",
            ),
        ),
        Circumstance(
            "I am a little nervous about it.",
            (
                "Feeling nervous is [normal|common], and it fades once you have made a start.",
                "Little can go [seriously|badly] wrong here if you take it [slowly|step by step].",
            ),
        ),
        Circumstance(
            "I have read a lot of conflicting advice.",
            (
                "Much of the advice conflicts because people's situations [differ|are so different].",
                "Choose one approach and [give it a fair trial|stay with it] before you compare.",
            ),
        ),
        Circumstance(
            "I would like to see some progress this month.",
            (
                "A month is enough for [a visible|some] improvement if you [begin|start] this week.",
                "To see progress soon, pick one thing that you can [measure|check] each week.",
            ),
        ),
        Circumstance(
            "I tend to overthink things.",
            (
                "Try not to plan for too long, because the [first try|first attempt] will teach you more.",
                "Two or three [simple|clear] rules are enough, and the rest can wait.",
            ),
        ),
        Circumstance(
            "There is nobody nearby whom I could ask.",
            (
                "If you have nobody to ask, a [local library|good forum] or a short course can fill the gap.",
                "Without a teacher, it helps to [take photographs|keep notes] and compare them over time.",
            ),
        ),
        Circumstance(
            "I get bored easily.",
            (
                "To keep it interesting, vary the [order|routine] now and then.",
                "If boredom is the problem, work in short [bursts|sessions] and stop while it is still fun.",
            ),
        ),
        Circumstance(
            "I am doing this for the first time at fifty.",
            (
                "Fifty is no obstacle, and [patience|experience] is a real advantage.",
                "Go at your own pace, because nobody is [keeping score|timing you].",
            ),
        ),
    ),
    "topic": (
        Circumstance(
            "Please keep it simple.",
            (
                "Put simply, a few [plain|basic] causes explain most of it.",
                "Those are the essentials, without the [technical terms|jargon].",
            ),
        ),
        Circumstance(
            "I already know the basics.",
            (
                "As you know the basics, the [interesting|rewarding] part lies in how the pieces fit together.",
                "Beyond the basics, the [exceptions|odd cases] are worth a closer look.",
            ),
        ),
        Circumstance(
            "It is for a ten-year-old.",
            (
                "A child of ten will enjoy [a drawing|acting it out] more than a definition.",
                "For a ten-year-old, one [good picture|surprising fact] is worth more than five details.",
            ),
        ),
        Circumstance(
            "I saw a programme about it and was curious.",
            (
                "Television tends to show the [dramatic|exciting] half of such a story.",
                "Your curiosity is well placed, since the subject [rewards|repays] a second look.",
            ),
        ),
        Circumstance(
            "My teacher explained it too fast.",
            (
                "Take the steps one by one, and [pause|stop] wherever something seems to be missing.",
                "It is often taught too quickly, so do not [worry|blame yourself] if it took a while.",
            ),
        ),
        Circumstance(
            "We argued about it at dinner.",
            (
                "Perhaps both sides at your table were [partly|half] right.",
                "That would make a fair [answer|reply] for the next dinner.",
            ),
        ),
        Circumstance(
            "I have an exam next week.",
            (
                "For the exam, learn the chain of causes [in order|from start to end].",
                "Examiners like to see one [example|worked example] as well as the rule.",
            ),
        ),
    ),
}
