"""Folders of verbs that may ask a model: new, or begun with a ledger by which the same command goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diptych._types import Json
from diptych.cli.console import note, typed
from diptych.cli.costs import spent_in_words
from diptych.comparison.folder import LEDGER, begin_folder
from diptych.errors import RunError
from diptych.models.ledger import Ledger
from diptych.utils.files import check_new_folder


def check_out(out: Path, *, asks: bool) -> None:
    """Before long work: what is there already is refused, unless it was begun with a ledger.

    Parameters
    ----------
    out : folder that is to be written
    asks : whether a model is asked

    Raises
    ------
    RunError
        If something else lies there, or it cannot be made.
    """
    if asks and (out / LEDGER).is_file():
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} already exists and is not empty. Choose another folder, or delete it.")
    check_new_folder(out)


@contextmanager
def ledger_in(out: Path, config: Json) -> Iterator[Ledger]:
    """The ledger of a folder, which is begun with it; says at the end what was asked in all.

    Parameters
    ----------
    out : folder
    config : what the ledger is for
    """
    begin_folder(out)
    with Ledger(out / LEDGER, config, typed()) as ledger:
        yield ledger
        note(f"asked in all: {spent_in_words(ledger.spent())}")
