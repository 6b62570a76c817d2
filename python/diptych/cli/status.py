"""``diptych status RUN``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.console import errors_as_messages, say
from diptych.cli.costs import dollars, spent_in_words

if TYPE_CHECKING:
    from diptych.comparison.status import Status
    from diptych.models.lock import Holder
    from diptych.models.standing import ArmStanding


def status(
    run: Annotated[Path, typer.Argument(help="Folder of a compare, or file that generate writes (its --out).")],
    json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False,
) -> None:
    """Say how a run stands: what is answered, failed and missing, what it has cost, who is at it, how it goes on.

    Works while it is made, after a crash, and when it is complete; only reads.
    """
    with errors_as_messages():
        from diptych.comparison.status import read_status
        from diptych.utils.text import json_text

        found = read_status(run)
        if json:
            say(json_text(found.as_json()))
            return
        for line in _lines(found):
            say(line)


def _lines(found: Status) -> Iterator[str]:
    state = "" if found.stage == "done" else " (running)" if found.is_running else " (stopped)"
    yield f"{found.run}: {found.stage}{state}"
    if found.standing is None:
        yield "it asks no model"
        return
    for arm in found.standing.arms:
        yield from _arm(arm)
    began = any(arm.n_answered or arm.failures for arm in found.standing.arms) or found.standing.spent.n_texts
    yield f"in all: {spent_in_words(found.standing.spent) if began else 'no answer yet'}"
    if found.standing.holder is not None:
        yield _holder(found.standing.holder)
    command = found.standing.command
    if found.stage != "done" and not found.is_running and command is not None:
        folder = found.standing.folder
        there = "" if folder is None or Path(folder) == Path.cwd() else f"cd {shlex.quote(folder)} && "
        yield "it goes on with:"
        yield f"  {there}{command}"


def _arm(arm: ArmStanding) -> Iterator[str]:
    counts = f"{arm.n_answered} of {arm.n_wanted} answered, {arm.n_failed} failed, {arm.n_missing} missing"
    yield f"{arm.arm}: {arm.model}: {counts}"
    if arm.failures:
        yield f"   failed: {', '.join(f'{kind} {n}' for kind, n in arm.failures.items())}"
    if not arm.n_answered and not arm.failures:
        return
    n_in, n_out = ("unknown" if n is None else f"{n:,}" for n in (arm.usage.input_tokens, arm.usage.output_tokens))
    yield f"   tokens: {n_in} in, {n_out} out; price {'unknown' if arm.usd is None else dollars(arm.usd)}"


def _holder(holder: Holder) -> str:
    who = f"process {holder.pid} on {holder.host}"
    if holder.alive:
        return f"in use by {who} since {holder.since}"
    return f"{who} had it since {holder.since}, and has ended without letting go; the next takes over"
