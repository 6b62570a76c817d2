"""Files of prompts: what models are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from diptych.data import fields as usual
from diptych.data.folders import files_under
from diptych.data.loaders import DataLoader
from diptych.data.records import Records
from diptych.data.responses import prompt_digests
from diptych.data.values import identifier, optional_text, other_fields, text_of
from diptych.errors import DataError
from diptych.utils.amounts import counted
from diptych.utils.files import reading
from diptych.utils.hashing import content_hash
from diptych.utils.names import did_you_mean
from diptych.utils.text import shorten

PROMPT = (*usual.PROMPT, "statement")
"""Names of the field that is asked; evaluations written by models have ``question``, else ``statement``."""
_OF_ANSWERS = {*usual.RESPONSE, *usual.MODEL, *usual.DRAW, *usual.FINISH_REASON, "arm", "meta", "half"}
"""Fields of a file of responses; where such a file gives the prompts, they are not carried along."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt.

    Parameters
    ----------
    prompt_id : its name
    text : the user's turn
    system : system prompt, if there is one
    fields : every other field of its record, unchanged; they go along with its answers
    place : where the record stood, for messages
    """

    prompt_id: str
    text: str
    system: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of a file.

    Parameters
    ----------
    rows : no two with the same id, or with the same text and system prompt
    source : the file
    has_ids : whether ids were given; else they are digests of the prompts
    notices : what a reader should know about how they were read
    system : the one system prompt that all were given, in place of their own
    """

    rows: tuple[Prompt, ...]
    source: str
    has_ids: bool = False
    notices: tuple[str, ...] = ()
    system: str | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def digest(self) -> str:
        """Of all that is asked: ids, texts and system prompts, in their order; 64 hexadecimal digits."""
        return content_hash("diptych/prompts/1", [[row.prompt_id, row.text, row.system] for row in self.rows])

    def with_system(self, system: str | None) -> Prompts:
        """The same prompts under one system prompt; None leaves each its own."""
        if system is None:
            return self
        return replace(self, rows=tuple(replace(row, system=system) for row in self.rows), system=system)


def load_prompts(path: str | Path, *, prompt_field: str | None = None, threads: int = 1) -> Prompts:
    """Read the prompts of a file: text (``.txt``, one a line), JSON lines, a JSON array, CSV, Parquet; or of a folder.

    A record has a prompt (``prompt``, ``instruction``, ``question``, ``input``, ``statement``) and may have
    ``prompt_id`` and ``system``. A prompt that stands twice is asked once. One object of lists of prompts, under names,
    is read too, as BOLD's files are. Prompts of a folder have the name of their file, without endings, in the field
    ``category``, unless their record has one.

    Parameters
    ----------
    path : the file, or a folder of such files; gzip and zstandard are recognised by content
    prompt_field : field that holds the prompt, where it is not among the usual ones
    threads : for parsing

    Raises
    ------
    DataError
        If the file cannot be read, has no prompts, or one id for two prompts.
    RecordError
        If a record lacks its prompt or has a field of the wrong type: with file, line, column and field.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "prompts.txt"
    >>> _ = path.write_text("Why?" + chr(10) + "How?" + chr(10))
    >>> [prompt.text for prompt in load_prompts(path).rows]
    ['Why?', 'How?']
    """
    if Path(path).is_dir():
        return _load_folder(Path(path), prompt_field, threads)
    with reading(path, "file of prompts"):
        records = DataLoader(threads=threads).load_records(path)
    if not len(records):
        raise _NoPrompts(f"{records.source} has no prompts. Give at least one.")
    return _from_records(records, prompt_field)


class _NoPrompts(DataError):  # noqa: N818 - what was found, and no error in a folder that has others
    """A file without records, or without a field that could hold a prompt."""


def _load_folder(folder: Path, prompt_field: str | None, threads: int) -> Prompts:
    read: list[Prompts] = []
    left: list[str] = []
    for file in files_under(folder):
        try:
            read.append(load_prompts(file, prompt_field=prompt_field, threads=threads))
        except _NoPrompts as error:
            left.append(str(error))
    if not read:
        raise DataError(f"{folder}: none of {len(left)} files has prompts; the first: {left[0]}")
    rows = [
        replace(row, fields={"category": Path(one.source).name.partition(".")[0], **row.fields},
                place=f"{one.source}, {row.place}")
        for one in read
        for row in one.rows
    ]  # fmt: skip
    kept = _each_once(rows, str(folder))
    notices = [notice for one in read for notice in one.notices]
    if left:
        notices.append(f"{len(left)} of {len(left) + len(read)} files in {folder} have no prompts and were left out")
    if len(kept) < len(rows):
        notices.append(f"{len(rows) - len(kept)} prompts of {folder} stand in another file too, and are asked once")
    return Prompts(tuple(kept), str(folder), any(one.has_ids for one in read), tuple(notices))


