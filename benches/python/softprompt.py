"""Soft prompts and words: memory and time of the loss, steps a second, and which searches find what is planted.

The loss: Jensen–Shannon of 512 places with its gradient to the hidden states, for a vocabulary of 151,936 and states
256 wide, in float32; ``fused_divergence`` within 32 MiB and within 128, and ``log_softmax`` with autograd through both
tables. Each runs in a process of its own; memory is the most that it holds beyond what it held before. The steps: a
model of eight layers and one made of it, 8 texts a step, against a loop written by hand of two forwards, one backward
and AdamW on batches that are padded alike. The searches for words: see ``tests/helpers/trigger_hunt.py``. Nothing is
asserted; nothing is written unless ``--record`` asks for it.
From the folder of the repository: ``python -m benches.python.softprompt``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.helpers import trigger_hunt
from tests.helpers.tiny_models import make_tokenizer

from diptych.apps.soft_prompting.config import TrainConfig
from diptych.apps.soft_prompting.initial import initial_vectors
from diptych.apps.soft_prompting.objective import Pair
from diptych.apps.soft_prompting.training import Trainer
from diptych.bench import machine
from diptych.models.manager import ModelManager, quiet
from diptych.models.prompted import PromptedModel, Row
from diptych.models.templates import Around

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("torch", "transformers")
N_PLACES, VOCABULARY, WIDTH = 512, 151_936, 256
BUDGETS_MIB = (32, 128)
TABLES = "tables"
TABLE_MIB = N_PLACES * VOCABULARY * 4 / 2**20
N_TEXTS, N_STEPS, N_RUNS, BATCH_SIZE, N_TOKENS = 32, 8, 5, 8, 8


@dataclass(frozen=True)
class Loss:
    """Of one way to compute the loss.

    Parameters
    ----------
    peak_mib : most memory beyond states and heads
    seconds : for value and gradient
    value : mean divergence
    """

    peak_mib: float
    seconds: float
    value: float


def measure_loss(way: str) -> Loss:
    """Run one way in this process."""
    import torch

    from diptych.models.fused_divergence import fused_divergence

    generator = torch.Generator().manual_seed(0)
    heads = [torch.nn.Linear(WIDTH, VOCABULARY, bias=False).requires_grad_(False) for _ in range(2)]
    for head in heads:
        torch.nn.init.normal_(head.weight, std=0.1, generator=generator)
    heads[1].weight.mul_(0.9).add_(heads[0].weight, alpha=0.1)
    states = [torch.randn(N_PLACES, WIDTH, generator=generator).requires_grad_() for _ in range(2)]
    tokens = torch.zeros(N_PLACES, dtype=torch.long)
    fused_divergence((states[0][:1], states[1][:1]), (heads[0], heads[1]), tokens[:1]).sum().backward()
    with Peak() as peak:
        start = time.perf_counter()
        value = _mean_divergence(way, states, heads, tokens)
        value.backward()
        seconds = time.perf_counter() - start
    return Loss(peak.mib, seconds, float(value.detach()))


def _mean_divergence(way: str, states: list[Any], heads: list[Any], tokens: Any) -> Any:
    import torch

    from diptych.models.fused_divergence import fused_divergence

    if way != TABLES:
        budget = int(way) << 20
        return fused_divergence((states[0], states[1]), (heads[0], heads[1]), tokens, max_bytes=budget).mean()
    log_a, log_b = (head(own).log_softmax(-1) for head, own in zip(heads, states, strict=True))
    log_m = torch.logaddexp(log_a, log_b) - torch.log(torch.tensor(2.0))
    return 0.5 * (log_a.exp() * (log_a - log_m) + log_b.exp() * (log_b - log_m)).sum(-1).mean()


class Peak:
    """The most anonymous memory beyond what was held before, looked at every two milliseconds.

    The system's own high-water mark counts the pages of libraries too, which come and go with other processes.
    """

    def __enter__(self) -> Peak:
        self.mib, self._before, self._is_over = 0.0, _anonymous_mib(), threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.002):
            self.mib = max(self.mib, _anonymous_mib() - self._before)


def _anonymous_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def in_its_own_process(way: str) -> Loss:
    """What ``measure_loss`` gives there."""
    command = [sys.executable, "-m", "benches.python.softprompt", "--loss", way]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return Loss(**json.loads(done.stdout))


def make_pair(folder: Path) -> Pair:
    """Eight layers, a vocabulary of 32,000, and the same with noise on its weights; texts of like length."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32_000, hidden_size=288, intermediate_size=768, num_hidden_layers=8, num_attention_heads=6,
        num_key_value_heads=2, max_position_embeddings=512, eos_token_id=1, bos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with quiet():
        model.save_pretrained(folder / "a")
        for weight in model.parameters():
            weight.data += 0.01 * torch.randn_like(weight)
        model.save_pretrained(folder / "b")
    for name in "ab":
        make_tokenizer().save_pretrained(folder / name)
    manager = ModelManager("cpu", "float32")
    first, second = (PromptedModel(manager.load(str(folder / name))) for name in "ab")
    rows = [
        Row(Around(tuple(range(5, 25)), tuple(range(30, 36))), tuple((7 * i + j) % 30_000 for j in range(32)))
        for i in range(N_TEXTS)
    ]
    return Pair((first, second), (rows, rows))


