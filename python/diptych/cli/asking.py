"""Flags that say which models are asked, what, and how; shared by the verbs that ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from diptych.cli.settings import OUTPUT, option
from diptych.errors import ConfigError

if TYPE_CHECKING:
    from diptych.comparison.generated import Generation
    from diptych.data.prompts import Prompts
    from diptych.models.registry import ModelSpec, Registry
    from diptych.models.requests import Sampling

ASKING = "Asking models"

Draws = Annotated[int, option("draws", "Answers to each prompt.", ASKING, "1")]
System = Annotated[str | None, option("system", "System prompt, in place of the prompts' own.", ASKING, "each its own")]
SystemA = Annotated[str | None, option("system-a", "System prompt of A.", ASKING, "the prompts' own")]
SystemB = Annotated[str | None, option("system-b", "System prompt of B.", ASKING, "the prompts' own")]
MaxTokens = Annotated[int | None, option("max-tokens", "Longest answer, in tokens.", ASKING, "512")]
Temperature = Annotated[float | None, option("temperature", "0 is greedy.", ASKING, "the model's")]
TopP = Annotated[float | None, option("top-p", "Share of probability that is drawn from.", ASKING, "the model's")]
TopK = Annotated[int | None, option("top-k", "Number of tokens that are drawn from.", ASKING, "the model's")]
Stop = Annotated[list[str] | None, option("stop", "Text at which an answer ends; repeat for more.", ASKING)]
SamplingSeed = Annotated[int | None, option("sampling-seed", "Of the answers, where a model takes one.", ASKING, "0")]
BaseUrl = Annotated[str | None, option("base-url", "Address of an OpenAI-compatible server.", ASKING, "the provider's")]
ModelArg = Annotated[list[str] | None, option("model-arg", "name=value for the provider; repeat for more.", ASKING)]
BaseUrlA = Annotated[str | None, option("base-url-a", "--base-url of A alone.", ASKING)]
BaseUrlB = Annotated[str | None, option("base-url-b", "--base-url of B alone.", ASKING)]
ModelArgA = Annotated[list[str] | None, option("model-arg-a", "--model-arg of A alone; repeat for more.", ASKING)]
ModelArgB = Annotated[list[str] | None, option("model-arg-b", "--model-arg of B alone; repeat for more.", ASKING)]
Batch = Annotated[
    bool, option("batch", "Leave requests in the provider's batches: for less money, within a day.", ASKING)
]
Models = Annotated[Path | None, option("models", "YAML file that names models.", ASKING, "none")]
PriceFlag = Annotated[
    str | None, option("price", "IN,OUT: dollars for a million tokens.", ASKING, "listed, or unknown")
]
MaxCost = Annotated[
    float | None, option("max-cost", "Stop before answers and vectors cost more dollars.", ASKING, "no limit")
]
MaxFailures = Annotated[str, option("max-failures", "Requests that may fail: 5, or 10%.", ASKING, "10%")]
Fork = Annotated[bool, option("fork", "Where another run lies, make this one beside it, with its answers.", OUTPUT)]


@dataclass(frozen=True)
class Choices:
    """What those flags say, checked.

    Parameters
    ----------
    sampling : how answers are drawn
    registry : named models, if there is a file of them
    base_url, price : of the model, where given
    options : of the provider
    draws : answers to each prompt
    max_cost : US dollars
    max_failures : a number of requests, or a share of them
    batch : whether requests are left with the provider in batches
    of_b : how answers of the second arm are drawn, where that is not the same
    """

    sampling: Sampling
    registry: Registry | None
    base_url: str | None
    price: str | None
    options: Mapping[str, Any]
    draws: int
    max_cost: float | None
    max_failures: float
    batch: bool
    of_b: Sampling | None = None

    def of_arm(self, arm: str, given: Mapping[str, Any]) -> Self:
        """The same for one arm: its own ``--base-url-a`` and ``--model-arg-a`` go before those of both.

        Parameters
        ----------
        arm : ``"a"`` or ``"b"``
        given : flags by their names in the verb's signature
        """
        from diptych.models.registry import parse_options

        own = parse_options(given[f"model_arg_{arm}"] or ())
        address = given[f"base_url_{arm}"] or self.base_url
        sampling = self.of_b if arm == "b" and self.of_b is not None else self.sampling
        return replace(self, base_url=address, options={**self.options, **own}, sampling=sampling)

    def of_helpers(self, given: Mapping[str, Any]) -> Self:
        """The same for models that help to read: their own address, options and price, and no batches.

        Parameters
        ----------
        given : flags by their names in the verb's signature
        """
        from diptych.models.registry import parse_options

        options = parse_options(given["model_arg_helpers"] or ())
        address, price = given["base_url_helpers"], given["price_helpers"]
        return replace(self, base_url=address, price=price, options=options, batch=False)

    def spec(self, name: str) -> ModelSpec:
        """The model of a name."""
        from diptych.models.registry import TAKE_BATCHES, find_model

        options = {**self.options, **({"batch": True} if self.batch else {})}
        spec = find_model(name, registry=self.registry, base_url=self.base_url, options=options, price=self.price)
        if self.batch and spec.provider not in TAKE_BATCHES:
            raise ConfigError(f"--batch: {spec.name} takes no batches; {' and '.join(TAKE_BATCHES)} do.")
        return spec

    def is_model(self, name: str) -> bool:
        """Whether an arm is a model: what is a file on the disk is not, whatever it is called."""
        from diptych.models.registry import is_model

        return is_model(name, self.registry)

    def full_name(self, name: str) -> str:
        """What a name of the registry stands for; any other name as it is.

        Parameters
        ----------
        name : of a model, or anything else
        """
        return self.spec(name).name if self.registry is not None and name in self.registry.names else name

    def full_names(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Settings in which models that help to read have the names that they stand for.

        Parameters
        ----------
        given : settings of a comparison
        """
        named: dict[str, Any] = {role: self.full_name(given[role]) for role in ("labeller", "judge") if role in given}
        if "other_judges" in given:
            named["other_judges"] = [self.full_name(name) for name in given["other_judges"]]
        return {**given, **named}

    def reader(self, name: str, *, alone: bool) -> ModelSpec:
        """A model that helps to read: what the registry says of it, and the flags where no arm is a model.

        Parameters
        ----------
        name : ``provider/model``, or that of a model in the registry
        alone : whether no arm is a model, so that address, price and options are for the readers
        """
        from diptych.models.registry import find_model

        return self.spec(name) if alone else find_model(name, registry=self.registry)

    def generation(
        self, spec: ModelSpec, prompts: Prompts, *, system: str | None, limit: int | None, seed: int | None = None
    ) -> Generation:
        """A model opened, with its prompts; nothing is asked."""
        from diptych.comparison.generated import Generation
        from diptych.models.prices import Budget

        Budget(spec.price, self.max_cost)
        model = spec.open()
        model.check(self.sampling)
        asked = prompts.with_system(system if system is not None else spec.system)
        chosen_by = self.sampling.seed if seed is None else seed
        return Generation(model, asked, self.draws, self.sampling, spec.price, limit, chosen_by)


