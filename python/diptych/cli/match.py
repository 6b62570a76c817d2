"""``diptych match A B``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from diptych._types import Json
from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, say
from diptych.cli.settings import INPUT, METHOD, OUTPUT, option


def match(
    a: Annotated[Path, typer.Argument(help="Clusters of items: what `diptych cluster --out` wrote, or a table.")],
    b: Annotated[Path, typer.Argument(help="Other clusters of the same items.")],
    by: Annotated[
        list[str] | None,
        option("by", "Field that tells items apart; repeat for more.", INPUT, "id, row, arm, prompt_id, draw"),
    ] = None,
    resamples: Annotated[
        int, option("resamples", "Permutations of the labels, for p of the whole.", METHOD, "999", least=1)
    ] = 999,
    seed: flags.Seed = None,
    threads: flags.Threads = None,
    json: Annotated[bool, option("json", "Print the result as JSON.", OUTPUT)] = False,
) -> None:
    """Say which cluster of the one file is which of the other, and how far the two agree beyond chance.

    Tables need a field `cluster` or `label`; empty and -1 mean: in none. As many items as possible are in partners.
    Every flag is also a DIPTYCH_<FLAG> environment variable.
    """
    with errors_as_messages():
        from diptych.comparison.matched import match_files
        from diptych.data.assignments import read_assignments
        from diptych.utils.text import json_text

        first, second = (read_assignments(path, by=tuple(by or ())) for path in (a, b))
        found = match_files(
            first, second, n_resamples=resamples, seed=seed or 0, threads=flags.check_threads(threads)
        ).as_json()
        for line in [json_text(found)] if json else _lines(found):
            say(line)


def _lines(found: Json) -> Iterator[str]:
    yield f"{found['a']} and {found['b']}: {found['n_common']:,} items in both files"
    for side, n in (("a", found["n_only_a"]), ("b", found["n_only_b"])):
        if n:
            yield f"  {n:,} only in {found[side]}, left out"
    agreeing, clustered = found["n_agreeing"], found["n_clustered_in_both"]
    yield f"{agreeing:,} of {clustered:,} that are in a cluster of both are in partners (p {found['p_value']:.2g})"
    yield f"adjusted Rand index {found['adjusted_rand']:.3f}"
    yield ""
    yield f"{'a':>10}  {'b':>10}  shared  Jaccard        p"
    for pair in found["pairs"]:
        yield (
            f"{pair['a'][:10]:>10}  {pair['b'][:10]:>10}  {pair['n_shared']:>6}  {pair['jaccard']:>7.2f}  "
            f"{pair['p_value']:>7.2g}"
        )
    for side in ("a", "b"):
        if found[f"unmatched_{side}"]:
            yield f"without a partner in {side}: {', '.join(found[f'unmatched_{side}'])}"
