"""What ``diptych contrast explain`` does with its flags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from diptych._types import Json, Progress
from diptych.apps.contrastive_decoding.explaining import PREFIX, Contrasts, contrasts_of, with_log_ratios
from diptych.cli import asking, asking_file
from diptych.cli import settings as flags
from diptych.cli.arms import Asking, asked_arms, asked_readers
from diptych.cli.console import note, progress_on_stderr, say
from diptych.cli.contrast.checking import check_flags, checks_of, models_of, questions
from diptych.cli.costs import check_vectors_price, describe
from diptych.cli.runs import describe_plan, finding_lines, make_config, run_comparison
from diptych.comparison.config import CompareConfig
from diptych.comparison.folder import Documents, proposed_document
from diptych.comparison.prepare import prepare
from diptych.comparison.proposed import LENSES
from diptych.comparison.proposing import Proposing
from diptych.comparison.report.format import probability
from diptych.comparison.report.proposed import rate
from diptych.config.loader import read_yaml
from diptych.data.prompts import load_prompts
from diptych.errors import ConfigError
from diptych.models.ledger import Ledger
from diptych.utils.amounts import counted
from diptych.utils.hashing import derive_seed
from diptych.utils.text import json_text

_CONTRAST = ("rule", "weight", "plausibility", "nucleus", "gating")
_SHOWN = 20


def explain_pair(context: typer.Context) -> bool:
    """Contrast, propose, ask, test; whether there are findings.

    Parameters
    ----------
    context : of the verb, with its flags
    """
    given = context.params
    choices = _told_apart(context, asking.chosen(context))
    given_texts = _given_texts(context)
    contrasted = given_texts is None and _both_here(context)
    chosen = _config(context, choices, proposes=contrasted or given_texts is not None)
    check_vectors_price(chosen.embedder, chosen.embedder_args, choices.max_cost)
    check_flags(context, contrasted=contrasted)
    n_threads = flags.check_threads(given["threads"])
    with ExitStack() as stack:
        contrasts = stack.enter_context(_contrasts(context, choices)) if contrasted else None
        readers = stack.enter_context(asked_readers(context, choices, chosen))
        readers = replace(readers, checks=questions(context))
        besides = contrasts.config if contrasts is not None else None
        asked = stack.enter_context(asked_arms(context, choices, chosen, readers, besides))
        progress = stack.enter_context(progress_on_stderr())
        if given["dry_run"] and asked is not None:
            for line in [*_plan(contrasts), *asked.plan()]:
                say(line)
            return False
        sources: tuple[Any, Any] = (given["a"], given["b"])
        out, ledger, proposing = given["out"], None, given_texts
        if asked is not None:
            ledger, out = asked.open(), asked.folder
            if contrasts is not None:
                proposing = _made(contrasts, asked, choices, ledger, progress)
            sources = asked.answered(ledger, progress)
        prepared = prepare(*sources, config=chosen, threads=n_threads, readers=readers, proposing=proposing)
        if given["dry_run"]:
            for line in describe_plan(prepared, out, given["cache_dir"], readers):
                say(line)
            return False
        check = checks_of(context, asked, ledger, prepared, progress) if asked and ledger else None
        folder, documents = run_comparison(
            prepared, out, threads=n_threads, cache_dir=given["cache_dir"], progress=progress, readers=readers,
            ledger=ledger, fork=given["fork"], check=check,
        )  # fmt: skip
    if given["assistant"] is not None and documents.checks is None:
        note(f"{folder} was made without checks; for those choose another --out, which takes its answers over")
    _print(documents, folder, as_json=given["json"])
    return bool(documents.findings["findings"])


def _told_apart(context: typer.Context, choices: asking.Choices) -> asking.Choices:
    """One model twice is an A/A run: its second answers are drawn anew."""
    given = context.params
    pairs = [("a", "b"), ("system_a", "system_b"), ("base_url_a", "base_url_b"), ("model_arg_a", "model_arg_b")]
    if any(given[one] != given[other] for one, other in pairs) or not choices.is_model(given["a"]):
        return choices
    note(f"both models are {given['a']}, asked alike: a finding would be a false alarm")
    seed = derive_seed(choices.sampling.seed, "second arm") % 2**31
    return replace(choices, of_b=choices.sampling.model_copy(update={"seed": seed}))


def _both_here(context: typer.Context) -> bool:
    return all(context.params[arm].startswith(PREFIX) for arm in "ab")


def _given_texts(context: typer.Context) -> Proposing | None:
    paths: list[Path | None] = [context.params["texts_a"], context.params["texts_b"]]
    if None in paths and any(paths):
        raise ConfigError("--texts-a and --texts-b go together: texts that speak for A, and texts that speak for B")
    unused = [name for name in (*_CONTRAST, "contrast_prompts", "contrast_limit") if context.params[name] is not None]
    if unused and (all(paths) or not _both_here(context)):
        why = "the texts are given" if all(paths) else "A and B are not both hf/…"
        raise ConfigError(f"{flags.place_of(context, unused[0])}: {why}, so no contrast is made")
    return Proposing.load(*paths) if all(paths) else None


def _config(context: typer.Context, choices: asking.Choices, *, proposes: bool) -> CompareConfig:
    """Settings of the comparison; the contrast's own lens comes first."""
    path: Path | None = context.params["config"]
    given = flags.given_settings(context)
    in_file, lines = read_yaml(path) if path is not None else ({}, {})
    places = {**lines, **{key: flags.place_of(context, key) for key in given}}
    given["lenses"] = ["contrast" if proposes else "contrast_halves", *_others({**in_file, **given})]
    given = choices.full_names(given)
    return make_config(path, given, places, besides=asking_file.AskSettings.model_fields)


