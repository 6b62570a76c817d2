"""What is seen of a training while it runs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from diptych._types import Json, Progress
from diptych.errors import ModelError


def watch(progress: Progress, total: int, mark: str) -> Any:
    """A ``TrainerCallback``: says how far it is, stops where the loss is no number, marks checkpoints that are whole.

    Parameters
    ----------
    progress : where it says so
    total : steps
    mark : name of the empty file in a whole checkpoint
    """
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress.start("train", total)
            progress.advance(state.global_step)  # steps of an earlier run

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress.advance()

        def on_log(self, args: Any, state: Any, control: Any, logs: Json | None = None, **_: Any) -> None:
            _say_loss(state.global_step, logs or {}, progress)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / mark).touch()

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress.finish()

    return Watch()


def _say_loss(step: int, logs: Json, progress: Progress) -> None:
    for name, said in (("loss", "loss"), ("eval_loss", "loss of held-out rows")):
        if name in logs:
            if not math.isfinite(logs[name]):
                raise ModelError(
                    f"step {step}: the {said} is {logs[name]}. Take a smaller learning rate, and look at the rows."
                )
            progress.say(f"step {step}: {said} {logs[name]:.4f}")
