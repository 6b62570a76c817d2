"""Files that say how a model is asked for prompts on which two others differ: JSON, with the names of the original."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import field_validator

from diptych.config import Settings
from diptych.errors import ConfigError, DataError
from diptych.utils.files import reading
from diptych.utils.text import parse_json

NUMBER = "{n}"
"""In ``user_end``, stands for how many prompts are wanted."""
_BUILT_IN = "prompt_search.json"


class Instructions(Settings):
    """What a model is told, and what it begins from.

    Examples
    --------
    >>> Instructions.load().for_round(3, "")[1][:19]
    'Write 3 new prompts'
    """

    system_start: str
    """Begins the system prompt."""
    system_loop: str = ""
    """Goes on with it, where prompts that were tried are shown."""
    system_end: str = ""
    """Read, so that older files can stay as they are, and not sent: the original never did."""
    user_start: str = ""
    """Stands before the prompts that are shown."""
    user_loop: str = ""
    """Stands behind them."""
    user_end: str
    """What is wanted, and in which form; ``{n}`` stands for the number of prompts."""
    seed_demonstrations: tuple[str, ...] = ()
    """Prompts to begin with."""
    custom_selection_criterion: str = ""
    """What a prompt and its answer must meet, put as a question of yes and no."""
    custom_selection_criterion_examples: tuple[Any, ...] = ()
    """Shown with the criterion: texts, or objects, which are shown as JSON."""
    custom_selection_criterion_yes_response: tuple[str, ...] = ("yes",)
    """Words at the start of an answer that meets it."""
    custom_selection_criterion_no_response: tuple[str, ...] = ("no",)
    """Words at the start of one that does not."""

    @field_validator("system_start", "user_end")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("it is blank; give its text")
        return text

    @field_validator("seed_demonstrations")
    @classmethod
    def _no_blank_seed(cls, seeds: tuple[str, ...]) -> tuple[str, ...]:
        blank = next((number for number, seed in enumerate(seeds, 1) if not seed.strip()), None)
        if blank is not None:
            raise ValueError(f"prompt {blank} is blank; remove it or give its text")
        return seeds

    @classmethod
    def load(cls, path: str | Path | None = None) -> Instructions:
        """The instructions of a JSON file, or the built-in ones.

        Parameters
        ----------
        path : the file; None for neutral ones of our own

        Raises
        ------
        DataError
            If it cannot be read, is not JSON, or a text is missing, blank or of the wrong type; says where.
        """
        if path is None:
            content, source = files("diptych.data").joinpath(_BUILT_IN).read_bytes(), "built-in instructions"
        else:
            source = str(path)
            with reading(path):
                content = Path(path).read_bytes()
        return cls.read(content, source=source)

    @classmethod
    def read(cls, content: bytes, *, source: str) -> Instructions:
        """Instructions from the bytes of a file.

        Parameters
        ----------
        content : JSON, in UTF-8
        source : what to call it in messages

        Raises
        ------
        DataError
            As ``load`` does.
        """
        try:
            values = parse_json(content.decode("utf-8-sig"))
        except ValueError as error:
            raise DataError(f"{source}: not JSON: {error}") from error
        if not isinstance(values, dict):
            raise DataError(f"{source}: expected an object with system_start, user_end, …, got {type(values).__name__}")
        if any(name.startswith("KN_prompt") for name in values):
            raise DataError(
                f"{source}: KN_prompt_1 is an older form, which the search of the original did not read either. "
                "Put its text under system_start and user_end, and seed_texts_1 under seed_demonstrations."
            )
        try:
            return cls.parse(values, source=source)
        except (ConfigError, RecursionError) as error:
            raise DataError(str(error)) from None

    def for_round(self, n: int, shown: str) -> tuple[str, str]:
        """System prompt and question that ask for new prompts.

        Parameters
        ----------
        n : how many are wanted
        shown : prompts that were tried, as text; empty for none
        """
        system = (self.system_start, self.system_loop if shown else "")
        user = (self.user_start, shown, self.user_loop if shown else "", self.user_end.replace(NUMBER, str(n)))
        return "\n".join(filter(None, system)), "\n".join(filter(None, user))
