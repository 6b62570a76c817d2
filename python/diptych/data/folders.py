"""Folders of files of records."""

from __future__ import annotations

from pathlib import Path

from diptych.errors import DataError

_ENDINGS = (".jsonl", ".json", ".csv", ".parquet", ".txt")


def files_under(folder: Path) -> list[Path]:
    """The files of records in a folder and those below it, in the order of their names.

    Parameters
    ----------
    folder : that is searched

    Raises
    ------
    DataError
        If it has none.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("b.jsonl", "a.csv.gz", "notes.md"):
    ...     _ = (folder / name).write_text("")
    >>> [file.name for file in files_under(folder)]
    ['a.csv.gz', 'b.jsonl']
    """
    inside = sorted(path for path in folder.rglob("*") if path.is_file() and set(path.suffixes) & set(_ENDINGS))
    if not inside:
        raise DataError(f"{folder}: no file in this folder ends in {', '.join(_ENDINGS)}")
    return inside
