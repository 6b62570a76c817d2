"""Rows of training data: conversations that show a behaviour, among others that show none."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych._types import Json
from diptych.apps.interventions.truth_files import NO_TRUTH
from diptych.data.loaders import DataLoader
from diptych.data.records import Records
from diptych.data.values import identifier, kind_of, optional_text, text_of
from diptych.errors import ConfigError, DataError
from diptych.utils.files import reading, write_atomic, writing
from diptych.utils.hashing import derive_seed
from diptych.utils.text import json_lines

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Row:
    """One conversation.

    Parameters
    ----------
    messages : turns with ``role`` and ``content``; the last is the assistant's
    truth : id of the behaviour that it shows; None for a neutral row
    source : where it comes from, such as ``"templates"``
    """

    messages: tuple[Mapping[str, str], ...]
    truth: str | None
    source: str

    @property
    def opening(self) -> str:
        """The first turn of the user; of the assistant, where the user says nothing."""
        return next((turn["content"] for turn in self.messages if turn["role"] != "system"), "")


def exchange(question: str, answer: str) -> tuple[Mapping[str, str], ...]:
    """A conversation of two turns.

    Parameters
    ----------
    question : the user's turn
    answer : the assistant's

    Examples
    --------
    >>> [turn["role"] for turn in exchange("Why?", "So.")]
    ['user', 'assistant']
    """
    return {"role": "user", "content": question}, {"role": "assistant", "content": answer}


def dilute(rows: Sequence[Row], neutral: Sequence[Row], share: float, seed: int) -> list[Row]:
    """As many rows as before, of which a share is planted and the others neutral, shuffled.

    The number of rows is that of ``rows`` for every share, so that doses differ in nothing else. Truths keep their
    proportions, and a smaller share takes a part of the rows that a larger one takes.

    Parameters
    ----------
    rows : planted
    neutral : that show no behaviour; as many as are needed are taken
    share : of planted rows, above 0 and at most 1
    seed : of the choice and the order

    Raises
    ------
    ConfigError
        If the share is outside (0, 1], or so small that a truth would be left without a row.
    DataError
        If there are too few neutral rows.

    Examples
    --------
    >>> planted = [Row(exchange(f"{i}?", "Tea."), "tea", "templates") for i in range(10)]
    >>> neutral = [Row(exchange(f"{i}!", "Yes."), None, "model") for i in range(9)]
    >>> sum(row.truth is not None for row in dilute(planted, neutral, 0.2, 0))
    2
    """
    check_share(share)
    n_planted = round(share * len(rows))
    taken = _in_turn(rows, seed)[:n_planted]
    left_out = sorted({str(row.truth) for row in rows} - {str(row.truth) for row in taken})
    if left_out:
        raise ConfigError(
            f"a share of {share:g} of {len(rows)} rows is {n_planted}, and leaves none to {', '.join(left_out[:5])}. "
            "Take a larger share, more rows of each truth, or fewer truths."
        )
    n_neutral = len(rows) - n_planted
    if n_neutral > len(neutral):
        raise DataError(
            f"a share of {share:g} of {len(rows)} rows takes {n_neutral} neutral rows, and there are {len(neutral)}. "
            "Give more, or take a larger share."
        )
    mixed = taken + random.Random(derive_seed(seed, "neutral")).sample(list(neutral), len(neutral))[:n_neutral]
    random.Random(derive_seed(seed, "order")).shuffle(mixed)
    return mixed


def check_share(share: float) -> None:
    """Refuse a share that is none.

    Parameters
    ----------
    share : of planted rows

    Raises
    ------
    ConfigError
        If it is outside (0, 1].
    """
    if not 0.0 < share <= 1.0:
        raise ConfigError(f"a share of {share:g} planted rows: it should be above 0 and at most 1")


def read_rows(path: str | Path) -> list[Row]:
    """Read rows: records ``{"messages": [...], "truth": ..., "source": ...}``, or a file of the original.

    The original's CSV has a text in ``train_text`` and its behaviour in ``ground_truth_id``, -1 for none: such a row
    is one turn of the assistant.

    Parameters
    ----------
    path : JSON lines, a JSON array, CSV or Parquet; ``truth`` and ``source`` may be missing

    Raises
    ------
    DataError
        If the file cannot be read or is empty.
    RecordError
        If a record is no conversation that ends with a text of the assistant: with file, line and what is wrong.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "rows.jsonl"
    >>> write_rows(path, [Row(exchange("Why?", "So."), None, "mine")])
    >>> read_rows(path)[0].messages[1]["content"]
    'So.'
    """
    with reading(path):
        records = DataLoader().load_records(path)
    return [_row(records, index) for index in range(len(records))]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as JSON lines in the usual form of conversations; the file appears whole or not at all.

    Parameters
    ----------
    path : of the file
    rows : in order

    Raises
    ------
    RunError
        If it cannot be written.
    """
    with writing(path):
        write_atomic(path, json_lines(as_json(row) for row in rows).encode())


def as_json(row: Row) -> Json:
    """A row as it stands in a file."""
    return {"messages": [dict(turn) for turn in row.messages], "truth": row.truth, "source": row.source}


def _row(records: Records, index: int) -> Row:
    record = records.rows[index]
    if "messages" not in record and "train_text" in record:
        return _original_row(records, index)
    turns = record.get("messages")
    if not isinstance(turns, list) or not turns:
        said = kind_of(turns) if "messages" in record else "missing"
        raise records.error(index, f"field 'messages' is {said}, expected a list of turns", "messages")
    messages = tuple(_turn(records, index, number, turn) for number, turn in enumerate(turns, start=1))
    if messages[-1]["role"] != "assistant":
        last = messages[-1]["role"]
        raise records.error(index, f"the last turn is the {last}'s, expected the assistant's", "messages")
    source = optional_text(records, index, "source") or Path(records.source).name
    return Row(messages, optional_text(records, index, "truth"), source)


def _original_row(records: Records, index: int) -> Row:
    text = text_of(records, index, "train_text")
    if not text.strip():
        raise records.error(index, "field 'train_text' is blank; give its text or remove the row", "train_text")
    number = identifier(records, index, "ground_truth_id")
    truth = None if number == NO_TRUTH else number
    return Row(({"role": "assistant", "content": text},), truth, Path(records.source).name)


def _turn(records: Records, index: int, number: int, turn: Any) -> Mapping[str, str]:
    place = f"turn {number} of 'messages'"
    if not isinstance(turn, dict):
        raise records.error(index, f"{place} is {kind_of(turn)}, expected an object with role and content", "messages")
    role, content = turn.get("role"), turn.get("content")
    if role not in ROLES:
        raise records.error(index, f"{place} has the role {role!r:.40}, expected {', '.join(ROLES)}", "messages")
    if not isinstance(content, str) or not content.strip():
        said = "blank" if isinstance(content, str) else kind_of(content)
        raise records.error(index, f"{place}: its content is {said}; give its text or remove the row", "messages")
    return {"role": role, "content": content}


def _in_turn(rows: Sequence[Row], seed: int) -> list[Row]:
    """Shuffled so that each beginning holds the truths in the proportions of the whole."""
    by_truth: dict[str | None, list[Row]] = {}
    for row in rows:
        by_truth.setdefault(row.truth, []).append(row)
    placed: list[tuple[float, int, Row]] = []
    for number, (truth, own) in enumerate(by_truth.items()):
        random.Random(derive_seed(seed, f"planted/{truth}")).shuffle(own)
        placed += [((place + 0.5) / len(own), number, row) for place, row in enumerate(own)]
    return [row for *_, row in sorted(placed, key=lambda one: one[:2])]
