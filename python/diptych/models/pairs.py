"""A base and what was made from it, in memory together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from diptych.errors import ConfigError
from diptych.models.manager import ModelManager
from diptych.models.vocabulary import Vocabularies, compare_vocabularies


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether two models read and write the same tokens.

    Parameters
    ----------
    shared_weights : whether one set of weights serves both
    vocabularies : what the base's and the tuned one's have in common
    same_template : whether both wrap a conversation alike
    n_outputs : rows of scores of each: base, tuned
    """

    shared_weights: bool
    vocabularies: Vocabularies
    same_template: bool
    n_outputs: tuple[int, int]


class ModelPairManager:
    """A base and what was made from it, in memory together; an adapter shares the base's weights.

    Parameters
    ----------
    base : ``<id or folder>[@revision]``
    tuned : the same, or ``base+adapter``; ``+adapter`` alone is one on this base
    manager : that loads them; None for one with its own settings

    Raises
    ------
    ModelError
        If one cannot be loaded.
    """

    def __init__(self, base: str, tuned: str, *, manager: ModelManager | None = None) -> None:
        if "+" in base and not Path(base).is_dir():
            raise ConfigError(f"base = {base!r}: an adapter belongs to the tuned model")
        self._manager = manager or ModelManager()
        self.base = self._manager.load(base)
        try:
            self.tuned = self._manager.load(f"{base}{tuned}" if tuned.startswith("+") else tuned)
        except BaseException:
            self._manager.release(self.base)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of both."""
        for loaded in (self.base, self.tuned):
            self._manager.release(loaded)

    def fit(self) -> Fit:
        """Whether the two can be compared token by token."""
        return Fit(
            shared_weights=self.base.shares_weights(self.tuned),
            vocabularies=compare_vocabularies(self.base.tokenizer, self.tuned.tokenizer),
            same_template=self.base.tokenizer.chat_template == self.tuned.tokenizer.chat_template,
            n_outputs=(self.base.n_outputs, self.tuned.n_outputs),
        )