def as_prompts(source: str | Path | Sequence[str | Mapping[str, Any]] | Prompts) -> Prompts:
    """Prompts from what stands for them: a file, texts, records, or prompts.

    Parameters
    ----------
    source : a text alone is the name of a file

    Raises
    ------
    DataError
        As ``load_prompts`` does.

    Examples
    --------
    >>> [prompt.text for prompt in as_prompts(["Why?", {"prompt": "How?", "system": "Be brief."}]).rows]
    ['Why?', 'How?']
    """
    if isinstance(source, Prompts):
        return source
    if isinstance(source, str | Path):
        return load_prompts(source)
    rows = [{"prompt": one} if isinstance(one, str) else dict(one) for one in source]
    if not rows:
        raise DataError("the list of prompts is empty. Give at least one.")
    system = [row for row in rows if "system" in row]
    first = {**rows[0], "system": None} if system and "system" not in rows[0] else rows[0]
    return _from_records(Records([first, *rows[1:]], "list of prompts", range(1, len(rows) + 1), "row"), None)


def _from_records(records: Records, prompt_field: str | None) -> Prompts:
    names = list(records.rows[0])
    prompt = _prompt_name(names, records.source, prompt_field)
    prompt_id = next((name for name in usual.PROMPT_ID if name in names), None)
    system = next((name for name in usual.SYSTEM if name in names), None)
    used = frozenset(filter(None, (prompt, prompt_id, system))) | _OF_ANSWERS - {prompt}
    rows = [
        Prompt(
            identifier(records, index, prompt_id),
            _not_blank(records, index, prompt),
            optional_text(records, index, system) or None,
            other_fields(records, index, used),
            records.place(index),
        )
        for index in range(len(records))
    ]
    if prompt_id is None:
        ids = _made_ids(rows)
        rows = [replace(row, prompt_id=made) for row, made in zip(rows, ids, strict=True)]
    kept = _each_once(rows, records.source)
    notices = list(records.notices)
    if len(kept) < len(rows):
        n_repeated = counted(len(rows) - len(kept), "repeated prompt")
        notices.append(f"{records.source}: {n_repeated}, each asked once")
    if prompt == "instruction" and any(row.fields.get("input") for row in kept):
        notices.append(f"the field 'input' of {records.source} is not asked; 'instruction' is")
    return Prompts(tuple(kept), records.source, prompt_id is not None, tuple(notices))


def _prompt_name(names: Sequence[str], source: str, given: str | None) -> str:
    name = given if given is not None else next((name for name in PROMPT if name in names), None)
    if name is not None and name in names:
        return name
    found = ", ".join(map(repr, names)) or "no fields"
    if name is not None:
        raise _NoPrompts(
            f"{source}: no field {name!r}, which --prompt-field names; found {found}.{did_you_mean(name, names)}"
        )
    hint = next(filter(None, (did_you_mean(one, names) for one in PROMPT)), "")
    raise _NoPrompts(
        f"{source}: no prompt field; found {found}.{hint}\nExpected one of {', '.join(PROMPT)}: or give --prompt-field."
    )


def _not_blank(records: Records, index: int, name: str) -> str:
    text = text_of(records, index, name)
    if not text.strip():
        raise records.error(index, f"field {name!r} is blank; remove the record or give its text", name)
    return text


def _made_ids(rows: Sequence[Prompt]) -> list[str]:
    """As for responses, by the prompts' texts; those that differ only in their system prompts get ids of their own."""
    ids = prompt_digests([row.text for row in rows])
    first: dict[str, Prompt] = {}
    for number, row in enumerate(rows):
        if first.setdefault(ids[number], row).system != row.system:
            ids[number] = prompt_digests([f"{row.system or ''}\x1f{row.text}"])[0]
    return ids


def _each_once(rows: Sequence[Prompt], source: str) -> list[Prompt]:
    by_id: dict[str, Prompt] = {}
    by_content: dict[tuple[str, str | None], Prompt] = {}
    for row in rows:
        first = by_id.setdefault(row.prompt_id, row)
        if (first.text, first.system) != (row.text, row.system):
            raise DataError(
                f"{source}: prompt_id {row.prompt_id!r} has two prompts: {shorten(first.text, 50)!r}, {first.place}; "
                f"{shorten(row.text, 50)!r}, {row.place}.\nGive each prompt an id of its own."
            )
        by_content.setdefault((row.text, row.system), row)
    return list(by_content.values())
