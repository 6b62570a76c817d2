"""``diptych generate MODEL --prompts F``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

import typer

from diptych._types import Json
from diptych.cli import asking, asking_file
from diptych.cli import settings as flags
from diptych.cli.asking_flags import AskingFlags, spelled_out
from diptych.cli.console import errors_as_messages, note, progress_on_stderr, say, typed
from diptych.cli.settings import INPUT, OUTPUT, option
from diptych.errors import ConfigError, RunError
from diptych.utils.amounts import counted

if TYPE_CHECKING:
    from diptych.comparison.generated import Generation
    from diptych.data import Responses
    from diptych.models.spending import Spent


@spelled_out
def generate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="provider/model[@revision], or a name from --models.")],
    prompts: Annotated[Path, option("prompts", "File of prompts: .txt, .jsonl, .json, .csv, .parquet.", INPUT)],
    out: Annotated[Path, option("out", "File of the responses (.jsonl).", OUTPUT)],
    prompt_field: flags.PromptField = None,
    config: asking_file.ConfigFile = None,
    limit: Annotated[int | None, option("limit", "Ask at most so many prompts.", INPUT, "all")] = None,
    draws: asking.Draws = 1,
    system: asking.System = None,
    batch: asking.Batch = False,
    max_failures: asking.MaxFailures = "10%",
    fork: asking.Fork = False,
    json: Annotated[bool, option("json", "Print what was done as JSON.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be asked and cost; ask nothing.", OUTPUT)] = False,
    **shared: Unpack[AskingFlags],
) -> None:
    """Ask a model every prompt and write its responses to a file; the same command again goes on where it stopped.

    Providers: openai, anthropic, openrouter, openai-api (any compatible server, with --base-url), vllm, hf, scripted.
    Each answer is kept in OUT.ledger.sqlite the moment it comes; OUT appears when all are there. Every flag is also a
    DIPTYCH_<FLAG> environment variable. Exit codes: 0 done, 1 the model cannot be asked, 2 bad input, 3 stopped by
    --max-cost, 130 interrupted.
    """
    with errors_as_messages(resumes=True):
        answer_prompts(context, model, asking.chosen(context))


def answer_prompts(context: typer.Context, model: str, choices: asking.Choices) -> None:
    """Ask a model the prompts that the flags name, or say what that would take.

    Parameters
    ----------
    context : of a verb with the flags ``prompts``, ``prompt-field``, ``out``, ``limit``, ``system``, ``fork``, ``json``
        and ``dry-run``
    model : its name
    choices : flags about asking
    """
    from diptych.data.prompts import load_prompts

    given, wanted = context.params, context.params["out"]
    if given["limit"] is not None and given["limit"] < 1:
        raise ConfigError(f"{flags.place_of(context, 'limit')} = {given['limit']}: it should be at least 1")
    spec = choices.spec(model)
    loaded = load_prompts(given["prompts"], prompt_field=given["prompt_field"])
    _check_out(wanted)
    generation = choices.generation(spec, loaded, system=given["system"], limit=given["limit"])
    out = _forked(wanted, generation) if given["fork"] else wanted
    try:
        if given["dry_run"]:
            for line in _plan(generation, out):
                say(line)
            return
        _ask(generation, choices, out, as_json=given["json"], forked_from=wanted)
    finally:
        generation.model.close()


def _plan(generation: Generation, out: Path) -> list[str]:
    from diptych.cli.costs import describe
    from diptych.comparison.generated import ledger_of
    from diptych.models.ledger import Ledger

    if not ledger_of(out).exists():
        return [*describe(generation, generation.missing(None)), f"would write {out}"]
    with Ledger(ledger_of(out), generation.config) as ledger:
        return [*describe(generation, generation.missing(ledger)), f"would write {out}"]


def _forked(out: Path, generation: Generation) -> Path:
    """A file beside ``out``, where that or its ledger is of another run."""
    from diptych.comparison.folder import free_place
    from diptych.comparison.generated import ledger_of
    from diptych.models.ledger import read_config

    def is_ours(ledger: Path) -> bool:
        return read_config(ledger) == generation.config

    suffix = ".jsonl.ledger.sqlite"
    ledger = free_place(ledger_of(out), is_ours, suffix)
    return ledger.with_name(ledger.name.removesuffix(".ledger.sqlite"))


def _ask(generation: Generation, choices: asking.Choices, out: Path, *, as_json: bool, forked_from: Path) -> None:
    from diptych.comparison.generated import ledger_of
    from diptych.models.ledger import Ledger
    from diptych.utils.text import json_text

    with Ledger(ledger_of(out), generation.config, typed()) as ledger, progress_on_stderr() as progress:
        generation.announce(ledger)
        if out != forked_from:
            n_taken = ledger.take_over(ledger_of(forked_from), generation.keys())
            note(f"{out}: a new run, with {n_taken} answers of {forked_from}")
        n_asked = generation.missing(ledger).n_requests
        responses = generation.run(
            ledger,
            progress=progress,
            max_cost=choices.max_cost,
            max_failures=choices.max_failures,
        )
        spent = ledger.spent()
        _write(responses, out)
    for notice in responses.notices:
        note(f"note: {notice}")
    done = _summary(responses, n_asked, spent, out)
    say(json_text(done)) if as_json else _say(done, spent)


def _check_out(out: Path) -> None:
    from diptych.comparison.generated import ledger_of

    if out.suffix != ".jsonl":
        raise ConfigError(f"--out = {str(out)!r}: responses are written as JSON lines; give a name that ends in .jsonl")
    if not out.absolute().parent.is_dir():
        raise RunError(f"--out: there is no folder {out.parent}. Make it, or choose another.")
    if out.exists() and not ledger_of(out).exists():
        raise RunError(f"{out} exists, and {ledger_of(out).name} is not beside it. Choose another --out, or delete it.")


def _write(responses: Responses, out: Path) -> None:
    from diptych.comparison.generated import as_record, ledger_of
    from diptych.utils.files import write_atomic, writing
    from diptych.utils.text import json_lines

    with writing(out, f"The answers are in {ledger_of(out)}."):
        write_atomic(out, json_lines(as_record(row) for row in responses).encode())


def _summary(responses: Responses, n_asked: int, spent: Spent, out: Path) -> Json:
    return {
        "out": str(out),
        "model": responses.model,
        "n_responses": len(responses),
        "n_prompts": len({row.prompt_id for row in responses}),
        "n_asked_now": n_asked,
        "input_tokens": spent.usage.input_tokens,
        "output_tokens": spent.usage.output_tokens,
        "usd": None if spent.n_unpriced else spent.usd,
    }


def _say(done: Json, spent: Spent) -> None:
    from diptych.cli.costs import spent_in_words

    responses, prompts = counted(done["n_responses"], "response"), counted(done["n_prompts"], "prompt")
    say(f"{done['out']}: {responses} to {prompts} by {done['model']}")
    say(f"{done['n_asked_now']} asked now; in all {spent_in_words(spent)}")
