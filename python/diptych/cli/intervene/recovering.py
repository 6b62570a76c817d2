"""What ``diptych intervene recover`` does with its flags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import typer

from diptych.apps.interventions.recovery import NAMES, RECOVERED, Hypothesis, write_recovered
from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.arms import asked_arms, asked_readers, with_likelihood_of_arms
from diptych.cli.console import note, progress_on_stderr, say
from diptych.cli.costs import check_vectors_price
from diptych.cli.runs import describe_plan, finding_lines, make_config, run_comparison
from diptych.comparison.config import CompareConfig
from diptych.comparison.folder import Documents
from diptych.comparison.prepare import prepare
from diptych.errors import ConfigError
from diptych.utils.amounts import counted
from diptych.utils.hashing import derive_seed

_BANK = "probes.jsonl"
_SHOWN = 20


def recover_pair(context: typer.Context) -> None:
    """Ask both, compare them blind, write the hypotheses.

    Parameters
    ----------
    context : of the verb, with its flags
    """
    given = context.params
    given["prompts"] = _bank(context)
    choices = _drawn_apart(asking.chosen(context))
    chosen = _config(context, choices)
    check_vectors_price(chosen.embedder, chosen.embedder_args, choices.max_cost)
    n_threads = flags.check_threads(given["threads"])
    with ExitStack() as stack:
        readers = stack.enter_context(asked_readers(context, choices, chosen))
        asked = stack.enter_context(asked_arms(context, choices, chosen, readers))
        progress = stack.enter_context(progress_on_stderr())
        if given["dry_run"] and asked is not None:
            for line in asked.plan():
                say(line)
            return
        sources: tuple[Any, Any] = (given["a"], given["b"])
        out, ledger = given["out"], None
        if asked is not None:
            ledger, out = asked.open(), asked.folder
            sources = asked.answered(ledger, progress)
        prepared = prepare(*sources, config=chosen, threads=n_threads, readers=readers)
        if given["dry_run"]:
            for line in describe_plan(prepared, out, given["cache_dir"], readers):
                say(line)
            return
        folder, documents = run_comparison(
            prepared, out, threads=n_threads, cache_dir=given["cache_dir"], progress=progress, readers=readers,
            ledger=ledger, fork=given["fork"],
        )  # fmt: skip
    found = write_recovered(folder, documents)
    if given["json"]:
        say((folder / RECOVERED).read_text(encoding="utf-8").rstrip("\n"))
    else:
        for line in _lines(found, documents):
            say(line)
        say()
        say(f"report: {folder / 'report.html'}")
    for notice in documents.findings["notices"]:
        note(f"note: {notice}")


def _bank(context: typer.Context) -> Any:
    """The file of prompts: that of the data, where no other is given."""
    data, prompts = context.params["data"], context.params["prompts"]
    if data is None:
        return prompts
    if prompts is not None:
        raise ConfigError("--data and --prompts: the bank is that of the data, or a file of its own. Give one.")
    if not (data / _BANK).is_file():
        raise ConfigError(f"--data {data}: it has no {_BANK}. Give the --out of diptych intervene data.")
    return data / _BANK


def _drawn_apart(choices: asking.Choices) -> asking.Choices:
    """The second model draws with numbers of its own, so that a control is two samples and not one twice."""
    seed = derive_seed(choices.sampling.seed, "second arm") % 2**31
    return replace(choices, of_b=choices.sampling.model_copy(update={"seed": seed}))


def _config(context: typer.Context, choices: asking.Choices) -> CompareConfig:
    """Settings of the comparison; the arms have no name but A and B."""
    given = flags.given_settings(context)
    arms = context.params["a"], context.params["b"]
    if "lenses" not in given and arms[0] != arms[1] and all(arm.startswith("hf/") for arm in arms):
        asked = [lens for lens in ("judge", "claims") if lens in given]
        given["lenses"] = [*CompareConfig().lenses, *asked, "likelihood"]
    given = with_likelihood_of_arms(given, *arms)
    given = choices.full_names(given)
    given |= {"name_a": NAMES[0], "name_b": NAMES[1]}
    return make_config(None, given, {key: flags.place_of(context, key) for key in given if key in context.params})


def _lines(found: Sequence[Hypothesis], documents: Documents) -> Iterator[str]:
    n_findings, n_prompts = len(documents.findings["findings"]), documents.findings["n_prompts"]
    hypotheses = "1 hypothesis" if len(found) == 1 else f"{len(found)} hypotheses"
    yield f"{hypotheses} from {counted(n_findings, 'finding')}, over {counted(n_prompts, 'prompt')}"
    yield from finding_lines([one.findings[0] for one in found], shown=_SHOWN)
