"""Two arms brought into one table, in an order that depends on neither rows, files nor names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from string import ascii_lowercase
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from diptych._types import Mask
from diptych.comparison.dealing import even_out
from diptych.comparison.groups import unit_names
from diptych.data import Response, Responses
from diptych.errors import DataError
from diptych.utils.hashing import hash_rows, hex_digests
from diptych.utils.text import shorten

_HANDED_IN = re.compile("(?:list|data frame) [a-z]")
"""Sources that are not files; such arms are called a and b."""

Pairing = Literal["paired", "unpaired"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of the comparison, as it is reported."""

    name: str
    source: str
    n_responses: int


@dataclass(frozen=True)
class Table:
    """The responses of both arms and the units they belong to.

    Parameters
    ----------
    arms : a and b
    pairing : whether both arms answered the same prompts
    rows : all responses; sorted by prompt id, then by content, so that neither the order of rows in a file nor which
        arm is called a changes anything computed from them
    units : name of each unit of the test, which is a prompt (its id), or a group of prompts. Paired: one unit per name.
        Unpaired: one per name and arm
    unit_of_row : int64 (n_rows,), index into ``units``
    prompt_of_row : int64 (n_rows,), which prompt of its unit; where prompts are the units, the same
    unit_of_prompt : int64 (n,), index into ``units`` for each value of ``prompt_of_row``
    is_b : bool (n_rows,)
    notices : what a reader should know about rows that were left out
    group_field : of the records, where it names the groups that are the units
    """

    arms: tuple[Arm, Arm]
    pairing: Pairing
    rows: tuple[Response, ...]
    units: tuple[str, ...]
    unit_of_row: NDArray[np.int64]
    prompt_of_row: NDArray[np.int64]
    unit_of_prompt: NDArray[np.int64]
    is_b: NDArray[np.bool_]
    notices: tuple[str, ...]
    group_field: str | None = None

    @property
    def is_grouped(self) -> bool:
        """Whether units are groups of prompts."""
        return self.group_field is not None

    @property
    def noun(self) -> str:
        """What several units are called."""
        return "groups of prompts" if self.is_grouped else "prompts"

    @property
    def first_units(self) -> Mask:
        """Units of the first arm, bool (n_units,); every unit when paired."""
        units = np.zeros(len(self.units), dtype=np.bool_)
        units[self.unit_of_row[~self.is_b]] = True
        return units

    def turned(self) -> Table:
        """The same table with the arms exchanged."""
        return replace(self, arms=self.arms[::-1], is_b=~self.is_b)

    def is_canonical(self) -> bool:
        """Whether the first arm's content comes first in the order of its digest.

        A comparison is computed in this order and turned at the end, so that exchanging the arms turns signs and
        changes not a bit of anything else.
        """
        rows = [f"{row.prompt_id}\x1f{row.draw}\x1f{row.response}" for row in self.rows]
        digests = hex_digests("diptych/arm-row/1", [rows])
        sides = ["".join(d for d, is_b in zip(digests, self.is_b, strict=True) if is_b == side) for side in (0, 1)]
        first, second = hex_digests("diptych/arm/1", [sides])
        return first <= second

    @property
    def n_prompts(self) -> int:
        """Number of different prompts."""
        return len({row.prompt_id for row in self.rows})

    def prompt_ids(self, units: Mask) -> frozenset[str]:
        """Ids of the prompts of some units, bool (n_units,)."""
        chosen = units[self.unit_of_row].tolist()
        return frozenset(row.prompt_id for row, is_in in zip(self.rows, chosen, strict=True) if is_in)

    def n_groups(self, units: Mask | None = None) -> int | None:
        """Number of different groups, among some units, bool (n_units,), or all; None where prompts are the units."""
        if not self.is_grouped:
            return None
        chosen = [True] * len(self.units) if units is None else units.tolist()
        return len({name for name, is_in in zip(self.units, chosen, strict=True) if is_in})


