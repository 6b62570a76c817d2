"""How far two models differ on a prompt: natural samples of both, each scored under both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np

from diptych._types import Json
from diptych.apps.contrastive_decoding.search.config import Measure
from diptych.data.appending import append_jsonl
from diptych.errors import ModelError, RunError
from diptych.models.divergence import not_a_number
from diptych.models.generation import Question, generate
from diptych.models.ledger import Ledger
from diptych.models.manager import Loaded
from diptych.models.pair_scoring import TokensToScore, divergences
from diptych.models.prices import per_million
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Failure, Reply, Sampling, conversation
from diptych.models.templates import continuation, render
from diptych.utils.files import writing
from diptych.utils.hashing import content_hash
from diptych.utils.text import parse_json, shorten

_FREE = per_million(0.0, 0.0)
"""What weights on this machine cost."""
COLUMNS = ("js", "kl_ab", "kl_ba")
Means: TypeAlias = tuple[Mapping[str, float], Mapping[str, float]]
"""Means over the tokens of a's text, and of b's, by the names in ``COLUMNS``."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over draws.

    Parameters
    ----------
    mean : nats a token
    error : its standard error; draws are the units
    n_draws : of each model
    """

    mean: float
    error: float
    n_draws: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """One draw of both models.

    Parameters
    ----------
    draw : its number
    a, b : what they went on with
    """

    draw: int
    a: Reply
    b: Reply

    @property
    def replies(self) -> tuple[Reply, Reply]:
        """Of both."""
        return self.a, self.b


@dataclass(frozen=True)
class Measured:
    """What two models went on with after a prompt, and how far they differ there.

    Parameters
    ----------
    prompt : the text
    drawn : draws for which there is a text of both models
    values : of each draw, the means over the tokens of a's text and of b's
    reason : why there are none
    """

    prompt: str
    drawn: tuple[Drawn, ...] = ()
    values: tuple[Means, ...] = ()
    reason: str = ""


def estimate(values: Sequence[Means], measure: Measure) -> Estimate:
    """The divergence on a prompt from draws of both models.

    Jensen–Shannon is taken along the texts of both models, which weigh alike; KL(a ‖ b) along those of a, KL(b ‖ a)
    along those of b, as their definitions say; ``kl`` is the mean of these two. A text counts once, however long it is.
    Draws of one number share their random numbers in both models, so it is pairs of texts that are independent.

    Parameters
    ----------
    values : of at least two draws, the means over the tokens of a's text and of b's
    measure : which

    Examples
    --------
    >>> a, b = {"js": 0.1, "kl_ab": 0.4, "kl_ba": 9.0}, {"js": 0.3, "kl_ab": 9.0, "kl_ba": 0.6}
    >>> round(estimate([(a, b), (a, b)], "js").mean, 3), round(estimate([(a, b), (b, a)], "kl_ab").mean, 3)
    (0.2, 4.7)
    """
    along = {
        "js": [(a["js"] + b["js"]) / 2 for a, b in values],
        "kl": [(a["kl_ab"] + b["kl_ba"]) / 2 for a, b in values],
        "kl_ab": [a["kl_ab"] for a, _ in values],
        "kl_ba": [b["kl_ba"] for _, b in values],
    }[measure]
    return Estimate(float(np.mean(along)), float(np.std(along, ddof=1)) / math.sqrt(len(along)), len(along))


@dataclass
class Journal:
    """Divergences that were computed, in a file of JSON lines: a search that goes on meets the same numbers again.

    Parameters
    ----------
    path : of the file; made when something is put down
    known : values by key
    """

    path: Path
    known: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> Self:
        """What is there; a last line that was not finished is left out, and cut by the next that is written.

        Parameters
        ----------
        path : of the file

        Raises
        ------
        RunError
            If it cannot be read.
        """
        journal = cls(path)
        try:
            lines = path.read_bytes().split(b"\n") if path.exists() else []
            for line in lines[:-1]:
                entry = parse_json(line)
                journal.known[entry["key"]] = entry["value"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} is damaged: {error}. Delete it: what it holds is computed again.") from error
        return journal

    def put(self, values: Mapping[str, Json]) -> None:
        """Put down values, durably.

        Parameters
        ----------
        values : by key

        Raises
        ------
        RunError
            If they cannot be written.
        """
        if not values:
            return
        with writing(self.path), append_jsonl(self.path) as lines:
            for key, value in values.items():
                lines.write({"key": key, "value": value})
        self.known.update(values)


@dataclass(frozen=True)
class Pair:
    """Two models with one vocabulary, whose samples and divergences are kept as they come.

    Parameters
    ----------
    a, b : the models; they may share their weights
    sampling : how their texts are drawn
    system : system prompt of both
    ledger : takes their texts
    journal : takes their divergences
    """

    a: HFModel
    b: HFModel
    sampling: Sampling
    system: str | None
    ledger: Ledger
    journal: Journal

    def measure(self, prompts: Sequence[str], draws: range) -> list[Measured]:
        """Draw texts of both models after each prompt, and score them under both.

        Parameters
        ----------
        prompts : no two alike
        draws : which draws

        Returns
        -------
        list of Measured
            one for each prompt, in order; with a reason where a model did not go on with it twice

        Raises
        ------
        ModelError
            If scores are not numbers: names the model, the prompt and the token.
        """
        said = {name: self._texts(model, prompts, draws) for name, model in (("a", self.a), ("b", self.b))}
        found = [self._of(prompt, draws, said) for prompt in prompts]
        self._score([one for one in found if not one.reason and self._key(one) not in self.journal.known])
        return [self._with_values(one) for one in found]

    def _texts(self, model: HFModel, prompts: Sequence[str], draws: range) -> dict[tuple[str, int], Reply | Failure]:
        questions = [
            Question(content_hash("diptych/prompt/1", [self.system, prompt])[:16], conversation(prompt, self.system))
            for prompt in prompts
        ]
        answered = generate(model, questions, draws=draws.stop, sampling=self.sampling, ledger=self.ledger, price=_FREE)
        return {(one.question.messages[-1].content, one.draw): one.answer for one in answered if one.draw in draws}

    def _of(self, prompt: str, draws: range, said: Mapping[str, Mapping[tuple[str, int], Reply | Failure]]) -> Measured:
        pairs = [(draw, said["a"][prompt, draw], said["b"][prompt, draw]) for draw in draws]
        drawn = [Drawn(n, a, b) for n, a, b in pairs if isinstance(a, Reply) and isinstance(b, Reply)]
        if len(drawn) > 1:
            return Measured(prompt, tuple(drawn))
        missing = [(name, one) for _, *both in pairs for name, one in zip("ab", both, strict=True)]
        return Measured(prompt, reason=next(f"{n}: {one.reason}" for n, one in missing if isinstance(one, Failure)))

    def _key(self, one: Measured) -> str:
        texts = [[reply.text, reply.finish_reason] for drawn in one.drawn for reply in drawn.replies]
        models = [self.a.identity, self.b.identity]
        return content_hash("diptych/divergence/1", [models, self.system, one.prompt, texts])

    def _with_values(self, one: Measured) -> Measured:
        if one.reason:
            return one
        rows = self.journal.known[self._key(one)]["values"]
        a, b = ([dict(zip(COLUMNS, row[side], strict=True)) for row in rows] for side in (0, 1))
        return replace(one, values=tuple(zip(a, b, strict=True)))

    def _score(self, todo: Sequence[Measured]) -> None:
        """Score every text of each model under both; put down the means over its tokens."""
        if not todo:
            return
        loaded = self.a.load(), self.b.load()
        texts = [(one, drawn, side) for one in todo for drawn in one.drawn for side in (0, 1)]
        befores = {one.prompt: self._prompt_tokens(loaded, one.prompt) for one in todo}
        wanted = [
            TokensToScore(self._tokens(loaded[0], drawn.replies[side]), *befores[one.prompt])
            for one, drawn, side in texts
        ]
        scored = divergences(*loaded, wanted, batch_size=self.a.options.batch_size)
        means: dict[str, list[list[float]]] = {one.prompt: [] for one in todo}
        for (one, drawn, side), found in zip(texts, scored, strict=True):
            wrong = not_a_number(found, self.a.name, self.b.name)
            if wrong:
                raise ModelError(f"prompt {shorten(one.prompt, 50)!r}, draw {drawn.draw} of {'ab'[side]}: {wrong}")
            means[one.prompt].append([float(getattr(found, name).mean()) for name in COLUMNS])
        pairs = {prompt: list(zip(rows[::2], rows[1::2], strict=True)) for prompt, rows in means.items()}
        self.journal.put({self._key(one): {"prompt": one.prompt, "values": pairs[one.prompt]} for one in todo})

    def _prompt_tokens(self, loaded: tuple[Loaded, Loaded], prompt: str) -> list[tuple[int, ...]]:
        messages = conversation(prompt, self.system)
        return [
            render(each.tokenizer, messages, raw=model.options.raw).tokens
            for each, model in zip(loaded, (self.a, self.b), strict=True)
        ]

    def _tokens(self, loaded: Loaded, reply: Reply) -> tuple[int, ...]:
        """Of a text, and of its end where the model ended it: there, too, the models may expect different things."""
        ends = tuple(loaded.ends[:1]) if reply.finish_reason == "stop" else ()
        return (continuation(loaded.tokenizer, reply.text) + ends)[: self.sampling.max_tokens] or (0,)
