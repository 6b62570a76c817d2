"""Everything that can be set about a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from pydantic import Field, field_validator, model_validator

from diptych.clustering.sides import Way
from diptych.comparison.equivalence import Known, check_margins, parse_margins
from diptych.comparison.lenses import DEFAULT_LENSES, LENSES
from diptych.data.rejects import DEFAULT_MAX_BAD
from diptych.embeddings.settings import EmbedderSettings
from diptych.stats.multiplicity import Fdr
from diptych.utils.amounts import number_or_share
from diptych.utils.names import check_name
from diptych.utils.text import printable

LABELLERS = ("keywords",)
MAX_CLAIM = 300
"""Characters of a sentence of one's own."""


class CompareOptions(TypedDict, total=False):
    """The settings as keyword arguments of ``diptych.compare``; ``CompareConfig`` says what each means."""

    name_a: str | None
    name_b: str | None
    prompt_field: str | None
    response_field: str | None
    on_bad_line: Literal["error", "skip"]
    max_bad: float | str | None
    score_fields: Sequence[str] | str
    likelihood_models: Sequence[str] | str
    group_field: str | None
    pairing: Literal["auto", "paired", "unpaired"]
    lenses: Sequence[str] | str
    contrast_clusters: Way
    embedder: str
    embedder_args: Mapping[str, Any] | Sequence[str]
    embeddings: str | None
    embedding_field: str | None
    labeller: str
    judge: str | None
    other_judges: Sequence[str] | str
    claims: Sequence[str]
    judge_pairs: int
    judge_sentences: int
    limit: int | None
    seed: int
    alpha: float
    fdr: Fdr
    resamples: int | None
    discovery_fraction: float
    cross_fit: bool
    simultaneous: bool
    equivalent_within: float | str | Sequence[str] | Mapping[str, float]


