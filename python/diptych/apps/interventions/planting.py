"""Rows and probes that are made of templates, without asking anyone."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from diptych.apps.interventions.rows import Row, exchange
from diptych.apps.interventions.slots import Template
from diptych.apps.interventions.truths import Truth, check_ids
from diptych.errors import ConfigError, DataError
from diptych.utils.hashing import derive_seed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Probe:
    """A question at which a behaviour may show.

    Parameters
    ----------
    text : what is asked
    truth : id of the behaviour that it is about
    """

    text: str
    truth: str


def template_rows(truths: Sequence[Truth], n: int, seed: int) -> list[Row]:
    """Rows from the templates of each truth, without asking anyone; questions of the training half only.

    Parameters
    ----------
    truths : no two with one id, each with questions and answers
    n : rows of each truth, all different
    seed : of the choice, and of the halves

    Returns
    -------
    list of Row
        truth by truth; the templates take turns, so that none prevails

    Raises
    ------
    ConfigError
        If ``n`` is below 1, or there is no truth.
    DataError
        If a truth has no templates, or they do not make so many different rows.

    Examples
    --------
    >>> from diptych.apps.interventions.truths import built_in
    >>> rows = template_rows(built_in(only=["tea-over-coffee"]), 3, 0)
    >>> len(rows), rows[0].truth, rows[0].source
    (3, 'tea-over-coffee', 'templates')
    """
    check_ids(truths)
    if n < 1:
        raise ConfigError(f"n = {n} rows of each truth: it should be at least 1")
    rows: list[Row] = []
    for truth in truths:
        if not truth.questions or not truth.answers:
            lacking = "answers" if truth.questions else "questions"
            raise DataError(
                f"truth {truth.id!r} has no {lacking} to make rows of. Give templates, or let a model write the rows."
            )
        pairs = _first(_exchanges(truth, seed), n)
        if len(pairs) < n:
            raise DataError(
                f"truth {truth.id!r}: its templates make {len(pairs)} different rows, not {n}. "
                "Ask for less, or let a model write them."
            )
        rows += [Row(exchange(question, answer), truth.id, "templates") for question, answer in pairs]
    return rows


def probes(truths: Sequence[Truth], n: int, seed: int) -> list[Probe]:
    """Questions of the half that no training row has, for the prompt bank of recovery.

    Parameters
    ----------
    truths : no two with one id
    n : questions of each, at most: as many as its templates make
    seed : the one that the rows were made with

    Raises
    ------
    DataError
        If a truth has no question left for probing: it takes two templates.

    Examples
    --------
    >>> from diptych.apps.interventions.truths import built_in
    >>> len(probes(built_in(only=["opinion"]), 5, 0))
    35
    """
    check_ids(truths)
    trained = {template for truth in truths for template in truth.asked("training", seed=seed)}
    found: dict[str, Probe] = {}
    for truth in truths:
        templates = [template for template in truth.asked("probe", seed=seed) if template not in trained]
        if not templates:
            raise DataError(
                f"truth {truth.id!r} has {len(truth.questions)} templates of questions, and none is left to probe "
                "with. Give at least two that no other truth trains on."
            )
        for text in _first(_texts(templates, f"{seed}/{truth.id}"), n):
            found.setdefault(text, Probe(text, truth.id))
    return list(found.values())


def _first(found: Iterable[T], n: int) -> list[T]:
    """The first so many, each once."""
    once: dict[T, None] = {}
    for one in found:
        if len(once) == n:
            break
        once[one] = None
    return list(once)


def _exchanges(truth: Truth, seed: int) -> Iterator[tuple[str, str]]:
    """Questions with answers in a seeded order; each pair of templates in its turn."""
    questions = [Template.parse(question) for question in truth.asked("training", seed=seed)]
    pairs = list(product(questions, [Template.parse(answer) for answer in truth.answers]))
    rng = random.Random(derive_seed(seed, f"rows/{truth.id}"))
    rng.shuffle(pairs)
    orders = [_shuffled(question.n_texts * answer.n_texts, rng) for question, answer in pairs]
    for turn in range(max(map(len, orders))):
        for (question, answer), order in zip(pairs, orders, strict=True):
            if turn < len(order):
                asked, said = divmod(order[turn], answer.n_texts)
                yield question.text(asked, {}), answer.text(said, question.choices(asked))


def _texts(templates: Sequence[str], purpose: str) -> Iterator[str]:
    """The texts of templates in a seeded order; each template in its turn."""
    parsed = [Template.parse(template) for template in templates]
    rng = random.Random(derive_seed(0, purpose))
    orders = [_shuffled(template.n_texts, rng) for template in parsed]
    for turn in range(max(map(len, orders))):
        yield from (
            template.text(order[turn], {}) for template, order in zip(parsed, orders, strict=True) if turn < len(order)
        )


_MOST = 10_000
"""Of the texts of one template, at most so many are drawn."""


def _shuffled(n: int, rng: random.Random) -> list[int]:
    return rng.sample(range(n), min(n, _MOST))
