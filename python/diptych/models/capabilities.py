"""Which parameters a provider takes, under which name, and how far they go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from diptych._types import Json
from diptych.errors import ConfigError
from diptych.models.requests import Sampling

_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one provider's interface takes.

    Several answers are several requests everywhere: each has a seed, a price and a failure of its own.

    Parameters
    ----------
    who : the provider in messages
    names : its name for each field of `Sampling` that it takes
    highest : largest value of a field, where it allows less than `Sampling`
    max_stop : most texts at which an answer ends; None without a limit
    instead : what to do without a field that is not taken
    """

    who: str
    names: Mapping[str, str]
    highest: Mapping[str, float] = field(default_factory=lambda: _NONE)
    max_stop: int | None = None
    instead: Mapping[str, str] = field(default_factory=lambda: _NONE)

    def check(self, sampling: Sampling) -> None:
        """Refuse what is not taken. A seed is never refused: where none is taken, none is sent.

        Raises
        ------
        ConfigError
            Names the field, its value and what would be taken.

        Examples
        --------
        >>> Capabilities("nobody", {"max_tokens": "max_tokens"}).check(Sampling(top_k=3))
        Traceback (most recent call last):
        diptych.errors.ConfigError: top_k = 3: nobody does not take top_k. Leave it out.
        """
        for name, value in sampling:
            if value in (None, ()) or name == "seed":
                continue
            if name not in self.names:
                advice = self.instead.get(name, "Leave it out.")
                raise ConfigError(f"{name} = {value!r}: {self.who} does not take {name}. {advice}")
            if value > self.highest.get(name, value):
                raise ConfigError(f"{name} = {value!r}: {self.who} takes at most {self.highest[name]:g}.")
        if self.max_stop is not None and len(sampling.stop) > self.max_stop:
            raise ConfigError(f"stop has {len(sampling.stop)} texts: {self.who} takes at most {self.max_stop}.")

    def parameters(self, sampling: Sampling, *, seed: int) -> Json:
        """What is sent, under the provider's names.

        Parameters
        ----------
        sampling : of the run
        seed : of this draw
        """
        values = {**sampling.model_dump(exclude={"seed"}), "stop": list(sampling.stop), "seed": seed}
        return {self.names[name]: values[name] for name in self.names if values[name] not in (None, [])}


OPENAI = Capabilities(
    "OpenAI",
    {
        "max_tokens": "max_completion_tokens",
        "temperature": "temperature",
        "top_p": "top_p",
        "stop": "stop",
        "seed": "seed",
    },
    highest={"temperature": 2.0},
    max_stop=4,
)
COMPATIBLE = Capabilities(
    "an OpenAI-compatible server",
    {**OPENAI.names, "max_tokens": "max_tokens"},
    instead={"top_k": "Leave it out, or ask for vllm/… where the server is vLLM."},
)
VLLM = Capabilities("vLLM", {**COMPATIBLE.names, "top_k": "top_k"})
OPENROUTER = Capabilities("OpenRouter", {**VLLM.names}, highest={"temperature": 2.0})

ANTHROPIC = Capabilities(
    "Anthropic's interface of 2026-10-21",
    {"max_tokens": "max_tokens", "stop": "stop_sequences"},
    instead=dict.fromkeys(
        ("temperature", "top_p", "top_k"),
        "Leave it out, or ask by the older interface, which some models still take: api_version=2023-06-01.",
    ),
)
ANTHROPIC_2023 = Capabilities(
    "Anthropic's interface of 2023-06-01",
    {**ANTHROPIC.names, "temperature": "temperature", "top_p": "top_p", "top_k": "top_k"},
    highest={"temperature": 1.0},
)
