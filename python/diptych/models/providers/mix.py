"""``mix/<a>~<weight>~<b>``: a model on the line through the weights of two."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, Self, cast

from diptych._types import Json
from diptych.errors import ConfigError
from diptych.models.manager import Loaded, Source, read_tokenizer
from diptych.models.merging import load_merged
from diptych.models.mixing import interpolate
from diptych.models.providers.hf import HFModel, LocalOptions
from diptych.models.requests import Sampling
from diptych.models.vocabulary import check_one_vocabulary
from diptych.utils.device import Dtype
from diptych.utils.extras import require_extra

BETWEEN = "~"


class MixModel(HFModel):
    """A model whose weights are ``a + weight (b - a)``. Implements the protocol `Model`; mixed when first asked.

    Parameters
    ----------
    source : of a, whose tokenizer, template and settings it has
    other : of b; the adapter of either is worked into its weights first
    weight : 0 for a, 1 for b; below and above it goes beyond
    options : how it is run
    """

    def __init__(self, source: Source, other: Source, weight: float, options: LocalOptions) -> None:
        super().__init__(source, options)
        self.other, self.weight = other, weight

    @classmethod
    def open(cls, name: str, options: Mapping[str, Any]) -> Self:
        """The mixture of a name, ``a~weight~b``, with both models as after ``hf/``.

        Parameters
        ----------
        name : what follows ``mix/``
        options : settings of `LocalOptions`

        Raises
        ------
        ConfigError
            If an option does not fit, or there are not two names with a number between.
        MissingExtraError
            Without torch and transformers.
        ModelError
            If there is no such model, or its weights are not safetensors.
        """
        checked = LocalOptions.parse(options, source="mix options")
        require_extra("torch", extra="local")
        parts = name.split(BETWEEN)
        weight = _number(parts[1]) if len(parts) == 3 and parts[0] and parts[2] else None
        if weight is None:
            raise ConfigError(
                f"mix/{name}: give two models with a number between them, a{BETWEEN}0.5{BETWEEN}b; 0 is a, 1 is b"
            )
        for setting in ("quantization", "device_map"):
            if getattr(checked, setting):
                raise ConfigError(f"mix/{name}: {setting} = {getattr(checked, setting)!r}: a mixture is made without")
        return cls(Source.find(parts[0]), Source.find(parts[2]), weight, checked)

    @property
    def name(self) -> str:
        return f"mix/{self.source.name}{BETWEEN}{self.weight:g}{BETWEEN}{self.other.name}"

    @functools.cached_property
    def identity(self) -> Json:
        """What both models are, and where between them it stands."""
        return {**super().identity, "provider": "mix", "towards": self.other.identity, "weight": self.weight}

    def check(self, sampling: Sampling) -> None:
        """Refuse models that do not read the same tokens.

        Parameters
        ----------
        sampling : of the run

        Raises
        ------
        ConfigError
            Says what differs.
        """
        super().check(sampling)
        check_one_vocabulary(self.name, self._tokenizer, read_tokenizer(self.other.base), "mixed.")

    def load(self) -> Loaded:
        """The mixture in memory, where nobody shares it."""
        if self._loaded is None:
            a, b = (load_merged(source, dtype=cast(Dtype, self._dtype)) for source in (self.source, self.other))
            mixed = interpolate(a, b, self.weight).to(self._device)
            self._loaded = Loaded.alone(self.source, mixed, self._tokenizer, self._device, self._dtype)
        return self._loaded

    def close(self) -> None:
        """Let go of the mixture."""
        self._loaded = None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
