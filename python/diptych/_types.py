"""Aliases and protocols that several layers share. Imports nothing of diptych."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatMatrix: TypeAlias = NDArray[np.float64]
"""float64, shape (n, m)."""

FloatVector: TypeAlias = NDArray[np.float64]
"""float64, shape (n,)."""

Vectors: TypeAlias = NDArray[np.float32]
"""float32, shape (n, d): one embedding per row."""

Labels: TypeAlias = NDArray[np.int32]
"""int32, shape (n,): cluster of each row, -1 for noise."""

Mask: TypeAlias = NDArray[np.bool_]

Json: TypeAlias = dict[str, Any]
"""A JSON object."""

Span: TypeAlias = tuple[int, int]
"""Start and end of a piece of text, in characters, end exclusive."""


class Encoder(Protocol):
    """Anything that turns texts into vectors."""

    @property
    def fingerprint(self) -> str:
        """Everything that changes a vector, as one string: the cache's name for this encoder."""

    @property
    def dim(self) -> int:
        """Width of the vectors."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit row per text, float32 (n, dim)."""


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
