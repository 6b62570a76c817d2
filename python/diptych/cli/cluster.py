"""``diptych cluster FILE…``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych._types import Json
from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, note, progress_on_stderr, say
from diptych.cli.costs import check_vectors_price, describe_embedding, spent_in_words
from diptych.cli.settings import METHOD, OUTPUT, option
from diptych.errors import ConfigError

if TYPE_CHECKING:
    from diptych.comparison.clustered import ClusteredItems


def cluster(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Responses, one file for each arm; or one file of vectors.")],
    out: Annotated[Path | None, option("out", "Cluster of each item: .csv, or .json with the table.", OUTPUT)] = None,
    algorithm: Annotated[
        str,
        option("algorithm", "minibatch_kmeans, spectral, agglomerative, optics, hdbscan, balanced.", METHOD, "kmeans"),
    ] = "kmeans",
    n_clusters: Annotated[
        str | None, option("n-clusters", "A number, 'rule', 'silhouette' or 'gap'.", METHOD, "rule")
    ] = None,
    n_seeds: Annotated[
        int, option("n-seeds", "Cluster so many times, and say how stable each cluster is.", METHOD, "1", least=1)
    ] = 1,
    embedder: flags.Embedder = None,
    embedder_arg: flags.EmbedderArg = None,
    prompt_field: flags.PromptField = None,
    response_field: flags.ResponseField = None,
    seed: flags.Seed = None,
    threads: flags.Threads = None,
    cache_dir: flags.CacheDir = None,
    max_cost: asking.MaxCost = None,
    json: Annotated[bool, option("json", "Print the table as JSON.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be clustered, and what vectors cost.", OUTPUT)] = False,
) -> None:
    """Put responses of all arms, or vectors, into clusters; print how large and how distinct each is, and whose.

    Clusters are found without looking at the arms. Where there are several, the test of `diptych compare` says whether
    their shares of a cluster differ, prompt by prompt. Every flag is also a DIPTYCH_<FLAG> environment variable.
    """
    with errors_as_messages():
        from diptych.clustering.pipeline import ClusteringPipeline
        from diptych.comparison.clustered import cluster_items, load_items
        from diptych.data.assignments import check_assignments_path, write_assignments
        from diptych.embeddings.encoders import check_encoder
        from diptych.models.registry import parse_options
        from diptych.models.spending import Purse
        from diptych.utils.text import json_text

        n_threads, options = flags.check_threads(threads), parse_options(embedder_arg or ())
        purse = Purse(asking.check_max_cost(context))
        check_encoder(embedder or "lexical", options)
        check_vectors_price(embedder or "lexical", options, purse.max_usd)
        if out is not None and check_assignments_path(out) in files:
            raise ConfigError(f"--out = {str(out)!r} is one of the files that are read. Choose another name.")
        if dry_run:
            for line in _plan(context, options, n_threads):
                say(line)
            return
        with progress_on_stderr() as progress:
            pipeline = ClusteringPipeline(
                algorithm,
                _count(n_clusters),
                seed=seed or 0,
                n_seeds=n_seeds,
                threads=n_threads,
                progress=progress,
            )
            items = load_items(
                files,
                embedder=embedder or "lexical",
                embedder_options=options,
                cache_dir=cache_dir,
                prompt_field=prompt_field,
                response_field=response_field,
                threads=n_threads,
                progress=progress,
                purse=purse,
            )
            found = cluster_items(items, pipeline)
        if purse.spent().n_texts:
            note(f"asked: {spent_in_words(purse.spent())}")
        for notice in items.notices:
            note(f"note: {notice}")
        table = {"algorithm": algorithm, "seed": seed or 0, "n_seeds": n_seeds, **found.as_json()}
        if out is not None:
            write_assignments(out, found.rows(), table)
        for line in [json_text(table)] if json else _lines(found, algorithm, out):
            say(line)


def _plan(context: typer.Context, options: Json, threads: int) -> Iterator[str]:
    from diptych.comparison.sources import load_arm
    from diptych.embeddings.files import SUFFIXES, read_vectors

    given, texts = context.params, []
    for path in given["files"]:
        if path.suffix in SUFFIXES:
            yield f"{path}: {len(read_vectors(path).vectors):,} vectors"
            continue
        fields = {name: given[name] for name in ("prompt_field", "response_field")}
        arm = load_arm(path, arm=path.name, threads=threads, **fields)
        texts += [row.response for row in arm]
        yield f"{path}: {len(arm):,} responses"
    asking = list(describe_embedding(given["embedder"] or "lexical", options, texts, given["cache_dir"]))
    yield from asking
    where = "nothing" if given["out"] is None else given["out"]
    yield f"would write {where}" + ("" if asking else "; calls no model, costs nothing")


def _count(given: str | None) -> int | str | None:
    """A number where it is one; else a word, which the pipeline judges."""
    if given is None:
        return None
    try:
        return int(given)
    except ValueError:
        return given


def _lines(found: ClusteredItems, algorithm: str, out: Path | None) -> Iterator[str]:
    table, clusters = found.statistics, found.clusters
    n = len(clusters.labels)
    noise = f"; {clusters.n_noise:,} of them in none" if clusters.n_noise else ""
    kind = "vectors" if found.items.texts is None else "responses"
    yield f"{n:,} {kind}, {clusters.n_clusters} clusters ({algorithm}){noise}"
    arms = table.arms if found.items.arms is not None and len(table.arms) > 1 else ()
    head = ["cluster", "size", "cohesion", "separation", *(["stability"] if found.stability is not None else [])]
    yield "  ".join([*head, *(f"{arm[:16]:>16}" for arm in arms), *(["least q"] if arms else []), "keywords"])
    for c in range(clusters.n_clusters):
        cells = [
            f"{c:>7}",
            f"{table.sizes[c]:>4}",
            f"{table.cohesion[c]:>z8.2f}",
            f"{table.separation[c]:>z10.2f}",
            *([f"{found.stability[c]:>9.2f}"] if found.stability is not None else []),
            *(f"{100 * share:>14.1f} %" for share in (table.share[c] if arms else ())),
            *([f"{table.q_value[c].min():>7.2g}"] if arms else []),
            ", ".join(found.words[c]),
        ]
        yield "  ".join(cells).rstrip()
    if arms:
        yield "shares are of the responses of each arm; least q: false discovery rate of the most different pair"
    if out is not None:
        yield f"cluster of each: {out}"