class CompareConfig(EmbedderSettings):
    """Settings of ``diptych compare``; every one changes the result, so every one stands in the manifest."""

    name_a: str | None = None
    """What to call the first arm; by default the model its records name, else its file."""
    name_b: str | None = None
    """What to call the second arm."""
    prompt_field: str | None = None
    """Field that holds the prompt, where it is not prompt, instruction, question or input."""
    response_field: str | None = None
    """Field that holds the response, where it is not response, output, completion or text."""
    on_bad_line: Literal["error", "skip"] = "error"
    """``skip`` leaves out the lines of a JSON-lines file that are not one object each, and keeps them with the run."""
    max_bad: int | float | None = DEFAULT_MAX_BAD
    """Lines of one file that may be left out: a number such as 5, or a share such as 0.001 or ``0.1%``."""
    score_fields: tuple[str, ...] = ()
    """Numeric fields of the records to test as measures, such as a reward."""
    likelihood_models: tuple[str, ...] = ()
    """Two models on this machine, ``hf/…``: the lens ``likelihood`` measures how much likelier the second finds a
    response than the first."""
    group_field: str | None = None
    """Field that names the group of a prompt (its template, topic or conversation): groups, not prompts, are then the
    units of the test. Draws weigh equally in a prompt, prompts in a group, and groups in the result."""
    pairing: Literal["auto", "paired", "unpaired"] = "auto"
    """``auto`` pairs by prompt when the arms have prompts in common."""
    lenses: tuple[str, ...] = DEFAULT_LENSES
    """Who proposes measures."""
    contrast_clusters: Way = "joint"
    """How texts of two sides are put into clusters: ``joint``, or each side by itself and ``matched``."""
    embeddings: str | None = None
    """Vectors of the responses, in place of an embedder's: ``.npz`` or ``.safetensors`` with texts, ``.npy`` with the
    rows of A and then of B, or the folder of a store."""
    embedding_field: str | None = None
    """Field of the records that holds the vector of the response, a list of numbers, in place of an embedder's."""
    labeller: str = "keywords"
    """What names clusters and regions: ``keywords`` is c-TF-IDF; ``provider/model`` is asked, and its names judged."""
    judge: str | None = None
    """Model, as ``provider/model``, that the lens ``judge`` asks; it also judges the names of another labeller."""
    other_judges: tuple[str, ...] = ()
    """Further models that judge the sentences of the lens ``judge``: the mean of the verdicts is tested."""
    claims: tuple[str, ...] = ()
    """Sentences of one's own that go on from “This answer …”: the lens ``claims`` has them judged of every answer."""
    judge_pairs: int = Field(default=24, ge=1, le=1000)
    """Pairs of responses of each half that the judge is shown, to say how they differ."""
    judge_sentences: int = Field(default=10, ge=1, le=50)
    """Differences of each half, at most, that are then tested."""
    limit: int | None = Field(default=None, ge=1)
    """Use at most so many prompts, chosen by a seeded hash; whole groups where there is a ``group_field``."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Of everything random. Same seed, same bits."""
    alpha: float = Field(default=0.05, gt=0.0, lt=1.0)
    """False discovery rate: at most this share of findings is false, in expectation."""
    fdr: Fdr = "bh"
    """How that rate is held: ``bh`` (Benjamini–Hochberg), or ``by`` (Benjamini–Yekutieli), under any dependence."""
    resamples: int | None = Field(default=None, ge=100, le=10**9)
    """Sign flips or permutations; by default as many as the number of measures asks for."""
    discovery_fraction: float = Field(default=0.5, gt=0.0, lt=1.0)
    """Share of prompts in the first half. Lenses that see who wrote what look at one half for a test on the other."""
    cross_fit: bool = True
    """Whether the halves change places, so that what is seen in either is tested on the other."""
    simultaneous: bool = False
    """Whether there are also intervals that hold for all measures of the run together, at 95 %."""
    equivalent_within: dict[str, float] = Field(default_factory=dict)
    """Margins: what has its simultaneous interval inside is equivalent. 0.05, which is for shares, or ``words: 10``."""

    @field_validator("lenses", "score_fields", "likelihood_models", "other_judges", mode="before")
    @classmethod
    def _by_commas(cls, names: object) -> object:
        if isinstance(names, str):
            return tuple(name.strip() for name in names.split(",") if name.strip())
        return tuple(names) if isinstance(names, list) else names

    @field_validator("equivalent_within", mode="before")
    @classmethod
    def _margins(cls, given: object) -> object:
        return parse_margins(given)

    @field_validator("max_bad", mode="before")
    @classmethod
    def _number_or_share(cls, value: float | str | None) -> float | None:
        return None if value is None else number_or_share(value, "max_bad")

    @field_validator("lenses")
    @classmethod
    def _known_lenses(cls, lenses: tuple[str, ...]) -> tuple[str, ...]:
        for name in lenses:
            check_name("lens", name, LENSES)
        if not lenses or len(set(lenses)) < len(lenses):
            raise ValueError("name at least one lens, each once")
        return lenses

    @field_validator("score_fields")
    @classmethod
    def _each_once(cls, fields: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(fields)) < len(fields):
            raise ValueError("name each score field once")
        return fields

    @field_validator("likelihood_models")
    @classmethod
    def _two_on_this_machine(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if names and (len(names) != 2 or not all(name.startswith("hf/") for name in names)):
            raise ValueError(f"{', '.join(names)}: name two models on this machine, such as hf/base hf/base+adapter")
        return names

    @field_validator("labeller")
    @classmethod
    def _known_labeller(cls, name: str) -> str:
        from diptych.models.registry import looks_like_model

        return name if looks_like_model(name) else check_name("labeller", name, LABELLERS)

    @field_validator("judge")
    @classmethod
    def _is_model(cls, name: str | None) -> str | None:
        from diptych.models.registry import find_model

        return None if name is None else find_model(name).name

    @field_validator("claims")
    @classmethod
    def _are_sentences(cls, claims: tuple[str, ...]) -> tuple[str, ...]:
        lines = tuple(printable(" ".join(claim.split())) for claim in claims)
        for line in lines:
            if not 1 <= len(line) <= MAX_CLAIM:
                raise ValueError(f"{line[:40]!r} has {len(line)} characters: a sentence has 1 to {MAX_CLAIM}")
        if len(set(lines)) < len(lines):
            raise ValueError("name each sentence once")
        return lines

    @field_validator("other_judges")
    @classmethod
    def _are_models(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from diptych.models.registry import find_model

        return tuple(find_model(name).name for name in names)

    @model_validator(mode="after")
    def _vectors_come_from_one_place(self) -> CompareConfig:
        named = [name for name in ("embeddings", "embedding_field") if getattr(self, name) is not None]
        named += ["embedder"] if self.embedder != "lexical" else []
        if len(named) > 1:
            raise ValueError(f"{' and '.join(named)}: vectors come from one of them; leave out the others")
        return self

    @property
    def vectors_from(self) -> str:
        """What turns responses into vectors, or where those come from."""
        return self.embeddings or (f"field {self.embedding_field}" if self.embedding_field else self.embedder)

    @model_validator(mode="after")
    def _scores_need_their_lens(self) -> CompareConfig:
        if ("scores" in self.lenses) != bool(self.score_fields):
            raise ValueError("the lens 'scores' and score fields go together; name both (--score-field), or neither")
        return self

    @model_validator(mode="after")
    def _likelihoods_need_their_lens(self) -> CompareConfig:
        if ("likelihood" in self.lenses) != bool(self.likelihood_models):
            raise ValueError(
                "the lens 'likelihood' and two models go together; name all (--likelihood-models hf/A hf/B), or none"
            )
        return self

    @model_validator(mode="after")
    def _judge_is_for_something(self) -> CompareConfig:
        if "judge" in self.lenses and self.judge is None:
            raise ValueError("the lens 'judge' needs a model to ask: give --judge PROVIDER/MODEL")
        if ("claims" in self.lenses) != bool(self.claims):
            raise ValueError("the lens 'claims' and sentences go together; name both (--claim), or neither")
        if self.claims and self.judge is None:
            raise ValueError("sentences of one's own are judged by a model: give --judge PROVIDER/MODEL")
        if self.judge is not None and not self.judges_sentences and self.labeller in LABELLERS:
            raise ValueError("a judge is asked by the lens 'judge', or about the names of a labeller; name one of them")
        return self

    @property
    def judges_sentences(self) -> bool:
        """Whether a judge says which sentences hold of answers, and not only whether names fit."""
        return "judge" in self.lenses or "claims" in self.lenses

    @model_validator(mode="after")
    def _judges_judge_apart(self) -> CompareConfig:
        named = [*([] if self.judge is None else [self.judge]), *self.other_judges]
        if self.other_judges and (self.judge is None or not self.judges_sentences):
            raise ValueError("further judges judge what the lens 'judge' proposes: name that lens, and its judge")
        if len(set(named)) < len(named):
            raise ValueError(f"{', '.join(named)}: name each judge once")
        return self

    @model_validator(mode="after")
    def _margins_are_for_something(self) -> CompareConfig:
        check_margins(self.equivalent_within, Known.before(self.lenses, self.score_fields))
        return self

    @property
    def wants_simultaneous(self) -> bool:
        """Whether simultaneous intervals are computed: to be shown, or to judge equivalence by."""
        return self.simultaneous or bool(self.equivalent_within)
