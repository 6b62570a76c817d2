"""What ``diptych intervene graph`` does with its flags."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any

import typer

from diptych._types import Json, Progress
from diptych.apps.interventions.edge_label_report import labels_as_json
from diptych.apps.interventions.edge_labels import Labelling, expected_questions, label_edges
from diptych.apps.interventions.graph import Graph, GraphSettings, build_graph
from diptych.apps.interventions.graph_report import document, graph_files
from diptych.apps.interventions.placing import place, vectors_of
from diptych.apps.interventions.word_baseline import Placed
from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import note, progress_on_stderr, say
from diptych.cli.costs import check_vectors_price, describe_readers
from diptych.cli.intervene.asked_folder import check_out, ledger_in
from diptych.comparison.folder import LEDGER, Documents, read_run, to_write
from diptych.comparison.readers import Reader
from diptych.comparison.readiness import check_ready
from diptych.comparison.report.format import probability
from diptych.embeddings.service import EmbeddingService
from diptych.errors import ConfigError
from diptych.models.registry import parse_options
from diptych.models.spending import Purse
from diptych.models.untrusted import MAX_CHARACTERS
from diptych.utils.amounts import counted
from diptych.utils.files import write_files, writing
from diptych.utils.text import json_text

_SHOWN = 20


def graph_run(context: typer.Context) -> None:
    """Read the run, put its answers into clusters, join them, have them labelled, write what came of it.

    Parameters
    ----------
    context : of the verb, with its flags
    """
    given = context.params
    out: Path = given["out"]
    settings = _settings(context)
    with ExitStack() as stack:
        readers = _readers(context, stack)
        check_out(out, asks=bool(readers))
        if not given["dry_run"]:
            check_ready(out / LEDGER, [reader.model for reader in readers])
        documents = read_run(given["run"])
        progress = stack.enter_context(progress_on_stderr())
        service = _service(context, documents, progress)
        embed = cache(partial(vectors_of, documents, service))
        placed = place(
            documents, given["clusters"], given["n_clusters"], embed=embed, seed=settings.seed, threads=settings.threads
        )
        made = build_graph(placed, embed(), settings)
        if given["dry_run"]:
            for line in _plan(placed, made, readers, given["labels"], out):
                say(line)
            return
        arms = [arm["name"] for arm in documents.findings["arms"]]
        labels = _labels(context, placed, made, readers, progress, arms) if readers else None
        found = document(made, placed, settings, arms=arms, clusters=given["clusters"], labels=labels)
        with writing(out), to_write(out) as folder:
            write_files(folder, graph_files(found))
    for notice in service.notices:
        note(f"note: {notice}")
    for line in [json_text(found)] if given["json"] else [*_lines(found), "", f"{out / 'graph.md'}"]:
        say(line)


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


def _readers(context: typer.Context, stack: ExitStack) -> list[Reader]:
    """The labeller and the judges, opened; none without a labeller."""
    given = context.params
    if given["labeller"] is None:
        if given["judge"]:
            raise ConfigError("--judge: it judges what a labeller says. Give --labeller.")
        return []
    choices = asking.chosen(context)
    judges = given["judge"] or [given["labeller"]]
    if len(set(judges)) < len(judges):
        raise ConfigError(f"--judge {', '.join(judges)}: name each judge once")
    opened: dict[str, Reader] = {}
    for name in dict.fromkeys([given["labeller"], *judges]):
        opened[name] = Reader.open(choices.reader(name, alone=True), choices.max_cost)
        stack.callback(opened[name].model.close)
    return [opened[name] for name in (given["labeller"], *judges)]


def _plan(placed: Placed, made: Graph, readers: list[Reader], most: int, out: Path) -> Iterator[str]:
    yield f"{len(placed.texts):,} answers in {len(placed.names)} clusters, {len(made.edges)} pairs of neighbours"
    if readers:
        n_named, n_judged = expected_questions(placed, made.edges, most)
        length = min(sum(map(len, placed.texts)) / len(placed.texts), float(MAX_CHARACTERS))
        counts = [[(n_named, 16 * length)], *([(n_judged, length)] for _ in readers[1:])]
        yield from describe_readers(
            (reader, reader.estimate(count)) for reader, count in zip(readers, counts, strict=True)
        )
    yield f"would write {out}" + ("" if readers else "; calls no model, costs nothing")


def _labels(
    context: typer.Context, placed: Placed, made: Graph, readers: list[Reader], progress: Progress, arms: list[str]
) -> Json:
    given = context.params
    config = {f"{'judge' if number else 'labeller'} {number}": reader.config for number, reader in enumerate(readers)}
    with ledger_in(given["out"], config) as ledger:
        labeller, *judges = [
            reader.on(ledger, role, max_cost=given["max_cost"], progress=progress)
            for role, reader in zip(config, readers, strict=True)
        ]
        labelling = Labelling(labeller, tuple(judges), given["labels"], given["diversify"], given["seed"] or 0)
        labels = label_edges(placed, made.edges, labelling)
        for notice in dict.fromkeys(notice for one in (labeller, *judges) for notice in one.notices()):
            note(f"note: {notice}")
    return labels_as_json(labels, labelling, arms)


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
        yield f"{arm}: {counted(len(mine), 'cluster')}" + (f", {cases}" if cases else "")
        told = [node for node in mine if node["case"] in ("new", "gone")]
        for node in told[:_SHOWN]:
            q = min(node[name] for name in ("q_shares", "q_words") if node[name] is not None)
            yield f"  {node['case']}: {node['name']}   {100 * node['share']:.1f} % of answers{_q(q)}"
    apart = [edge for edge in found["edges"] if edge["case"] == "unmatching" and edge["a"] == edge["b"]]
    for edge in sorted(apart, key=lambda edge: -edge["words"]["auc"]["value"])[:_SHOWN]:
        yield f"in cluster {edge['a']} the two are told apart: {_area(edge['words']['auc'])}"
        yield f"      {', '.join(edge['words']['of_a'])} / {', '.join(edge['words']['of_b'])}{_q(edge['q_value'])}"
    for label in (found["labels"] or {"pairs": []})["pairs"]:
        tested = [label[name] for name in ("here", "elsewhere") if label[name] and "q_value" in label[name]]
        if any(one["q_value"] <= found["settings"]["alpha"] for one in tested):
            yield f"{label['arm']} in {label['a']}–{label['b']}: {label['text']}"
            yield "      " + ", ".join(_told(name, label[name]) for name in ("here", "elsewhere") if label[name])


def _told(place_: str, area: Json) -> str:
    return f"{place_} {_area(area)}{_q(area.get('q_value'))}"


def _area(area: Json) -> str:
    return f"{area['value']:.2f} [{area['low']:.2f}, {area['high']:.2f}]"


def _q(value: float | None) -> str:
    return "" if value is None else f"   q {probability(value).text}"
