"""Which texts of a file are embedded, and what each row is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diptych.data.fields import PROMPT, RESPONSE
from diptych.data.loaders import DataLoader
from diptych.data.values import identifier, text_of
from diptych.errors import DataError
from diptych.utils.files import reading
from diptych.utils.names import did_you_mean

FIELDS = (*RESPONSE, "statement", *PROMPT)
"""Where the text is looked for, in this order."""
IDS = ("prompt_id", "id")


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of a file, in its order.

    Parameters
    ----------
    texts : n of them
    ids : a name for each, where the records have one
    field : that they stood in
    """

    texts: tuple[str, ...]
    ids: tuple[str, ...] | None
    field: str


def load_texts(path: str | Path, *, field: str | None = None, threads: int = 1) -> Texts:
    """The texts of a file of records, or of a text file (one a line).

    Parameters
    ----------
    path : JSON lines, a JSON array, CSV, Parquet or text, each optionally compressed
    field : that holds the text; else the first of `FIELDS` that the first record has
    threads : for parsing

    Raises
    ------
    DataError
        If the file cannot be read, or has no such field; names those that it has.
    RecordError
        If a record lacks the field or its id, or they are of the wrong type.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.jsonl"
    >>> _ = path.write_text('{"id": 7, "statement": "I like tea."}' + chr(10))
    >>> load_texts(path)
    Texts(texts=('I like tea.',), ids=('7',), field='statement')
    """
    with reading(path, "file"):
        records = DataLoader(threads=threads).load_records(path)
    if not len(records):
        raise DataError(f"{records.source} has no rows. Give at least one text.")
    names = list(records.rows[0])
    wanted = FIELDS if field is None else (field,)
    found = next((name for name in wanted if name in names), None)
    if found is None:
        hint = did_you_mean(field, names) if field else f"\nExpected one of {', '.join(FIELDS)}: or give --field."
        raise DataError(
            f"{records.source}: no field {field or 'of text'!r}; found {', '.join(map(repr, names))}.{hint}"
        )
    named = next((name for name in IDS if name in names and name != found), None)
    rows = range(len(records))
    ids = tuple(identifier(records, row, named) for row in rows) if named else None
    return Texts(tuple(text_of(records, row, found) for row in rows), ids, found)
