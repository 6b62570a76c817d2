"""Lens ``judge``: how the two differ, in the words of a model that reads both, judged answer by answer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel

from diptych._types import FloatMatrix, Span
from diptych.clustering.judging import Item, score_texts
from diptych.clustering.naming import clean_sentences
from diptych.comparison.measures import Discovery, Half, Measure, Tools
from diptych.data import Response
from diptych.errors import ConfigError
from diptych.models.assistant import Assistant
from diptych.models.generation import Question
from diptych.models.requests import Failure, Message
from diptych.models.untrusted import Fence, orders_in
from diptych.utils.hashing import content_hash, hex_digests
from diptych.utils.names import slug

PAIRS_A_QUESTION = 6
MAX_SENTENCE = 160
"""Characters of a sentence."""

Pair = tuple[Response, Response]

_RULE = (
    "You compare two authors. You get several cases; in each, author 1 and author 2 answered. Say what one of them "
    "does more often than the other: in content, opinion, tone, form or manner."
)
_FORM = (
    'Answer with one JSON object and nothing else: {"sentences": ["…", …]}, with up to five sentences, the most '
    "striking difference first. Each sentence goes on from “This answer …”, such as “warns of dangers before it "
    "helps”, and can be judged true or false of one answer by itself. Name no author and no number in it."
)


class Differences(BaseModel):
    """What the model says that reads pairs of answers."""

    sentences: list[str]


class JudgeLens:
    """Proposes sentences about how answers of the two differ, and whether each holds of an answer.

    A model sees pairs of answers of one half, under the names 1 and 2 and in both orders, and says how they differ. A
    judge then says of each answer of the other half, seeing it alone, which of the sentences hold.
    """

    blinded: ClassVar[Literal[False]] = False

    def propose(self, discovery: Discovery, tools: Tools) -> JudgeProposal:
        readers = tools.readers
        if readers.judge is None:
            raise ConfigError("the lens 'judge' needs a model to ask: give --judge PROVIDER/MODEL")
        pairs = choose_pairs(discovery, readers.n_pairs, seed=tools.seed)
        sentences = propose_sentences(readers.judge, pairs, readers.n_sentences, seed=tools.seed)
        seen = frozenset(row.prompt_id for row in discovery)
        judges = (readers.judge, *readers.panel)
        return JudgeProposal(judges, sentences, seed=tools.seed, half=discovery.half, seen=seen)


def choose_pairs(discovery: Discovery, n_pairs: int, *, seed: int) -> list[Pair]:
    """Answers of the first arm and of the second, to the same prompt where they are paired.

    Parameters
    ----------
    discovery : the responses of one half
    n_pairs : at most so many
    seed : of the choice

    Notes
    -----
    Answers with orders in them (``orders_in``) are left out, and pairs of equal answers.
    """
    digests = hex_digests("diptych/pairs/1", [[str(seed)] * len(discovery), [row.prompt_id for row in discovery]])
    rows = sorted(zip(digests, discovery, discovery.is_b, strict=True), key=lambda row: (row[0], row[1].draw))
    sides = [[row for _, row, is_b in rows if is_b == side and not orders_in(row.response)] for side in (False, True)]
    by_prompt = [{row.prompt_id: row for row in reversed(side)} for side in sides]
    common = [row.prompt_id for row in sides[0] if row.prompt_id in by_prompt[1]]
    if common:
        pairs = [(by_prompt[0][name], by_prompt[1][name]) for name in dict.fromkeys(common)]
    else:
        pairs = list(zip(*sides, strict=False))
    return [(a, b) for a, b in pairs if a.response != b.response][:n_pairs]


def propose_sentences(assistant: Assistant, pairs: Sequence[Pair], n_sentences: int, *, seed: int) -> tuple[str, ...]:
    """What differs, the most striking first, no two nearly alike.

    Parameters
    ----------
    assistant : sees each pair twice, either answer first
    pairs : of answers
    n_sentences : at most so many
    seed : of the run
    """
    batches = [pairs[start : start + PAIRS_A_QUESTION] for start in range(0, len(pairs), PAIRS_A_QUESTION)]
    questions = [
        pairs_question([(b, a) for a, b in batch] if turned else batch, seed=seed)
        for batch in batches
        for turned in (False, True)
    ]
    questions.sort(key=lambda question: question.prompt_id)  # in neither order of the arms
    answers = assistant.ask_objects(questions, Differences)
    said = [answer.sentences for answer in answers if not isinstance(answer, Failure)]
    in_turn = [sentence for sentence in chain.from_iterable(zip_longest(*said)) if sentence is not None]
    return clean_sentences(in_turn, max_length=MAX_SENTENCE)[:n_sentences]


def pairs_question(pairs: Sequence[Pair], *, seed: int) -> Question:
    """What is asked about some pairs; it holds no name of a model.

    Parameters
    ----------
    pairs : author 1's answer and author 2's
    seed : of the run
    """
    fence = Fence.around([text for pair in pairs for row in pair for text in (row.prompt, row.response)], seed=seed)
    cases = "\n\n".join(_case(number, *pair, fence) for number, pair in enumerate(pairs, start=1))
    messages = (Message("system", f"{_RULE} {fence.rule}"), Message("user", f"{cases}\n\n{_FORM}"))
    return Question(f"differences {content_hash('diptych/pairs/1', messages[1].content)[:12]}", messages)


def _case(number: int, first: Response, second: Response, fence: Fence) -> str:
    asked = [fence.quote(first.prompt, "asked")]
    if second.prompt != first.prompt:
        asked.append(fence.quote(second.prompt, "asked"))
    parts = [
        f"Case {number}.",
        asked[0],
        fence.quote(first.response, "author-1"),
        *asked[1:],
        fence.quote(second.response, "author-2"),
    ]
    return "\n".join(parts)


class JudgeProposal:
    """For each sentence: does it hold of the response? Only responses are judged that had no part in proposing it.

    Parameters
    ----------
    judges : each is asked by itself; the first proposed the sentences
    sentences : in the order of the measures
    lens : that proposes them
    half : that they were proposed on; None where on none
    seen : ids of its prompts
    seed : of the run
    """

    def __init__(
        self,
        judges: Sequence[Assistant],
        sentences: Sequence[str],
        *,
        seed: int,
        lens: str = "judge",
        half: Half | None = None,
        seen: frozenset[str] = frozenset(),
    ) -> None:
        self._judges, self._sentences, self._seen, self._seed = judges, tuple(sentences), seen, seed
        self._names = _apart([judge.model.name for judge in judges])
        self._said: list[FloatMatrix] = []
        self.measures = tuple(
            _as_measure(sentence, lens, f"{half}_{rank:02d}" if half else f"{rank:02d}", self._names)
            for rank, sentence in enumerate(sentences, start=1)
        )

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        """1 where a sentence holds, 0 where not; of several judges the mean, which is missing where one says nothing.

        NaN without a verdict, and for prompts that were looked at.
        """
        said = np.full((len(self._judges), len(responses), len(self._sentences)), np.nan)
        tested = [i for i, row in enumerate(responses) if row.prompt_id not in self._seen]
        items = [Item(responses[i].response, responses[i].prompt) for i in tested]
        for number, judge in enumerate(self._judges):
            said[number, tested] = score_texts(judge, items, self._sentences, seed=self._seed)
        self._said.append(said)
        return np.asarray(said.mean(axis=0))

    @property
    def verdicts(self) -> dict[str, FloatMatrix]:
        """Of each judge, of all responses that were measured, in their order."""
        said = np.concatenate([np.empty((len(self._judges), 0, len(self._sentences))), *self._said], axis=1)
        return dict(zip(self._names, said, strict=True))

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        return []


def _apart(names: Sequence[str]) -> list[str]:
    """Names of judges; the same model twice, in other words with other options, is numbered."""
    return [f"{name} ({names[:i].count(name) + 1})" if name in names[:i] else name for i, name in enumerate(names)]


def _as_measure(sentence: str, lens: str, place: str, judges: Sequence[str]) -> Measure:
    who = "a judge says" if len(judges) == 1 else f"{len(judges)} judges say"
    return Measure(
        id=f"{lens}.{place}_{slug(sentence, max_length=40)}",
        lens=lens,
        more=f"gives more responses of which {who}: “{sentence}”",
        fewer=f"gives fewer responses of which {who}: “{sentence}”",
        unit="share of responses",
        kind="indicator",
        definition={"sentence": sentence, "judge": judges[0], **({"judges": list(judges)} if len(judges) > 1 else {})},
    )
