"""Whether two tokenizers read and write the same tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diptych.errors import ConfigError

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Vocabularies:
    """What two vocabularies have in common.

    Parameters
    ----------
    same : whether each token has the same number in both
    n_a, n_b : tokens of each
    n_shared : tokens that both have, under whatever number
    only_a, only_b : tokens that one has and the other has not, in order, at most ten
    """

    same: bool
    n_a: int
    n_b: int
    n_shared: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    def describe(self) -> str:
        """In a sentence.

        Examples
        --------
        >>> Vocabularies(False, 3, 2, 2, ("cat",), ()).describe()
        "the vocabularies differ: 3 and 2 tokens, 2 in both; only in the first: 'cat'"
        """
        if self.same:
            return f"both have one vocabulary of {self.n_a:,} tokens"
        text = f"the vocabularies differ: {self.n_a:,} and {self.n_b:,} tokens, {self.n_shared:,} in both"
        if not self.only_a and not self.only_b:
            return f"{text}, under other numbers"
        for which, tokens in (("first", self.only_a), ("second", self.only_b)):
            if tokens:
                text += f"; only in the {which}: {', '.join(map(repr, tokens[:_SHOWN]))}"
        return text


def compare_vocabularies(tokenizer_a: Any, tokenizer_b: Any) -> Vocabularies:
    """What the vocabularies of two tokenizers have in common.

    Parameters
    ----------
    tokenizer_a, tokenizer_b : of transformers
    """
    a, b = tokenizer_a.get_vocab(), tokenizer_b.get_vocab()
    return Vocabularies(
        same=a == b,
        n_a=len(a),
        n_b=len(b),
        n_shared=len(a.keys() & b.keys()),
        only_a=tuple(sorted(a.keys() - b.keys())[:10]),
        only_b=tuple(sorted(b.keys() - a.keys())[:10]),
    )


def check_one_vocabulary(names: str, tokenizer_a: Any, tokenizer_b: Any, purpose: str) -> None:
    """Refuse two models whose vocabularies differ.

    Parameters
    ----------
    names : of the models, for the message
    tokenizer_a, tokenizer_b : of transformers
    purpose : what only models with one vocabulary can be, such as ``"mixed."``

    Raises
    ------
    ConfigError
        Says what differs.
    """
    shared = compare_vocabularies(tokenizer_a, tokenizer_b)
    if not shared.same:
        raise ConfigError(f"{names}: {shared.describe()}\nOnly models with one vocabulary can be {purpose}")


def names_in(tokenizer_a: Any, tokenizer_b: Any) -> list[int]:
    """The number in the second vocabulary of each token of the first, -1 for what is not in it.

    The ends of a text stand for each other, whatever they are called.

    Parameters
    ----------
    tokenizer_a, tokenizer_b : of transformers
    """
    a, b = tokenizer_a.get_vocab(), tokenizer_b.get_vocab()
    names = [-1] * (max(a.values()) + 1)
    for token, number in a.items():
        names[number] = b.get(token, -1)
    if tokenizer_a.eos_token_id is not None and tokenizer_b.eos_token_id is not None:
        names[tokenizer_a.eos_token_id] = tokenizer_b.eos_token_id
    return names
