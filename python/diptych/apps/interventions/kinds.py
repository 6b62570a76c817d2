"""Interventions that need no training: each makes, of a model, another that can be asked by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from pydantic import Field

from diptych.apps.interventions.perturbing import add_noise, round_weights
from diptych.apps.interventions.training import TrainConfig, Training, open_for_training
from diptych.config import Settings
from diptych.errors import ConfigError
from diptych.models.manager import Source, quiet, read_tokenizer
from diptych.models.merging import load_merged
from diptych.models.registry import Entry, find_model, local_name
from diptych.utils.files import new_folder

WEIGHTS, ADAPTER = "model", "adapter"
"""Folders of new weights, in that of the intervention."""
AFTER = "after"
"""What the model is called in a registry file, whatever was done to it: a name that gives nothing away."""


class Kind(Protocol):
    """An intervention with its settings."""

    def apply(self, base: str, folder: Path, place: Path) -> Entry:
        """Make the model.

        Parameters
        ----------
        base : ``provider/model``: the model before
        folder : where weights are written, if there are any
        place : where that folder will lie when it is whole

        Returns
        -------
        Entry
            of a registry file: how the new model is asked

        Raises
        ------
        ConfigError
            If this cannot be done to such a model.
        ModelError
            If a model cannot be loaded.
        """


class Noise(Settings):
    """Gaussian noise on every matrix."""

    size: float = Field(default=0.02, gt=0)
    """Norm of the noise over that of the matrix."""
    seed: int = Field(default=0, ge=0)

    def apply(self, base: str, folder: Path, place: Path) -> Entry:
        return _rewritten(base, folder, place, lambda model: add_noise(model, self.size, self.seed))


class Rounding(Settings):
    """Weights rounded to the values that whole numbers of few bits can stand for, as a quantisation does."""

    bits: int = Field(default=8, ge=2, le=8)
    group: int = Field(default=64, ge=1)
    """Weights of a row that share a scale."""

    def apply(self, base: str, folder: Path, place: Path) -> Entry:
        return _rewritten(base, folder, place, lambda model: round_weights(model, self.bits, self.group))


class SystemPrompt(Settings):
    """The same model under a system prompt."""

    system: str = Field(min_length=1)

    def apply(self, base: str, folder: Path, place: Path) -> Entry:
        return Entry(name=AFTER, model=_checked(base), original=base, system=self.system)


class Mixture(Settings):
    """A model on the line through the weights of two."""

    other: str
    """``hf/…``: the model that the line leads to."""
    weight: float = Field(default=0.5, allow_inf_nan=False)
    """0 for the model before, 1 for the other."""

    def apply(self, base: str, folder: Path, place: Path) -> Entry:
        model = f"mix/{local_name(base)}~{self.weight!r}~{local_name(self.other)}"
        find_model(model).open()  # finds both, and loads neither
        return Entry(name=AFTER, model=model, original=base)


class OtherModel(Settings):
    """A checkpoint that is there: another revision, an edited or unlearned model, an adapter."""

    other: str
    """``provider/model``."""

    def apply(self, base: str, folder: Path, place: Path) -> Entry:
        return Entry(name=AFTER, model=_checked(self.other), original=base)


class Nothing(Settings):
    """An adapter that adds nothing: a control, in which nothing must be found.

    Asked with the same seeds it says the same; what two draws of one model differ by is seen with ``diptych aa``.
    """

    def apply(self, base: str, folder: Path, place: Path) -> Entry:
        source = Source.find(local_name(base))
        if source.adapter is not None:
            raise ConfigError(f"{base}: an adapter on an adapter cannot be loaded. Give the base alone.")
        with quiet(), new_folder(folder / ADAPTER) as adapter:
            adapted = open_for_training(Training(source, TrainConfig(rank=1), ()))  # starts at zero
            adapted.peft_config["default"].base_model_name_or_path = source.base.name
            adapted.save_pretrained(adapter, save_embedding_layers=False)
        return Entry(name=AFTER, model=f"{base}+{place / ADAPTER}", original=base)


KINDS: dict[str, type[Noise | Rounding | SystemPrompt | Mixture | OtherModel | Nothing]] = {
    "noise": Noise,
    "rounding": Rounding,
    "system-prompt": SystemPrompt,
    "mixture": Mixture,
    "checkpoint": OtherModel,
    "nothing": Nothing,
}
"""By the name that they have on the command line."""


def _checked(name: str) -> str:
    """The name of a model; one whose weights are here is there."""
    spec = find_model(name)
    if spec.provider == "hf":
        Source.find(local_name(name))
    return spec.name


def _rewritten(base: str, folder: Path, place: Path, change: Callable[[Any], None]) -> Entry:
    source = Source.find(local_name(base))
    tokenizer = read_tokenizer(source.base)
    model = load_merged(source)
    change(model)
    with quiet(), new_folder(folder / WEIGHTS) as weights:
        model.save_pretrained(weights)
        tokenizer.save_pretrained(weights)
    return Entry(name=AFTER, model=f"hf/{place / WEIGHTS}", original=base)
