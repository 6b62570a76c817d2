"""Flags that verbs which ask models have in common, written once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypedDict, TypeVar, get_args, get_type_hints

from diptych.cli import asking

Verb = TypeVar("Verb", bound=Callable[..., Any])


class SamplingFlags(TypedDict):
    """How answers are drawn."""

    max_tokens: asking.MaxTokens
    temperature: asking.Temperature
    top_p: asking.TopP
    top_k: asking.TopK
    stop: asking.Stop
    sampling_seed: asking.SamplingSeed
    model_arg: asking.ModelArg


class AskingFlags(SamplingFlags):
    """How answers are drawn, whom they are asked of, and what they may cost."""

    base_url: asking.BaseUrl
    models: asking.Models
    price: asking.PriceFlag
    max_cost: asking.MaxCost


class ReadersFlags(TypedDict):
    """Whom models that help to read are asked of, and what they may cost."""

    base_url: asking.BaseUrl
    model_arg: asking.ModelArg
    models: asking.Models
    price: asking.PriceFlag
    max_cost: asking.MaxCost


class ArmsFlags(AskingFlags):
    """The same, and what each of two models gets for itself."""

    system_a: asking.SystemA
    system_b: asking.SystemB
    base_url_a: asking.BaseUrlA
    base_url_b: asking.BaseUrlB
    model_arg_a: asking.ModelArgA
    model_arg_b: asking.ModelArgB


def spelled_out(verb: Verb) -> Verb:
    """Show the flags of a verb's last parameter, ``**shared: Unpack[AskingFlags]``, where typer looks for flags.

    Each is None where it is not given; the verb reads them from its context, as ``asking.chosen`` does.

    Parameters
    ----------
    verb : a function

    Examples
    --------
    >>> from typing import Unpack
    >>> def sample(draws: int = 1, **shared: Unpack[SamplingFlags]) -> None: ...
    >>> list(inspect.signature(spelled_out(sample)).parameters)[:3]
    ['draws', 'max_tokens', 'temperature']
    """
    signature = inspect.signature(verb, eval_str=True)
    *own, rest = signature.parameters.values()
    [flags] = get_args(rest.annotation)
    hints = get_type_hints(flags, include_extras=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    shared = [inspect.Parameter(name, kind, default=None, annotation=hint) for name, hint in hints.items()]
    vars(verb)["__signature__"] = signature.replace(parameters=[*own, *shared])
    return verb
