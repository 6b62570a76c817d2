"""The figures of a run in print: a table a row, a summary of all, and the same summary as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from diptych._types import Json
from diptych.bench.kernels.harness import MIN_ROUNDS


def lines(result: Json) -> Iterator[str]:
    """Every row with an empty line behind it, then the summary.

    Parameters
    ----------
    result : what ``record.run`` gave
    """
    for row in result["rows"]:
        yield from row_lines(row, quick=result["quick"])
        yield ""
    yield from summary_lines(result)


def row_lines(row: Json, *, quick: bool) -> Iterator[str]:
    """One row: every competitor, fastest first, then what was to be reached.

    Parameters
    ----------
    row : an entry of ``rows`` of a run
    quick : whether the small jobs ran
    """
    timed = sorted((timing for timing in row["timings"] if timing["wall_s"]), key=_median)
    best = min((_median(timing) for timing in timed if timing["kind"] == "peer"), default=None)
    yield (
        f"{row['key']}: {row['title']}" + (" (quick: a smaller job)" if quick else "") + f"; took {row['took_s']:.0f} s"
    )
    yield f"  {'kind':<9}{'who':<46}{'median (min to max)':<34}{'CPU':>10}{'x best peer':>13}{'extra MiB':>11}"
    for timing in timed:
        walls = timing["wall_s"]
        spread = f"{seconds(_median(timing))} ({seconds(min(walls))} to {seconds(max(walls))})"
        factor = f"{_median(timing) / best:.2f}" if best else "-"
        cpu = seconds(statistics.median(timing["cpu_s"]))
        yield (
            f"  {timing['kind']:<9}{timing['name']:<46}{spread + _few(timing):<34}{cpu:>10}{factor:>13}"
            f"{timing['extra_mib']:>11.0f}"
        )
    yield from (f"  note     {timing['name']}: {timing['said']}" for timing in row["timings"] if timing["said"])
    yield from (f"  skipped  {timing['name']}: {timing['skipped']}" for timing in row["timings"] if timing["skipped"])
    for target in row["targets"]:
        name = "moonshot" if target["moonshot"] else "target"
        yield f"  {name}: at most {target['ratio']:.3g} x {target['against']}: {_reached(target)}"
    if row["memory"]:
        stated, measured = row["memory"]["stated_mib"], row["memory"]["measured_mib"]
        word = "met" if row["memory"]["met"] else "NOT MET"
        yield f"  memory: stated {stated:.0f} MiB, measured {measured:.0f} MiB: {word}"


def summary_lines(result: Json) -> Iterator[str]:
    """All rows, one line each; then which targets were not met.

    Parameters
    ----------
    result : what ``record.run`` gave
    """
    yield f"{'row':<32}{'ours':>13}{'best peer':>13}{'ratio':>8}{'limit':>13}{'ratio':>8}  targets"
    for cells in _summary(result["rows"]):
        key, ours, peer, peer_ratio, limit, limit_ratio, verdict = cells
        yield f"{key:<32}{ours:>13}{peer:>13}{peer_ratio:>8}{limit:>13}{limit_ratio:>8}  {verdict}"
    yield ""
    yield f"all of it took {result['took_s']:.0f} s"
    if result["quick"]:
        yield "quick: small jobs; the targets are stated for the full ones (--full)"
        return
    missed = [
        (row["key"], target)
        for row in result["rows"]
        for target in row["targets"]
        if not target["moonshot"] and (target["reached"] is None or target["reached"] > target["ratio"])
    ]
    heavy = [row["key"] for row in result["rows"] if row["memory"] and not row["memory"]["met"]]
    for key, target in missed:
        yield f"NOT MET: {key}: at most {target['ratio']:.3g} x {target['against']}, {_reached(target)}"
    yield from (f"NOT MET: {key}: more memory than stated" for key in heavy)
    if not missed and not heavy:
        yield "every target is met"


def markdown(result: Json) -> str:
    """The summary as a page, with the machine it was measured on.

    Parameters
    ----------
    result : what ``record.run`` gave
    """
    machine = result["machine"]
    lines = [
        "# Speed of the kernels, the newest record",
        "",
        f"Written by `make bench` on {result['created'][:10]}; every competitor's figures are in the JSON beside it.",
        f"{machine['cpu']}, {machine['processors']} processors ({', '.join(machine['vector_extensions'])}), Python "
        f"{machine['python']}; median of {result['rounds']} runs after a warm-up, or of n where that is said, "
        f"competitors in turn; all of it took {result['took_s']:.0f} s. Only ratios within a row mean anything.",
        "",
        "| row | what | ours | best peer | ratio | limit | ratio | targets |",
        "|---|---|---|---|---|---|---|---|",
    ]
    titles = {row["key"]: row["title"] for row in result["rows"]}
    for cells in _summary(result["rows"]):
        lines.append("| " + " | ".join([cells[0], titles[cells[0]], *cells[1:]]) + " |")
    libraries = ", ".join(f"{name} {found}" for name, found in machine["libraries"].items())
    lines += ["", f"Libraries: {libraries}.", ""]
    return "\n".join(lines)


def seconds(value: float) -> str:
    """Three digits with a unit.

    Examples
    --------
    >>> seconds(0.01234), seconds(12.34)
    ('12.3 ms', '12.3 s')
    """
    if value >= 1.0:
        return f"{value:.3g} s"
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} us"


def _summary(rows: Sequence[Json]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        ours = next((timing for timing in row["timings"] if timing["kind"] == "ours" and timing["wall_s"]), None)
        peer, limit = _fastest(row, "peer"), _fastest(row, "limit")
        verdict = "; ".join(_verdict(row, target) for target in row["targets"])
        yield row["key"], _cell(ours), _cell(peer), _ratio(ours, peer), _cell(limit), _ratio(ours, limit), verdict


def _verdict(row: Json, target: Json) -> str:
    against = target["against"]
    named = next((timing for timing in row["timings"] if timing["name"] == against), None)
    few = _few(named) if named and named["wall_s"] else ""
    return f"{'moonshot ' * target['moonshot']}≤ {target['ratio']:.3g} × {against}{few}: {_reached(target)}"


def _fastest(row: Json, kind: str) -> Json | None:
    timed = (timing for timing in row["timings"] if timing["kind"] == kind and timing["wall_s"])
    return min(timed, key=_median, default=None)


def _reached(target: Json) -> str:
    if target["reached"] is None:
        return "not measured"
    return f"{target['reached']:.3g}, {'met' if target['reached'] <= target['ratio'] else 'NOT MET'}"


def _cell(timing: Json | None) -> str:
    return "-" if timing is None else seconds(_median(timing)) + _few(timing)


def _few(timing: Json) -> str:
    """How many runs, where they are fewer than a median should have."""
    n = len(timing["wall_s"])
    return f" n={n}" if n < MIN_ROUNDS else ""


def _ratio(ours: Json | None, other: Json | None) -> str:
    return "-" if ours is None or other is None else f"{_median(ours) / _median(other):.2g}"


def _median(timing: Json) -> float:
    return float(statistics.median(timing["wall_s"]))
