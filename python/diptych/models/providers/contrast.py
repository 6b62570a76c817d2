"""``contrast/<speaker>~<foil>``: two models on this machine, of which one speaks and the other says what not to say."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Self

from pydantic import Field

from diptych._types import Json
from diptych.errors import ConfigError
from diptych.models.contrast import Contrast, Rule
from diptych.models.contrasted import ContrastJob, write_contrasts
from diptych.models.local import Limits, Written
from diptych.models.manager import Source, read_tokenizer
from diptych.models.providers.hf import HFModel, LocalOptions
from diptych.models.requests import Message, Request, Sampling, draw_seed
from diptych.models.sampling import Draw
from diptych.models.templates import Prompt, check_template, render
from diptych.models.vocabulary import check_one_vocabulary, compare_vocabularies, names_in
from diptych.utils.extras import require_extra

BETWEEN = "~"


class ContrastOptions(LocalOptions):
    """How the models are run, and put against each other; see ``models.contrast.combine``."""

    rule: Rule = "amplify"
    weight: float = Field(default=1.0, ge=0.0)
    """How much the foil counts; 0 lets the speaker speak alone."""
    plausibility: float = Field(default=0.1, ge=0.0, le=1.0)
    """Tokens with less than this share of the speaker's likeliest are never said; 0 allows all."""
    nucleus: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of the speaker's probability that tokens are taken from."""
    gating: float | None = Field(default=None, gt=0.0)
    """How quickly the contrast vanishes where the models agree; None keeps it everywhere."""
    beams: int = Field(default=1, ge=1)
    """Texts that are followed at once; needs temperature 0."""
    foil_system: str | None = None
    """System prompt of the foil, in place of the speaker's: one model under two system prompts can be contrasted."""
    shared_vocab: bool = False
    """Go on where vocabularies differ, and say only what is in both."""

    @property
    def contrast(self) -> Contrast:
        """The rule, and how strongly it is applied."""
        return Contrast(self.rule, self.weight, self.plausibility, self.nucleus, self.gating)


class ContrastModel(HFModel):
    """Two models as one that answers. Implements the protocol `Model`; weights are read when first asked.

    Parameters
    ----------
    source : of the model that speaks
    foil : the other; both may share weights
    options : how they are run, and contrasted
    """

    def __init__(self, source: Source, foil: HFModel, options: ContrastOptions) -> None:
        super().__init__(source, options)
        self.foil, self._how = foil, options

    @classmethod
    def open(cls, name: str, options: Mapping[str, Any]) -> Self:
        """The contrast of two names, ``speaker~foil``, each as after ``hf/``.

        Parameters
        ----------
        name : what follows ``contrast/``
        options : settings of `ContrastOptions`

        Raises
        ------
        ConfigError
            If an option does not fit, or there is one name.
        MissingExtraError
            Without torch and transformers.
        ModelError
            If there is no such model, or its weights are not safetensors.
        """
        checked = ContrastOptions.parse(options, source="contrast options")
        if checked.soft_prompt is not None:
            raise ConfigError(f"soft_prompt = {checked.soft_prompt!r}: a contrast takes none; ask each model by itself")
        require_extra("torch", extra="local")
        speaker, between, foil = name.partition(BETWEEN)
        if not (between and speaker and foil):
            raise ConfigError(f"contrast/{name}: give two models with {BETWEEN} between them: speaker{BETWEEN}foil")
        return cls(Source.find(speaker), HFModel(Source.find(foil), checked), checked)

    @property
    def name(self) -> str:
        return f"contrast/{self.source.name}{BETWEEN}{self.foil.source.name}"

    @functools.cached_property
    def identity(self) -> Json:
        """What both models are, and how they are put against each other."""
        own = {"foil_system": self._how.foil_system, "beams": self._how.beams, "shared_vocab": self._how.shared_vocab}
        models = {"speaker": super().identity, "foil": self.foil.identity}
        return {"provider": "contrast", **models, **asdict(self._how.contrast), **own}

    def check(self, sampling: Sampling) -> None:
        """Refuse models that do not read the same tokens, and beams where something is drawn.

        Parameters
        ----------
        sampling : of the run

        Raises
        ------
        ConfigError
            Says what differs.
        """
        super().check(sampling)
        check_template(self._foil_tokenizer, self.foil.name, raw=self.options.raw)
        if self._how.beams > 1 and sampling.temperature != 0:
            raise ConfigError(f"beams = {self._how.beams}: nothing is drawn with beams; give temperature 0")
        if not self._how.shared_vocab:
            purpose = "contrasted; shared_vocab=true says only what is in both."
            check_one_vocabulary(self.name, self._tokenizer, self._foil_tokenizer, purpose)

    def close(self) -> None:
        """Let go of both."""
        super().close()
        self.foil.close()

    def _texts(
        self, asked: Mapping[int, Request], prompts: Mapping[int, Prompt], draw: Draw, sampling: Sampling
    ) -> Iterator[tuple[int, Written | None]]:
        order = list(asked)
        jobs = [
            ContrastJob(prompts[index].tokens, self._as_foil_reads(asked[index]), draw_seed(sampling, asked[index]))
            for index in order
        ]
        for number, written in write_contrasts(
            self.load(),
            self.foil.load(),
            jobs,
            self._how.contrast,
            draw,
            Limits(sampling.max_tokens, sampling.stop, self._how.beams),
            batch_size=self.options.batch_size,
            in_foil=self._in_foil,
        ):
            yield order[number], written

    def _as_foil_reads(self, request: Request) -> tuple[int, ...]:
        messages = request.messages
        if self._how.foil_system is not None:
            others = tuple(message for message in messages if message.role != "system")
            messages = (Message("system", self._how.foil_system), *others) if self._how.foil_system else others
        return render(self._foil_tokenizer, messages, raw=self.options.raw).tokens

    @functools.cached_property
    def _foil_tokenizer(self) -> Any:
        return read_tokenizer(self.foil.source.base)

    @functools.cached_property
    def _in_foil(self) -> list[int] | None:
        """The foil's number of each token; None where both have one vocabulary."""
        same = compare_vocabularies(self._tokenizer, self._foil_tokenizer).same
        return None if same else names_in(self._tokenizer, self._foil_tokenizer)
