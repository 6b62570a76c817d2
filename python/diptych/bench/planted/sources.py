"""Answers to plant in: the package's own generator, or statements of many personas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from diptych.bench.corpora import Plant, Prompt, generate_corpus, generate_prompts
from diptych.bench.planted.plants import Base
from diptych.bench.randomness import Draws
from diptych.data import DataLoader
from diptych.errors import DataError

N_PERSONAS: Final = 20
_LEAST_STATEMENTS: Final = 200


class Generated:
    """Questions and answers of ``bench.corpora``; each prompt has its own subject.

    A planted topic brings up the sea, in ever-changing words.
    """

    name = "generator"

    def base(self, n_prompts: int, seed: int) -> Base:
        prompts = generate_prompts(n_prompts, seed)
        before, after = 2 * seed + 1, 2 * seed + 2
        return Base(
            prompt_ids=[prompt.prompt_id for prompt in prompts],
            prompts=[prompt.text for prompt in prompts],
            a=_answers(prompts, before),
            b=_answers(prompts, after),
            elsewhere=_answers(prompts, after, Plant("persona", 1.0)),
        )


def _answers(prompts: Sequence[Prompt], seed: int, *plants: Plant) -> list[str]:
    return [answer.response for answer in generate_corpus(prompts, seed=seed, plants=plants)]


class Statements:
    """Files of statements, one file a persona: to each prompt both arms say something that its persona says.

    A planted topic is a statement of one more persona, the same in all planted prompts of a pair.

    Parameters
    ----------
    folder : of JSON lines with a field ``statement``; files of fewer than 200 are left out

    Raises
    ------
    DataError
        If fewer than 21 files are left.
    RecordError
        If a line of a file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.name = f"statements of {folder.name}"
        loader = DataLoader()
        read = {path.stem: loader.load_jsonl(path, ["statement"]) for path in sorted(folder.glob("*.jsonl"))}
        self.personas = {
            stem: [str(row["statement"]) for row in rows]
            for stem, rows in read.items()
            if len(rows) >= _LEAST_STATEMENTS
        }
        if len(self.personas) <= N_PERSONAS:
            raise DataError(
                f"{folder}: {len(self.personas)} files of at least {_LEAST_STATEMENTS} statements (.jsonl); "
                f"{N_PERSONAS + 1} are needed, one for each persona."
            )

    def base(self, n_prompts: int, seed: int) -> Base:
        draws = Draws(seed, "statements")
        *usual, other = (self.personas[name] for name in draws.sample(sorted(self.personas), N_PERSONAS + 1))
        pairs = [_two_of(draws.pick(usual), draws) for _ in range(n_prompts)]
        ids = [f"p-{i + 1:04d}" for i in range(n_prompts)]
        return Base(
            prompt_ids=ids,
            prompts=[f"Say what you think, {one}." for one in ids],
            a=[first for first, _ in pairs],
            b=[second for _, second in pairs],
            elsewhere=[draws.pick(other) for _ in ids],
        )


def _two_of(items: list[str], draws: Draws) -> tuple[str, str]:
    """Two different items."""
    first, second = draws.below(len(items)), draws.below(len(items) - 1)
    return items[first], items[second + (second >= first)]
