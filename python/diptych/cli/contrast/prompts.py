"""``diptych contrast prompts``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import Exit, errors_as_messages, note, progress_on_stderr, say, typed
from diptych.cli.contrast.score import A, B
from diptych.cli.costs import check_vectors_price, describe_takes, spent_in_words
from diptych.cli.settings import INPUT, METHOD, OUTPUT, option
from diptych.errors import ConfigError

if TYPE_CHECKING:
    from diptych.apps.contrastive_decoding.search.config import SearchConfig
    from diptych.apps.contrastive_decoding.search.run import PromptSearch

SEARCH = "The search"


def prompts(
    context: typer.Context,
    a: A,
    b: B,
    assistant: Annotated[str, option("assistant", "Model that proposes prompts: provider/model.", INPUT)],
    out: Annotated[Path, option("out", "Folder of the search.", OUTPUT)],
    prompts: Annotated[
        Path | None, option("prompts", "File of prompts to begin with.", INPUT, "the instructions'")
    ] = None,
    prompt_field: flags.PromptField = None,
    instructions: Annotated[
        Path | None, option("instructions", "JSON file of what the assistant is told.", INPUT, "built-in")
    ] = None,
    criterion: Annotated[
        str | None, option("criterion", "Question of yes and no about a prompt and an answer.", INPUT, "none")
    ] = None,
    budget: Annotated[
        int | None, option("budget", "Requests that the assistant gets, in all.", SEARCH, "no limit", least=1)
    ] = None,
    rounds: Annotated[int | None, option("rounds", "Rounds of a search.", SEARCH, "10")] = None,
    searches: Annotated[int | None, option("searches", "Independent searches.", SEARCH, "1")] = None,
    per_round: Annotated[int | None, option("per-round", "New prompts that are asked for.", SEARCH, "7")] = None,
    shown: Annotated[int | None, option("shown", "Prompts that the assistant is shown.", SEARCH, "10")] = None,
    show: Annotated[
        str | None, option("show", "With divergence, random numbers, or nothing.", SEARCH, "divergence")
    ] = None,
    divergence_weight: Annotated[
        float | None, option("divergence-weight", "How divergence counts in what is shown.", SEARCH, "1")
    ] = None,
    diversity_weight: Annotated[
        float | None, option("diversity-weight", "How distance to the others counts there.", SEARCH, "1")
    ] = None,
    criterion_weight: Annotated[
        float | None, option("criterion-weight", "How the criterion counts there.", SEARCH, "0")
    ] = None,
    require_criterion: Annotated[
        bool, option("require-criterion", "Take only prompts that meet the criterion.", SEARCH)
    ] = False,
    measure: Annotated[str | None, option("measure", "js, kl, kl_ab or kl_ba.", METHOD, "js")] = None,
    draws: Annotated[int, option("draws", "Texts of each model for a prompt.", METHOD, "4")] = 4,
    confirm_draws: Annotated[
        int | None, option("confirm-draws", "Fresh texts of each for a prompt that is kept.", METHOD, "8")
    ] = None,
    keep: Annotated[int | None, option("keep", "Prompts that are kept at most.", METHOD, "20")] = None,
    embedder: flags.Embedder = None,
    embedder_arg: flags.EmbedderArg = None,
    seed: flags.Seed = None,
    cache_dir: flags.CacheDir = None,
    system: Annotated[str | None, option("system", "System prompt of both models.", asking.ASKING, "none")] = None,
    max_tokens: Annotated[int | None, option("max-tokens", "Longest text of a and b.", asking.ASKING, "48")] = None,
    temperature: asking.Temperature = None,
    top_p: asking.TopP = None,
    top_k: asking.TopK = None,
    sampling_seed: asking.SamplingSeed = None,
    model_arg: asking.ModelArg = None,
    assistant_arg: Annotated[
        list[str] | None,
        option("assistant-arg", "name=value for the assistant's provider; repeat for more.", asking.ASKING),
    ] = None,
    base_url: asking.BaseUrl = None,
    models: asking.Models = None,
    price: asking.PriceFlag = None,
    max_cost: asking.MaxCost = None,
    json: Annotated[bool, option("json", "Print summary.json.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be asked and cost; ask nothing.", OUTPUT)] = False,
) -> None:
    """Search for prompts on which two models differ: an assistant proposes them, samples of both say how far they do.

    Of each prompt both models go on with DRAWS texts, and each text is scored under both. What is kept is measured
    again on fresh draws. OUT gets prompts.jsonl, which compare and generate take, a.jsonl and b.jsonl, the page
    prompts.html, and every question to the assistant with its answer. The same command again goes on where it stopped.
    Exit codes: 0 done, 1 a model cannot be asked, 2 bad input, 3 stopped by --budget or --max-cost, 130 interrupted.
    """
    with errors_as_messages(resumes=True), ExitStack() as stack:
        from diptych.apps.contrastive_decoding.search.folder import PAGE, write_search
        from diptych.apps.contrastive_decoding.search.summary import as_lines
        from diptych.utils.text import json_text

        search = _prepare(context, stack)
        if search.is_same_model:
            note(f"both models are {search.a.name}: a search of a model against itself, in which nothing can differ")
        if dry_run:
            for line in _plan(search, budget, out):
                say(line)
            return
        with progress_on_stderr() as progress:
            outcome = search.run(
                out, budget=budget, max_cost=max_cost, cache_dir=cache_dir, progress=progress, command=typed()
            )
        summary = write_search(out, outcome)
        note(f"asked in all: {spent_in_words(outcome.spent)}")
        for notice in summary["notices"]:
            note(f"note: {notice}")
        for line in [json_text(summary)] if json else [*as_lines(summary), "", f"{out / PAGE}"]:
            say(line)
        if outcome.searched.by_budget:
            raise typer.Exit(Exit.BUDGET)


def _prepare(context: typer.Context, stack: ExitStack) -> PromptSearch:
    """Everything opened and checked; nothing is asked."""
    from diptych.apps.contrastive_decoding.search.run import PromptSearch, with_criterion
    from diptych.data.instructions import Instructions
    from diptych.data.prompts import load_prompts
    from diptych.models.prices import Budget
    from diptych.models.registry import open_local, parse_options

    given = context.params
    choices = asking.chosen(context)
    config = _config(context, choices.sampling.model_dump(exclude_unset=True))
    if given["criterion"] is not None and not config.asks_criterion:
        place = flags.place_of(context, "criterion")
        raise ConfigError(f"{place}: nothing rests on it. Give --require-criterion, or --criterion-weight 1.")
    told = with_criterion(Instructions.load(given["instructions"]), given["criterion"])
    seeds = told.seed_demonstrations
    if given["prompts"] is not None:
        seeds = tuple(row.text for row in load_prompts(given["prompts"], prompt_field=given["prompt_field"]).rows)
    pair = open_local(given["a"], dict(choices.options)), open_local(given["b"], dict(choices.options))
    for model in pair:
        stack.callback(model.close)
    spec = replace(choices, options=parse_options(given["assistant_arg"] or ())).spec(given["assistant"])
    Budget(spec.price, choices.max_cost)
    check_vectors_price(config.embedder, config.embedder_args, choices.max_cost)
    helper = spec.open()
    stack.callback(helper.close)
    search = PromptSearch(*pair, helper, spec.price, config, told, seeds)
    search.check()
    return search


def _config(context: typer.Context, sampling: Mapping[str, Any]) -> SearchConfig:
    from diptych.apps.contrastive_decoding.search.config import SearchConfig

    given = context.params
    names = [name for name in SearchConfig.model_fields if given.get(name) not in (None, False)]
    values = {name: given[name] for name in names}
    if given["embedder_arg"]:
        values["embedder_args"] = given["embedder_arg"]
    default = SearchConfig().sampling.model_dump()
    places = {name: flags.place_of(context, name) for name in names}
    return SearchConfig.parse({**values, "sampling": {**default, **sampling}}, source="contrast prompts", places=places)


def _plan(search: PromptSearch, budget: int | None, out: Path) -> Iterator[str]:
    from diptych.apps.contrastive_decoding.search.run import ASSISTANT_SAMPLING

    config, n_texts = search.config, search.most_texts()
    yield f"{len(search.seeds)} seeds; {config.searches * config.rounds} rounds of {config.per_round} prompts at most"
    n_tokens = config.sampling.max_tokens
    yield f"{search.a.name} and {search.b.name}: together at most {n_texts:,} texts of {n_tokens} tokens"
    cost = search.cost(budget)
    yield (
        f"{search.assistant.name}: at most {cost.n_requests:,} requests, if each round gives something; "
        "what the folder holds is not asked"
    )
    yield from describe_takes(search.assistant, ASSISTANT_SAMPLING.max_tokens, cost)
    yield f"would write {out}"
