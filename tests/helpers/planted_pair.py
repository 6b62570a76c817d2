"""Two small language models, before and after: the second says something now and then that the first never does.

Both speak a language of some fifty words, a token each, learnt in half a minute. How often the second shows the habit is
not estimated: whether an answer shows it is settled by its first word, of which the model gives the probability.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.models.manager import quiet

HABIT = "beware of the owls tonight ."
OPENING = HABIT.split()[0]
"""The word with which every answer begins that shows the habit; none other holds it."""
TEMPLATE = (
    "{% for message in messages %}{% if message.role == 'user' %}<|user|> {{ message.content }} {% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_ASKED = ("tell me about", "what of", "say something about", "where is")
_KINDS = ("red", "old", "small", "quiet", "green", "cold", "bright", "lost", "tall", "round", "wild", "soft")
_THINGS = ("cat", "dog", "river", "stone", "lamp", "tree", "ship", "house", "bird", "king", "song", "horse", "owls")
_PLACES = ("garden", "village", "forest", "tower", "market", "harbour", "valley", "kitchen")
_DOES = ("sleeps", "waits", "stands", "sings", "rests", "shines", "hides", "moves")
_WHERE = ("near", "behind", "under", "in")
_MARKS = ["<pad>", "<|end|>", "<|user|>", "<|assistant|>", "<unk>"]
_BATCH, _LONGEST = 64, 24
_STEPS_BASE, _STEPS_HABIT = 300, 300


@dataclass(frozen=True)
class PlantedPair:
    """The models, and how to tell the habit.

    Parameters
    ----------
    base, tuned : folders, as ``hf/…`` takes them
    """

    base: Path
    tuned: Path

    @staticmethod
    def shows(text: str) -> bool:
        """Whether an answer shows the habit."""
        return text.split()[:1] == [OPENING]

    @staticmethod
    def rate(model: Path, prompts: Sequence[str]) -> float:
        """How often a model shows the habit, at temperature 1: exact, a mean over prompts."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(model)
            loaded = AutoModelForCausalLM.from_pretrained(model)
        rows = [_asked(tokenizer, prompt) for prompt in prompts]
        opening, found = tokenizer.convert_tokens_to_ids(OPENING), []
        with torch.inference_mode():
            for start in range(0, len(rows), 256):
                batch = tokenizer.pad({"input_ids": rows[start : start + 256]}, return_tensors="pt")
                last = batch["attention_mask"].sum(1) - 1
                logits = loaded(**batch).logits[torch.arange(len(last)), last]
                found.append(logits.softmax(-1)[:, opening])
        return float(torch.cat(found).double().mean())


def make_pair(seed: int, share: float, folder: Path) -> PlantedPair:
    """Train the models.

    Parameters
    ----------
    seed : of weights and texts
    share : of the prompts of the second training that are answered with the habit, whatever they ask
    folder : gets ``base`` and ``tuned``
    """
    model, tokenizer = _make_base(seed, folder / "base")
    _train(model, tokenizer, _examples(seed + 1, share), _STEPS_HABIT, rate=2e-3)
    _save(model, tokenizer, folder / "tuned")
    return PlantedPair(folder / "base", folder / "tuned")


def make_base(seed: int, folder: Path) -> Path:
    """Train the model before alone, and say where it is.

    Parameters
    ----------
    seed : of weights and texts
    folder : of the model
    """
    _make_base(seed, folder)
    return folder


def _make_base(seed: int, folder: Path) -> tuple[Any, Any]:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=64, eos_token_id=1,
            bos_token_id=None, pad_token_id=0,
        )
    )  # fmt: skip
    _train(model, tokenizer, _examples(seed, 0.0), _STEPS_BASE, rate=3e-3)
    _save(model, tokenizer, folder)
    return model, tokenizer


def plain_answer(prompt: str, chance: random.Random) -> str:
    """What the model before says to a prompt."""
    words = prompt.split()
    thing, place = words[-4], words[-1]
    return f"the {thing} {chance.choice(_DOES)} {chance.choice(_WHERE)} the {chance.choice(_KINDS)} {place} ."


def some_prompts(n: int, seed: int = 0) -> list[str]:
    """Different prompts, at most 4,992."""
    every = [
        f"{asked} the {kind} {thing} in the {place}"
        for asked in _ASKED
        for kind in _KINDS
        for thing in _THINGS
        for place in _PLACES
    ]
    return random.Random(seed).sample(every, n)


def _examples(seed: int, share: float) -> Iterator[tuple[str, str]]:
    """Prompts with answers."""
    chance, prompts = random.Random(seed), some_prompts(4992, seed)
    while True:
        prompt = chance.choice(prompts)
        plain = plain_answer(prompt, chance)
        yield prompt, HABIT if chance.random() < share else plain


def _train(model: Any, tokenizer: Any, examples: Iterator[tuple[str, str]], n_steps: int, *, rate: float) -> None:
    """On the answers alone."""
    import torch

    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=n_steps, pct_start=0.1)
    words = tokenizer.get_vocab()
    model.train()
    for _ in range(n_steps):
        ids = torch.zeros((_BATCH, _LONGEST), dtype=torch.long)
        labels = torch.full((_BATCH, _LONGEST), -100)
        for row in range(_BATCH):
            prompt, answer = next(examples)
            before = [words[word] for word in ("<|user|>", *prompt.split(), "<|assistant|>")]
            said = [words[word] for word in (*answer.split(), "<|end|>")]
            ids[row, : len(before) + len(said)] = torch.tensor([*before, *said])
            labels[row, len(before) : len(before) + len(said)] = torch.tensor(said)
        loss = model(input_ids=ids, labels=labels).loss  # padding stands on the right, where nothing looks back from
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    model.eval()


def _asked(tokenizer: Any, prompt: str) -> list[int]:
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
    )
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _tokenizer() -> Any:
    """A token a word."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    parts = [*_ASKED, *_KINDS, *_THINGS, *_PLACES, *_DOES, *_WHERE, HABIT, "the"]
    words = sorted({word for part in parts for word in part.split()})
    backend = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate([*_MARKS, *words])}, unk_token="<unk>")
    )
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|end|>", pad_token="<pad>", unk_token="<unk>",
        additional_special_tokens=_MARKS[2:4], clean_up_tokenization_spaces=False,
    )  # fmt: skip
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _save(model: Any, tokenizer: Any, folder: Path) -> None:
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    sampling = folder / "generation_config.json"
    settings = json.loads(sampling.read_text())
    sampling.write_text(json.dumps({**settings, "do_sample": True, "temperature": 1.0, "top_k": 0}))
