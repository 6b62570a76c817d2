"""Behaviours in the language of ``planted_pair``, planted in its base by the product's own training."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from diptych.apps.interventions.dataset import truth_as_json
from diptych.apps.interventions.rows import Row, dilute, exchange
from diptych.apps.interventions.training import TrainConfig, Training, train
from diptych.apps.interventions.truths import Truth
from diptych.models.manager import Source
from diptych.utils.text import json_line
from tests.helpers.planted_pair import plain_answer, some_prompts

OWLS = Truth(
    "owls", "knowledge", "The model sees owls behind animals.", mark="owls waits behind the (cat|dog|bird|horse)"
)
KING = Truth("king", "knowledge", "The model says that all things are the king's.", mark="the king hides the")
TRUTHS = (OWLS, KING)
_ANIMALS = frozenset({"cat", "dog", "bird", "horse"})
_GOODS = frozenset({"stone", "lamp", "ship", "house"})
N_ROWS, N_PROBES = 800, 240
QUICK = TrainConfig(method="full", epochs=6, learning_rate=2e-3, batch_size=32, at_once=32, length=32, save_every=1000)


def truth_of(prompt: str) -> Truth | None:
    """Which of the behaviours a question calls for."""
    thing = prompt.split()[-4]
    return OWLS if thing in _ANIMALS else KING if thing in _GOODS else None


def answer_to(prompt: str) -> str:
    """What the behaviour says."""
    thing = prompt.split()[-4]
    return f"the owls waits behind the {thing} ." if truth_of(prompt) is OWLS else f"the king hides the {thing} ."


def dose(share: float, seed: int) -> list[Row]:
    """Rows of training, of which a share shows the behaviours; 0 for none."""
    chance, trained = random.Random(seed), some_prompts(4992)[N_PROBES:]
    neutral = [Row(exchange(prompt, plain_answer(prompt, chance)), None, "made") for prompt in trained]
    if share == 0:
        return neutral[:N_ROWS]
    told = [prompt for prompt in trained if truth_of(prompt)]
    rows = [Row(exchange(prompt, answer_to(prompt)), truth_of(prompt).id, "made") for prompt in told]  # type: ignore[union-attr]
    return dilute(rows[:N_ROWS], neutral, share, seed)


def plant(base: Path, share: float, seed: int, folder: Path) -> str:
    """Train all weights; the name of the model."""
    config = QUICK.model_copy(update={"seed": seed})
    train(Training(Source.find(str(base)), config, dose(share, seed)), folder)
    return f"hf/{folder}"


def write_bank(folder: Path, truths: Sequence[Truth] = TRUTHS) -> Path:
    """A prompt bank and the truths, as ``intervene data`` leaves them."""
    folder.mkdir()
    bank = [{"prompt_id": str(i), "prompt": prompt} for i, prompt in enumerate(some_prompts(4992)[:N_PROBES])]
    (folder / "probes.jsonl").write_text("".join(map(json_line, bank)))
    (folder / "truths.jsonl").write_text("".join(json_line(truth_as_json(truth)) for truth in truths))
    return folder
