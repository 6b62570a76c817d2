"""Soft prompts: vectors that stand where tokens' vectors would, put into a conversation at a place of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from diptych._types import Json, Vectors
from diptych.errors import ConfigError, ModelError, ShapeError
from diptych.models.requests import Message
from diptych.models.templates import HOLE, Around, Prompt, render, render_around
from diptych.utils.extras import require_extra
from diptych.utils.files import new_folder, write_atomic, writing
from diptych.utils.text import json_text, parse_json

START = "start"
PLACES = {"prefix": "{soft}{prompt}", "suffix": "{prompt}{soft}"}
"""Short names of frames."""
VECTORS, ABOUT = "soft_prompt.safetensors", "soft_prompt.json"
SCHEMA = 1


@dataclass(frozen=True)
class SoftPrompt:
    """Vectors in place of tokens, for a pair of models.

    Parameters
    ----------
    vectors : float32 (n_tokens, width), as the embedding layer gives them: one array that both models read, or one each
    place : ``start``, before all that the model reads; or a frame that the user's turn is put into, a text with
        ``{soft}`` and ``{prompt}``, each once; ``prefix`` and ``suffix`` are short for ``{soft}{prompt}`` and
        ``{prompt}{soft}``
    models : what it was trained on: ``name`` and ``identity`` of each, or none
    details : how it was made

    Raises
    ------
    ConfigError
        If the place is none.
    ShapeError
        If the vectors are not one or two tables of numbers with as many rows.

    Examples
    --------
    >>> SoftPrompt((np.zeros((4, 8), np.float32),), "Please {soft}. {prompt}").n_tokens
    4
    """

    vectors: tuple[Vectors, ...]
    place: str = "prefix"
    models: tuple[Json, ...] = ()
    details: Json = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_place(self.place)
        shapes = [np.shape(one) for one in self.vectors]
        fits = len(shapes) in (1, 2) and all(len(shape) == 2 and min(shape) > 0 for shape in shapes)
        if not fits or len({shape[0] for shape in shapes}) != 1:
            raise ShapeError(f"vectors of shapes {shapes}: there should be one or two of shape (n_tokens, width)")
        for one in self.vectors:
            if one.dtype != np.float32 or not np.isfinite(one).all():
                raise ShapeError(f"vectors of {one.dtype}: they should be float32, all of them finite numbers")

    @property
    def n_tokens(self) -> int:
        """Vectors that stand in place of tokens."""
        return int(self.vectors[0].shape[0])

    @property
    def is_per_model(self) -> bool:
        """Whether each model reads vectors of its own."""
        return len(self.vectors) == 2

    @property
    def digest(self) -> str:
        """Of all that changes an answer: 64 hexadecimal digits."""
        whole = hashlib.sha256(self.place.encode())
        for one in self.vectors:
            whole.update(f" {one.shape} ".encode())
            whole.update(np.ascontiguousarray(one).tobytes())
        return whole.hexdigest()

    def of(self, side: int) -> Vectors:
        """The vectors that one of the models reads.

        Parameters
        ----------
        side : 0 for the first, 1 for the second
        """
        return self.vectors[side if self.is_per_model else 0]

    def of_model(self, identity: Json) -> Vectors | None:
        """The vectors for a model; None if it was not trained on it, and does not fit every model.

        Parameters
        ----------
        identity : of its weights
        """
        known = [one.get("identity") for one in self.models]
        if identity in known:
            return self.of(known.index(identity))
        return None if self.is_per_model else self.vectors[0]

    def render(self, tokenizer: Any, messages: Sequence[Message], *, raw: bool) -> Prompt:
        """A conversation as the model reads it, with tokens where the vectors go that are only there to be counted.

        Parameters
        ----------
        tokenizer, messages, raw : as for `around`

        Raises
        ------
        DataError
            As `around` does.
        """
        sides = around(self.place, tokenizer, messages, raw=raw)
        tokens = (*sides.before, *(0,) * self.n_tokens, *sides.after)
        text = f"{tokenizer.decode(sides.before)}{{{self.n_tokens} vectors}}{tokenizer.decode(sides.after)}"
        return Prompt(text, tokens, hole=len(sides.before))

    def save(self, folder: str | Path) -> None:
        """Write ``soft_prompt.safetensors`` and ``soft_prompt.json``; the folder appears when both are whole.

        Parameters
        ----------
        folder : that is made

        Raises
        ------
        RunError
            If it exists and is not empty, or cannot be written.
        """
        with writing(Path(folder)), new_folder(Path(folder)) as place:
            self.write(place)

    def write(self, folder: Path) -> None:
        """Write both files into a folder that is there, each whole.

        Parameters
        ----------
        folder : that they go into
        """
        require_extra("safetensors", extra="local")
        from safetensors.numpy import save

        names = ("a", "b") if self.is_per_model else ("shared",)
        about = {"schema": SCHEMA, "place": self.place, "models": list(self.models), "details": self.details}
        write_atomic(folder / VECTORS, save(dict(zip(names, map(np.ascontiguousarray, self.vectors), strict=True))))
        write_atomic(folder / ABOUT, (json_text(about) + "\n").encode())

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a soft prompt that `save` wrote.

        Parameters
        ----------
        folder : with both files

        Raises
        ------
        ModelError
            If there is none, or it is damaged.
        """
        place = Path(folder)
        vectors = read_tensors(place / VECTORS)
        try:
            about = parse_json((place / ABOUT).read_bytes())
            if about["schema"] != SCHEMA:
                raise ModelError(
                    f"{place / ABOUT} was written in format {about['schema']}, this diptych reads {SCHEMA}"
                )
            order = [vectors[name] for name in ("shared", "a", "b") if name in vectors]
            return cls(tuple(order), about["place"], tuple(about["models"]), about["details"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{place / ABOUT} is damaged: {error}. Train it again, or take a copy.") from error


def framed(place: str, text: str) -> str:
    """A user's turn with a `HOLE` where the vectors go.

    Parameters
    ----------
    place : of a soft prompt, but ``start``
    text : the turn

    Examples
    --------
    >>> framed("Please {soft}. {prompt}", "Why?").replace(HOLE, "…")
    'Please …. Why?'
    """
    return HOLE.join(side.replace("{prompt}", text) for side in PLACES.get(place, place).split("{soft}"))


def around(place: str, tokenizer: Any, messages: Sequence[Message], *, raw: bool) -> Around:
    """What a model reads before and after the vectors.

    Parameters
    ----------
    place : of a soft prompt
    tokenizer : of the model
    messages : the conversation; its last turn gets the vectors
    raw : leave the chat template out

    Raises
    ------
    DataError
        If the template does not take such a conversation.
    """
    if place == START:
        return Around((), render(tokenizer, messages, raw=raw).tokens)
    *before, last = messages
    return render_around(tokenizer, [*before, replace(last, content=framed(place, last.content))], raw=raw)


def check_place(place: str) -> str:
    """A place that a soft prompt can stand at.

    Raises
    ------
    ConfigError
        Says what a place is.

    Examples
    --------
    >>> check_place("{prompt} Be {soft}.")
    '{prompt} Be {soft}.'
    """
    frame = PLACES.get(place, place)
    if place != START and (frame.count("{soft}") != 1 or frame.count("{prompt}") != 1 or HOLE in frame):
        known = ", ".join((START, *PLACES))
        raise ConfigError(f"place = {place!r}: give {known}, or a text with {{soft}} and {{prompt}}, each once")
    return place


def read_tensors(path: Path) -> dict[str, Any]:
    """The arrays of a safetensors file.

    Parameters
    ----------
    path : of the file

    Raises
    ------
    ModelError
        If it is not there or damaged.
    """
    require_extra("safetensors", extra="local")
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}. Give the folder of a soft prompt.") from error
    except (SafetensorError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}. Train it again, or take a copy.") from error
