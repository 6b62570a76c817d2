"""Files of truths: of one's own, of the original, of questions with wrong answers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from diptych.apps.interventions.misconceptions import has_misconceptions, misconceptions
from diptych.apps.interventions.truths import Truth, check_ids
from diptych.data.loaders import DataLoader
from diptych.data.records import Records
from diptych.data.values import identifier, kind_of, optional_text, text_of
from diptych.errors import DataError, RecordError
from diptych.utils.files import reading
from diptych.utils.names import slug
from diptych.utils.text import parse_json

NO_TRUTH = "-1"
"""In files of the original, the number of texts that show no behaviour."""
_FIELDS = ("text", "truth", "ground_truth")


def read_truths(path: str | Path) -> tuple[Truth, ...]:
    """Read truths: a text a line (``.txt``), or records of JSON lines, a JSON array, CSV or Parquet.

    A record has its sentence in ``text``, ``truth`` or ``ground_truth``, and may have ``id``, ``family``,
    ``questions``, ``answers`` (lists; in CSV as JSON) and ``mark``. Questions with wrong answers, as those of
    TruthfulQA, give false beliefs; see ``misconceptions``. The CSV of the original, with a text to a row,
    gives each of its truths once, under its ``ground_truth_id``; rows of its base model are no truth.

    Parameters
    ----------
    path : the file

    Raises
    ------
    DataError
        If the file cannot be read, holds no truth, or one id stands for two.
    RecordError
        If a row is empty or a field does not fit: with file, line and what is wrong.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "truths.txt"
    >>> _ = path.write_text("The model likes cats." + chr(10))
    >>> read_truths(path)[0].id
    'the_model_likes_cats'
    """
    with reading(path):
        records = DataLoader().load_records(path)
    if ".txt" in (suffix.lower() for suffix in Path(path).suffixes):
        _refuse_gaps(records)
    if len(records) and has_misconceptions(records.rows[0]):
        read: list[Truth | None] = [*misconceptions(records)]
    else:
        read = [_read(records, index) for index in range(len(records))]
    found = dict.fromkeys(truth for truth in read if truth is not None)
    if not found:
        raise DataError(f"{path}: no truth in it. Give sentences such as: The model prefers tea to coffee.")
    try:
        check_ids(list(found))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return tuple(found)


def _read(records: Records, index: int) -> Truth | None:
    record = records.rows[index]
    number = "ground_truth_id" if "ground_truth_id" in record else None
    if number and identifier(records, index, number) == NO_TRUTH:
        return None
    name = next((name for name in (*_FIELDS, "prompt") if name in record), _FIELDS[0])
    text = text_of(records, index, name).strip()
    if not text:
        raise records.error(index, f"field {name!r} is blank; give the sentence or remove the row", name)
    own = "id" if "id" in record else number
    try:
        return Truth(
            identifier(records, index, own) or slug(text),
            optional_text(records, index, "family") or "given",
            text,
            _texts(records, index, "questions"),
            _texts(records, index, "answers"),
            optional_text(records, index, "mark") or None,
        )
    except RecordError:
        raise
    except DataError as error:
        raise records.error(index, str(error)) from error


def _texts(records: Records, index: int, name: str) -> tuple[str, ...]:
    """A list of texts, which may stand as JSON in one text."""
    value = records.rows[index].get(name)
    if isinstance(value, str):
        try:
            value = parse_json(value) if value.strip() else []
        except ValueError:
            value = [value]
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise records.error(index, f"field {name!r} is {kind_of(value)}, expected a list of texts, none blank", name)
    return tuple(value)


def _refuse_gaps(records: Records) -> None:
    """A blank line in a list of truths is a truth that is missing."""
    for before, here in pairwise((0, *records.places)):
        if here - before > 1:
            raise RecordError(records.source, before + 1, 0, "the line is empty; give a truth or remove it")
