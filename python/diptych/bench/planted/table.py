"""The figures of the planted-difference benchmark in print, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from diptych._types import Json

_HEADS = ("recall", "false share", "runs with a claim", "first true", "claims")


def lines(result: Json) -> Iterator[str]:
    """What was run, then each cell with a line a rule.

    Parameters
    ----------
    result : what ``run`` gave
    """
    yield headline(result)
    yield "recall: planted effects that a claim stands for; false share: claims that other prompts carry; 95 % each"
    for cell in result["cells"]:
        yield ""
        yield title(cell)
        yield f"  {'rule':<30}" + "".join(f"{head:<21}" for head in _HEADS[:3]) + f"{_HEADS[3]:<14}{_HEADS[4]:>7}"
        for rule in cell["rules"]:
            recall, false_share, claims, first, n_claims = figures(rule)
            yield f"  {rule['rule']:<30}{recall:<21}{false_share:<21}{claims:<21}{first:<14}{n_claims:>7}"


def markdown(result: Json) -> str:
    """One table of all cells.

    Parameters
    ----------
    result : what ``run`` gave
    """
    rows = ["| planted | dose | prompts | rule | " + " | ".join(_HEADS) + " |", "|---" * (4 + len(_HEADS)) + "|"]
    for cell in result["cells"]:
        where = f"| {' + '.join(cell['kinds']) or 'nothing'} | {100 * cell['dose']:g} % | {cell['n_prompts']:,} | "
        rows += [where + " | ".join([rule["rule"], *figures(rule)]) + " |" for rule in cell["rules"]]
    machine = result["machine"]
    on = f"{machine['cpu']}, Python {machine['python']}, diptych {machine['diptych']}; took {result['took_s']:.0f} s"
    return "\n".join(["# Planted differences", "", headline(result), f"On {on}.", "", *rows]) + "\n"


def headline(result: Json) -> str:
    """What was run, in a line."""
    s = result["settings"]
    return (
        f"{s['runs']} runs a cell, seeds from {s['seed']}; planted in: {s['source']}; "
        f"lenses {', '.join(s['lenses'])}; embedder {s['embedder']}."
    )


def title(cell: Json) -> str:
    """A cell in words.

    Examples
    --------
    >>> title({"kinds": ["topic", "phrase"], "dose": 0.05, "n_prompts": 1000})
    'topic + phrase in 5 % of 1,000 prompts'
    """
    where = f"{cell['n_prompts']:,} prompts"
    if not cell["kinds"]:
        return f"nothing planted, {where}"
    return f"{' + '.join(cell['kinds'])} in {100 * cell['dose']:g} % of {where}"


def figures(rule: Json) -> list[str]:
    """Of one rule: recall, false share, runs with a claim, first true, mean number of claims."""
    shares = [_share(rule[name]) for name in ("recall", "false_share", "any")]
    first = rule["first_true"]
    rank = "-" if first["value"] is None else f"{first['value']:g} ({first['low']}–{first['high']})"
    return [*shares, rank, f"{rule['n_claims']:.1f}"]


def _share(share: Json) -> str:
    return "-" if share["value"] is None else f"{share['value']:.2f} ({share['low']:.2f}–{share['high']:.2f})"
