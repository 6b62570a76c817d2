"""``diptych contrast score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, note, progress_on_stderr, say
from diptych.cli.settings import INPUT, OUTPUT, option
from diptych.errors import ConfigError

A = Annotated[str, typer.Argument(help="hf/<id or folder>[@revision]: a model whose weights are here.")]
B = Annotated[str, typer.Argument(help="The other: hf/…, or hf/base+adapter.")]


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
    that stands there. OUT gets scores.jsonl, summary.json and scores.html, where tokens are coloured, with pictures.
    """
    with errors_as_messages():
        from diptych.apps.contrastive_decoding.folder import write_scores
        from diptych.apps.contrastive_decoding.scoring import score_responses
        from diptych.comparison.sources import load_arm
        from diptych.models.divergence_summary import as_lines, summarise
        from diptych.models.registry import open_local, parse_options
        from diptych.utils.files import check_new_folder
        from diptych.utils.text import json_text

        check_new_folder(out)
        options = parse_options(model_arg or ())
        read = load_arm(texts, arm="a", prompt_field=prompt_field, response_field=response_field, threads=1)
        models = open_local(a, options), open_local(b, options)
        if models[0].identity == models[1].identity:
            note(f"both models are {models[0].name}: nothing can differ, and what is found is rounding")
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