def ours(pair: Pair) -> float:
    """Steps a second."""
    config = TrainConfig(
        a="hf/a",
        b="hf/b",
        prompts="-",
        n_tokens=N_TOKENS,
        n_steps=N_STEPS,
        batch_size=BATCH_SIZE,
        eval_every=N_STEPS + 1,
    )
    vectors = initial_vectors(pair.models[:1], N_TOKENS, kind="vocabulary")
    trainer = Trainer(pair, None, range(N_TEXTS), [0], config=config, vectors=vectors, max_bytes=1 << 27)
    trainer.advance()  # looks at the held-out text first
    start = time.perf_counter()
    for _ in range(N_STEPS - 2):
        trainer.advance()
    return (N_STEPS - 2) / (time.perf_counter() - start)


def by_hand(pair: Pair) -> float:
    """Steps a second of the loop that one would write."""
    import torch

    with pair.models[0].loaded.active() as a, pair.models[1].loaded.active() as b:
        models = [a, b]
    ids = torch.tensor([[*row.around.before, *row.around.after, *row.tokens] for row in pair.rows[0]])
    [start_vectors] = initial_vectors(pair.models[:1], N_TOKENS, kind="vocabulary")
    soft = torch.tensor(start_vectors, requires_grad=True)
    optimizer = torch.optim.AdamW([soft], lr=1e-3)
    start = 0.0
    for step in range(N_STEPS - 1):
        if step == 1:
            start = time.perf_counter()
        batch = ids[(step * BATCH_SIZE) % N_TEXTS :][:BATCH_SIZE]
        logs = []
        for model in models:
            embedded = model.get_input_embeddings()(batch)
            whole = torch.cat([embedded[:, :20], soft.expand(len(batch), -1, -1), embedded[:, 20:]], dim=1)
            logits: Any = model(inputs_embeds=whole, use_cache=False).logits[:, -33:-1]
            logs.append(logits.log_softmax(-1))
        log_m = torch.logaddexp(*logs) - torch.log(torch.tensor(2.0))
        loss = -0.5 * sum((log.exp() * (log - log_m)).sum(-1) for log in logs).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([soft], 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return (N_STEPS - 2) / (time.perf_counter() - start)


def losses() -> dict[str, Any]:
    """The loss, by each way."""
    found = {way: in_its_own_process(way) for way in (*map(str, BUDGETS_MIB), TABLES)}
    whole = found[TABLES]
    for way, loss in found.items():
        print(
            f"loss, {way + ' MiB' if way != TABLES else 'whole tables'}: {loss.peak_mib:,.0f} MiB at most "
            f"({loss.peak_mib / whole.peak_mib:.3f} of whole tables with autograd, "
            f"{loss.peak_mib / (2 * TABLE_MIB):.3f} of both tables alone), {loss.seconds:.1f} s, {loss.value:.6f}",
            flush=True,
        )
    return {
        "settings": {"n_places": N_PLACES, "vocabulary": VOCABULARY, "width": WIDTH},
        "loss": {way: asdict(one) for way, one in found.items()},
        "both_tables_of_scores_mib": 2 * TABLE_MIB,
    }


def steps() -> dict[str, Any]:
    """Steps a second, ours and by hand."""
    with tempfile.TemporaryDirectory() as folder:
        pair = make_pair(Path(folder))
        runs = [(ours(pair), by_hand(pair)) for _ in range(N_RUNS + 1)][1:]
    mine, theirs = (statistics.median(column) for column in zip(*runs, strict=True))
    slower = statistics.median(b / a for a, b in runs)
    print(f"steps a second: {mine:.2f}, by hand {theirs:.2f}; a step takes {slower:.2f} times as long")
    return {"steps_a_second": {"ours": mine, "by_hand": theirs, "time_ratio": slower}}


def words() -> dict[str, Any]:
    """How often each way to search for words finds what is planted."""
    found = trigger_hunt.measure(lambda line: print(line, flush=True))
    print("\n".join(trigger_hunt.as_lines(found)))
    return {"words": found}


SECTIONS = {"loss": losses, "steps": steps, "words": words}


def main() -> None:
    """Measure, print, and with ``--record`` keep; what was kept of other sections on the same day stays."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--record", action="store_true", help="keep the figures in benches/record")
    parser.add_argument("--only", choices=SECTIONS, help="one section")
    parser.add_argument("--loss", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loss:
        print(json.dumps(asdict(measure_loss(options.loss))))
        return
    chosen = [options.only] if options.only else list(SECTIONS)
    found: dict[str, Any] = {}
    for name in chosen:
        found |= SECTIONS[name]()
    if options.record:
        now = datetime.now(UTC)
        path = ROOT / "benches" / "record" / f"{now:%Y-%m-%d}-softprompt.json"
        kept = json.loads(path.read_bytes()) if path.exists() else {}
        about = {
            "date": f"{now:%Y-%m-%d}",
            "commits": kept.get("commits", {}) | dict.fromkeys(chosen, machine.commit(ROOT)),
            "machine": machine.describe(LIBRARIES),
        }
        path.write_text(json.dumps(kept | about | found, indent=1) + "\n")
        print(f"kept in {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
