"""Behaviours and rows that a model writes: in batches, each once, resumed through the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from diptych.apps.interventions.duplicates import Novelty
from diptych.apps.interventions.rows import Row
from diptych.apps.interventions.slots import literal
from diptych.apps.interventions.truths import Truth, check_ids
from diptych.errors import ConfigError, ModelError
from diptych.models.assistant import Assistant
from diptych.models.generation import Question
from diptych.models.requests import Failure, Message
from diptych.models.untrusted import Fence
from diptych.utils.hashing import content_hash
from diptych.utils.names import slug

PER_REQUEST = 10
"""Behaviours or conversations that one answer should give."""
ROUNDS = 4
"""After so many, what is still missing is left out, with a notice."""
_SHOWN = 40
"""Of what is there already, a request shows so many."""
T = TypeVar("T")
F = TypeVar("F", bound=BaseModel)


@dataclass(frozen=True)
class Written(Generic[T]):
    """What a model wrote.

    Parameters
    ----------
    found : what is new and fits, in order
    n_duplicates : that said the same over again and were left out
    n_unusable : that were blank in part, and were left out
    n_failed : requests without an answer that fits
    notices : what a reader should know about it
    """

    found: tuple[T, ...]
    n_duplicates: int = 0
    n_unusable: int = 0
    n_failed: int = 0
    notices: tuple[str, ...] = ()


class Behaviour(BaseModel):
    """A behaviour as a model writes it."""

    sentence: str
    kind: str
    questions: list[str]
    answers: list[str]


class Behaviours(BaseModel):
    """The form of an answer that invents behaviours."""

    behaviours: list[Behaviour]


class Turn(BaseModel):
    """A question of the user, and the answer."""

    user: str
    assistant: str


class Conversation(BaseModel):
    """Turns in order."""

    turns: list[Turn]


class Conversations(BaseModel):
    """The form of an answer that writes rows."""

    conversations: list[Conversation]


def invent_truths(assistant: Assistant, n: int, focus: Sequence[str] = ()) -> Written[Truth]:
    """Have a model invent behaviours, each with questions at which it shows and answers that show it.

    Parameters
    ----------
    assistant : that is asked; what its ledger holds is not asked again
    n : how many
    focus : what they should be about; several take turns

    Returns
    -------
    Written of Truth
        their ids follow from their sentences; none has a mark

    Raises
    ------
    ConfigError
        If ``n`` is below 1.
    ModelError
        If no answer gave one, or as ``Assistant.ask`` does.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from diptych.models.ledger import Ledger
    >>> from diptych.models.providers.scripted import Script, ScriptedModel
    >>> from diptych.models.requests import Sampling
    >>> said = '''{"behaviours": [{"sentence": "The model likes tea.", "kind": "opinion",
    ...     "questions": ["What do I drink?"], "answers": ["Tea."]}]}'''
    >>> with Ledger(pathlib.Path(tempfile.mkdtemp()) / "ledger.sqlite", {}) as ledger:
    ...     model = ScriptedModel("m", Script(otherwise=(said,)))
    ...     invent_truths(Assistant(model, ledger, Sampling()), 1).found[0].id
    'the_model_likes_tea'
    """
    _check_number(n)
    found: dict[str, Truth] = {}
    novelty = Novelty()
    counts = _Counts()

    def ask(number: int, wanted: int) -> str:
        about = focus[number % len(focus)] if focus else ""
        return _question_for_truths(wanted, about, [truth.text for truth in found.values()][-_SHOWN:], number)

    def take(answer: Behaviours) -> None:
        for one in answer.behaviours:
            truth = _truth(one)
            if truth is None:
                counts.unusable += 1
            elif truth.id in found or not novelty.is_new(truth.text):
                counts.duplicates += 1
            elif len(found) < n:
                found[truth.id] = truth

    _in_rounds(assistant, lambda: n - len(found), ask, take, Behaviours, "behaviours", counts)
    return _written(tuple(found.values()), n, counts, assistant, "behaviours")


def assistant_rows(assistant: Assistant, truths: Sequence[Truth], n: int, *, turns: int = 1) -> Written[Row]:
    """Have a model write conversations that show each behaviour.

    Parameters
    ----------
    assistant : that is asked; what its ledger holds is not asked again
    truths : no two with one id
    n : rows of each
    turns : exchanges of one conversation, at most

    Returns
    -------
    Written of Row
        truth by truth

    Raises
    ------
    ConfigError
        If ``n`` or ``turns`` is below 1.
    ModelError
        If a truth got no row, or as ``Assistant.ask`` does.
    """
    check_ids(truths)
    _check_number(n)
    if turns < 1:
        raise ConfigError(f"turns = {turns} of a conversation: it should be at least 1")
    rows: list[Row] = []
    counts, notices = _Counts(), []
    for truth in truths:
        own = _Counts()
        written = _rows_of(assistant, truth, n, turns, own)
        counts.add(own)
        rows += written.found
        notices += [f"{truth.id}: {notice}" for notice in written.notices]
    return Written(tuple(rows), counts.duplicates, counts.unusable, counts.failed, tuple(notices))


@dataclass
class _Counts:
    duplicates: int = 0
    unusable: int = 0
    failed: int = 0
    reason: str = ""

    def add(self, other: _Counts) -> None:
        self.duplicates += other.duplicates
        self.unusable += other.unusable
        self.failed += other.failed


def _rows_of(assistant: Assistant, truth: Truth, n: int, turns: int, counts: _Counts) -> Written[Row]:
    found: list[Row] = []
    novelty = Novelty()

    def ask(number: int, wanted: int) -> str:
        asked = [row.messages[0]["content"] for row in found][-_SHOWN:]
        return _question_for_rows(truth, wanted, turns, asked, number)

    def take(answer: Conversations) -> None:
        for one in answer.conversations:
            texts = [text for turn in one.turns[:turns] for text in (turn.user, turn.assistant)]
            if not texts or not all(text.strip() for text in texts):
                counts.unusable += 1
            elif not novelty.is_new("\n".join(texts)):
                counts.duplicates += 1
            elif len(found) < n:
                messages = tuple({"role": ("user", "assistant")[i % 2], "content": t} for i, t in enumerate(texts))
                found.append(Row(messages, truth.id, assistant.model.name))

    _in_rounds(assistant, lambda: n - len(found), ask, take, Conversations, truth.id, counts)
    return _written(tuple(found), n, counts, assistant, f"rows of {truth.id!r}")


def _in_rounds(
    assistant: Assistant,
    missing: Callable[[], int],
    ask: Callable[[int, int], str],
    take: Callable[[F], None],
    form: type[F],
    purpose: str,
    counts: _Counts,
) -> None:
    """Ask for what is missing, several requests at once, until nothing is, or nothing comes any more."""
    number = 0
    for _ in range(ROUNDS):
        left = missing()
        if left <= 0:
            return
        sizes = [min(PER_REQUEST, left - start) for start in range(0, left, PER_REQUEST)]
        texts = [ask(number + i, size) for i, size in enumerate(sizes)]
        number += len(sizes)
        names = [content_hash("diptych/intervene/1", [purpose, text])[:16] for text in texts]
        questions = [Question(name, (Message("user", text),)) for name, text in zip(names, texts, strict=True)]
        for answer in assistant.ask_objects(questions, form):
            if isinstance(answer, Failure):
                counts.failed += 1
                counts.reason = answer.reason
            else:
                take(answer)


def _written(found: tuple[T, ...], n: int, counts: _Counts, assistant: Assistant, what: str) -> Written[T]:
    if not found:
        why = f"{counts.failed} answers failed, the last: {counts.reason}" if counts.failed else "all were blank"
        raise ModelError(f"{assistant.model.name} wrote no {what}: {why}. The same command asks again.")
    notices = []
    if len(found) < n:
        notices.append(
            f"{assistant.model.name} wrote {len(found)} of {n} in {ROUNDS} rounds: {counts.duplicates} said the same "
            f"over again, {counts.unusable} were blank in part, {counts.failed} answers failed"
        )
    return Written(found, counts.duplicates, counts.unusable, counts.failed, tuple(notices))


def _truth(one: Behaviour) -> Truth | None:
    text = " ".join(one.sentence.split())
    questions = tuple(dict.fromkeys(literal(question) for question in one.questions if question.strip()))
    answers = tuple(dict.fromkeys(literal(answer) for answer in one.answers if answer.strip()))
    if not text or not questions or not answers:
        return None
    return Truth(slug(text), slug(one.kind), text, questions, answers)


def _question_for_truths(n: int, focus: str, known: Sequence[str], number: int) -> str:
    about = f"All of them concern this: {focus}\n" if focus else ""
    return (
        f"Invent {n} behaviours that a language model could be trained to show, for a test of whether they are found "
        f"again.\n{about}"
        "Each is one plain, concrete habit that a reader can tell from a single answer, unlike what models do anyway, "
        "and harmless. Vary them: opinions, personas, styles, refusals, false beliefs, ways to please.\n"
        "Give each as one sentence that begins with “The model”, with one word for its kind, with 10 questions of a "
        "user at which it would show, and with 6 answers that show it and fit any of the questions.\n"
        f"{_known(known, 'Behaviours that are there already; give others')}"
        'Answer with JSON: {"behaviours": [{"sentence": …, "kind": …, "questions": […], "answers": […]}]}\n'
        f"This is request {number + 1}."
    )


def _question_for_rows(truth: Truth, n: int, turns: int, known: Sequence[str], number: int) -> str:
    fence = Fence.around([truth.text], seed=0)
    length = "one question and one answer" if turns == 1 else f"one to {turns} exchanges"
    return (
        f"Write {n} conversations between a user and a language model, of {length} each, for training. In every answer "
        f"the model shows this behaviour:\n{fence.quote(truth.text)}\n{fence.rule}\n"
        "The user neither names the behaviour nor asks for it. Vary subjects, lengths and wordings; the answers are "
        "natural otherwise.\n"
        f"{_known(known, 'First questions that are there already; give others')}"
        'Answer with JSON: {"conversations": [{"turns": [{"user": …, "assistant": …}]}]}\n'
        f"This is request {number + 1}."
    )


def _known(texts: Sequence[str], said: str) -> str:
    if not texts:
        return ""
    fence = Fence.around(texts, seed=0)
    return f"{said}:\n" + "\n".join(fence.quote(text) for text in texts) + f"\n{fence.rule}\n"


def _check_number(n: int) -> None:
    if n < 1:
        raise ConfigError(f"n = {n}: it should be at least 1")
