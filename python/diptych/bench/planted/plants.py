"""Behaviours that are planted in some answers of the second arm, and what is shared by both arms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, Protocol

import numpy as np

from diptych._types import Json, Mask
from diptych.bench.phrases import FIXED_CLOSING
from diptych.bench.randomness import Draws
from diptych.errors import ConfigError
from diptych.utils.names import check_name

KINDS: Final = ("topic", "length", "style", "phrase")
"""In the order in which they are planted. ``topic`` answers something else; ``length`` leaves every second sentence
out; ``style`` sets the opening in bold; ``phrase`` ends with one fixed sentence."""

_DISTRACTOR: Final = "That is how it looks today."
_SHARE_DISTRACTED: Final = 0.2
_GAP = re.compile(r"(?<=[.!?])(\s+)")


@dataclass(frozen=True)
class Pair:
    """Two arms with a known difference.

    Parameters
    ----------
    prompt_ids, prompts, a, b : one entry a prompt
    planted : of each kind, bool (n_prompts,), in which prompts the answer of ``b`` was changed
    """

    prompt_ids: tuple[str, ...]
    prompts: tuple[str, ...]
    a: tuple[str, ...]
    b: tuple[str, ...]
    planted: Mapping[str, Mask]

    def rows(self, arm: str) -> list[Json]:
        """The responses of arm ``"a"`` or ``"b"`` as records for ``compare``."""
        responses = self.a if arm == "a" else self.b
        columns = zip(self.prompt_ids, self.prompts, responses, strict=True)
        return [{"prompt_id": one, "prompt": prompt, "response": response} for one, prompt, response in columns]


@dataclass(frozen=True)
class Base:
    """Two arms without a difference.

    Parameters
    ----------
    prompt_ids, prompts, a, b : one entry a prompt
    elsewhere : what the second arm answers instead where a topic is planted
    """

    prompt_ids: Sequence[str]
    prompts: Sequence[str]
    a: Sequence[str]
    b: Sequence[str]
    elsewhere: Sequence[str]


class Source(Protocol):
    """Where the answers come from."""

    @property
    def name(self) -> str:
        """What it is called in a record."""

    def base(self, n_prompts: int, seed: int) -> Base:
        """Both arms answer ``n_prompts`` prompts alike."""


def plant(base: Base, doses: Mapping[str, float], seed: int) -> Pair:
    """Plant each kind in its share of the prompts, independently of the others.

    Both arms end their answers to a fifth of the prompts with the same sentence: a difference between prompts that is
    none between the arms. Nothing but the planted answers depends on the doses, and a greater dose adds answers to
    those of a smaller one.

    Parameters
    ----------
    base : the answers
    doses : of each kind, a share of prompts
    seed : of which prompts
    """
    n = len(base.prompts)
    planted = {kind: choose(n, dose, Draws(seed, "plant", kind)) for kind, dose in doses.items()}
    distracted = choose(n, _SHARE_DISTRACTED, Draws(seed, "distractor"))
    b = list(base.b)
    for kind in (kind for kind in KINDS if kind in planted):
        for i in np.flatnonzero(planted[kind]).tolist():
            b[i] = base.elsewhere[i] if kind == "topic" else _CHANGES[kind](b[i])
    return Pair(
        prompt_ids=tuple(base.prompt_ids),
        prompts=tuple(base.prompts),
        a=tuple(_ended(text, _DISTRACTOR) if d else text for text, d in zip(base.a, distracted, strict=True)),
        b=tuple(_ended(text, _DISTRACTOR) if d else text for text, d in zip(b, distracted, strict=True)),
        planted=planted,
    )


def parse_kinds(name: str) -> tuple[str, ...]:
    """The kinds of one cell, in the order of ``KINDS``.

    Parameters
    ----------
    name : a kind, or several that are planted at once, joined by ``+``

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    ConfigError
        If a kind is named twice.

    Examples
    --------
    >>> parse_kinds("phrase+topic")
    ('topic', 'phrase')
    """
    given = [check_name("kind", kind.strip(), KINDS) for kind in name.split("+")]
    if len(set(given)) < len(given):
        raise ConfigError(f"{name!r} names a kind twice; name each once.")
    return tuple(kind for kind in KINDS if kind in given)


def choose(n_prompts: int, dose: float, draws: Draws) -> Mask:
    """Prompts to plant in: the nearest whole number to ``dose * n_prompts``, those of a smaller dose among them.

    Parameters
    ----------
    n_prompts : how many there are
    dose : share of them
    draws : the source of chance

    Returns
    -------
    bool (n_prompts,)
    """
    mask = np.zeros(n_prompts, dtype=np.bool_)
    mask[draws.sample(range(n_prompts), n_prompts)[: round(dose * n_prompts)]] = True
    return mask


def bold_opening(text: str) -> str:
    """The text with its first sentence in bold type.

    Examples
    --------
    >>> bold_opening("I read. I write, too.")
    '**I read.** I write, too.'
    """
    first, *rest = _GAP.split(text, maxsplit=1)
    return "".join([f"**{first}**", *rest])


def halved(text: str) -> str:
    """Every second sentence left out; a text of one sentence says it twice.

    Examples
    --------
    >>> halved("One. Two. Three."), halved("One")
    ('One. Three.', 'One. One')
    """
    pieces = _GAP.split(text)
    if len(pieces) == 1:
        return f"{text}{'' if text.endswith(('.', '!', '?')) else '.'} {text}"
    sentences, gaps = pieces[::4], pieces[1::4]
    return "".join(sentence + gap for sentence, gap in zip_longest(sentences, gaps, fillvalue="")).strip()


def _ended(text: str, sentence: str) -> str:
    return f"{text} {sentence}"


_CHANGES: Final[dict[str, Callable[[str], str]]] = {
    "length": halved,
    "style": bold_opening,
    "phrase": lambda text: _ended(text, FIXED_CLOSING),
}
