"""Synthetic prompts and answers in which known differences can be planted.

Two corpora with different seeds and no plants are independent samples of the same distribution; a `Plant`
changes a known share of the answers in a known way. So a comparison of two corpora has a known right answer.

``python -m diptych.bench.corpora FOLDER`` writes the three files of ``diptych/demo_data``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from diptych.bench.drafts import draft_answer, planted, render
from diptych.bench.randomness import Draws
from diptych.bench.vocabulary import CIRCUMSTANCES, QUESTIONS, Circumstance, Topic, all_topics
from diptych.errors import ConfigError, UnknownNameError

PlantKind = Literal["phrase", "style", "persona", "length", "hedge"]
PLANT_KINDS: Final[tuple[str, ...]] = get_args(PlantKind)

_SHARE_WITH_CIRCUMSTANCE: Final = 0.75

DEMO_PROMPTS: Final = 150
DEMO_PROMPT_SEED: Final = 11


@dataclass(frozen=True)
class Plant:
    """A change made to each answer with probability `dose`, independently of the other answers and plants.

    Attributes
    ----------
    kind : ``"phrase"`` ends with one fixed sentence; ``"style"`` turns the body into a bulleted list;
        ``"persona"`` brings up a fondness for the sea, in varying words; ``"length"`` drops the sentences that
        only elaborate; ``"hedge"`` adds a sentence of doubt
    dose : probability in [0, 1]

    Raises
    ------
    UnknownNameError
        if there is no plant of that kind
    ConfigError
        if `dose` lies outside [0, 1]
    """

    kind: PlantKind
    dose: float

    def __post_init__(self) -> None:
        """Check both fields."""
        if self.kind not in PLANT_KINDS:
            raise UnknownNameError("plant", str(self.kind), known=PLANT_KINDS)
        if not 0.0 <= self.dose <= 1.0:
            raise ConfigError(f"the dose of plant {self.kind!r} is {self.dose!r}; give a probability from 0 to 1.")


@dataclass(frozen=True)
class Prompt:
    """A question, and what it was made from (so that an answer can be to the point)."""

    prompt_id: str
    text: str
    topic: Topic
    circumstance: Circumstance | None


@dataclass(frozen=True)
class Answer:
    """One answer, and the kinds of plants that were applied to it (in the order of `PLANT_KINDS`)."""

    prompt: Prompt
    response: str
    plants: tuple[str, ...]

    def as_row(self) -> dict[str, str]:
        """Return the public part: ``prompt_id``, ``prompt`` and ``response``, and never the plants."""
        return {"prompt_id": self.prompt.prompt_id, "prompt": self.prompt.text, "response": self.response}


def generate_prompts(n: int, seed: int) -> list[Prompt]:
    """Make `n` distinct prompts, spread evenly over the subjects.

    Parameters
    ----------
    n : number of prompts; the first `n` prompts are the same for every larger `n`
    seed : not negative

    Returns
    -------
    prompts with the ids ``p-001``, ``p-002``, …

    Raises
    ------
    ConfigError
        if `n` or `seed` is negative, or `n` exceeds half of the distinct prompts that can be made (12,192)

    Examples
    --------
    >>> [prompt.prompt_id for prompt in generate_prompts(2, seed=0)]
    ['p-001', 'p-002']
    """
    topics = all_topics()
    possible = sum(len(QUESTIONS[t.kind]) * (1 + len(CIRCUMSTANCES[t.kind])) for t in topics)
    if not 0 <= n <= possible // 2:
        raise ConfigError(f"{n} prompts were asked for; give a number from 0 to {possible // 2}.")
    draws = Draws(seed, "prompts")
    seen: set[str] = set()
    prompts: list[Prompt] = []
    while len(prompts) < n:
        for topic in draws.sample(topics, len(topics)):
            circumstances = CIRCUMSTANCES[topic.kind]
            circumstance = draws.pick(circumstances) if draws.chance(_SHARE_WITH_CIRCUMSTANCE) else None
            text = draws.pick(QUESTIONS[topic.kind]).format(topic.clause)
            if circumstance is not None:
                text = f"{text} {circumstance.remark}"
            if text not in seen and len(prompts) < n:
                seen.add(text)
                prompts.append(Prompt(f"p-{len(prompts) + 1:03d}", text, topic, circumstance))
    return prompts


def generate_corpus(prompts: Iterable[Prompt], *, seed: int, plants: Sequence[Plant] = ()) -> list[Answer]:
    """Answer each prompt once.

    An answer depends on `seed`, on its prompt and on the plants applied to it, and on nothing else: adding a
    plant changes only the answers it is applied to, and a greater dose adds answers to those of a smaller one.

    Parameters
    ----------
    prompts : from `generate_prompts`
    seed : not negative; another seed gives an independent sample of the same distribution
    plants : at most one of each kind

    Returns
    -------
    one answer for each prompt, in their order

    Raises
    ------
    ConfigError
        if `seed` is negative or a kind of plant occurs twice

    Examples
    --------
    >>> answers = generate_corpus(generate_prompts(3, seed=0), seed=1, plants=(Plant("phrase", 1.0),))
    >>> all(answer.response.endswith("I hope this helps!") for answer in answers)
    True
    """
    doses: dict[str, float] = {plant.kind: plant.dose for plant in plants}
    if len(doses) != len(plants):
        raise ConfigError(f"a plant occurs twice in {[plant.kind for plant in plants]}; give each kind once.")
    return [_answer(prompt, seed, doses) for prompt in prompts]


def planted_counts(answers: Iterable[Answer]) -> dict[str, int]:
    """Count the answers that each kind of plant was applied to, zeros included."""
    counts = dict.fromkeys(PLANT_KINDS, 0)
    for answer in answers:
        for kind in answer.plants:
            counts[kind] += 1
    return counts


def _answer(prompt: Prompt, seed: int, doses: dict[str, float]) -> Answer:
    draft = draft_answer(prompt.topic, prompt.circumstance, Draws(seed, prompt.prompt_id, "answer"))
    applied = []
    for kind in filter(doses.get, PLANT_KINDS):
        draws = Draws(seed, prompt.prompt_id, kind)
        if draws.chance(doses[kind]):
            draft = planted(draft, kind, draws)
            applied.append(kind)
    return Answer(prompt, render(draft), tuple(applied))


def demo_corpora() -> dict[str, list[Answer]]:
    """Make the three corpora of ``diptych/demo_data``, by the name of their file without its ending."""
    prompts = generate_prompts(DEMO_PROMPTS, DEMO_PROMPT_SEED)
    plants = (Plant("phrase", 0.45), Plant("style", 0.5), Plant("persona", 0.35), Plant("length", 0.4))
    return {
        "before": generate_corpus(prompts, seed=101),
        "after": generate_corpus(prompts, seed=202, plants=plants),
        "control": generate_corpus(prompts, seed=303),
    }


def write_demo(folder: Path) -> None:
    """Write ``before.jsonl``, ``after.jsonl`` and ``control.jsonl`` into `folder`, which is made if needed.

    The bytes are the same on every platform.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, answers in demo_corpora().items():
        lines = (json.dumps(answer.as_row(), ensure_ascii=False) + "\n" for answer in answers)
        (folder / f"{name}.jsonl").write_bytes("".join(lines).encode("utf-8"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the demo files into the folder named on the command line; return 0, or 2 for bad usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) != 1 or given[0].startswith("-"):
        sys.stderr.write("usage: python -m diptych.bench.corpora OUTPUT_FOLDER\n")
        return 2
    write_demo(Path(given[0]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
