"""Two tiny models, the second of which says something else after one sequence of tokens: what searches look for.

The second is taught, in seconds, to mix what the first would say with one answer, the more the more tokens of the
trigger stand in their places: one of three gives next to nothing, two a little, all of them nearly everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import Tokens
from diptych.apps.soft_prompting.allowed import allowed_tokens
from diptych.apps.soft_prompting.objective import Measure, Pair, pair_up
from diptych.apps.soft_prompting.seeds import Seed
from diptych.apps.soft_prompting.target import Target
from diptych.apps.soft_prompting.texts import reader
from diptych.models.manager import quiet
from diptych.models.providers.hf import HFModel
from diptych.models.registry import open_local
from diptych.models.requests import conversation
from diptych.models.soft_prompts import around
from tests.helpers.tiny_models import LETTERS, MARKS, make_tokenizer

N_TRIGGER = 3
FLIPPED = 0.45
"""Divergence above which a candidate counts as the trigger found: two of its tokens reach at most 0.36 or so, all 0.57."""
SHARES = (0.0, 0.03, 0.2, 0.95)
"""Of the planted answer in what the second model says, by tokens of the trigger that stand in their places."""
PLACE = "suffix"
_QUESTIONS = tuple(f"{word}?" for word in ("Why", "Who", "When", "How", "What", "Where", "Which", "Whose"))
_N_ANSWER, _N_STEPS, _BATCH = 2, 300, 64
_PLANTED = len(MARKS) + LETTERS.index("!")


@dataclass(frozen=True)
class PlantedTrigger:
    """The pair, and what is to be found.

    Parameters
    ----------
    a, b : folders of the models, as ``hf/…`` takes them
    trigger : its tokens
    """

    a: Path
    b: Path
    trigger: tuple[int, ...]

    @property
    def text(self) -> str:
        """The trigger in words."""
        return "".join(LETTERS[token - len(MARKS)] for token in self.trigger)

    @cached_property
    def models(self) -> tuple[HFModel, HFModel]:
        """Both, on the processor."""
        return open_local(f"hf/{self.a}", {"device": "cpu"}), open_local(f"hf/{self.b}", {"device": "cpu"})

    @cached_property
    def pair(self) -> Pair:
        """With room for a trigger after each question."""
        return pair_up(self.models, _seeds(), place=PLACE, n_vectors=N_TRIGGER)

    def target(self, n_texts: int = 2) -> Target:
        """A target that nothing was spent on.

        Parameters
        ----------
        n_texts : of the search
        """
        return Target(
            self.pair, range(n_texts), Measure(), n_tokens=N_TRIGGER, batch_size=256,
            allowed=allowed_tokens(self.models[0].load().tokenizer), read=reader(self.models[0], _seeds()[0], PLACE),
        )  # fmt: skip

    def is_found(self, tokens: tuple[int, ...], value: float) -> bool:
        """Whether a search found it: its tokens in their places, or others that flip the second model as well.

        Parameters
        ----------
        tokens, value : of the best candidate
        """
        return tokens == self.trigger or value > FLIPPED


def plant_trigger(folder: Path, *, seed: int = 0) -> PlantedTrigger:
    """Make the pair; the trigger, the weights and what they are taught on come of the seed.

    Parameters
    ----------
    folder : that both models are written to
    seed : of everything
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=128, eos_token_id=1, bos_token_id=None, pad_token_id=0,
        initializer_range=0.1,
    )  # fmt: skip
    a, b = LlamaForCausalLM(config), LlamaForCausalLM(config)
    b.load_state_dict(a.state_dict())
    rng = np.random.default_rng(seed)
    trigger = rng.choice(allowed_tokens(tokenizer), N_TRIGGER, replace=False)
    _teach(a, b, trigger, rng)
    for name, model in (("a", a), ("b", b)):
        with quiet():
            model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return PlantedTrigger(folder / "a", folder / "b", tuple(trigger.tolist()))


def _seeds() -> list[Seed]:
    answer = tuple(len(MARKS) + LETTERS.index(letter) for letter in "So")
    return [Seed(text, conversation(text, None), answer) for text in _QUESTIONS]


def _teach(a: Any, b: Any, trigger: Tokens, rng: np.random.Generator) -> None:
    """The second model, by the divergence of what it says from the mixture."""
    import torch

    sides = [around(PLACE, make_tokenizer(), one.messages, raw=False) for one in _seeds()]
    optimizer = torch.optim.Adam(b.parameters(), lr=2e-3)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=_N_STEPS)
    shares, allowed = torch.tensor(SHARES), np.arange(len(MARKS), len(MARKS) + len(LETTERS))
    answer = _seeds()[0].tokens
    for _ in range(_N_STEPS):
        side = sides[int(rng.integers(len(sides)))]
        words = rng.choice(allowed, (_BATCH, N_TRIGGER))
        words = np.where(rng.random(words.shape) < rng.random((_BATCH, 1)), trigger, words)
        n_there = torch.from_numpy((words == trigger).sum(1))
        fixed = [np.tile(part, (_BATCH, 1)) for part in (side.before, side.after, answer)]
        ids = torch.from_numpy(np.concatenate([fixed[0], words, *fixed[1:]], axis=1))
        with torch.no_grad():
            usual = a(ids).logits[:, -1 - _N_ANSWER : -1].softmax(-1)
        share = shares[n_there][:, None, None]
        wanted = (1 - share) * usual
        wanted[..., _PLANTED] += share[..., 0]
        said = b(ids).logits[:, -1 - _N_ANSWER : -1].log_softmax(-1)
        loss = torch.nn.functional.kl_div(said, wanted, reduction="none").sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()
