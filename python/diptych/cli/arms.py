"""Arms of ``compare`` that are models: what the flags ask of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from diptych._types import Json, Progress
from diptych.cli.asking import Choices
from diptych.cli.console import note, typed
from diptych.cli.costs import describe, describe_later_embedding, describe_readers
from diptych.cli.settings import place_of
from diptych.comparison.asked import AskedArms, folder_for, fork_of
from diptych.comparison.config import LABELLERS, CompareConfig
from diptych.comparison.expected import Size
from diptych.comparison.folder import LEDGER
from diptych.comparison.generated import Generation
from diptych.comparison.measures import Role
from diptych.comparison.readers import AskedReaders, opened
from diptych.data.prompts import Prompts, load_prompts
from diptych.errors import ConfigError
from diptych.models.ledger import Ledger

_CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True)
class Asking:
    """Models that are to be asked before they are compared.

    Parameters
    ----------
    arms : what each is asked
    given : A and B as they were typed
    choices : flags about asking
    readers : who read the answers
    open_until : closes the models and the ledger, when all is over
    """

    arms: AskedArms
    given: tuple[str, str]
    choices: Choices
    readers: AskedReaders
    open_until: ExitStack

    @property
    def folder(self) -> Path:
        """Of the run."""
        return self.arms.folder

    def open(self) -> Ledger:
        """The ledger of the run, which stays in use until it is over; what the run would lack is refused before."""
        models = [generation.model for generation in self.arms.generations.values()]
        self.readers.check_ready(self.folder / LEDGER, models)
        return self.open_until.enter_context(self.arms.open(typed()))

    def answered(self, ledger: Ledger, progress: Progress) -> tuple[Any, Any]:
        """Ask, and give what ``prepare`` takes.

        Parameters
        ----------
        ledger : of the run
        progress : where it says how far it is
        """
        choices = self.choices
        try:
            found: dict[str, Any] = dict(
                self.arms.run(ledger, progress=progress, max_cost=choices.max_cost, max_failures=choices.max_failures)
            )
        except KeyboardInterrupt:
            note(f"what was answered is kept in {self.folder}")
            raise
        return found.get("a", self.given[0]), found.get("b", self.given[1])

    def plan(self) -> Iterator[str]:
        """What would be asked, for ``--dry-run``, if every answer were as long as it may be."""
        for generation, missing in self.arms.missing():
            yield from describe(generation, missing)
        one = next(iter(self.arms.generations.values()))
        n_prompts = len(one.asked)
        asked = sum(len(prompt.text) for prompt in one.asked) / n_prompts
        length = asked + _CHARACTERS_A_TOKEN * one.sampling.max_tokens
        n_responses = 2 * n_prompts * one.draws
        yield from describe_readers(self.readers.expected(Size(n_prompts, n_responses, length)))
        settings = self.readers.settings
        yield from describe_later_embedding(
            settings.embedder, settings.embedder_args, n_responses, one.sampling.max_tokens
        )
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
def asked_arms(
    context: typer.Context,
    choices: Choices,
    config: CompareConfig,
    readers: AskedReaders,
    besides: Json | None = None,
) -> Iterator[Asking | None]:
    """The arms that are models, opened; they are closed when the block ends.

    Parameters
    ----------
    context : of the verb, with its flags
    choices : flags about asking
    config : of the comparison
    readers : models that help to read, through the same ledger
    besides : what the ledger is for besides

    Yields
    ------
    None where both arms are files.

    Raises
    ------
    ConfigError
        If a flag does not fit, or there are no prompts.
    """
    given = (context.params["a"], context.params["b"])
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
        others = {**readers.config, **(besides or {})}
        folder = _folder(context, config, generations, given, others)
        yield Asking(AskedArms(generations, folder, others), given, choices, readers, stack)


@contextmanager
def asked_readers(context: typer.Context, choices: Choices, config: CompareConfig) -> Iterator[AskedReaders]:
    """The labeller and the judge, opened; they are closed when the block ends.

    Parameters
    ----------
    context : of the verb, with its flags
    choices : flags about asking
    config : of the comparison

    Raises
    ------
    ConfigError
        If a flag does not fit.
    """
    alone = not any(choices.is_model(context.params[arm]) for arm in "ab" if arm in context.params)
    names: dict[Role, str | None] = {"judge": config.judge}
    names["labeller"] = None if config.labeller in LABELLERS else config.labeller
    names["assistant"] = context.params.get("assistant")
    typed: dict[Role, Any] = {role: context.params[role] for role in names if role in context.params}
    judges = context.params["judge"] or []
    typed["judge"] = next(iter(judges), None)
    specs = {
        role: choices.reader(typed.get(role) or name, alone=alone) for role, name in names.items() if name is not None
    }
    others = [*judges[1:], *config.other_judges[len(judges[1:]) :]]
    panel = [choices.reader(name, alone=alone) for name in others]
    with opened(config, specs, choices.max_cost, panel) as readers:
        yield readers


def _prompts(context: typer.Context, config: CompareConfig, files: list[str]) -> Prompts:
    path = context.params["prompts"] or (Path(files[0]) if files else None)
    if path is None:
        raise ConfigError("two models need prompts: give --prompts FILE (.txt with one a line, .jsonl, .csv, …)")
    return load_prompts(path, prompt_field=config.prompt_field)


def _folder(
    context: typer.Context,
    config: CompareConfig,
    generations: dict[str, Generation],
    given: tuple[str, str],
    readers: Json,
) -> Path:
    out: Path | None = context.params["out"]
    asked = {**{arm: made.config for arm, made in generations.items()}, **readers}
    settings = config.model_dump(mode="json")
    if out is not None:
        return fork_of(out, asked, settings) if context.params["fork"] else out
    first, second = (
        name or (generations[arm].model.name if arm in generations else Path(path).name.split(".")[0])
        for arm, name, path in zip("ab", (config.name_a, config.name_b), given, strict=True)
    )
    return folder_for(asked, settings, (first, second))
