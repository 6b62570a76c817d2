"""What the investigating assistant is told: texts in a file of JSON, with places for numbers."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from pydantic import field_validator

from diptych.config import Settings
from diptych.errors import ConfigError, DataError
from diptych.utils.files import reading
from diptych.utils.text import parse_json

_BUILT_IN = "investigator.json"


class Told(Settings):
    """What an assistant is told that looks for differences.

    Examples
    --------
    >>> "up to 3 hypotheses" in Told.load().wanted(hypotheses=3, written=10, prompts=6)
    True
    """

    role: str
    """The system prompt; the rule about texts of others follows it."""
    nothing_shown: str = ""
    """Stands where there is no answer yet."""
    shown: str = ""
    """Stands before answers of both."""
    tested: str = ""
    """Stands before earlier hypotheses, with what came of them."""
    focus: str = ""
    """Stands before what is to be looked for above all."""
    task: str
    """What is wanted; ``{hypotheses}``, ``{written}`` and ``{prompts}`` stand for how many, at most."""
    measures: str = ""
    """Stands before the names of what can be counted."""
    form: str
    """Of the answer."""

    @field_validator("role", "task", "form")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("it is blank; give its text")
        return text

    @classmethod
    def load(cls, path: str | Path | None = None) -> Told:
        """The instructions of a JSON file, or the built-in ones.

        Parameters
        ----------
        path : the file; None for the built-in ones

        Raises
        ------
        DataError
            If it cannot be read, is not JSON, or a text is missing, blank or of the wrong type; says where.
        """
        if path is None:
            content = files("diptych.apps.interventions").joinpath(_BUILT_IN).read_bytes()
        else:
            with reading(path):
                content = Path(path).read_bytes()
        try:
            values = parse_json(content.decode("utf-8-sig"))
        except ValueError as error:
            raise DataError(f"{path}: not JSON: {error}") from error
        if not isinstance(values, dict):
            raise DataError(f"{path}: expected an object with role, task, form, …, got {type(values).__name__}")
        try:
            return cls.parse(values, source=str(path or _BUILT_IN))
        except ConfigError as error:
            raise DataError(str(error)) from None

    def wanted(self, *, hypotheses: int, written: int, prompts: int) -> str:
        """The task with its numbers.

        Parameters
        ----------
        hypotheses : that it may put forward at once
        written : prompts that it may write for one of them
        prompts : whose answers it may ask to see
        """
        numbers = {"{hypotheses}": hypotheses, "{written}": written, "{prompts}": prompts}
        text = self.task
        for place, number in numbers.items():
            text = text.replace(place, str(number))
        return text