def pair_arms(
    a: Responses,
    b: Responses,
    *,
    names: tuple[str | None, str | None] = (None, None),
    pairing: Literal["auto", "paired", "unpaired"] = "auto",
    limit: int | None = None,
    seed: int = 0,
    group_field: str | None = None,
) -> Table:
    """Bring two arms into one table.

    Prompts are matched by ``prompt_id`` where both arms have it, else by identical text. Prompts that only one arm
    answered are left out of a paired comparison, with a notice; so are responses to a prompt of which the other arm has
    fewer (see ``even_out``).

    Parameters
    ----------
    a, b : the arms
    names : what to call them; by default the models they name, else their files
    pairing : ``"auto"`` pairs when there are common prompts
    limit : use at most so many prompts, in whole units, chosen by a seeded hash of the units' names
    seed : of these choices
    group_field : of the records; prompts that are equal there are one unit of the test

    Raises
    ------
    DataError
        If ``pairing`` is ``"paired"`` and no prompt is common, one prompt id has two different prompts, or a prompt is
        in no group, or in two.
    """
    a, b = _same_ids(a, b)
    common = {row.prompt_id for row in a} & {row.prompt_id for row in b}
    if pairing == "paired" and not common:
        raise DataError(_no_common_prompts(a, b))
    paired = bool(common) and pairing != "unpaired"
    notices = list(dict.fromkeys([*a.notices, *b.notices]))
    for arms in [(a, b)] if paired else [(a,), (b,)]:
        _refuse_conflicts(*arms)
    if paired:
        for arm in (a, b):
            left_out = len({row.prompt_id for row in arm} - common)
            if left_out:
                notices.append(f"{left_out} prompts of {arm.source} have no counterpart and were left out")
    elif pairing == "auto":
        notices.append("no common prompts: the comparison is unpaired")
    kept = common if paired else {row.prompt_id for arm in (a, b) for row in arm}
    units = unit_names([a, b], group_field)
    kept = limit_prompts(kept, limit, seed, units)
    a, b = (replace(arm, rows=tuple(row for row in arm if row.prompt_id in kept)) for arm in (a, b))
    even = even_out(a, b, units, paired=paired, seed=seed)
    notices += even.notices
    rows = [(row, is_b) for arm, is_b in ((even.a, False), (even.b, True)) for row in arm]
    table = _table(rows, units, _arms(a, b, names), "paired" if paired else "unpaired")
    return replace(table, notices=tuple(notices), group_field=group_field)


def _table(
    rows: list[tuple[Response, bool]], units: Mapping[str, str], arms: tuple[Arm, Arm], pairing: Pairing
) -> Table:
    digests = hash_rows("diptych/row/1", [[row.response for row, _ in rows], [str(row.draw) for row, _ in rows]])
    order = sorted(range(len(rows)), key=lambda i: (rows[i][0].prompt_id, digests[i].tobytes()))
    ordered = [rows[i] for i in order]
    keys = [(units[row.prompt_id], pairing == "unpaired" and is_b) for row, is_b in ordered]
    index = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    prompts = [(index[key], row.prompt_id) for key, (row, _) in zip(keys, ordered, strict=True)]
    index_of_prompt = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts))}
    counts = [sum(is_b is side for _, is_b in ordered) for side in (False, True)]
    return Table(
        arms=(
            Arm(arms[0].name, arms[0].source, counts[0]),
            Arm(arms[1].name, arms[1].source, counts[1]),
        ),
        pairing=pairing,
        rows=tuple(row for row, _ in ordered),
        units=tuple(name for name, _ in index),
        unit_of_row=np.array([index[key] for key in keys], dtype=np.int64),
        prompt_of_row=np.array([index_of_prompt[prompt] for prompt in prompts], dtype=np.int64),
        unit_of_prompt=np.array([unit for unit, _ in index_of_prompt], dtype=np.int64),
        is_b=np.array([is_b for _, is_b in ordered], dtype=np.bool_),
        notices=(),
    )


