"""``diptych intervene investigate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Unpack

import typer

from diptych.cli import settings as flags
from diptych.cli.asking_flags import ArmsFlags, spelled_out
from diptych.cli.console import errors_as_messages
from diptych.cli.settings import INPUT, METHOD, OUTPUT, option

LOOKING = "The assistant"


@spelled_out
def investigate(
    context: typer.Context,
    a: Annotated[str | None, typer.Argument(metavar="[BASE]", help="The model before: provider/model.")] = None,
    b: Annotated[
        str | None, typer.Argument(metavar="[TUNED]", help="The model after, such as hf/base+adapter.")
    ] = None,
    assistant: Annotated[
        str | None, option("assistant", "Model that looks for differences: provider/model.", INPUT, "of --config")
    ] = None,
    judge: Annotated[
        list[str] | None,
        option("judge", "Model that judges single answers blind; repeat for more.", METHOD, "the assistant"),
    ] = None,
    prompts: Annotated[
        Path | None, option("prompts", "File of prompts to look at and to test on.", INPUT, "the assistant writes all")
    ] = None,
    prompt_field: flags.PromptField = None,
    instructions: Annotated[
        Path | None, option("instructions", "JSON file of what the assistant is told.", INPUT, "built-in")
    ] = None,
    config: flags.ConfigFile = None,
    focus: Annotated[list[str] | None, option("focus", "What to look for above all; repeat for more.", LOOKING)] = None,
    budget: Annotated[
        int | None, option("budget", "Requests that the assistant gets, in all.", LOOKING, "no limit", least=1)
    ] = None,
    rounds: Annotated[int | None, option("rounds", "Rounds of looking and testing.", LOOKING, "5")] = None,
    per_round: Annotated[
        int | None, option("per-round", "Prompts that it may ask to see answers of.", LOOKING, "6")
    ] = None,
    hypotheses: Annotated[int | None, option("hypotheses", "That it may put forward in a round.", LOOKING, "3")] = None,
    shown: Annotated[int | None, option("shown", "Prompts whose answers it sees at once.", LOOKING, "12")] = None,
    written: Annotated[
        int | None, option("written", "Prompts that it may write for the test of a hypothesis.", LOOKING, "12")
    ] = None,
    test_prompts: Annotated[
        int | None, option("test-prompts", "Fresh prompts that each hypothesis is tested on.", METHOD, "30")
    ] = None,
    draws: Annotated[int | None, option("draws", "Answers of each model to a prompt.", METHOD, "1")] = None,
    alpha: flags.Alpha = None,
    online: Annotated[
        str | None, option("online", "Rule that decides on hypotheses as they come: saffron, lord.", METHOD, "saffron")
    ] = None,
    seed: flags.Seed = None,
    base_url_helpers: Annotated[
        str | None, option("base-url-helpers", "--base-url of assistant and judge.", LOOKING)
    ] = None,
    model_arg_helpers: Annotated[
        list[str] | None, option("model-arg-helpers", "--model-arg of these; repeat for more.", LOOKING)
    ] = None,
    price_helpers: Annotated[str | None, option("price-helpers", "--price of these.", LOOKING, "listed")] = None,
    out: Annotated[Path | None, option("out", "Folder of the investigation.", OUTPUT, "runs/investigation")] = None,
    json: Annotated[bool, option("json", "Print investigation.json.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be asked and cost; ask nothing.", OUTPUT)] = False,
    **shared: Unpack[ArmsFlags],
) -> None:
    """Let an assistant look for how two models differ; test what it says on answers that it has not seen.

    In rounds it sees answers of both, under the names A and B, asks for others, and puts forward hypotheses: a sentence
    that a judge can say of one answer, or something to count. Each is written down, then tested on prompts of its own,
    and decided on as it comes, with the false discovery rate held over all of them. OUT gets investigation.html, .md
    and .json, every answer behind a decision, and every question to the assistant. The same command goes on where it
    stopped; more --rounds change no decision. Exit codes: 0 done, 1 a model cannot be asked, 2 bad input, 3 stopped by
    --budget or --max-cost, 130 interrupted.
    """
    with errors_as_messages(resumes=True):
        from diptych.cli.intervene.investigating import investigate_pair

        investigate_pair(context)
