"""The recorded table of planted differences may not fall: a few fresh runs of its cells beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from diptych._types import Json, Progress
from diptych.bench.planted.run import Bench, run
from diptych.errors import ConfigError

DOSES = (0.0, 0.1)
"""Of the recorded cells, those that are run again: at the least number of prompts."""
_LEVEL = 0.01
_OURS = "diptych"


def again(
    record: Json, *, runs: int, statements: Path | None, threads: int, progress: Progress | None = None
) -> list[Json]:
    """Run some cells of a record again, a few times, and say of each whether it has fallen.

    Parameters
    ----------
    record : what ``run`` gave, in full
    runs : pairs of a cell, with the seeds of the record's first ones
    statements : folder of the statements, where the record was made with some
    threads, progress : as for ``run``

    Returns
    -------
    list of Json
        As ``beside``.

    Raises
    ------
    ConfigError
        If the record was planted in statements and there is no folder of that name.
    """
    settings, cells = record["settings"], record["cells"]
    with_statements = str(settings["source"]).startswith("statements")
    if with_statements and (statements is None or settings["source"] != f"statements of {statements.name}"):
        raise ConfigError(f"the record was planted in {settings['source']}; give their folder, not {statements}")
    recorded = {cell["dose"] for cell in cells}
    bench = Bench(
        kinds=tuple(dict.fromkeys("+".join(cell["kinds"]) for cell in cells if cell["kinds"])),
        doses=tuple(dose for dose in DOSES if dose in recorded),
        prompts=(min(cell["n_prompts"] for cell in cells),),
        runs=min(runs, settings["runs"]),
        seed=settings["seed"],
        lenses=tuple(settings["lenses"]),
        embedder=settings["embedder"],
        threads=threads,
    )
    fresh = run(replace(bench, statements=statements) if with_statements else bench, progress=progress)
    return beside(record, fresh)


def beside(record: Json, fresh: Json) -> list[Json]:
    """Cells of two tables beside each other.

    Parameters
    ----------
    record, fresh : what ``run`` gave

    Returns
    -------
    list of Json
        Of each cell of both ``kinds``, ``dose``, ``n_prompts``; ``recall`` and ``any_false`` of each table; and
        ``as_promised``: recall is not lower and runs with a false claim are not more frequent than recorded, by a
        one-sided exact test (Fisher) at 0.01 over the number of cells

    Raises
    ------
    ConfigError
        If no cell is in both.
    """
    before = {_place(cell): cell for cell in record["cells"]}
    both = [(before[_place(cell)], cell) for cell in fresh["cells"] if _place(cell) in before]
    if not both:
        raise ConfigError("the record and the fresh run have no cell in common")
    return [_compared(old, new, _LEVEL / len(both)) for old, new in both]


def _place(cell: Json) -> tuple[str, float, int]:
    return "+".join(cell["kinds"]), cell["dose"], cell["n_prompts"]


def _compared(old: Json, new: Json, level: float) -> Json:
    ours = [next(rule for rule in cell["rules"] if rule["rule"] == _OURS) for cell in (old, new)]
    recall, false = ([rule[name] for rule in ours] for name in ("recall", "any_false"))
    return {
        **{name: new[name] for name in ("kinds", "dose", "n_prompts")},
        "recall": {"recorded": recall[0], "now": recall[1]},
        "any_false": {"recorded": false[0], "now": false[1]},
        "as_promised": not (_is_less(recall[1], recall[0], level) or _is_less(false[0], false[1], level)),
    }


def _is_less(first: Json, second: Json, level: float) -> bool:
    """Whether a share is below another; never without any run."""
    from scipy.stats import fisher_exact

    if not first["n"] or not second["n"]:
        return False
    hits = [round(share["value"] * share["n"]) for share in (first, second)]
    table = np.array([[hits[0], first["n"] - hits[0]], [hits[1], second["n"] - hits[1]]])
    return float(fisher_exact(table, alternative="less").pvalue) < level
