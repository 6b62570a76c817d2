"""The figures in print, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from diptych._types import Json
from diptych.bench.stats.designs import DESIGNS


@dataclass(frozen=True)
class Table:
    """A table with what it shows.

    Parameters
    ----------
    title, says : above it
    heads : of its columns
    rows : cells as text
    """

    title: str
    says: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables(sections: Mapping[str, Json]) -> Iterator[Table]:
    """All that was measured.

    Parameters
    ----------
    sections : by name, each as ``measure`` gave it
    """
    designs = [row for design in DESIGNS if design.key in sections for row in sections[design.key]["figures"]]
    if designs:
        yield _designs(designs)
        yield _lenses(designs)
    for name, table in _OTHERS.items():
        if name in sections:
            yield table(sections[name]["figures"])


def lines(sections: Mapping[str, Json]) -> Iterator[str]:
    """Each table with its title, for a terminal.

    Parameters
    ----------
    sections : as for ``tables``
    """
    for table in tables(sections):
        yield table.title
        yield f"  {table.says}"
        all_rows = [table.heads, *table.rows]
        widths = [max(len(row[column]) for row in all_rows) for column in range(len(table.heads))]
        for row in all_rows:
            yield "  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        yield ""


def markdown(sections: Mapping[str, Json]) -> str:
    """A page of all tables.

    Parameters
    ----------
    sections : as for ``tables``
    """
    page = ["# What the statistics promise, measured", "", "Written by `make bench-stats`; 95 % intervals are exact."]
    for table in tables(sections):
        rule = "|".join("---" for _ in table.heads)
        page += ["", f"## {table.title}", "", table.says, ""]
        page += [f"| {' | '.join(row)} |" if i != 1 else f"|{rule}|"
                 for i, row in enumerate([table.heads, (), *table.rows])]  # fmt: skip
    page += ["", "## When, and on what", ""]
    page += [_when(name, section) for name, section in sections.items()]
    return "\n".join(page) + "\n"


def broken(sections: Mapping[str, Json]) -> list[str]:
    """Names of the sections that are empty, or in which a figure is not as promised.

    Parameters
    ----------
    sections : as for ``tables``
    """
    return [
        name
        for name, section in sections.items()
        if not section["figures"] or not all(row["as_promised"] for row in section["figures"])
    ]


def _when(name: str, section: Json) -> str:
    on, settings = section["machine"], section["settings"]
    return (
        f"- {name}: {section['created'][:10]}, {section['took_s']:.0f} s; commit {section.get('commit', '-')}; "
        f"{on['cpu']}, Python {on['python']}; seed {settings['seed']}, embedder {settings['embedder']}"
    )


def _designs(figures: Sequence[Json]) -> Table:
    rows = [
        (
            row["design"],
            f"{row['source']}: {_prompts(row)}, {row['n_responses']} responses, {row['pairing']}",
            f"{row['rate']['n_hits']} of {row['rate']['n']}",
            _share(row["rate"]),
            f"at most {100 * row['allowed']:.1f} %" if row["holds"] else f"above {100 * row['alpha']:g} %",
            _verdict(row) if row["holds"] else ("fails, as it should" if row["as_promised"] else "NOT SEEN TO FAIL"),
        )
        for row in figures
    ]
    says = (
        "A model against itself, the whole pipeline each time: share of comparisons with any finding. "
        "A design that holds may have alpha and two standard errors; a wrong one must be seen to fail."
    )
    return Table("False alarms", says, ("design", "corpus", "found", "share", "should be", ""), rows)


def _lenses(figures: Sequence[Json]) -> Table:
    rows = [
        (
            row["design"],
            lens["lens"],
            f"{lens['n_tested']:.1f}",
            _share(lens["alone"]),
            _p(lens["too_small_p"]),
            _p(lens["uniform_p"]),
            _verdict(lens) if row["holds"] else "",
        )
        for row in figures
        for lens in row["lenses"]
    ]
    says = (
        "Share with a finding had the lens been the only one; and Kolmogorov-Smirnov tests of one raw p of each "
        "comparison: that none is too small (one-sided), that they are uniform (p of counts may be greater)."
    )
    heads = ("design", "lens", "measures", "alone", "p, not too small", "p, uniform", "")
    return Table("Each lens by itself", says, heads, rows)


def _uniformity(figures: Sequence[Json]) -> Table:
    rows = []
    for lens in dict.fromkeys(row["id"].partition(".")[0] for row in figures):
        own = [row for row in figures if row["id"].startswith(f"{lens}.")]
        two_sided = [row["uniform_p"] for row in own if row["uniform_p"] is not None]
        verdict = _verdict({"as_promised": all(row["as_promised"] for row in own)})
        smallest = _p(min(two_sided, default=None))
        rows.append((lens, str(len(own)), _p(min(row["too_small_p"] for row in own)), str(len(two_sided)), smallest,
                     verdict))  # fmt: skip
    says = (
        "Raw p of every measure over many random splits of the same responses; the smallest Kolmogorov-Smirnov p, "
        "adjusted for the number of measures. Two-sided for measures of at least 100 distinct values."
    )
    heads = ("lens", "measures", "p, not too small", "of many values", "p, uniform", "")
    return Table("Single measures", says, heads, rows)


def _coverage(figures: Sequence[Json]) -> Table:
    rows = [
        (row["shape"], row["pairing"], str(row["n_prompts"]), _share(row["covered"]), _verdict(row)) for row in figures
    ]
    says = "Share of 95 % intervals that hold the true mean difference: 93 to 97 % is promised."
    return Table("Intervals", says, ("differences", "pairing", "prompts", "covered", ""), rows)


def _family_wise(figures: Sequence[Json]) -> Table:
    rows = [(row["family"], row["pairing"], str(row["n_true"]), _share(row["rate"]), _verdict(row)) for row in figures]
    says = (
        "Share of families of 40 measures in which the step-down max-|z| test at 0.05 finds one that does not differ."
    )
    return Table("Family-wise error", says, ("measures", "pairing", "differ", "share", ""), rows)


def _resamples(figures: Sequence[Json]) -> Table:
    rows = [
        (row["kind"], f"{row['n_resamples']:,}", f"{row['wall_s']:.2f} s", f"{row['extra_mib']:.1f} MiB", _verdict(row))
        for row in figures
    ]
    says = (
        "A test of 1,000 measures of 1,000 prompts, 5 % of differences not 0: seconds, and the peak of memory beside "
        "the data, which does not grow with the number of resamples."
    )
    return Table("Resamples", says, ("differences", "resamples", "took", "memory", ""), rows)


def _planted(figures: Sequence[Json]) -> Table:
    rows = [
        (
            row["record"],
            " + ".join(row["kinds"]) or "nothing",
            f"{100 * row['dose']:g} %",
            f"{row['n_prompts']:,}",
            *(_share(row[name][when]) for name in ("recall", "any_false") for when in ("recorded", "now")),
            _verdict(row),
        )
        for row in figures
    ]
    heads = ("record", "planted", "dose", "prompts", "recall then", "now", "false claims then", "now", "")
    says = (
        "A few fresh runs of recorded cells: recall, and runs with a false claim; neither may be worse than recorded."
    )
    return Table("Planted differences", says, heads, rows)


_OTHERS: dict[str, Callable[[Sequence[Json]], Table]] = {
    "uniformity": _uniformity,
    "coverage": _coverage,
    "family_wise": _family_wise,
    "resamples": _resamples,
    "planted": _planted,
}


def _prompts(row: Json) -> str:
    groups = f" in {row['n_groups']} groups" if row.get("n_groups") else ""
    return f"{row['n_prompts']} prompts{groups}"


def _share(share: Json) -> str:
    """``4.0 % (1.6 to 8.1)``."""
    if not share["n"]:
        return "–"
    return f"{100 * share['value']:.1f} % ({100 * share['low']:.1f} to {100 * share['high']:.1f})"


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}"


def _verdict(row: Json) -> str:
    return "as promised" if row["as_promised"] else "NOT AS PROMISED"