def _same_ids(a: Responses, b: Responses) -> tuple[Responses, Responses]:
    """Ids count only where both arms have them; else both go by the prompts' digests."""
    if a.has_ids and b.has_ids:
        return a, b
    return a.by_prompt_text(), b.by_prompt_text()


def _arms(a: Responses, b: Responses, names: tuple[str | None, str | None]) -> tuple[Arm, Arm]:
    defaults = default_names((a, b))
    chosen = (names[0] or defaults[0], names[1] or defaults[1])
    if chosen[0] == chosen[1]:
        raise DataError(f"both arms are called {chosen[0]!r}. Give --name-a and --name-b.")
    return Arm(chosen[0], a.source, len(a)), Arm(chosen[1], b.source, len(b))


def default_names(arms: Sequence[Responses]) -> Sequence[str]:
    """What to call arms that were given no name: the models that they name, else their files, else a, b, c …

    Parameters
    ----------
    arms : at most 26
    """
    models = [arm.model or "" for arm in arms]
    stems = ["" if _HANDED_IN.fullmatch(arm.source) else PurePath(arm.source).name.split(".")[0] for arm in arms]
    for names in (models, stems):
        if all(names) and len(set(names)) == len(names):
            return names
    return ascii_lowercase[: len(arms)]


def limit_prompts(ids: set[str], limit: int | None, seed: int, units: Mapping[str, str]) -> set[str]:
    """At most ``limit`` of the prompts, in whole units, chosen by a seeded hash of their names; all without a limit.

    Units are taken in the order of the hash until the next would be too many, so a greater limit only adds prompts.

    Parameters
    ----------
    ids : of the prompts
    limit, seed : as in ``pair_arms``
    units : name of the unit of each prompt

    Raises
    ------
    DataError
        If the first group has more prompts than the limit.
    """
    if limit is None or limit >= len(ids):
        return ids
    members: dict[str, list[str]] = defaultdict(list)
    for prompt_id in sorted(ids):
        members[units[prompt_id]].append(prompt_id)
    names = sorted(members)
    digests = hash_rows("diptych/limit/1", [[str(seed)] * len(names), names])
    kept: set[str] = set()
    for i in sorted(range(len(names)), key=lambda i: digests[i].tobytes()):
        if len(kept) + len(members[names[i]]) > limit:
            break
        kept.update(members[names[i]])
    if not kept:
        n = len(members[names[i]])
        raise DataError(
            f"limit = {limit}: groups are taken whole, and the first has {n} prompts. Give a greater limit."
        )
    return kept


def _refuse_conflicts(*arms: Responses) -> None:
    """One prompt id stands for one prompt, within an arm and, when pairing, in both."""
    seen: dict[str, tuple[Response, Responses]] = {}
    for arm in arms:
        for row in arm:
            other, where = seen.setdefault(row.prompt_id, (row, arm))
            if other.prompt != row.prompt:
                raise DataError(
                    f"prompt_id {row.prompt_id!r} has two prompts: {shorten(other.prompt, 50)!r} in {where.source}, "
                    f"{other.place}; {shorten(row.prompt, 50)!r} in {arm.source}, {row.place}.\n"
                    "Make the ids agree, or leave the field out to pair by the prompts' text."
                )


def _no_common_prompts(a: Responses, b: Responses) -> str:
    how = "prompt_id" if a.has_ids and b.has_ids else "text"
    return (
        f"no common prompts (matched by {how}): {a.source} has {len(a)} rows, {b.source} has {len(b)}.\n"
        f"First prompts: {shorten(a[0].prompt, 50)!r} and {shorten(b[0].prompt, 50)!r}.\n"
        "Compare files with the same prompts, or leave out --paired to compare unpaired."
    )
