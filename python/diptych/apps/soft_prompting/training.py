"""A soft prompt, trained step by step; a step depends on the steps before it and on its number, on nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from diptych._types import Json, Vectors
from diptych.apps.soft_prompting.config import StepSettings
from diptych.apps.soft_prompting.objective import Measure, Pair, penalty
from diptych.apps.soft_prompting.refreshing import Refresher, Texts
from diptych.apps.soft_prompting.target import GRADIENT_PASSES
from diptych.errors import ModelError
from diptych.utils.hashing import derive_seed

_WINDOW = 8
"""Batches whose texts are sorted by length together, so that little is padded."""
_HALF_SCALE = 1024.0
"""Of the loss of models in float16, whose gradients would vanish; taken out again before the step."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Parameters
    ----------
    step : its number, from 1
    divergence : of the texts of the step, before it; less that of the control pair
    penalty : for vectors unlike those of tokens
    grad_norm : before it was cut
    learning_rate : of the first model's vectors
    """

    step: int
    divergence: float
    penalty: float
    grad_norm: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Look:
    """How far the models differ on prompts that are held out.

    Parameters
    ----------
    step : after how many steps
    divergence : with the vectors as they are then; less that of the control pair
    """

    step: int
    divergence: float


class Trainer:
    """Vectors, their optimiser, and what has come of them so far.

    Parameters
    ----------
    pair : that is to differ, with its texts
    control : that is not to differ, with the same texts; None for none
    trained, held_out : numbers of the texts
    config : of the training
    vectors : that it begins with: one array, or one for each model
    max_bytes : of memory for scores
    refresher : writes the texts anew, where the settings ask for it
    """

    def __init__(
        self,
        pair: Pair,
        control: Pair | None,
        trained: Sequence[int],
        held_out: Sequence[int],
        *,
        config: StepSettings,
        vectors: Sequence[Vectors],
        max_bytes: int,
        refresher: Refresher | None = None,
    ) -> None:
        import torch

        self._refresher, self._texts, self._lengths = refresher, dict[int, tuple[int, ...]](), pair.lengths
        self.pair, self.control, self.config = pair, control, config
        self._trained, self._held_out = list(trained), list(held_out)
        self._measure = Measure(config.objective, config.temperature, max_bytes)
        self._per_epoch = -(-len(self._trained) // config.batch_size)
        models = pair.models[: len(vectors)]
        self.parameters = [
            torch.tensor(one, device=model.device, requires_grad=True)
            for one, model in zip(vectors, models, strict=True)
        ]
        self._scales = [model.scale for model in models]
        self._optimizer = torch.optim.AdamW(
            [{"params": [one]} for one in self.parameters], weight_decay=config.weight_decay, foreach=False
        )
        self._epoch, self._batches = -1, list[list[int]]()
        self.n_done, self.n_waited = 0, 0
        self.best = Look(0, -math.inf)
        self.best_vectors = self.arrays()
        self.steps: list[Step] = []
        self.looks: list[Look] = []

    @property
    def is_over(self) -> bool:
        """Whether all steps are done, or nothing has been gained for too long."""
        patience = self.config.patience
        return self.n_done >= self.config.n_steps or (patience > 0 and self.n_waited >= patience)

    @property
    def vectors(self) -> tuple[Any, Any]:
        """What each model reads."""
        return self.parameters[0], self.parameters[-1]

    def arrays(self) -> tuple[Vectors, ...]:
        """A copy of the vectors: float32 (n_tokens, width)."""
        return tuple(one.detach().cpu().numpy().copy() for one in self.parameters)

    def advance(self) -> None:
        """Do the next step, and look at the held-out prompts when it is time."""
        if not self.looks:
            self._look()
        every = self.config.refresh_every
        if self._refresher is not None and every and self.n_done and self.n_done % every == 0:
            self._take(self._refresher.write(self.arrays(), self.n_done))
        self._step()
        if self.n_done % self.config.eval_every == 0 or self.n_done >= self.config.n_steps:
            self._look()

    def _take(self, texts: Texts) -> None:
        """Train on these texts from now on."""
        self._texts = dict(texts)
        self.pair = self.pair.with_texts(texts)
        self.control = None if self.control is None else self.control.with_texts(texts)

    def _step(self) -> None:
        import torch

        number, config = self.n_done, self.config
        scale = _HALF_SCALE if self.pair.models[0].loaded.dtype == "float16" else 1.0
        gained = 0.0
        for micro in range(config.accumulation):
            batch = self._batch(number * config.accumulation + micro)
            gain = self._gain(batch).mean() / config.accumulation
            (-scale * gain).backward()
            gained += float(gain.detach())
        cost = sum(
            penalty(model, own, norm_weight=config.norm_weight, nearest_weight=config.nearest_weight)
            for model, own in zip(self.pair.models, self.parameters, strict=False)
        ) / len(self.parameters)
        (scale * cost).backward()
        for one in self.parameters:
            one.grad.div_(scale)
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, config.max_grad_norm))
        if not math.isfinite(norm) or not math.isfinite(gained):
            raise ModelError(
                f"step {number + 1}: the divergence is {gained} and its gradient {norm} long. Lower learning_rate "
                f"({config.learning_rate}), or load the models in float32 or bfloat16."
            )
        rate = config.learning_rate * rate_at(number, config)
        for group, own in zip(self._optimizer.param_groups, self._scales, strict=True):
            group["lr"] = rate * own
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.n_done += 1
        self.steps.append(Step(self.n_done, gained, float(cost.detach()), norm, rate * self._scales[0]))

    @property
    def spent(self) -> int:
        """Forward passes of texts: one through both models is one, a gradient counts as three, a text anew as one."""
        in_steps = sum(len(self._batch(number)) for number in range(self.n_done * self.config.accumulation))
        n_pairs = 1 if self.control is None else 2
        every = self.config.refresh_every
        n_written = len(self._trained) * ((self.n_done - 1) // every) if every and self.n_done else 0
        return n_pairs * (GRADIENT_PASSES * in_steps + len(self.looks) * len(self._held_out)) + n_written

    def _look(self) -> None:
        import torch

        size = self.config.batch_size
        with torch.no_grad():
            parts = [self._gain(self._held_out[i : i + size]) for i in range(0, len(self._held_out), size)]
        look = Look(self.n_done, float(torch.cat(parts).mean()))
        self.looks.append(look)
        if look.divergence > self.best.divergence:
            self.best, self.best_vectors, self.n_waited = look, self.arrays(), 0
        else:
            self.n_waited += 1

    def _gain(self, numbers: Sequence[int]) -> Any:
        found = self.pair.divergence(numbers, self.vectors, self._measure)
        if self.control is None:
            return found
        return found - self.config.control_weight * self.control.divergence(numbers, self.vectors, self._measure)

    def _batch(self, number: int) -> list[int]:
        epoch, place = divmod(number, self._per_epoch)
        if self._epoch != epoch:
            self._batches = batches_of(
                self._trained, self._lengths, self.config.batch_size, seed=self.config.seed, epoch=epoch
            )
            self._epoch = epoch
        return self._batches[place]

    def state(self) -> tuple[dict[str, Vectors], Json]:
        """All that the next step depends on: arrays, and the rest as JSON."""
        arrays: dict[str, Vectors] = {}
        for number, one in enumerate(self.parameters):
            arrays[f"vectors.{number}"] = one.detach().cpu().numpy()
            arrays[f"best.{number}"] = self.best_vectors[number]
            for name in ("exp_avg", "exp_avg_sq"):
                if one in self._optimizer.state:
                    arrays[f"{name}.{number}"] = self._optimizer.state[one][name].cpu().numpy()
        rest = {
            "n_done": self.n_done,
            "n_waited": self.n_waited,
            "best": asdict(self.best),
            "steps": [asdict(step) for step in self.steps],
            "looks": [asdict(look) for look in self.looks],
            "texts": [[number, *tokens] for number, tokens in self._texts.items()],
        }
        return arrays, rest

    def restore(self, arrays: dict[str, Vectors], rest: Json) -> None:
        """Go on from a state.

        Parameters
        ----------
        arrays, rest : of `state`
        """
        import torch

        for number, one in enumerate(self.parameters):
            with torch.no_grad():
                one.copy_(torch.from_numpy(arrays[f"vectors.{number}"]))
            if f"exp_avg.{number}" in arrays:
                self._optimizer.state[one] = {
                    "step": torch.tensor(float(rest["n_done"])),
                    **{
                        name: torch.from_numpy(arrays[f"{name}.{number}"].copy()).to(one.device)
                        for name in ("exp_avg", "exp_avg_sq")
                    },
                }
        self._take({number: tuple(tokens) for number, *tokens in rest["texts"]})
        self.best_vectors = tuple(arrays[f"best.{number}"] for number in range(len(self.parameters)))
        self.n_done, self.n_waited, self.best = rest["n_done"], rest["n_waited"], Look(**rest["best"])
        self.steps = [Step(**step) for step in rest["steps"]]
        self.looks = [Look(**look) for look in rest["looks"]]


def batches_of(
    texts: Sequence[int], lengths: Sequence[int], batch_size: int, *, seed: int, epoch: int
) -> list[list[int]]:
    """Each text once, in an order that depends on the seed and the epoch alone; those of like length often together.

    Parameters
    ----------
    texts : their numbers
    lengths : tokens of every text, by its number
    batch_size : texts of a batch
    seed : of the training
    epoch : how often all texts were used before

    Examples
    --------
    >>> batches = batches_of(range(10), [1] * 10, 4, seed=0, epoch=0)
    >>> sorted(len(batch) for batch in batches), sorted(text for batch in batches for text in batch) == list(range(10))
    ([2, 4, 4], True)
    """
    rng = np.random.default_rng([derive_seed(seed, "soft prompt"), epoch])
    order = rng.permutation(list(texts)).tolist()
    windows = (order[i : i + _WINDOW * batch_size] for i in range(0, len(order), _WINDOW * batch_size))
    ordered = [text for window in windows for text in sorted(window, key=lengths.__getitem__)]
    batches = [ordered[i : i + batch_size] for i in range(0, len(ordered), batch_size)]
    return [batches[number] for number in rng.permutation(len(batches))]


def rate_at(step: int, config: StepSettings) -> float:
    """The learning rate of a step as a share of the highest.

    Parameters
    ----------
    step : its number, from 0
    config : of the training

    Examples
    --------
    >>> config = StepSettings(n_steps=100, warmup_steps=10)
    >>> rate_at(0, config), rate_at(9, config), round(rate_at(55, config), 2)
    (0.1, 1.0, 0.5)
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    passed = (step - config.warmup_steps) / max(1, config.n_steps - config.warmup_steps)
    if config.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * passed))
    return 1.0 - passed if config.schedule == "linear" else 1.0