def _others(settings: Mapping[str, Any]) -> list[Any]:
    """The lenses that are named; where none is, that of sentences of one's own, if there are any."""
    named = settings.get("lenses") or (["claims"] if settings.get("claims") else [])
    if isinstance(named, str):
        return [name.strip() for name in named.split(",")]
    return named if isinstance(named, list) else [named]


@contextmanager
def _contrasts(context: typer.Context, choices: asking.Choices) -> Iterator[Contrasts]:
    given = context.params
    path = given["contrast_prompts"] or given["prompts"]
    if path is None:
        raise ConfigError("two models need prompts: give --prompts FILE (.txt with one a line, .jsonl, .csv, …)")
    options = {name: given[name] for name in _CONTRAST if given[name] is not None}
    with contrasts_of(
        given["a"], given["b"], load_prompts(path, prompt_field=given["prompt_field"]),
        options={**choices.options, **options}, sampling=choices.sampling, draws=given["contrast_draws"],
        limit=given["contrast_limit"],
    ) as contrasts:  # fmt: skip
        yield contrasts


def _made(
    contrasts: Contrasts, asked: Asking, choices: asking.Choices, ledger: Ledger, progress: Progress
) -> Proposing:
    proposing = contrasts.run(ledger, progress=progress, max_failures=choices.max_failures)
    try:
        return with_log_ratios(proposing, *models_of(asked), progress=progress)
    except ConfigError as error:  # two vocabularies, of which the texts are in what is in both
        note(f"how likely either finds the texts stays unknown: {error}")
        return proposing


def _plan(contrasts: Contrasts | None) -> Iterator[str]:
    for generation in contrasts.generations.values() if contrasts is not None else ():
        yield from describe(generation, generation.missing(None))


def _print(documents: Documents, folder: Path, *, as_json: bool) -> None:
    """What was proposed and what became of it: as JSON, or as lines for people."""
    proposed = proposed_document(documents)
    if as_json:
        say(json_text(proposed))
        return
    a, b = (arm["name"] for arm in documents.findings["arms"])
    entries: list[Json] = proposed["hypotheses"]
    passed = [entry for entry in entries if entry["verdict"] != "not confirmed"]
    of = f"{len(passed)} of {counted(len(entries), 'proposal')}"
    where = f"natural answers ({counted(documents.findings['n_prompts'], 'prompt')})"
    say(f"found in {where}: {of}")
    said = {measure["id"]: measure["tested"]["statement"] for measure in documents.measures["measures"]}
    for entry in passed[:_SHOWN]:
        against = ", against the texts that proposed it" if entry["verdict"] == "the other way" else ""
        say(f"  {said[entry['id']]}{against}")
        q = probability(entry["q_value"]).text
        say(f"      {a} {rate(entry['rate_a'])}   {b} {rate(entry['rate_b'])}   q {q}")
    if len(passed) > _SHOWN:
        say(f"  … and {len(passed) - _SHOWN} more in the report")
    others = [finding for finding in documents.findings["findings"] if finding["lens"] not in LENSES]
    if others:
        say("found besides, by other lenses:")
        for line in finding_lines(others, shown=_SHOWN):
            say(line)
    say()
    say(f"report: {folder / 'report.html'}")
    for notice in documents.findings["notices"]:
        note(f"note: {notice}")
