"""``diptych contrast sample|score``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from diptych.cli import asking, generate
from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, note, progress_on_stderr, say
from diptych.cli.settings import INPUT, OUTPUT, option
from diptych.errors import ConfigError

app = typer.Typer(
    help="Two models token by token: what text does the one like and the other not?", no_args_is_help=True
)

CONTRAST = "The contrast"
_OPTIONS = ("rule", "weight", "plausibility", "nucleus", "gating", "beams", "foil_system", "shared_vocab")

A = Annotated[str, typer.Argument(help="hf/<id or folder>[@revision]: a model whose weights are here.")]
B = Annotated[str, typer.Argument(help="The other: hf/…, or hf/base+adapter.")]


@app.command("sample")
def sample(
    context: typer.Context,
    base: Annotated[str, typer.Argument(help="hf/<id or folder>[@revision]: the model before.")],
    tuned: Annotated[str, typer.Argument(help="hf/…, or hf/base+adapter: the model after.")],
    prompts: Annotated[Path, option("prompts", "File of prompts: .txt, .jsonl, .json, .csv, .parquet.", INPUT)],
    out: Annotated[Path, option("out", "File of the texts (.jsonl).", OUTPUT)],
    speaker: Annotated[
        str, option("speaker", "Who speaks: 'tuned' or 'base'; the other is its foil.", CONTRAST, "tuned")
    ] = "tuned",
    rule: Annotated[str | None, option("rule", "amplify, contrastive, or difference.", CONTRAST, "amplify")] = None,
    weight: Annotated[float | None, option("weight", "How much the foil counts.", CONTRAST, "1")] = None,
    plausibility: Annotated[
        float | None, option("plausibility", "Least share of the likeliest token's probability.", CONTRAST, "0.1")
    ] = None,
    nucleus: Annotated[float | None, option("nucleus", "Share of the speaker's probability.", CONTRAST, "1")] = None,
    gating: Annotated[float | None, option("gating", "Less contrast where both agree.", CONTRAST, "none")] = None,
    beams: Annotated[int | None, option("beams", "Texts that are followed at once.", CONTRAST, "1")] = None,
    foil_system: Annotated[
        str | None, option("foil-system", "System prompt of the foil.", CONTRAST, "the speaker's")
    ] = None,
    shared_vocab: Annotated[
        bool, option("shared-vocab", "Where vocabularies differ, say what is in both.", CONTRAST)
    ] = False,
    prompt_field: flags.PromptField = None,
    limit: Annotated[int | None, option("limit", "Ask at most so many prompts.", INPUT, "all")] = None,
    draws: asking.Draws = 1,
    system: asking.System = None,
    max_tokens: asking.MaxTokens = None,
    temperature: asking.Temperature = None,
    top_p: asking.TopP = None,
    top_k: asking.TopK = None,
    stop: asking.Stop = None,
    sampling_seed: asking.SamplingSeed = None,
    model_arg: asking.ModelArg = None,
    fork: asking.Fork = False,
    json: Annotated[bool, option("json", "Print what was done as JSON.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be asked; ask nothing.", OUTPUT)] = False,
) -> None:
    """Write texts that one model likes and the other does not; the same command again goes on where it stopped.

    Such texts are answers of neither model: they say what to look for. Whether it is there, a comparison of natural
    answers of both says. The pair is the model contrast/SPEAKER~FOIL, which every verb takes.
    """
    with errors_as_messages(resumes=True):
        choices = asking.chosen(context)
        names = {"base": _here(base), "tuned": _here(tuned)}
        if speaker not in names:
            raise ConfigError(f"{flags.place_of(context, 'speaker')} = {speaker!r}: it should be 'tuned' or 'base'")
        [foil] = names.keys() - {speaker}
        if names["base"] == names["tuned"] and foil_system is None:
            note(f"both models are hf/{names['base']}: there is nothing to contrast, and it speaks as it does alone")
        given = {name: context.params[name] for name in _OPTIONS if context.params[name] not in (None, False)}
        choices = replace(choices, options={**choices.options, **given})
        generate.answer_prompts(context, f"contrast/{names[speaker]}~{names[foil]}", choices)


def _here(name: str) -> str:
    """A name without ``hf/``."""
    if not name.startswith("hf/"):
        raise ConfigError(f"{name}: only models whose weights are here can be contrasted; give hf/…")
    return name.removeprefix("hf/")


@app.command("score")
def score(
    a: A,
    b: B,
    texts: Annotated[Path, option("texts", "File of responses, whoever wrote them.", INPUT)],
    out: Annotated[Path, option("out", "Folder that is made.", OUTPUT)],
    prompt_field: flags.PromptField = None,
    response_field: flags.ResponseField = None,
    limit: Annotated[
        int | None, option("limit", "Score at most so many texts, the first.", INPUT, "all", least=1)
    ] = None,
    model_arg: asking.ModelArg = None,
    max_mib: Annotated[int, option("max-mib", "Memory for scores of tokens, in MiB.", INPUT, "128", least=1)] = 128,
    json: Annotated[bool, option("json", "Print summary.json.", OUTPUT)] = False,
) -> None:
    """Say how far two models differ at each token of given texts, and show it.

    Exact over the whole vocabulary: Kullback–Leibler divergence both ways, Jensen–Shannon, probabilities of the token
    that stands there. OUT gets scores.jsonl, summary.json and scores.html, where tokens are coloured.
    """
    with errors_as_messages():
        from diptych.apps.contrastive_decoding.folder import write_scores
        from diptych.apps.contrastive_decoding.scoring import open_local, score_responses
        from diptych.apps.contrastive_decoding.summary import as_lines, summarise
        from diptych.comparison.sources import load_arm
        from diptych.models.registry import parse_options
        from diptych.utils.files import check_new_folder
        from diptych.utils.text import json_text

        check_new_folder(out)
        options = parse_options(model_arg or ())
        read = load_arm(texts, arm="a", prompt_field=prompt_field, response_field=response_field, threads=1)
        models = open_local(a, options), open_local(b, options)
        with progress_on_stderr() as progress:
            scored = score_responses(
                *models, list(read)[:limit], batch_size=models[0].options.batch_size, max_bytes=max_mib << 20,
                progress=progress,
            )  # fmt: skip
        if not any(len(one.divergences) for one in scored):
            raise ConfigError(f"{texts}: no text has a token that could be scored")
        summary = summarise([one.divergences for one in scored if len(one.divergences)])
        manifest = {"a": models[0].identity, "b": models[1].identity, "texts": read.source, "n_texts": len(scored)}
        write_scores(out, scored, summary, manifest, a=models[0].name, b=models[1].name)
        for line in [json_text(summary)] if json else [*as_lines(summary), "", f"{out / 'scores.html'}"]:
            say(line)
