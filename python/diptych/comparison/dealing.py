"""As many responses to a prompt, and prompts of a group, in either arm: means of unlike numbers cannot be exchanged."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median_low

from diptych.data import Response, Responses
from diptych.utils.hashing import content_hash, hash_rows


@dataclass(frozen=True)
class Evened:
    """Two arms with alike numbers of responses to a prompt.

    Parameters
    ----------
    a, b : the arms
    notices : what was left out of them
    """

    a: Responses
    b: Responses
    notices: tuple[str, ...] = ()


def even_out(a: Responses, b: Responses, units: Mapping[str, str], *, paired: bool, seed: int) -> Evened:
    """Leave out, at random, what one arm answered more often.

    Parameters
    ----------
    a, b : with the same kind of prompt ids
    units : the unit of each prompt, by its id: itself, or its group
    paired : whether both are left as many responses to each prompt; else, where one arm usually has fewer to a prompt,
        or fewer prompts of a group (the lower median), no prompt or group of either is left more than that
    seed : of what is left out; nothing depends on the order of rows, nor on which arm is called a

    Notes
    -----
    A mean over eight responses varies less than one response and is skewed another way. Where something is rare, most
    of its differences have one sign, and sign flips (or permutations) would call that a finding.

    Examples
    --------
    >>> rows = [Response("1", "?", text, "a", draw=draw) for draw, text in enumerate("xyz")]
    >>> arms = Responses(tuple(rows), "a", True), Responses(tuple(rows[:2]), "b", True)
    >>> found = even_out(*arms, {"1": "1"}, paired=True, seed=0)
    >>> len(found.a), len(found.b), found.notices
    (2, 2, ('1 of 3 responses of a were left out: as many answers to a prompt were compared as b has',))
    """
    arms, notices = (a, b), list[str]()
    if not paired:
        arms = _even_units(arms, units, seed, notices)
    counts = [Counter(row.prompt_id for row in arm) for arm in arms]
    cap = _usual(counts)
    kept = []
    for arm, other, theirs in ((*arms, counts[1]), (*arms[::-1], counts[0])):
        rows = _up_to(arm, theirs if paired else {}, cap, seed)
        kept.append(replace(arm, rows=rows))
        if len(rows) < len(arm):
            as_many = "as many answers to a prompt were" if paired else f"{cap} to a prompt were"
            left_out = f"{len(arm) - len(rows)} of {len(arm)} responses of {arm.source} were left out"
            notices.append(f"{left_out}: {as_many} compared{'' if paired else ','} as {other.source} has")
    return Evened(kept[0], kept[1], tuple(notices))


def _usual(counts: Sequence[Mapping[str, int]]) -> int:
    """Of the arm that usually has fewer, how many that is; no less than any has, where there is no such arm."""
    usual = [median_low(count.values()) for count in counts if count]
    return min(usual) if len(set(usual)) == 2 else max([0, *counts[0].values(), *counts[1].values()])


def _even_units(
    arms: tuple[Responses, Responses], units: Mapping[str, str], seed: int, notices: list[str]
) -> tuple[Responses, Responses]:
    """Prompts of each unit, up to what is usual in the arm that has fewer."""
    prompts = [sorted({row.prompt_id for row in arm}) for arm in arms]
    cap = _usual([Counter(units[name] for name in own) for own in prompts])
    kept = []
    for arm, other, own in zip(arms, arms[::-1], prompts, strict=True):
        digests = hash_rows("diptych/even/1", [[str(seed)] * len(own), own])
        n_of: Counter[str] = Counter()
        left = set[str]()
        for _, name in sorted(zip((digest.tobytes() for digest in digests), own, strict=True)):
            if n_of[units[name]] < cap:
                n_of[units[name]] += 1
                left.add(name)
        if len(left) < len(own):
            notices.append(
                f"{len(own) - len(left)} of {len(own)} prompts of {arm.source} were left out: {cap} of a group were "
                f"compared, as {other.source} has"
            )
        kept.append(replace(arm, rows=tuple(row for row in arm if row.prompt_id in left)))
    return kept[0], kept[1]


def _up_to(arm: Responses, limits: Mapping[str, int], cap: int, seed: int) -> tuple[Response, ...]:
    """Of each prompt at most so many responses; ``cap`` where no limit is named. Where some go, the others are numbered
    anew: which of two equal ones was drawn first may hang on the order of rows.
    """
    rows: list[Response] = []
    for name, own in by_prompt([arm]).items():
        n = limits.get(name, cap)
        rows += own if len(own) <= n else deal(own, n, seed, "even")
    return tuple(rows)


def by_prompt(arms: Sequence[Responses]) -> dict[str, list[Response]]:
    """Responses to each prompt, by its id.

    Parameters
    ----------
    arms : one after the other
    """
    prompts: dict[str, list[Response]] = defaultdict(list)
    for arm in arms:
        for row in arm:
            prompts[row.prompt_id].append(row)
    return prompts


def deal(rows: Sequence[Response], n: int, seed: int, side: str) -> list[Response]:
    """``n`` of the responses to one prompt, numbered anew: by a hash of content, and a count where that is equal.

    Parameters
    ----------
    rows : the responses
    n : how many
    seed, side : of the hash
    """
    seen: Counter[str] = Counter()
    keys: list[tuple[str, str]] = []
    for row in rows:
        meta = json.dumps(dict(row.meta), sort_keys=True, default=str)
        content = content_hash("diptych/row/2", [row.prompt_id, row.response, row.system, row.finish_reason, meta])
        keys.append((content, str(seen[content])))
        seen[content] += 1
    contents, counts = ([key[place] for key in keys] for place in (0, 1))
    digests = hash_rows("diptych/deal/1", [[str(seed)] * len(rows), [side] * len(rows), contents, counts])
    order = sorted(range(len(rows)), key=lambda i: digests[i].tobytes())
    return [replace(rows[i], draw=draw) for draw, i in enumerate(order[:n])]
