"""Arms of ``compare`` that are models: what the flags ask of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from diptych._types import Progress
from diptych.cli.asking import Choices, chosen, describe
from diptych.cli.console import note, typed
from diptych.cli.settings import place_of
from diptych.comparison.asked import AskedArms, folder_for, fork_of
from diptych.comparison.config import CompareConfig
from diptych.comparison.generated import Generation
from diptych.data.prompts import Prompts, load_prompts
from diptych.errors import ConfigError


@dataclass(frozen=True)
class Asking:
    """Models that are to be asked before they are compared.

    Parameters
    ----------
    arms : what each is asked
    given : A and B as they were typed
    choices : flags about asking
    open_until : closes the models and the ledger, when all is over
    """

    arms: AskedArms
    given: tuple[str, str]
    choices: Choices
    open_until: ExitStack

    @property
    def folder(self) -> Path:
        """Of the run."""
        return self.arms.folder

    def answered(self, progress: Progress) -> tuple[Any, Any]:
        """Ask, and give what ``prepare`` takes; the run stays in use until it is over."""
        ledger, choices = self.open_until.enter_context(self.arms.open(typed())), self.choices
        try:
            found: dict[str, Any] = dict(
                self.arms.run(ledger, progress=progress, max_cost=choices.max_cost, max_failures=choices.max_failures)
            )
        except KeyboardInterrupt:
            note(f"what was answered is kept in {self.folder}")
            raise
        return found.get("a", self.given[0]), found.get("b", self.given[1])

    def plan(self) -> Iterator[str]:
        """What would be asked, for ``--dry-run``."""
        for generation, missing in self.arms.missing():
            yield from describe(generation, missing)
        yield f"would write {self.folder}"


def with_likelihood_of_arms(given: dict[str, Any], *arms: str) -> dict[str, Any]:
    """Settings in which the lens ``likelihood``, where it was asked for, has two models: the arms, if they are any.

    Parameters
    ----------
    given : settings
    *arms : A and B as they were typed
    """
    wanted = "likelihood" in given.get("lenses", ()) and "likelihood_models" not in given
    return {**given, "likelihood_models": arms} if wanted and all(arm.startswith("hf/") for arm in arms) else given


@contextmanager
def asked_arms(context: typer.Context, config: CompareConfig) -> Iterator[Asking | None]:
    """The arms that are models, opened; they are closed when the block ends.

    Parameters
    ----------
    context : of the verb, with its flags
    config : of the comparison

    Yields
    ------
    None where both arms are files.

    Raises
    ------
    ConfigError
        If a flag does not fit, or there are no prompts.
    """
    choices, given = chosen(context), (context.params["a"], context.params["b"])
    names = {arm: name for arm, name in zip("ab", given, strict=True) if choices.is_model(name)}
    if not names:
        if context.params["prompts"] is not None:
            for name in given:
                if not Path(name).exists():
                    choices.spec(name)  # which says what is near
            raise ConfigError(f"{place_of(context, 'prompts')}: A and B are files; no model is asked.")
        yield None
        return
    if config.limit is not None and config.group_field is not None:
        raise ConfigError("--limit with --group-field: groups are whole only in a shorter file of prompts. Give one.")
    prompts = _prompts(context, config, [name for name in given if name not in names.values()])
    with ExitStack() as stack:
        generations: dict[str, Generation] = {}
        for arm, name in names.items():
            own = choices.of_arm(arm, context.params)
            generations[arm] = own.generation(
                own.spec(name),
                prompts,
                system=context.params[f"system_{arm}"],
                limit=config.limit,
                seed=config.seed,
            )
            stack.callback(generations[arm].model.close)
        yield Asking(AskedArms(generations, _folder(context, config, generations, given)), given, choices, stack)


def _prompts(context: typer.Context, config: CompareConfig, files: list[str]) -> Prompts:
    path = context.params["prompts"] or (Path(files[0]) if files else None)
    if path is None:
        raise ConfigError("two models need prompts: give --prompts FILE (.txt with one a line, .jsonl, .csv, …)")
    return load_prompts(path, prompt_field=config.prompt_field)


def _folder(
    context: typer.Context, config: CompareConfig, generations: dict[str, Generation], given: tuple[str, str]
) -> Path:
    out: Path | None = context.params["out"]
    asked, settings = {arm: made.config for arm, made in generations.items()}, config.model_dump(mode="json")
    if out is not None:
        return fork_of(out, asked, settings) if context.params["fork"] else out
    first, second = (
        name or (generations[arm].model.name if arm in generations else Path(path).name.split(".")[0])
        for arm, name, path in zip("ab", (config.name_a, config.name_b), given, strict=True)
    )
    return folder_for(asked, settings, (first, second))
