"""All that a search for words needs, and what it would take."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from diptych._types import Json, Tokens
from diptych.apps.soft_prompting.allowed import allowed_tokens
from diptych.apps.soft_prompting.nearest import nearest_tokens
from diptych.apps.soft_prompting.objective import Measure, check_pair, pair_up
from diptych.apps.soft_prompting.optimiser import generator
from diptych.apps.soft_prompting.optimisers import OPTIMISERS
from diptych.apps.soft_prompting.rescoring import HeldOut, most_passes
from diptych.apps.soft_prompting.search import Search
from diptych.apps.soft_prompting.search_config import SearchConfig
from diptych.apps.soft_prompting.seeds import Seeds, gather_seeds
from diptych.apps.soft_prompting.target import Target
from diptych.apps.soft_prompting.texts import reader
from diptych.errors import ConfigError
from diptych.models.divergence import MAX_BYTES
from diptych.models.providers.hf import HFModel
from diptych.models.registry import open_local
from diptych.models.soft_prompts import SoftPrompt
from diptych.models.templates import continuation
from diptych.utils.hashing import derive_seed

_TRIED = 64
"""Random prompts by which a plan is made."""


@dataclass(frozen=True)
class Origin:
    """A training whose vectors a search starts from.

    Parameters
    ----------
    soft : what came of it
    seeds : its texts
    """

    soft: SoftPrompt
    seeds: Seeds

    def tokens(self, target: Target) -> Tokens:
        """The tokens that lie nearest to the vectors, of those that are allowed: int64 (n,).

        Parameters
        ----------
        target : of the search
        """
        return nearest_tokens(target.pair.models, [self.soft.of(0), self.soft.of(1)], target.allowed)[:, 0]


@dataclass(frozen=True)
class Ready:
    """All that a search needs.

    Parameters
    ----------
    config : of the search
    models : the pair
    seeds : the texts
    search : at its beginning
    origin : what it starts from, where that is a soft prompt
    """

    config: SearchConfig
    models: tuple[HFModel, HFModel]
    seeds: Seeds
    search: Search
    origin: Origin | None = None

    @property
    def held(self) -> HeldOut:
        """The texts that are not searched on."""
        numbers = self.seeds.numbers(held_out=True)
        return HeldOut(
            self.models, self.search.target, self.seeds.rows, numbers, self.config.place, self.config.seed
        )  # fmt: skip


def opened(config: SearchConfig, options: Json | None, stack: ExitStack) -> tuple[HFModel, HFModel]:
    """The models of a search.

    Parameters
    ----------
    config : of the search
    options : how they are loaded
    stack : that closes them
    """
    models = open_local(config.a, options or {}), open_local(config.b, options or {})
    for model in models:
        stack.callback(model.close)
    return models


def make_ready(
    config: SearchConfig,
    models: tuple[HFModel, HFModel],
    seeds: Seeds | None,
    *,
    origin: Origin | None = None,
    max_bytes: int,
) -> Ready:
    """Models, texts and optimiser of a search, at its beginning.

    Parameters
    ----------
    config : of the search
    models : the pair
    seeds : the texts, if they are there already
    origin : a soft prompt to start from; None for none
    max_bytes : of memory for scores

    Raises
    ------
    ConfigError, DataError, ModelError
        If they do not fit each other.
    """
    check_pair(*models, per_model=True)
    tokenizer = models[0].load().tokenizer
    allowed = allowed_tokens(tokenizer, allow_nonascii=config.allow_nonascii)
    if not len(allowed):
        raise ConfigError(
            f"{models[0].name}: none of its {len(tokenizer):,} tokens can stand in a prompt of words"
            + ("" if config.allow_nonascii else "; with --allow-nonascii some may")
        )
    texts = seeds or (gather_seeds(config, *models) if origin is None else origin.seeds)
    pair = pair_up(models, texts.rows, place=config.place, n_vectors=config.n_tokens)
    trained = texts.numbers(held_out=False)
    order = np.random.default_rng(derive_seed(config.seed, "search texts")).permutation(trained)
    numbers = sorted(order[: config.n_texts].tolist())
    target = Target(
        pair, numbers, Measure(config.objective, config.temperature, max_bytes), n_tokens=config.n_tokens,
        allowed=allowed, batch_size=config.batch_size, read=reader(models[0], texts.rows[numbers[0]], config.place),
    )  # fmt: skip
    target.budget = config.budget
    start = None if origin is None else origin.tokens(target)
    if config.initial_text is not None:
        start = initial_tokens(tokenizer, config.initial_text, config.n_tokens)
    optimiser = OPTIMISERS[config.optimiser].make(target, config.settings, config.seed, start)
    return Ready(config, models, texts, Search(target, optimiser), origin)


def initial_tokens(tokenizer: object, text: str, n: int) -> Tokens:
    """The tokens of a text, repeated or cut: int64 (n,).

    Parameters
    ----------
    tokenizer : of transformers
    text : the words
    n : tokens

    Raises
    ------
    ConfigError
        If it has none.
    """
    tokens = continuation(tokenizer, text)
    if not tokens:
        raise ConfigError(f"initial_text = {text!r}: it has no token to begin with")
    return np.resize(np.array(tokens, np.int64), n)


def plan_search(
    config: SearchConfig, *, origin: Origin | None = None, options: Json | None = None, max_bytes: int = MAX_BYTES
) -> Json:
    """What a search would do, and how long it would take by a few random prompts; nothing is written.

    Parameters
    ----------
    config : of the search
    origin : a soft prompt to start from; None for none
    options : how models are loaded
    max_bytes : of memory for scores

    Raises
    ------
    ConfigError, DataError, ModelError
        As `run_search` does.
    """
    with ExitStack() as stack:
        ready = make_ready(config, opened(config, options, stack), None, origin=origin, max_bytes=max_bytes)
        target = ready.search.target
        drawn = generator(config.seed, 0).choice(target.allowed, (_TRIED, target.n_tokens))
        kept = target.keeps(drawn)
        some = drawn[: max(1, config.batch_size // len(target.numbers))]
        target.values(some)
        start = time.perf_counter()
        target.values(some)
        seconds = 2 * (time.perf_counter() - start) / target.spent
        measuring = most_passes(ready.held, config.n_prompts, with_vectors=origin is not None)
        return {
            "optimiser": config.optimiser,
            "budget": config.budget,
            "measuring": measuring,
            "n_allowed": len(target.allowed),
            "n_vocabulary": target.n_vocabulary,
            "n_texts": len(target.numbers),
            "n_held_out": len(ready.seeds.numbers(held_out=True)),
            "longest": max(target.pair.lengths) + config.n_tokens,
            "read_back": float(kept.mean()),
            "seconds": seconds * (config.budget + measuring),
        }
