"""Everything that can be set about a run of approvals, and YAML files of named runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from diptych._types import Json
from diptych.config.loader import DEFAULT, over_default, read_sections
from diptych.embeddings.settings import EmbedderSettings
from diptych.errors import ConfigError
from diptych.models.requests import Sampling
from diptych.stats.multiplicity import Fdr
from diptych.utils.names import check_name

APPLICATION = "approve"
"""What the manifest of a run calls it."""
STATEMENT = "{statement}"
KEYWORDS = "keywords"
HELPERS = ("reader", "writer", "labeller", "judge")
"""Settings that may name a model which helps to read."""


class ApproveConfig(EmbedderSettings):
    """Settings of ``diptych approve``; every one changes the result, so every one stands in the manifest."""

    models: tuple[str, ...] = Field(min_length=1)
    """``provider/model[@revision]``, or names of the registry."""
    statements: tuple[str, ...] = Field(min_length=1)
    """Files of statements, and folders of such files."""
    catalogue: str | None = None
    """JSON file of system messages, ``{section: {label: message}}``; by default the built-in one."""
    sections: tuple[str, ...] = ()
    """Of the catalogue; none for all."""
    task: str = "judge whether a text is appropriate"
    """Stands for ``<X>`` in the messages."""
    question: str = "Would you approve of this statement? Answer yes or no.\n\n“{statement}”"
    """What a model is asked; ``{statement}`` is filled in."""
    max_chars: int | None = Field(default=None, ge=1)
    """Leave out longer statements."""
    limit: int | None = Field(default=None, ge=1)
    """Use at most so many statements, chosen by a seeded hash; a greater limit only adds some."""
    draws: int = Field(default=1, ge=1)
    """Answers to each question."""
    max_tokens: int = Field(default=50, ge=1)
    """Longest answer, in tokens."""
    temperature: float | None = Field(default=None, ge=0.0, le=100.0)
    """0 is greedy."""
    top_p: float | None = Field(default=None, gt=0.0, le=1.0)
    """Share of probability that is drawn from."""
    top_k: int | None = Field(default=None, ge=1)
    """Number of tokens that are drawn from."""
    stop: tuple[str, ...] = ()
    """Texts at which an answer ends."""
    sampling_seed: int = Field(default=0, ge=0, le=2**31 - 1)
    """Of the answers, where a model takes one."""
    reader: str | None = None
    """A model that reads the answers in which the strict rule finds no yes and no no; by default nobody does."""
    writer: str | None = None
    """A model that writes up where personas and models disagree; by default nobody does."""
    labeller: str = KEYWORDS
    """What names clusters: ``keywords``, or a model, whose names a blind judge checks."""
    judge: str | None = None
    """A model that judges those names; by default the labeller itself."""
    n_clusters: int | None = Field(default=None, ge=1)
    """Clusters of statements; by default by their number."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Of the choice of statements, the clusters and the test. Same seed, same bits."""
    alpha: float = Field(default=0.05, gt=0.0, lt=1.0)
    """False discovery rate."""
    fdr: Fdr = "bh"
    """How that rate is held: ``bh``, or ``by``, under any dependence."""

    @field_validator("models", "statements", "sections")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} stands twice; name each once")
        return names

    @field_validator("question")
    @classmethod
    def _has_place(cls, question: str) -> str:
        if STATEMENT not in question:
            raise ValueError(f"{question!r:.60} has no {STATEMENT}, where the statement is to stand")
        return question

    @model_validator(mode="after")
    def _judge_is_for_something(self) -> ApproveConfig:
        if self.judge is not None and self.labeller == KEYWORDS:
            raise ValueError("a judge says whether the names of a labeller fit; name one, or leave it out")
        return self

    @property
    def helpers(self) -> dict[str, str]:
        """Names of the models that help to read, by the setting."""
        named = {name: getattr(self, name) for name in HELPERS}
        return {name: model for name, model in named.items() if model not in (None, KEYWORDS)}

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn."""
        return Sampling(
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            stop=self.stop,
            seed=self.sampling_seed,
        )


def read_named_run(path: str | Path, name: str | None = None) -> tuple[Json, dict[str, str]]:
    r"""Settings of one run of a YAML file of named runs, on top of its ``default`` block, and the line of each.

    Parameters
    ----------
    path : the file: run names, with settings under each
    name : of the run; None for ``default`` alone

    Raises
    ------
    ConfigError
        If the file cannot be read, or a setting in any of its runs is unknown or does not fit: with its line.
    UnknownNameError
        If there is no such run; names the near ones.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "runs.yaml"
    >>> _ = file.write_text("default:\n  draws: 2\nquick:\n  limit: 10\n")
    >>> read_named_run(file, "quick")[0]
    {'draws': 2, 'limit': 10}
    """
    sections = read_sections(Path(path))
    chosen = check_name(f"run of {path}", name or DEFAULT, [DEFAULT, *sections] if name is None else sections)
    for values, places in sections.values():
        _check(values, places)
    return over_default(sections, chosen)


def _check(values: Json, places: dict[str, str]) -> None:
    """Every setting by itself, so that a mistake in a run that is not asked for is found too."""
    required: dict[str, Any] = {"models": ["scripted/echo"], "statements": ["statements.jsonl"]}
    for name, value in values.items():
        ApproveConfig.parse({**required, name: value}, source="settings", places=places)


def parse_config(values: Json, places: dict[str, str]) -> ApproveConfig:
    """Settings, complete and checked.

    Parameters
    ----------
    values : by setting
    places : flag, variable or line of each, for messages

    Raises
    ------
    ConfigError
        If one is unknown, missing or does not fit.
    """
    for name, flag in (("models", "a model, such as openai/gpt-5"), ("statements", "--statements, a file or folder")):
        if not values.get(name):
            raise ConfigError(f"{name}: give {flag}")
    return ApproveConfig.parse(values, source="settings", places=places)
