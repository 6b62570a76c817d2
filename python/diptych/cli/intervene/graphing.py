"""What ``diptych intervene graph`` does with its flags."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import typer

from diptych._types import Json, Progress
from diptych.apps.interventions.graph import GraphSettings, build_graph
from diptych.apps.interventions.graph_report import document, graph_files
from diptych.apps.interventions.placing import place, vectors_of
from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import note, progress_on_stderr, say
from diptych.cli.costs import check_vectors_price
from diptych.comparison.folder import Documents, read_run, writing
from diptych.comparison.report.format import probability
from diptych.embeddings.service import EmbeddingService
from diptych.errors import ConfigError
from diptych.models.registry import parse_options
from diptych.models.spending import Purse
from diptych.utils.files import check_new_folder, new_folder, write_files
from diptych.utils.text import json_text

_SHOWN = 20


def graph_run(context: typer.Context) -> None:
    """Read the run, put its answers into clusters, join them, write what came of it.

    Parameters
    ----------
    context : of the verb, with its flags
    """
    given = context.params
    check_new_folder(given["out"])
    settings = _settings(context)
    documents = read_run(given["run"])
    with progress_on_stderr() as progress:
        service = _service(context, documents, progress)
        embed = cache(partial(vectors_of, documents, service))
        placed = place(
            documents, given["clusters"], given["n_clusters"], embed=embed, seed=settings.seed, threads=settings.threads
        )
        made = build_graph(placed, embed(), settings)
    arms = [arm["name"] for arm in documents.findings["arms"]]
    found = document(made, placed, settings, arms=arms, clusters=given["clusters"])
    with new_folder(given["out"]) as folder, writing(given["out"]):
        write_files(folder, graph_files(found))
    for notice in service.notices:
        note(f"note: {notice}")
    if given["json"]:
        say(json_text(found))
        return
    for line in _lines(found):
        say(line)
    say()
    say(f"{given['out'] / 'graph.md'}")


def _settings(context: typer.Context) -> GraphSettings:
    given = context.params
    for name in ("cutoff", "alpha"):
        value = given[name]
        if value is not None and not 0.0 < value < 1.0:
            raise ConfigError(f"{flags.place_of(context, name)} = {value}: it should be between 0 and 1")
    return GraphSettings(
        given["neighbours"],
        given["least"],
        given["cutoff"],
        given["alpha"] or GraphSettings.alpha,
        given["seed"] or 0,
        flags.check_threads(given["threads"]),
    )


def _service(context: typer.Context, documents: Documents, progress: Progress) -> EmbeddingService:
    """What makes vectors: the embedder of the run, unless another is given."""
    given, config = context.params, documents.manifest["config"]
    embedder: str = given["embedder"] or config["embedder"]
    options: dict[str, Any] = parse_options(given["embedder_arg"] or ())
    if given["embedder"] is None:
        if config.get("embeddings") or config.get("embedding_field"):
            raise ConfigError(f"{given['run']}: its vectors were made elsewhere. Give --embedder.")
        options = {**config["embedder_args"], **options}
    purse = Purse(asking.check_max_cost(context))
    check_vectors_price(embedder, options, purse.max_usd)
    return EmbeddingService(given["cache_dir"], embedder, options=options, progress=progress, purse=purse)


def _lines(found: Json) -> Iterator[str]:
    for arm in found["arms"]:
        mine = [node for node in found["nodes"] if node["arm"] == arm]
        cases = ", ".join(f"{n} {case}" for case, n in found["cases"][arm].items())
        yield f"{arm}: {len(mine)} clusters" + (f", {cases}" if cases else "")
        told = [node for node in mine if node["case"] in ("new", "gone")]
        for node in told[:_SHOWN]:
            q = min(node[name] for name in ("q_shares", "q_words") if node[name] is not None)
            yield f"  {node['case']}: {node['name']}   {100 * node['share']:.1f} % of answers{_q(q)}"
    apart = [edge for edge in found["edges"] if edge["case"] == "unmatching" and edge["a"] == edge["b"]]
    for edge in sorted(apart, key=lambda edge: -edge["words"]["auc"]["value"])[:_SHOWN]:
        area = edge["words"]["auc"]
        interval = f"[{area['low']:.2f}, {area['high']:.2f}]"
        yield f"in cluster {edge['a']} the two are told apart: {area['value']:.2f} {interval}"
        yield f"      {', '.join(edge['words']['of_a'])} / {', '.join(edge['words']['of_b'])}{_q(edge['q_value'])}"


def _q(value: float | None) -> str:
    return "" if value is None else f"   q {probability(value).text}"
