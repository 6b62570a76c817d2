"""What may stand for an arm: a file, a list of records, a data frame, a table of responses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

from diptych.data import DataLoader, Records, Responses
from diptych.data.loaders import SkipOptions
from diptych.errors import DataError
from diptych.models.registry import looks_like_model


def load_arm(
    source: Any,
    *,
    arm: str,
    prompt_field: str | None,
    response_field: str | None,
    group_field: str | None = None,
    threads: int,
    **options: Unpack[SkipOptions],
) -> Responses:
    """Responses of one arm.

    Parameters
    ----------
    source : path of a file; list of dicts; pandas or polars data frame; ``Responses``
    arm : ``"a"`` or ``"b"``
    prompt_field, response_field : field names, where they are not among the usual ones
    group_field : kept with each response, whatever else it is
    threads : for parsing
    **options : which lines of a file may be left out

    Raises
    ------
    DataError
        If the source is of another kind, is missing, or does not fit.
    """
    if isinstance(source, Responses):
        return source
    records = _records(source, arm, threads, options)
    return Responses.from_records(
        records,
        arm=arm,
        prompt_field=prompt_field,
        response_field=response_field,
        keep=() if group_field is None else (group_field,),
    )


def _records(source: Any, arm: str, threads: int, options: SkipOptions) -> Records:
    if isinstance(source, str | Path):
        return _file(Path(source), str(source), threads, options)
    if hasattr(source, "to_dicts"):  # polars
        return _numbered(source.to_dicts(), f"data frame {arm}")
    if hasattr(source, "to_dict") and hasattr(source, "columns"):  # pandas
        present = source.astype(object).where(source.notna(), None)  # pandas writes a missing value as NaN
        return _numbered(present.to_dict("records"), f"data frame {arm}")
    if isinstance(source, list | tuple) and all(isinstance(row, Mapping) for row in source):
        return _numbered([dict(row) for row in source], f"list {arm}")
    kind = type(source).__name__
    raise DataError(f"cannot read responses from {kind}. Give a file name, a list of dicts or a data frame.")


def _numbered(rows: list[dict[str, Any]], source: str) -> Records:
    return Records(rows, source, range(1, len(rows) + 1), "row")


def _file(path: Path, name: str, threads: int, options: SkipOptions) -> Records:
    try:
        return DataLoader(threads=threads).load_records(path, **options)
    except FileNotFoundError as error:
        hint = "Check the name; it is looked up from the current folder."
        if looks_like_model(name):
            hint = "It looks like the name of a model. Generate its responses first, and give the file."
        raise DataError(f"{name}: no such file. {hint}") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}.") from error
