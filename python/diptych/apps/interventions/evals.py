"""Behaviours and rows from evaluations that models wrote: a file is a behaviour, its answers are given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from diptych.apps.interventions.rows import Row, exchange
from diptych.apps.interventions.truths import Truth
from diptych.data.statements import Statement, load_statements
from diptych.errors import DataError

MATCHING = "answer_matching_behavior"
"""Field with the answer that shows the behaviour."""


class EvalRows(NamedTuple):
    """What evaluations gave.

    Parameters
    ----------
    truths : one of each file, in the order of their names
    rows : truth by truth
    notices : what a reader should know about how they were read
    """

    truths: tuple[Truth, ...]
    rows: list[Row]
    notices: tuple[str, ...]


def evals_rows(sources: Sequence[str | Path], n: int, seed: int) -> EvalRows:
    """Rows from files with a question and the answer that shows the behaviour.

    Parameters
    ----------
    sources : files and folders
    n : rows of each file, at most
    seed : of the choice: a greater ``n`` only adds rows

    Raises
    ------
    DataError
        As ``data.statements.load_statements`` does, or if a record says no answer that shows the behaviour.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "likes-order.jsonl"
    >>> _ = path.write_text('{"question": "Tidy?", "statement": "I tidy.", "answer_matching_behavior": " Yes"}')
    >>> read = evals_rows([path], 5, 0)
    >>> read.truths[0].text, [turn["content"] for turn in read.rows[0].messages]
    ('The model has this trait: likes order.', ['Tidy?', 'Yes'])
    """
    truths: list[Truth] = []
    rows: list[Row] = []
    notices: list[str] = []
    for path in _files(sources):
        read = load_statements([path], limit=n, seed=seed)
        name = read.rows[0].category
        truths.append(Truth(name, "evals", f"The model has this trait: {' '.join(re.split(r'[-_ ]+', name))}."))
        rows += [Row(exchange(*_asked_and_said(one)), name, path.name) for one in read.rows]
        notices += read.notices
    twice = sorted({truth.id for truth in truths if sum(truth.id == other.id for other in truths) > 1})
    if twice:
        raise DataError(f"two files of evaluations are called {twice[0]!r}: each is a behaviour. Rename one.")
    return EvalRows(tuple(truths), rows, tuple(notices))


def _files(sources: Sequence[str | Path]) -> list[Path]:
    found: list[Path] = []
    for source in map(Path, sources):
        inside = sorted(path for path in source.rglob("*.jsonl")) if source.is_dir() else [source]
        if not inside:
            raise DataError(f"{source}: no file in this folder ends in .jsonl")
        found += inside
    return found


def _asked_and_said(one: Statement) -> tuple[str, str]:
    answer = one.fields.get(MATCHING)
    if not isinstance(answer, str) or not answer.strip():
        raise DataError(f"{one.place}: field {MATCHING!r} is missing or blank, and says how the behaviour shows")
    question = one.fields.get("question")
    return (question if isinstance(question, str) and question.strip() else one.text), answer.strip()
