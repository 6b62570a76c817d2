"""Arms given as names of models, from Python: opened, with what each is asked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypedDict

from diptych._types import Json
from diptych.comparison.asked import AskedArms
from diptych.comparison.config import CompareConfig
from diptych.comparison.generated import Generation
from diptych.data.prompts import Prompts, as_prompts, load_prompts
from diptych.errors import ConfigError
from diptych.models.prices import Budget
from diptych.models.registry import find_model, is_model
from diptych.models.requests import Sampling
from diptych.utils.names import did_you_mean


class AskOptions(TypedDict, total=False):
    """How models are asked, as keyword arguments of ``diptych.compare``.

    ``prompts`` is a file of prompts, texts, or records, by default those of the other arm; ``sampling`` holds fields of
    ``Sampling`` such as ``temperature`` and ``max_tokens``; ``options`` are the provider's; ``max_cost`` is in US
    dollars; where more than ``max_failures`` requests of an arm fail (a number, or a share), the rest is left unasked.
    """

    prompts: str | Path | Sequence[str | Mapping[str, Any]] | Prompts
    draws: int
    sampling: Mapping[str, Any]
    system_a: str | None
    system_b: str | None
    base_url: str | None
    options: Mapping[str, Any]
    max_cost: float | None
    max_failures: float | None


@contextmanager
def named_models(
    sources: tuple[Any, Any], config: CompareConfig, readers: Json, ask: AskOptions
) -> Iterator[AskedArms | None]:
    """The arms that are models, opened until the block ends; nothing is asked.

    Parameters
    ----------
    sources : the arms
    config : of the comparison
    readers : models that help to read, as they stand in the manifest
    ask : how they are asked

    Yields
    ------
    None where no arm is a model.

    Raises
    ------
    ConfigError
        If there are no prompts, or a setting does not fit.
    """
    _check(ask)
    names = {arm: source for arm, source in zip("ab", sources, strict=True) if _is_model(source)}
    if not names:
        if ask:
            raise ConfigError(f"{', '.join(ask)}: neither arm is a model, so nobody is asked")
        yield None
        return
    others = [source for source in sources if not _is_model(source)]
    prompts = _prompts(ask.get("prompts", others[0] if others else None), config)
    sampling = Sampling.parse(dict(ask.get("sampling", {})), source="sampling")
    with ExitStack() as stack:
        generations: dict[str, Generation] = {}
        for arm, name in names.items():
            spec = find_model(name, base_url=ask.get("base_url"), options=ask.get("options"))
            Budget(spec.price, ask.get("max_cost"))
            model = spec.open()
            stack.callback(model.close)
            model.check(sampling)
            own = prompts.with_system(ask.get("system_a") if arm == "a" else ask.get("system_b"))
            generations[arm] = Generation(
                model, own, ask.get("draws", 1), sampling, spec.price, config.limit, config.seed
            )
        yield AskedArms(generations, Path(), readers)


def _check(ask: AskOptions) -> None:
    known = AskOptions.__annotations__
    for name in ask:
        if name not in known:
            hint = " It is a field of 'sampling'." if name in Sampling.model_fields else did_you_mean(name, known)
            raise ConfigError(f"ask: unknown name {name!r}.{hint} Known: {', '.join(known)}.")


def _is_model(source: Any) -> bool:
    return isinstance(source, str) and is_model(source)


def _prompts(given: Any, config: CompareConfig) -> Prompts:
    if isinstance(given, str | Path):
        return load_prompts(Path(given), prompt_field=config.prompt_field)
    if isinstance(given, Prompts | list | tuple):
        return as_prompts(given)
    raise ConfigError("models need prompts: give ask={'prompts': …}, a file, or a list of texts or records")


@contextmanager
def ledger_path(path: Any) -> Iterator[Path]:
    """A file for answers: the one that is given, or one that is thrown away.

    Parameters
    ----------
    path : of the ledger, or None
    """
    if path is not None:
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        yield Path(folder) / "ledger.sqlite"
