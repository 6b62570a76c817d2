"""Wrong designs of a comparison, to show that they fail. Nothing but the benchmark and the tests may switch them on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from diptych._types import Mask
from diptych.comparison import aa, parts
from diptych.comparison.config import CompareConfig
from diptych.comparison.measures import Discovery
from diptych.comparison.pairing import Table
from diptych.comparison.prepare import prepare
from diptych.comparison.split import discovery_view
from diptych.data import Responses


@dataclass(frozen=True)
class Design:
    """A way to compare a model with itself.

    Parameters
    ----------
    key, title : of the section of the record
    holds : whether its false alarms should stay within alpha
    switch : inside this context every comparison has the design
    draws : of each prompt in the corpus; with 1, and no families, it is the corpus that the benchmark was given
    family : prompts in each family of the corpus, which are dealt as wholes; 1 where prompts stand by themselves
    lenses : that propose; none stands for those that the benchmark was given
    """

    key: str
    title: str
    holds: bool
    switch: Callable[[], AbstractContextManager[None]] = nullcontext
    draws: int = 1
    family: int = 1
    lenses: tuple[str, ...] = ()


@contextmanager
def without_a_split() -> Iterator[None]:
    """Lenses that see the arms choose their measures on the very prompts that these are tested on."""

    def same_half(table: Table, half: Mask, *names: Any) -> Discovery:
        return discovery_view(table, ~half, *names)

    with _replaced(parts, "discovery_view", same_half):
        yield


@contextmanager
def draws_as_prompts() -> Iterator[None]:
    """Prompts are dealt whole, and then each draw is tested as if it were a prompt of its own."""

    def renamed(arm: Responses) -> Responses:
        rows = (replace(row, prompt_id=f"{row.prompt_id}, draw {row.draw}", draw=0) for row in arm)
        return replace(arm, rows=tuple(rows))

    def pooled(a: Responses, b: Responses, **options: Any) -> Any:
        return prepare(renamed(a), renamed(b), **options)

    with _replaced(aa, "prepare", pooled):
        yield


@contextmanager
def members_by_themselves() -> Iterator[None]:
    """Families are dealt whole, and then each of their prompts is tested as if it stood by itself."""

    def ungrouped(a: Responses, b: Responses, *, config: CompareConfig, **options: Any) -> Any:
        return prepare(a, b, config=config.model_copy(update={"group_field": None}), **options)

    with _replaced(aa, "prepare", ungrouped):
        yield


@contextmanager
def _replaced(module: ModuleType, name: str, function: Callable[..., Any]) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, function)
    try:
        yield
    finally:
        setattr(module, name, before)


_SEEING = ("log_odds",)
DESIGNS = (
    Design("aa", "as it is", True),
    Design("aa_split", "phrases chosen by log-odds on one half, tested on the other", True, lenses=_SEEING),
    Design("aa_no_split", "the same, tested on the half that chose them", False, without_a_split, lenses=_SEEING),
    Design("aa_draws", "eight draws a prompt, averaged", True, draws=8),
    Design("aa_pooled_draws", "eight draws a prompt, each taken for a prompt", False, draws_as_prompts, draws=8),
    Design("aa_families", "families of eight prompts, as groups", True, family=8),
    Design("aa_members", "families of eight prompts, each prompt by itself", False, members_by_themselves, family=8),
)
