"""Texts that two models are set against each other for, so that they propose what to look for in natural answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from diptych._types import FloatVector, Json, Progress
from diptych.apps.contrastive_decoding.scoring import score_responses
from diptych.comparison.generated import Generation
from diptych.comparison.proposing import LOG_RATIO, Proposing
from diptych.data import Response, Responses
from diptych.data.prompts import Prompts
from diptych.models.ledger import Ledger
from diptych.models.providers.contrast import BETWEEN
from diptych.models.providers.hf import HFModel
from diptych.models.registry import find_model, local_name
from diptych.models.requests import Sampling
from diptych.utils.hashing import derive_seed

PREFIX = "hf/"
ARMS = {"a": "contrast for a", "b": "contrast for b"}
"""What the two contrasts are called in the ledger of a run."""
DEFAULTS = {"plausibility": 0.001}
"""Where they differ from those of the contrast: a habit that shows once in a hundred answers must not be cut off."""


@dataclass(frozen=True)
class Contrasts:
    """Both contrasts of two models, and what they are asked.

    Parameters
    ----------
    generations : by the arm that its texts speak for
    """

    generations: Mapping[str, Generation]

    @property
    def config(self) -> Json:
        """What a ledger is for that holds their answers."""
        return {ARMS[arm]: generation.config for arm, generation in self.generations.items()}

    def run(
        self,
        ledger: Ledger,
        *,
        progress: Progress | None = None,
        max_failures: float | None = None,
    ) -> Proposing:
        """Ask what the ledger lacks, and let go of the models.

        Parameters
        ----------
        ledger : of the run
        progress : where it says how far it is
        max_failures : as for ``Generation.run``

        Raises
        ------
        ConfigError, ModelError, LedgerError
            As ``Generation.run``.
        """
        for arm, generation in self.generations.items():
            generation.announce(ledger, ARMS[arm])
        found = {}
        for arm, generation in self.generations.items():
            found[arm] = generation.run(ledger, arm=arm, progress=progress, max_failures=max_failures)
            generation.model.close()
        return Proposing(found["a"], found["b"])


@contextmanager
def contrasts_of(
    a: str, b: str, prompts: Prompts, *, options: Json, sampling: Sampling, draws: int = 1, limit: int | None = None
) -> Iterator[Contrasts]:
    """The contrasts of two models on this machine, opened until the block ends; nothing is asked.

    Parameters
    ----------
    a, b : ``hf/…``
    prompts : what they go on with
    options : of the provider ``contrast``
    sampling : of natural answers; the seeds of these texts are others, so that none of them is an answer too
    draws : texts to each prompt, of either side
    limit : ask at most so many prompts

    Raises
    ------
    ConfigError
        If the models are elsewhere, or a setting does not fit.
    """
    names = {"a": local_name(a), "b": local_name(b)}
    other = {"a": "b", "b": "a"}
    with ExitStack() as stack:
        generations = {}
        for arm in "ab":
            spec = find_model(f"contrast/{names[arm]}{BETWEEN}{names[other[arm]]}", options={**DEFAULTS, **options})
            model = spec.open()
            stack.callback(model.close)
            apart = sampling.model_copy(update={"seed": derive_seed(sampling.seed, ARMS[arm]) % 2**31})
            model.check(apart)
            generations[arm] = Generation(model, prompts, draws, apart, spec.price, limit, sampling.seed)
        yield Contrasts(generations)


def log_ratios(rows: Sequence[Response], a: HFModel, b: HFModel, *, progress: Progress | None = None) -> FloatVector:
    """How much likelier the second model finds each text, given its prompt: means over tokens, in nats.

    Parameters
    ----------
    rows : n texts
    a, b : models with one vocabulary
    progress : where it says how far it is

    Returns
    -------
    float64 (n,), NaN for an empty text

    Raises
    ------
    ConfigError, DataError, ModelError
        As ``score_responses``.
    """
    scored = score_responses(a, b, rows, batch_size=a.options.batch_size, progress=progress)
    ratios = [one.divergences.log_ratio for one in scored]
    return np.array([float(own.mean()) if len(own) else np.nan for own in ratios])


def with_log_ratios(proposing: Proposing, a: HFModel, b: HFModel, *, progress: Progress | None = None) -> Proposing:
    """The same texts, each with how much likelier the second model finds it: their mean over tokens, in nats.

    Parameters
    ----------
    proposing : texts
    a, b : models with one vocabulary
    progress : where it says how far it is

    Raises
    ------
    ConfigError, DataError, ModelError
        As ``score_responses``.
    """

    def scored(texts: Responses) -> Responses:
        found = log_ratios(list(texts), a, b, progress=progress).round(6).tolist()
        metas = [{} if math.isnan(ratio) else {LOG_RATIO: ratio} for ratio in found]
        rows = (
            replace(row, meta=MappingProxyType({**row.meta, **meta})) for row, meta in zip(texts, metas, strict=True)
        )
        return replace(texts, rows=tuple(rows))

    return Proposing(scored(proposing.a), scored(proposing.b))
