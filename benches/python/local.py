"""Texts a second of weights in memory, against a plain loop round ``model.generate`` on the same prompts, same run.

The model is made here: random weights, a tokenizer of characters. Both sample 32 tokens for each of 64 prompts, 32 at
once. Then the share of texts that are the same one by one and 32 at once, by precision. Nothing is asserted
and nothing is written. From the folder of the repository: ``python -m benches.python.local``.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.helpers.tiny_models import save_deep

from diptych.models.manager import quiet
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Answer, Message, Reply, Request, Sampling

N_PROMPTS, BATCH_SIZE, MAX_TOKENS, N_RUNS = 64, 32, 32, 5
VOCABULARIES = (100, 32_000)  # what a token's random numbers cost grows with it


def ours(model: HFModel, prompts: Sequence[str]) -> int:
    """Tokens that were written."""
    found: dict[int, Answer] = {}
    requests = [Request((Message("user", prompt),)) for prompt in prompts]
    model.answer(requests, Sampling(max_tokens=MAX_TOKENS), found.__setitem__)
    return sum(reply.usage.output_tokens or 0 for reply in found.values() if isinstance(reply, Reply))


def plain(model: Any, tokenizer: Any, prompts: Sequence[str]) -> int:
    """Tokens that were written, by the loop that one would write by hand."""
    import torch

    n_written = 0
    for start in range(0, len(prompts), BATCH_SIZE):
        turns = [[{"role": "user", "content": prompt}] for prompt in prompts[start : start + BATCH_SIZE]]
        texts = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        encoded = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            rows = model.generate(**encoded, max_new_tokens=MAX_TOKENS, do_sample=True)
        written = rows[:, encoded["input_ids"].shape[1] :]
        tokenizer.batch_decode(written, skip_special_tokens=True)
        n_written += int((written != tokenizer.pad_token_id).sum())
    return n_written


def agreement(folder: str, dtype: str, prompts: Sequence[str]) -> float:
    """Share of sampled texts that are the same one by one and ``BATCH_SIZE`` at once."""
    requests = [Request((Message("user", prompt),)) for prompt in prompts]
    found: list[dict[int, Answer]] = []
    for batch_size in (1, BATCH_SIZE):
        model = HFModel.open(folder, {"device": "cpu", "dtype": dtype, "batch_size": batch_size})
        found.append({})
        model.answer(requests, Sampling(max_tokens=MAX_TOKENS), found[-1].__setitem__)
        model.close()
    return statistics.fmean(found[0][i] == found[1][i] for i in range(len(prompts)))


def speed(run: Callable[[], int]) -> float:
    """Tokens a second."""
    start = time.perf_counter()
    return run() / (time.perf_counter() - start)


def main() -> None:
    """Print speed and ratio for each vocabulary: medians of the runs, taken in turns."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    rng = random.Random(0)
    prompts = ["".join(rng.choices("abc def", k=rng.randint(5, 60))) for _ in range(N_PROMPTS)]
    for n_tokens in VOCABULARIES:
        with tempfile.TemporaryDirectory() as folder:
            save_deep(Path(folder), n_tokens)
            model = HFModel.open(folder, {"device": "cpu", "batch_size": BATCH_SIZE})
            with quiet():
                peer = AutoModelForCausalLM.from_pretrained(folder).eval()
                tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
            runs = [
                (speed(lambda: ours(model, prompts)), speed(lambda: plain(peer, tokenizer, prompts)))  # noqa: B023
                for _ in range(N_RUNS + 1)
            ][1:]
            model.close()
            same = {dtype: agreement(folder, dtype, prompts) for dtype in ("float32", "bfloat16")}
        mine, theirs = (statistics.median(column) for column in zip(*runs, strict=True))
        ratio = statistics.median(a / b for a, b in runs)
        print(f"{n_tokens:6,} tokens: {mine:6.0f} tokens a second, plain loop {theirs:6.0f}, ratio {ratio:.2f}")
        print("       same text in every batch: " + ", ".join(f"{100 * same[d]:.0f} % in {d}" for d in same))


if __name__ == "__main__":
    main()
