"""Aliases and protocols that several layers share. Imports nothing of diptych."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatMatrix: TypeAlias = NDArray[np.float64]
"""float64, shape (n, m)."""

FloatVector: TypeAlias = NDArray[np.float64]
"""float64, shape (n,)."""

Vectors: TypeAlias = NDArray[np.float32]
"""float32, shape (n, d): one embedding per row."""

Tokens: TypeAlias = NDArray[np.int64]
"""int64: numbers of tokens."""

Labels: TypeAlias = NDArray[np.int32]
"""int32, shape (n,): cluster of each row, -1 for noise."""

Mask: TypeAlias = NDArray[np.bool_]

Json: TypeAlias = dict[str, Any]
"""A JSON object."""

Span: TypeAlias = tuple[int, int]
"""Start and end of a piece of text, in characters, end exclusive."""


class Inputs(NamedTuple):
    """Texts as an encoder gets them.

    Parameters
    ----------
    texts : one for each that was handed in; what a vector is kept under
    n_truncated : how many of them are longer than the model takes, or were cut
    limit : what that is, in words, such as ``"256 tokens"``
    """

    texts: list[str]
    n_truncated: int = 0
    limit: str = ""


class Encoder(Protocol):
    """Anything that turns texts into vectors."""

    @property
    def fingerprint(self) -> str:
        """Everything that changes the vector of an input, as one string: the cache's name for this encoder."""

    @property
    def dim(self) -> int | None:
        """Width of the vectors; None where only the first of them will tell."""

    def inputs_of(self, texts: Sequence[str]) -> Inputs:
        """The texts with prefix, cut where the model or a setting says so; each by itself, whatever is beside it."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit row per input, float32 (n, dim)."""


class Progress(Protocol):
    """Where long work says how far it is. Stages do not nest."""

    def start(self, stage: str, total: int) -> None:
        """A stage of ``total`` steps begins."""

    def advance(self, steps: int = 1) -> None:
        """So many more steps are done."""

    def say(self, text: str) -> None:
        """Something worth a line happened within the stage."""

    def finish(self) -> None:
        """The stage is over."""


class Silent:
    """Progress that nobody watches."""

    def start(self, stage: str, total: int) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def say(self, text: str) -> None: ...

    def finish(self) -> None: ...
