"""``diptych intervene graph``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Unpack

import typer

from diptych.cli import settings as flags
from diptych.cli.asking_flags import ReadersFlags, spelled_out
from diptych.cli.console import errors_as_messages
from diptych.cli.settings import INPUT, METHOD, OUTPUT, option


@spelled_out
def graph(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="Folder of intervene recover, or of a compare of two.")],
    out: Annotated[Path, option("out", "Folder that is made.", OUTPUT)],
    clusters: Annotated[
        str,
        option(
            "clusters",
            "run, kmeans, balanced, …; prompts, for one a prompt; or a field of the records.",
            INPUT,
            "run: those of its table",
        ),
    ] = "run",
    n_clusters: Annotated[
        int | None, option("n-clusters", "How many, of an algorithm.", INPUT, "rule", least=2)
    ] = None,
    neighbours: Annotated[
        int, option("neighbours", "Nearest clusters of the other arm that each is joined with.", METHOD, "3", least=1)
    ] = 3,
    least: Annotated[
        int, option("least", "Answers of an arm that make a cluster one of its own.", METHOD, "5", least=1)
    ] = 5,
    cutoff: Annotated[
        float, option("cutoff", "Area under the curve from which two are told apart.", METHOD, "0.69")
    ] = 0.69,
    alpha: flags.Alpha = None,
    embedder: flags.Embedder = None,
    embedder_arg: flags.EmbedderArg = None,
    seed: flags.Seed = None,
    threads: flags.Threads = None,
    cache_dir: flags.CacheDir = None,
    labeller: flags.Labeller = None,
    judge: Annotated[
        list[str] | None,
        option("judge", "Judges labels blind; repeat for more.", METHOD, "the labeller"),
    ] = None,
    labels: Annotated[int, option("labels", "Pairs of clusters to label, at most.", METHOD, "20", least=1)] = 20,
    diversify: Annotated[
        bool, option("diversify", "Tell the labeller what was said, and ask for something else.", METHOD)
    ] = False,
    json: Annotated[bool, option("json", "Print graph.json.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be asked; ask nothing.", OUTPUT)] = False,
    **shared: Unpack[ReadersFlags],
) -> None:
    """Join the clusters of two models with their neighbours: which match, which are told apart, which are new or gone.

    Words of answers of one half of the prompts learn to tell two clusters apart, and are judged on the other half. OUT
    gets graph.json, nodes.csv, edges.csv, graph.md and, with plotly, graph.html. With --labeller a model says of texts
    of one half what tells two clusters apart; judges say of texts of the other whether it holds, there and in other
    clusters. The same command goes on where it stopped.
    """
    with errors_as_messages(resumes=True):
        from diptych.cli.intervene.graphing import graph_run

        graph_run(context)
