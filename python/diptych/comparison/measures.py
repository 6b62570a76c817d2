"""Measures: functions from a response to a number, proposed by lenses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, runtime_checkable

from diptych._types import FloatMatrix, Json, Progress, Span, Vectors
from diptych.clustering.sides import Way
from diptych.comparison.proposing import Proposing
from diptych.data import Response
from diptych.errors import SealedError
from diptych.models.assistant import Assistant

Kind = Literal["indicator", "number"]
Half = Literal["first", "second"]
Role = Literal["labeller", "judge", "assistant"]
"""What a model that helps to read does."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured, in words and exactly.

    Parameters
    ----------
    id : ``lens.name``, unique in a run
    lens : who proposed it
    more, fewer : what an arm does that scores higher or lower, as the rest of a sentence that begins with its name
    unit : unit of the number; for an indicator, ``"share of responses"``
    kind : ``"indicator"`` is 0 or 1 for each response, or the mean of what several judges say; ``"number"`` anything
        finite; NaN means missing
    definition : everything needed to compute it again, as JSON
    """

    id: str
    lens: str
    more: str
    fewer: str
    unit: str
    kind: Kind
    definition: Json = field(default_factory=dict)

    def as_json(self) -> Json:
        """As in ``measures.json`` and in the ledger."""
        return {name: getattr(self, name) for name in self.__slots__}

    def statement(self, arm: str, effect: float) -> str:
        """The finding as a sentence about the second arm.

        Examples
        --------
        >>> Measure("surface.words", "surface", "writes more words", "writes fewer words", "words", "number"
        ...     ).statement("b", -152.3)
        'b writes fewer words'
        """
        return f"{arm} {self.more if effect >= 0 else self.fewer}"


class Proposal(Protocol):
    """Measures that a lens proposes, and how to take them."""

    @property
    def measures(self) -> Sequence[Measure]:
        """The measures, in a fixed order."""

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        """One row per response, one column per measure, float64; NaN where a measurement is missing."""

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        """The pieces of a response that show the measure, in order, not overlapping."""


@dataclass(frozen=True, slots=True)
class Survival:
    """In ``n`` of ``of`` repetitions of what is random in a lens, its measure came out again."""

    n: int
    of: int


@runtime_checkable
class Repeatable(Protocol):
    """A proposal that rests on a random start, and can say how much depends on it."""

    def survival(self, measure: Measure) -> Survival:
        """In how many repetitions with other seeds the measure comes out again."""


class Discovery(Sequence[Response]):
    """The responses that a lens may look at which sees who wrote what. Asking for another prompt is an error.

    Parameters
    ----------
    rows : responses to the prompts of one half, both arms, in the table's order
    is_b : for each row, whether it is of the second arm
    sealed : ids of the prompts that are tested on
    half : which half this is
    """

    def __init__(
        self, rows: Sequence[Response], is_b: Sequence[bool], sealed: frozenset[str], half: Half = "first"
    ) -> None:
        self._rows, self._sealed, self.half = tuple(rows), sealed, half
        self.is_b = tuple(is_b)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Response]:
        return iter(self._rows)

    def __getitem__(self, index: int) -> Response:  # type: ignore[override]
        return self._rows[index]

    def answers_to(self, prompt_id: str) -> list[Response]:
        """All responses to one discovery prompt.

        Raises
        ------
        SealedError
            If the prompt is kept for validation.
        """
        if prompt_id in self._sealed:
            raise SealedError(f"prompt {prompt_id!r} is kept for validation; a lens may not look at its responses")
        return [row for row in self._rows if row.prompt_id == prompt_id]


@runtime_checkable
class Judged(Protocol):
    """A proposal whose values are verdicts of judges."""

    @property
    def verdicts(self) -> Mapping[str, FloatMatrix]:
        """By judge: 1 where a sentence holds, 0 where not, NaN without a verdict; rows as they were measured."""


@dataclass(frozen=True, slots=True)
class Readers:
    """Models that help to read; none by default.

    Parameters
    ----------
    labeller : names kinds of answers
    judge : says which sentences hold of an answer, without being told whose it is
    panel : further judges, who say so of the sentences that the judge proposes
    assistant : checks what was found: says prompts in other words, writes texts to a description
    n_pairs : pairs of answers of each half that the judge is shown, to say how they differ
    n_sentences : differences of each half, at most, that are then tested
    """

    labeller: Assistant | None = None
    judge: Assistant | None = None
    assistant: Assistant | None = None
    n_pairs: int = 24
    n_sentences: int = 10
    panel: tuple[Assistant, ...] = ()

    def notices(self) -> list[str]:
        """What a reader should know about answers that could not be read."""
        asked = (self.labeller, self.judge, *self.panel)
        return [notice for one in asked if one is not None for notice in one.notices()]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run lends to its lenses.

    Parameters
    ----------
    embed : texts to unit vectors, float32 (n, d); computed once per text and run
    seed : of everything random in a lens
    progress : where long work says how far it is
    score_fields : numeric fields of the records that the user declared to be measures
    likelihood_models : two models on this machine whose likelihoods are measured
    threads : for kernels; no result depends on it
    readers : models that were asked for
    claims : sentences about an answer that the user gave
    proposing : texts that say what to look for
    contrast_clusters : how texts of two sides are put into clusters
    """

    embed: Callable[[Sequence[str]], Vectors]
    seed: int
    progress: Progress
    score_fields: tuple[str, ...] = ()
    likelihood_models: tuple[str, ...] = ()
    threads: int = 1
    readers: Readers = Readers()
    claims: tuple[str, ...] = ()
    proposing: Proposing | None = None
    contrast_clusters: Way = "joint"


@runtime_checkable
class Scan(Protocol):
    """Many overlapping measures that are tested together; only the strongest that are not alike are reported."""

    measure: Measure
    """The scan as one hypothesis: that the arms differ in some of them."""
    max_reported: ClassVar[int]
    """How many are reported, found or not."""
    max_alike: ClassVar[float]
    """Of two that hold for more than this share of the responses of either, the weaker is not reported (Jaccard)."""

    @property
    def n_measures(self) -> int:
        """How many there are."""

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        """One row per response, one column per measure: 0 or 1."""

    def chosen(self, numbers: Sequence[int]) -> Proposal:
        """Some of them in words."""


class BlindLens(Protocol):
    """Proposes measures from what was answered, without being told who answered what.

    What it proposes does not change when the arms are exchanged in any prompt. So the test, which asks what would
    happen if they were, stays exact on the very responses that were looked at, and every prompt is tested on.
    """

    blinded: ClassVar[Literal[True]]

    def propose(self, texts: Sequence[str], tools: Tools) -> Proposal | Scan:
        """Look at the responses of both arms, in an order that tells nothing, and propose what to measure."""


class SeeingLens(Protocol):
    """Proposes measures by looking at how the arms differ: on one half of the prompts, for a test on the other."""

    blinded: ClassVar[Literal[False]]

    def propose(self, discovery: Discovery, tools: Tools) -> Proposal:
        """Look at the responses of one half and propose what to measure."""


Lens = BlindLens | SeeingLens


def find_spans(matches: Iterator[Span]) -> list[Span]:
    """Spans in order, without empty and overlapping ones."""
    kept: list[Span] = []
    for start, end in sorted(matches):
        if end > start and (not kept or start >= kept[-1][1]):
            kept.append((start, end))
    return kept
