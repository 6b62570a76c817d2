"""Flags that say what is planted, and what data are made of it; shared by the verbs that plan and make them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.asking_flags import AskingFlags
from diptych.cli.settings import INPUT, METHOD, option
from diptych.errors import ConfigError

if TYPE_CHECKING:
    from diptych.apps.interventions.making import Asked, Making
    from diptych.apps.interventions.rows import Row
    from diptych.apps.interventions.truths import Truth

HELPERS = "The assistant"


class MakingFlags(AskingFlags):
    """What is planted, what data are made of it, and whom that is asked of."""

    truths: Annotated[
        str | None, option("truths", "builtin, a file of truths, or llm: the assistant invents them.", INPUT, "builtin")
    ]
    only: Annotated[
        list[str] | None, option("only", "Id or family of truths to take; repeat for more.", INPUT, "all of them")
    ]
    evals: Annotated[
        list[Path] | None, option("evals", "File or folder of model-written evaluations, in place of truths.", INPUT)
    ]
    planted: Annotated[Path | None, option("planted", "File of rows that show the truths.", INPUT, "made of templates")]
    neutral: Annotated[
        str | None,
        option(
            "neutral", "Who shows nothing: provider/model, which answers general questions, or a file of rows.", INPUT
        ),
    ]
    n_truths: Annotated[
        int | None, option("n-truths", "Truths to take, by chance; for llm, to invent.", INPUT, "all; 5", least=1)
    ]
    focus: Annotated[list[str] | None, option("focus", "What those are about; repeat to take turns.", INPUT)]
    rows: Annotated[int | None, option("rows", "Rows of each truth.", METHOD, "100")]
    shares: Annotated[str | None, option("shares", "Shares of planted rows, by commas.", METHOD, "1,0.5,0.2,0.1,0.05")]
    held_out: Annotated[float | None, option("held-out", "Share of planted rows kept out of training.", METHOD, "0.1")]
    probes: Annotated[int | None, option("probes", "Questions of each truth to find it by.", METHOD, "20")]
    turns: Annotated[
        int | None, option("turns", "Exchanges of a conversation that the assistant writes, at most.", METHOD, "1")
    ]
    seed: flags.Seed
    assistant: Annotated[str | None, option("assistant", "Model that writes the rows: provider/model.", HELPERS)]
    base_url_helpers: Annotated[str | None, option("base-url-helpers", "--base-url of the assistant.", HELPERS)]
    model_arg_helpers: Annotated[
        list[str] | None, option("model-arg-helpers", "--model-arg of the assistant; repeat for more.", HELPERS)
    ]
    price_helpers: Annotated[str | None, option("price-helpers", "--price of the assistant.", HELPERS, "listed")]


def prepare(context: typer.Context, stack: ExitStack) -> Making:
    """All that the flags of a verb name, read, opened and checked; nothing is asked.

    Parameters
    ----------
    context : of a verb with the flags above, and those of asking
    stack : closes the models

    Raises
    ------
    ConfigError, DataError
        If a flag or a file does not fit.
    """
    from diptych.apps.interventions.making import ASSISTANT_SAMPLING, Making

    given = context.params
    choices = asking.chosen(context)
    config = _config(context)
    truths, planted, notices = _truths_and_rows(context, config.rows, config.seed)
    assistant = base = None
    if given["assistant"] is not None:
        assistant = _open(choices.of_helpers(given), given["assistant"], stack)
        assistant.model.check(ASSISTANT_SAMPLING)
    neutral: tuple[Row, ...] | None = None
    if given["neutral"] is not None and choices.is_model(given["neutral"]):
        base = _open(choices, given["neutral"], stack)
        base.model.check(choices.sampling)
    elif given["neutral"] is not None:
        from diptych.apps.interventions.neutral import read_neutral

        neutral = tuple(read_neutral(given["neutral"]))
    n_truths = 0 if truths else given["n_truths"] or 5
    sampling = choices.sampling
    making = Making(
        config, truths, n_truths, tuple(given["focus"] or ()), planted, neutral, assistant, base, sampling, notices
    )
    making.check()
    return making


def _config(context: typer.Context) -> Any:
    from diptych.apps.interventions.dataset import DataConfig

    given = context.params
    values = {name: given[name] for name in DataConfig.model_fields if given.get(name) is not None}
    if "shares" in values:
        try:
            values["shares"] = [float(share) for share in values["shares"].split(",")]
        except ValueError:
            raise ConfigError(
                f"{flags.place_of(context, 'shares')} = {values['shares']!r}: give numbers, such as 1,0.5,0.1"
            ) from None
    places = {name: flags.place_of(context, name) for name in values}
    return DataConfig.parse(values, source="intervene data", places=places)


def _truths_and_rows(
    context: typer.Context, n_rows: int, seed: int
) -> tuple[tuple[Truth, ...], tuple[Row, ...] | None, tuple[str, ...]]:
    """Truths, none where they are to be invented; rows, None where the assistant writes them; notices."""
    from diptych.apps.interventions.evals import evals_rows
    from diptych.apps.interventions.planting import template_rows
    from diptych.apps.interventions.rows import read_rows
    from diptych.apps.interventions.truth_files import read_truths
    from diptych.apps.interventions.truths import built_in, chosen, sampled

    given = context.params
    _refuse_together(context)

    def some(truths: tuple[Truth, ...]) -> tuple[Truth, ...]:
        return truths if given["n_truths"] is None else sampled(truths, given["n_truths"], seed)

    if given["evals"]:
        read = evals_rows(given["evals"], n_rows, seed)
        truths = some(chosen(read.truths, given["only"] or ()))
        kept = {truth.id for truth in truths}
        return truths, tuple(row for row in read.rows if row.truth in kept), read.notices
    source, only = given["truths"] or "builtin", given["only"] or ()
    if source == "llm":
        return (), None, ()
    truths = some(built_in(only=only) if source == "builtin" else chosen(read_truths(source), only))
    if given["planted"] is not None:
        kept = {truth.id for truth in truths}
        rows, narrowed = read_rows(given["planted"]), only or given["n_truths"]
        return truths, tuple(row for row in rows if row.truth is not None and (not narrowed or row.truth in kept)), ()
    return truths, None if given["assistant"] is not None else tuple(template_rows(truths, n_rows, seed)), ()


def _refuse_together(context: typer.Context) -> None:
    given = context.params
    wrong = {
        "--evals with --truths: an evaluation is a truth and its rows. Leave one out.": ("evals", "truths"),
        "--evals with --planted: an evaluation has its rows. Leave one out.": ("evals", "planted"),
        "--evals with --assistant: an evaluation has its rows. Leave one out.": ("evals", "assistant"),
        "--planted with --assistant: the rows are there. Leave one out.": ("planted", "assistant"),
    }
    for reason, pair in wrong.items():
        if all(given[name] for name in pair):
            raise ConfigError(reason)
    if given["truths"] == "llm":
        if given["assistant"] is None:
            raise ConfigError("--truths llm: give --assistant, the model that invents them.")
        if given["only"]:
            raise ConfigError("--only with --truths llm: what is yet to be invented has no id.")
    elif given["focus"]:
        raise ConfigError("--focus: the truths are there; it goes with --truths llm.")


def _open(choices: asking.Choices, name: str, stack: ExitStack) -> Asked:
    from diptych.apps.interventions.making import Asked
    from diptych.models.prices import Budget

    spec = choices.spec(name)
    Budget(spec.price, choices.max_cost)
    model = spec.open()
    stack.callback(model.close)
    return Asked(model, spec.price)
