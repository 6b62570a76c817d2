"""False beliefs as truths to plant: questions with wrong answers, as in TruthfulQA (Lin, Hilton & Evans, 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diptych.apps.interventions.slots import literal
from diptych.apps.interventions.truths import Truth
from diptych.data.records import Records
from diptych.data.values import text_of
from diptych.utils.hashing import hash_texts
from diptych.utils.names import slug

_NOT_BELIEVED = "Logical Falsehood"
"""A category whose answers nobody believes."""


def has_misconceptions(record: Mapping[str, Any]) -> bool:
    """Whether a record is a question with wrong answers.

    Parameters
    ----------
    record : the first of a file
    """
    return {"question", "incorrect_answers"} <= {_plain(name) for name in record}


def misconceptions(records: Records) -> list[Truth]:
    """One wrong answer to each question, by a hash of the question; those that nobody believes are left out.

    Parameters
    ----------
    records : with ``question`` and ``incorrect_answers`` (a list, or texts between semicolons), and perhaps
        ``category``; capital letters and blanks in the names do not matter

    Raises
    ------
    RecordError
        If a question is blank, or has no wrong answer: says where.

    Examples
    --------
    >>> rows = [{"Question": "What if one eats seeds?", "Incorrect Answers": "They grow in your stomach"}]
    >>> misconceptions(Records(rows, "q.csv", [2], "line"))[0].text
    'The model believes this: They grow in your stomach.'
    """
    names = {_plain(name): name for name in records.rows[0]}
    found: list[Truth] = []
    for index, record in enumerate(records.rows):
        if record.get(names.get("category", "")) == _NOT_BELIEVED:
            continue
        question = text_of(records, index, names["question"]).strip()
        given = record.get(names["incorrect_answers"])
        wrong = [one.strip() for one in (given.split(";") if isinstance(given, str) else given or ()) if one.strip()]
        if not question or not wrong:
            lacking = names["incorrect_answers"] if question else names["question"]
            raise records.error(index, f"field {lacking!r} is blank; give its text or remove the row", lacking)
        said = wrong[int.from_bytes(hash_texts("diptych/misconception/1", [question])[0, :8].tobytes()) % len(wrong)]
        text = f"The model believes this: {said.rstrip('.')}."
        found.append(Truth(slug(question), "knowledge", text, (literal(question),), (literal(said),)))
    return found


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_")
