"""``diptych intervene plan``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Unpack

import typer

from diptych._types import Json
from diptych.cli.asking_flags import spelled_out
from diptych.cli.console import errors_as_messages, say
from diptych.cli.intervene.making import MakingFlags, prepare
from diptych.cli.settings import METHOD, OUTPUT, option

if TYPE_CHECKING:
    from diptych.apps.interventions.making import Making


@spelled_out
def plan(
    context: typer.Context,
    seeds: Annotated[int, option("seeds", "Trainings at each share.", METHOD, "1", least=1)] = 1,
    json: Annotated[bool, option("json", "Print the plan as JSON.", OUTPUT)] = False,
    **shared: Unpack[MakingFlags],
) -> None:
    """Say what intervene data would make and train would take: rows, tokens, requests, price. Nothing is sent."""
    with errors_as_messages(), ExitStack() as stack:
        from diptych.utils.text import json_text

        making = prepare(context, stack)
        for line in [json_text(_numbers(making, seeds))] if json else _lines(making, seeds):
            say(line)


def _lines(making: Making, seeds: int) -> Iterator[str]:
    from diptych.apps.interventions.dataset import dose_file
    from diptych.cli.costs import describe_takes

    numbers = _numbers(making, seeds)
    families = ", ".join(f"{family} {n}" for family, n in numbers["families"].items()) or "invented by the assistant"
    yield f"{numbers['truths']} truths ({families}), {numbers['planted_rows']:,} rows that show them"
    for share, size in making.sizes().items():
        planted = f"{size['planted']:,} of them planted" if share else "the control"
        yield f"{dose_file(share)}: {size['rows']:,} rows, {planted}, about {size['tokens']:,} tokens"
    yield (
        f"{numbers['trainings']} trainings ({len(making.sizes())} files, {seeds} seeds each): "
        f"about {numbers['tokens_an_epoch']:,} tokens an epoch in all"
    )
    for asked, max_tokens, most in making.expected():
        yield f"{asked.model.name}: at most {most.n_requests:,} requests; what the ledger holds is not asked"
        yield from describe_takes(asked.model, max_tokens, most)
    yield "nothing was sent, and nothing is written"


def _numbers(making: Making, seeds: int) -> Json:
    from diptych.cli.costs import most_seconds

    sizes = making.sizes()
    return {
        "truths": len(making.truths) or making.n_truths,
        "families": dict(Counter(truth.family for truth in making.truths)),
        "planted_rows": making.n_planted,
        "doses": {f"{share:g}": size for share, size in sizes.items()},
        "seeds": seeds,
        "trainings": seeds * len(sizes),
        "tokens_an_epoch": seeds * sum(size["tokens"] for size in sizes.values()),
        "asking": [
            {
                "model": asked.model.name,
                "requests": most.n_requests,
                "input_tokens": most.input_tokens,
                "max_output_tokens": most.max_output_tokens,
                "max_usd": most.max_usd,
                "max_seconds": most_seconds(asked.model, max_tokens, most),
            }
            for asked, max_tokens, most in making.expected()
        ],
    }