def chosen(context: typer.Context) -> Choices:
    """The flags of a verb, by their names in its signature; a verb may leave out those that it has no use for.

    Raises
    ------
    ConfigError
        If one does not fit.
    """
    from diptych.cli.settings import place_of
    from diptych.models.registry import Registry, parse_options
    from diptych.models.requests import Sampling
    from diptych.utils.amounts import number_or_share

    given = context.params
    flags = {name: name for name in ("max_tokens", "temperature", "top_p", "top_k", "stop")} | {"seed": "sampling_seed"}
    values = {name: given[flag] for name, flag in flags.items() if given.get(flag) not in (None, [], ())}
    places = {name: place_of(context, flag) for name, flag in flags.items()}
    draws = 1 if given.get("draws") is None else given["draws"]
    if draws < 1:
        raise ConfigError(f"{place_of(context, 'draws')} = {draws}: it should be at least 1")
    return Choices(
        sampling=Sampling.parse(values, source="sampling", places=places),
        registry=Registry.load(given["models"]) if given.get("models") is not None else None,
        base_url=given.get("base_url"),
        price=given.get("price"),
        options=parse_options(given["model_arg"] or ()),
        draws=draws,
        max_cost=check_max_cost(context),
        max_failures=number_or_share(given.get("max_failures", "10%"), place_of(context, "max_failures")),
        batch=given.get("batch", False),
    )


def check_max_cost(context: typer.Context) -> float | None:
    """US dollars that may be spent; None for any amount.

    Raises
    ------
    ConfigError
        If the flag is below 0.
    """
    from diptych.cli.settings import place_of

    max_cost: float | None = context.params.get("max_cost")
    if max_cost is not None and not max_cost >= 0:
        raise ConfigError(f"{place_of(context, 'max_cost')} = {max_cost}: it should be at least 0")
    return max_cost
