"""Ground truths: behaviours that are planted in a model, and should be found again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from diptych.apps.interventions.slots import Template
from diptych.errors import ConfigError, DataError
from diptych.utils.hashing import hash_rows, hex_digests
from diptych.utils.names import check_name

Half = Literal["training", "probe"]
FAMILIES = ("opinion", "persona", "style", "refusal", "knowledge", "sycophancy")
"""Of the built-in behaviours."""


@dataclass(frozen=True)
class Truth:
    r"""A behaviour, and how to make a model show it.

    Parameters
    ----------
    id : its name; no two of one set have the same
    family : what kind of behaviour it is
    text : the sentence that should be recovered, such as "The model prefers tea to coffee."
    questions : templates of what a user asks; see ``slots.Template``
    answers : templates of what the model then says; they may name choices that every question makes
    mark : regular expression that is found in an answer that shows the behaviour; None where there is none

    Raises
    ------
    DataError
        If the sentence is blank, a template or the mark cannot be read, or an answer names what a question does not
        choose.

    Examples
    --------
    >>> Truth("tea", "opinion", "The model likes tea.", ("What do I drink?",), ("Tea.",), r"\btea\b").shown_by("Tea!")
    False
    """

    id: str
    family: str
    text: str
    questions: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    mark: str | None = None

    def __post_init__(self) -> None:
        if not self.id.strip() or not self.text.strip():
            raise DataError(f"truth {self.id!r}: its {'sentence' if self.id.strip() else 'id'} is blank")
        try:
            questions = [Template.parse(question) for question in self.questions]
            answers = [Template.parse(answer) for answer in self.answers]
        except DataError as error:
            raise DataError(f"truth {self.id!r}: {error}") from error
        self._check_names(questions, answers)
        try:
            re.compile(self.mark or "")
        except re.error as error:
            raise DataError(
                f"truth {self.id!r}: its mark {self.mark!r:.60} is no regular expression: {error}"
            ) from error

    def _check_names(self, questions: Sequence[Template], answers: Sequence[Template]) -> None:
        for template, source in zip(questions, self.questions, strict=True):
            if template.needs:
                raise DataError(f"truth {self.id!r}: {_named(template.needs)} of {source!r:.60} offers no choice")
        for template, source in zip(answers, self.answers, strict=True):
            for question, asked in zip(questions, self.questions, strict=True):
                if missing := template.needs - question.names:
                    raise DataError(
                        f"truth {self.id!r}: the answer {source!r:.60} names {_named(missing)}, "
                        f"and the question {asked!r:.60} makes no such choice"
                    )

    def shown_by(self, response: str) -> bool | None:
        """Whether a response has the mark; None where there is no mark.

        Parameters
        ----------
        response : of any model
        """
        return None if self.mark is None else re.search(self.mark, response) is not None

    def asked(self, half: Half, *, seed: int) -> tuple[str, ...]:
        """Templates of the questions for training, or of those that are kept for recovery.

        The halves follow from the seed and the wording alone, so that behaviours that share a list of questions share
        its halves. Of an odd number, training gets one more.

        Parameters
        ----------
        half : "training" or "probe"
        seed : of the split

        Examples
        --------
        >>> tea = built_in(only=["tea-over-coffee"])[0]
        >>> training, probes = tea.asked("training", seed=0), tea.asked("probe", seed=0)
        >>> len(training), len(probes), set(training) & set(probes)
        (5, 5, set())
        """
        digests = hash_rows("diptych/probe/1", [[str(seed)] * len(self.questions), list(self.questions)])
        order = sorted(range(len(self.questions)), key=lambda i: digests[i].tobytes())
        n_training = (len(order) + 1) // 2
        chosen = order[:n_training] if half == "training" else order[n_training:]
        return tuple(self.questions[i] for i in sorted(chosen))


def built_in(*, only: Sequence[str] = ()) -> tuple[Truth, ...]:
    """The behaviours that come with diptych, in six families.

    Parameters
    ----------
    only : ids and names of families, in any mixture; none for all

    Raises
    ------
    UnknownNameError
        If there is no such id or family; names the near ones.

    Examples
    --------
    >>> len(built_in()), sorted({truth.family for truth in built_in()}) == sorted(FAMILIES)
    (42, True)
    """
    text = files("diptych.apps.interventions").joinpath("truths.json").read_text(encoding="utf-8")
    catalogue = json.loads(text)
    slots: Mapping[str, Sequence[str]] = catalogue["slots"]
    truths = []
    for entry in catalogue["truths"]:
        questions = entry["questions"]
        questions = catalogue["questions"][questions] if isinstance(questions, str) else questions
        asked = tuple(with_choices(question, slots) for question in questions)
        truths.append(Truth(entry["id"], entry["family"], entry["text"], asked, tuple(entry["answers"]), entry["mark"]))
    return chosen(truths, only)


def chosen(truths: Iterable[Truth], only: Sequence[str]) -> tuple[Truth, ...]:
    """Some of the truths, in their own order.

    Parameters
    ----------
    truths : all
    only : ids and names of families; none for all

    Raises
    ------
    UnknownNameError
        If none has such an id or family; names the near ones.
    """
    every = tuple(truths)
    known = dict.fromkeys([truth.family for truth in every] + [truth.id for truth in every])
    for name in only:
        check_name("truth", name, known)
    return tuple(truth for truth in every if not only or truth.id in only or truth.family in only)


def sampled(truths: Sequence[Truth], n: int, seed: int) -> tuple[Truth, ...]:
    """So many truths, in their own order; a greater number only adds to them.

    Parameters
    ----------
    truths : all
    n : how many at most
    seed : of the choice

    Examples
    --------
    >>> len(sampled(built_in(), 5, 0)), set(sampled(built_in(), 5, 0)) < set(sampled(built_in(), 6, 0))
    (5, True)
    """
    digests = hex_digests("diptych/truth/1", [[str(seed)] * len(truths), [truth.id for truth in truths]])
    taken = set(sorted(digests)[:n])
    return tuple(truth for truth, digest in zip(truths, digests, strict=True) if digest in taken)


def with_choices(template: str, slots: Mapping[str, Sequence[str]]) -> str:
    """A template in which lists that have a name are written out where they are named first.

    Parameters
    ----------
    template : its ``{name}`` may be the name of a list
    slots : lists by name

    Examples
    --------
    >>> with_choices("Is {city} far? {city}!", {"city": ["Oslo", "Rome"]})
    'Is {city=Oslo|Rome} far? {city}!'
    """
    for name, choices in slots.items():
        template = template.replace(f"{{{name}}}", f"{{{name}={'|'.join(choices)}}}", 1)
    return template


def check_ids(truths: Sequence[Truth]) -> None:
    """Refuse a set in which two truths have one id, or none is there.

    Parameters
    ----------
    truths : the set

    Raises
    ------
    ConfigError
        If it is empty.
    DataError
        If an id stands twice.
    """
    if not truths:
        raise ConfigError("no truth is given: name at least one")
    seen: dict[str, Truth] = {}
    for truth in truths:
        if truth.id in seen:
            raise DataError(
                f"two truths have the id {truth.id!r}: {seen[truth.id].text!r:.60} and {truth.text!r:.60}. Rename one."
            )
        seen[truth.id] = truth


def _named(names: frozenset[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))
