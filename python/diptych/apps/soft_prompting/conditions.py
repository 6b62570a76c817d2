"""What two models do under a prompt, or without one: said, measured, compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diptych._types import FloatVector, Json, Progress
from diptych.apps.soft_prompting.evaluation import noise_floor
from diptych.apps.soft_prompting.objective import Measure
from diptych.apps.soft_prompting.sequences import Asking, Sides, Traced, kl_by_prompt, kl_of
from diptych.comparison.result import Result
from diptych.comparison.run import compare
from diptych.data.prompts import Prompt


@dataclass(frozen=True)
class Condition:
    """What was said and measured with the prompt, or without.

    Parameters
    ----------
    answers : of the first and of the second model
    kl : float64 (prompts,) each, divergence of the second model's answers from the first's, and the other way round
    floor : what a model seems to be away from itself, in nats a token
    compared : their comparison
    """

    answers: tuple[Sequence[Traced], Sequence[Traced]]
    kl: tuple[FloatVector, FloatVector]
    floor: float
    compared: Result

    @property
    def apart(self) -> FloatVector:
        """The mean of both directions, float64 (prompts,), in nats an answer."""
        found: FloatVector = (self.kl[0] + self.kl[1]) / 2
        return found

    def kl_a_token(self, side: int) -> float:
        """The divergence of all answers of one model over all their tokens, in nats: it does not grow with the answers.

        Parameters
        ----------
        side : whose answers: 0 for the first
        """
        own = [one.divergences for one in self.answers[side]]
        return float(kl_of(own, side).sum() / sum(map(len, own)))

    @property
    def findings(self) -> list[Json]:
        """What the comparison found, strongest first."""
        names = ("id", "statement", "effect", "unit", "ci_low", "ci_high", "p_value", "q_value")
        return [{name: getattr(one, name) for name in names} for one in self.compared.findings]

    @property
    def global_test(self) -> Json:
        """Whether the texts differ at all, whatever in."""
        one = self.compared.global_test
        return {"statistic": one.statistic, "value": one.value, "p_value": one.p_value}


def observe(sides: Sides, prompts: Sequence[Prompt], asking: Asking, *, threads: int, progress: Progress) -> Condition:
    """Have both models answer, and see how far they are apart.

    Parameters
    ----------
    sides : the models, under the prompt or none
    prompts : that they answer
    asking : how
    threads : of the comparison; changes no result
    progress : advanced by every answer
    """
    answers, floor = [], 0.0
    for side in (0, 1):
        own = sides.answers(side, prompts, asking)
        some = [one.said for one in own[: asking.batch_size]]
        measure = Measure("kl_ab", max_bytes=asking.max_bytes)
        here = noise_floor(sides.pair(some), range(len(some)), sides.arrays, measure, batch_size=asking.batch_size)
        floor = max(floor, here)
        answers.append(own)
        progress.advance(len(own))
    a, b = ([one.said.as_row() for one in own] for own in answers)
    names = [model.name for model in sides.models]
    compared = compare(
        a, b, threads=threads, seed=asking.seed,
        name_a=names[0], name_b=names[1] if names[1] != names[0] else f"{names[1]} again",
    )  # fmt: skip
    return Condition(
        (answers[0], answers[1]), (kl_by_prompt(answers[0], 0), kl_by_prompt(answers[1], 1)), floor, compared
    )
