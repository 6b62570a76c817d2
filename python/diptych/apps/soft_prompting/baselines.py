"""What a prompt is set beside: prompts that simpler ways find for as many forward passes, judged by the same answers.

Tokens at random, the strongest prompt of the file, and perplexity differencing: the opening from which one model writes
what the other finds unlikeliest. What was chosen by its value is judged by answers that are drawn anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from diptych._types import FloatVector, Json, Progress, Vectors
from diptych.apps.soft_prompting.allowed import allowed_tokens
from diptych.apps.soft_prompting.evaluation import Gain, by_prompt, gain_of, values
from diptych.apps.soft_prompting.found import Found
from diptych.apps.soft_prompting.initial import embedded
from diptych.apps.soft_prompting.objective import Measure, pair_up
from diptych.apps.soft_prompting.optimiser import generator
from diptych.apps.soft_prompting.optimiser import random_tokens as draw_tokens
from diptych.apps.soft_prompting.seeds import Seed, Seeds
from diptych.apps.soft_prompting.sequences import Asking, Sides, apart, apart_by_answer
from diptych.apps.soft_prompting.target import Target
from diptych.data.prompts import Prompt
from diptych.errors import ConfigError
from diptych.models.requests import Message
from diptych.models.soft_prompts import SoftPrompt
from diptych.stats.intervals import paired_intervals

PASSES_AN_ANSWER = 2
"""Forward passes that an answer of one model, scored by both, counts as: one to write it, one to score it."""
_MOST_WORDS = 5
"""Of an opening."""
_LEAST_ANSWERS = 8


@dataclass(frozen=True)
class Ground:
    """What a prompt was found on, and for how much.

    Parameters
    ----------
    seeds : texts that it was found on
    place, n_tokens : of the prompt
    objective : that was made large
    budget : forward passes of texts; one through both models is one, and a gradient counts as three
    """

    seeds: Sequence[Seed]
    place: str
    n_tokens: int
    objective: str
    budget: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """What one way found.

    Parameters
    ----------
    name : of the way
    text : what it found, in words
    spent : forward passes
    apart, low, high : divergence under it in nats an answer, mean of both directions, with its interval
    against : how much more the prompt on trial does; None where that is not seen prompt by prompt
    """

    name: str
    text: str
    spent: int
    apart: float
    low: float
    high: float
    against: Gain | None = None

    def as_json(self) -> Json:
        """As it stands in ``summary.json``."""
        return asdict(self)


def ground_of(found: Found, seeds: Seeds | None, budget: int | None) -> Ground:
    """What baselines get: the texts that a prompt was found on, and as many forward passes.

    Parameters
    ----------
    found : the prompt
    seeds : of its training or search; None where its folder has none
    budget : forward passes; None for as many as it took

    Raises
    ------
    ConfigError
        If either is not known, or suffices for nothing.
    """
    chosen = set(found.details.get("trained_on", ()))
    texts = [] if seeds is None else [row for row in seeds.rows if row.prompt_id in chosen]
    if not texts:
        raise ConfigError(
            "baselines need the texts that the prompt was found on: give the folder of a training or search"
        )
    spent = found.details.get("spent") if budget is None else budget
    if spent is None:
        raise ConfigError("nothing says what the prompt took: give --budget, a number of forward passes")
    n_tokens = found.n_tokens if isinstance(found, SoftPrompt) else int(found.details.get("n_tokens", 1))
    if spent < len(texts):
        raise ConfigError(f"a budget of {spent} forward passes does not suffice to read {len(texts)} texts once")
    return Ground(texts, found.place, n_tokens, str(found.details.get("objective", "js")), int(spent))


def set_beside(
    sides: Sides, under: FloatVector, used: Sequence[Prompt], ground: Ground, asking: Asking, *, progress: Progress
) -> list[Baseline]:
    """Find something by every simpler way, and judge it.

    Parameters
    ----------
    sides : the models, under no prompt
    under : float64 (prompts,), divergence under the prompt on trial, in the order of their ids
    used : prompts that are answered
    ground : what each way gets
    asking : how answers are drawn
    progress : where it says how far it is
    """
    progress.start("baselines", 3)
    found, text, spent = random_tokens(sides, ground, asking)
    chance = apart(sides.under(found), used, asking)
    alone = _judged("random tokens", text, spent, chance, asking.seed)
    rows = [replace(alone, against=gain_of(chance, under, seed=asking.seed))]
    progress.advance()
    anew = replace(asking, draws=max(_LEAST_ANSWERS, len(used) * asking.draws), seed=asking.seed + 1)
    for name, choose in (("strongest prompt of the file", strongest), ("perplexity differencing", by_perplexity)):
        prompt, spent = choose(sides, ground, asking)
        rows.append(_judged(name, prompt.text, spent, apart_by_answer(sides, [prompt], anew), asking.seed))
        progress.advance()
    progress.finish()
    return rows


def _judged(name: str, text: str, spent: int, one: FloatVector, seed: int) -> Baseline:
    interval = paired_intervals(one[:, None], np.ones((len(one), 1), bool), seed=seed)
    return Baseline(name, text, spent, float(one.mean()), float(interval.low[0]), float(interval.high[0]))


def random_tokens(sides: Sides, ground: Ground, asking: Asking) -> tuple[SoftPrompt, str, int]:
    """The best of as many random prompts as the budget pays, how it reads, and what it took.

    Parameters
    ----------
    sides : the models
    ground : what it gets
    asking : how texts are scored
    """
    models, prompted = sides.models, sides.prompted
    pair = pair_up(models, ground.seeds, place=ground.place, n_vectors=ground.n_tokens, prompted=prompted)
    target = Target(
        pair, range(len(ground.seeds)), _measure(ground, asking), n_tokens=ground.n_tokens,
        allowed=allowed_tokens(prompted[0].loaded.tokenizer), batch_size=asking.batch_size,
    )  # fmt: skip
    n = ground.budget // len(ground.seeds)
    drawn = draw_tokens(target, generator(asking.seed, 0), n, filter_ids=False)
    tokens = drawn[int(target.values(drawn).argmax())].tolist()
    vectors = tuple(embedded(model, tokens) for model in prompted)
    return SoftPrompt(vectors, ground.place), target.text(tokens), target.spent


def strongest(sides: Sides, ground: Ground, asking: Asking) -> tuple[Prompt, int]:
    """The prompt of the file along whose texts the models differ most, and what it took to read them.

    Parameters
    ----------
    sides : the models
    ground : what it gets
    asking : how texts are scored
    """
    pair = pair_up(sides.models, ground.seeds, place=None, n_vectors=0, prompted=sides.prompted)
    nothing: list[Vectors] = [np.zeros((0, model.loaded.width), np.float32) for model in sides.prompted]
    measure, n = _measure(ground, asking), len(ground.seeds)
    per_text = values(pair, range(n), nothing, measure, batch_size=asking.batch_size)
    ids = [row.prompt_id for row in ground.seeds]
    best = sorted(set(ids))[int(by_prompt(per_text, ids).argmax())]
    return _prompt_of(next(row for row in ground.seeds if row.prompt_id == best)), n


def by_perplexity(sides: Sides, ground: Ground, asking: Asking) -> tuple[Prompt, int]:
    """The opening from which the second model writes what the first finds unlikeliest by token, and what it took.

    Parameters
    ----------
    sides : the models
    ground : what it gets
    asking : how answers are drawn

    Notes
    -----
    After arXiv:2605.00994: answers of the changed model to short random openings of a corpus, ranked by the difference
    of the mean log-probabilities.
    """
    rng = np.random.default_rng([asking.seed, 1])
    prompts = [_prompt_of(row) for row in {row.prompt_id: row for row in ground.seeds}.values()]
    n = max(1, ground.budget // PASSES_AN_ANSWER)
    openings = []
    for number in range(n):
        whole = prompts[int(rng.integers(len(prompts)))]
        words = whole.text.split()[: int(rng.integers(1, _MOST_WORDS + 1))]
        openings.append(replace(whole, prompt_id=f"opening-{number}", text=" ".join(words) or whole.text))
    answers = sides.answers(1, openings, replace(asking, draws=1))
    gaps = [float(one.divergences.log_ratio.mean()) for one in answers]
    return answers[int(np.argmax(gaps))].said.prompt, n * PASSES_AN_ANSWER


def _measure(ground: Ground, asking: Asking) -> Measure:
    return Measure(ground.objective, max_bytes=asking.max_bytes)  # type: ignore[arg-type]


def _prompt_of(row: Seed) -> Prompt:
    def said(role: str) -> list[Message]:
        return [one for one in row.messages if one.role == role]

    system = said("system")
    return Prompt(row.prompt_id, row.messages[-1].content, system[0].content if system else None)
