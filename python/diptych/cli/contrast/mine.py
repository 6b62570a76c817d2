"""``diptych contrast mine``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych._types import Json
from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, note, progress_on_stderr, say, typed
from diptych.cli.contrast.score import A, B
from diptych.cli.costs import describe
from diptych.cli.settings import INPUT, METHOD, OUTPUT, option
from diptych.errors import ConfigError

if TYPE_CHECKING:
    from diptych.comparison.asked import AskedArms
    from diptych.data import Response
    from diptych.models.providers.hf import HFModel

MAX_TOKENS = 64


def mine(
    context: typer.Context,
    a: A,
    b: B,
    out: Annotated[Path, option("out", "Folder of the run.", OUTPUT)],
    prompts: Annotated[Path | None, option("prompts", "File of prompts, which both models go on with.", INPUT)] = None,
    texts: Annotated[Path | None, option("texts", "File of responses, in place of what they write.", INPUT)] = None,
    prompt_field: flags.PromptField = None,
    response_field: flags.ResponseField = None,
    limit: Annotated[
        int | None, option("limit", "Use at most so many prompts, or texts.", INPUT, "all", least=1)
    ] = None,
    tokens: Annotated[int, option("tokens", "Tokens that are chosen by either measure.", METHOD, "50", least=1)] = 50,
    seed: flags.Seed = None,
    max_mib: Annotated[int, option("max-mib", "Memory for scores of tokens, in MiB.", METHOD, "128", least=1)] = 128,
    draws: asking.Draws = 1,
    system: asking.System = None,
    max_tokens: Annotated[int | None, option("max-tokens", "Longest text, in tokens.", asking.ASKING, "64")] = None,
    temperature: Annotated[float | None, option("temperature", "0 is greedy.", asking.ASKING, "1")] = None,
    top_p: Annotated[float | None, option("top-p", "Share of probability drawn from.", asking.ASKING, "1")] = None,
    top_k: Annotated[int | None, option("top-k", "Number of tokens drawn from.", asking.ASKING, "all")] = None,
    sampling_seed: asking.SamplingSeed = None,
    model_arg: asking.ModelArg = None,
    json: Annotated[bool, option("json", "Print summary.json.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be done; do nothing.", OUTPUT)] = False,
) -> None:
    """Find what b wants more than a: tokens over all places of texts, and texts by how much likelier b finds them.

    Both models go on with PROMPTS, or TEXTS are taken as they are. Tokens are chosen on half of the prompts and
    measured on the others. OUT gets tokens.csv, ranked.jsonl, mine.jsonl, summary.json and the page mine.html. All of
    it proposes: whether the models behave differently, a comparison of natural answers says. The same command again
    goes on where it stopped.
    """
    with errors_as_messages(resumes=prompts is not None), ExitStack() as stack:
        from diptych.models.registry import open_local

        if (prompts is None) == (texts is None):
            raise ConfigError("give either --prompts, which both models go on with, or --texts, which are there")
        choices = _choices(context)
        models = open_local(a, dict(choices.options)), open_local(b, dict(choices.options))
        for model in models:
            stack.callback(model.close)
        if models[0].identity == models[1].identity:
            note(f"both models are {models[0].name}: a model against itself, in which nothing can differ")
        if texts is not None:
            _mine_texts(context, models, texts)
        else:
            _mine_prompts(context, models, choices)


def _choices(context: typer.Context) -> asking.Choices:
    """Texts are drawn from the models' own distributions, unless flags say otherwise."""
    from diptych.apps.contrastive_decoding.mining.run import ALL_TOKENS
    from diptych.models.requests import Sampling

    choices = asking.chosen(context)
    natural = {"max_tokens": MAX_TOKENS, "temperature": 1.0, "top_p": 1.0, "top_k": ALL_TOKENS}
    given = choices.sampling.model_dump(exclude_unset=True)
    return replace(choices, sampling=Sampling(**{**natural, **given}))


def _mine_texts(context: typer.Context, models: tuple[HFModel, HFModel], texts: Path) -> None:
    from diptych.apps.contrastive_decoding.mining.run import GIVEN
    from diptych.comparison.sources import load_arm
    from diptych.utils.files import check_new_folder

    given = context.params
    fields = {name: given[name] for name in ("prompt_field", "response_field")}
    read = load_arm(texts, arm=GIVEN, threads=1, **fields)
    rows = list(read)[: given["limit"]]
    if given["dry_run"]:
        say(f"{len(rows)} texts of {texts} would be scored under {models[0].name} and {models[1].name}")
        say(f"would write {given['out']}")
        return
    check_new_folder(given["out"])
    _finish(context, models, rows, {"texts": read.source}, natural=False)


def _mine_prompts(context: typer.Context, models: tuple[HFModel, HFModel], choices: asking.Choices) -> None:
    from diptych.apps.contrastive_decoding.mining.run import is_natural
    from diptych.apps.contrastive_decoding.scoring import check_pair
    from diptych.comparison.asked import AskedArms
    from diptych.comparison.generated import Generation
    from diptych.data.prompts import load_prompts

    given = context.params
    check_pair(*models)
    asked = load_prompts(given["prompts"], prompt_field=given["prompt_field"]).with_system(given["system"])
    seed = choices.sampling.seed
    pair = [Generation(one, asked, choices.draws, choices.sampling, None, given["limit"], seed) for one in models]
    alike = pair[0].config == pair[1].config
    arms = AskedArms(dict(zip("a" if alike else "ab", pair, strict=False)), given["out"])
    if given["dry_run"]:
        for line in _plan(arms):
            say(line)
        return
    with arms.open(typed()) as ledger, progress_on_stderr() as progress:
        answered = arms.run(ledger, progress=progress)
    rows = [row for responses in answered.values() for row in responses]
    for responses in answered.values():
        for notice in responses.notices:
            note(f"note: {notice}")
    if alike:
        rows += [replace(row, arm="b") for row in rows]
    natural = all(is_natural(one, choices.sampling) for one in models)
    sources = {"prompts": asked.source, "sampling": choices.sampling.model_dump(mode="json"), "draws": choices.draws}
    _finish(context, models, rows, sources, natural=natural)


def _plan(arms: AskedArms) -> Iterator[str]:
    for generation, missing in arms.missing():
        yield from describe(generation, missing)
    yield f"would write {arms.folder}"


def _finish(
    context: typer.Context, models: tuple[HFModel, HFModel], rows: list[Response], sources: Json, *, natural: bool
) -> None:
    from diptych.apps.contrastive_decoding.mining.folder import PAGE, write_mined
    from diptych.apps.contrastive_decoding.mining.run import MineConfig
    from diptych.apps.contrastive_decoding.mining.run import mine as find
    from diptych.apps.contrastive_decoding.mining.summary import as_lines
    from diptych.utils.text import json_text

    given, (a, b) = context.params, models
    config = MineConfig(given["tokens"], given["seed"] or 0, a.options.batch_size, given["max_mib"] << 20)
    with progress_on_stderr() as progress:
        mined = find(a, b, rows, config, natural=natural, progress=progress)
    settings = {"tokens": config.n_tokens, "seed": config.seed}
    manifest = {"a": a.identity, "b": b.identity, **sources, "n_texts": len(rows), "settings": settings}
    summary = write_mined(given["out"], mined, manifest)
    for notice in mined.notices:
        note(f"note: {notice}")
    for line in [json_text(summary)] if given["json"] else [*as_lines(mined, summary), "", f"{given['out'] / PAGE}"]:
        say(line)
