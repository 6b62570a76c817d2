"""Two models token by token: the divergence over a whole vocabulary, and generation by a contrast.

Divergence: 8 x 128 tokens over 151,936 scores each, from last hidden states. Ours is ``compare_states`` of
``models.divergence``, which gives nine quantities. The peer is KL(a || b) alone, as one writes it: both softmaxes
whole, in float32. States are narrow, so that making scores, which both must do, takes little of the time. The error is
the greatest of KL(a || b) against float64 from the same scores, absolute below 1 and relative above.

Generation: ``models.contrasted.write_contrasts``, against both models writing as many texts one after the other. The
models are made here: eight layers, 32,000 tokens, random weights.

In turns, medians. Both use as many threads as torch takes; on a busy machine threads wait for each other: give
``--threads 1``. Memory is what a process holds at most, beyond what it held before, each in a process of its own.
Nothing is asserted; nothing is written unless ``--record`` asks for it. From the folder of the repository:
``python -m benches.python.contrast``.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.helpers.tiny_models import save_deep

from diptych.bench import machine
from diptych.models.contrast import Contrast
from diptych.models.contrasted import ContrastJob, write_contrasts
from diptych.models.divergence import MAX_BYTES, Divergences, compare_scores, compare_states
from diptych.models.local import Job, Limits, write_texts
from diptych.models.manager import Loaded, ModelManager
from diptych.models.sampling import Draw

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("torch", "transformers", "numpy")
N_TOKENS, VOCABULARY, WIDTH = 8 * 128, 151_936, 64
N_TEXTS, BATCH_SIZE, MAX_TOKENS = 16, 16, 16
N_RUNS = 5


@dataclass(frozen=True)
class DivergenceFigure:
    """Of the divergence.

    Parameters
    ----------
    ours_s, peer_s : medians of the runs, in turns
    time_ratio : the median of the ratios
    ours_mib, peer_mib : most memory
    memory_ratio : of the two
    error, peer_error : the greatest of KL(a || b) against float64
    """

    ours_s: float
    peer_s: float
    time_ratio: float
    ours_mib: float
    peer_mib: float
    memory_ratio: float
    error: float
    peer_error: float


@dataclass(frozen=True)
class GenerationFigure:
    """Of generation.

    Parameters
    ----------
    contrast_tokens_per_s : of the contrast
    plain_tokens_per_s : texts of either model, over the time of both
    ratio : the median of the ratios
    """

    contrast_tokens_per_s: float
    plain_tokens_per_s: float
    ratio: float


class Pair:
    """Last hidden states and heads of two models that are near each other."""

    def __init__(self) -> None:
        import torch

        generator = torch.Generator().manual_seed(0)

        def normal(*shape: int) -> Any:
            return torch.randn(*shape, generator=generator)

        self.states = normal(N_TOKENS, WIDTH), normal(N_TOKENS, WIDTH)
        head = normal(VOCABULARY, WIDTH) * (3 / WIDTH**0.5)
        self.weights = head, head + normal(VOCABULARY, WIDTH) / WIDTH**0.5
        self.tokens = torch.randint(0, VOCABULARY, (N_TOKENS,), generator=generator)

    def ours(self) -> Divergences:
        """Nine quantities a token."""
        heads = tuple(lambda rows, weight=weight: rows @ weight.T for weight in self.weights)
        return compare_states(self.states, heads, self.tokens)  # type: ignore[arg-type]

    def peer(self) -> Any:
        """KL(a || b) a token."""
        return kl([states @ weight.T for states, weight in zip(self.states, self.weights, strict=True)])

    def errors(self) -> dict[str, float]:
        """The greatest error of either, by name."""
        import torch

        found = {"ours": 0.0, "peer": 0.0}
        for rows in torch.arange(N_TOKENS).split(16):
            scores = [s[rows] @ w.T for s, w in zip(self.states, self.weights, strict=True)]
            exact = kl([one.double() for one in scores]).numpy()
            ours = compare_scores(scores[0], scores[1], self.tokens[rows]).kl_ab
            for name, one in (("ours", ours), ("peer", kl(scores).numpy())):
                found[name] = max(found[name], float((abs(one - exact) / abs(exact).clip(min=1.0)).max()))
        return found


def kl(scores: Sequence[Any]) -> Any:
    """KL(a || b) a token, by whole softmaxes."""
    log_a, log_b = (one.log_softmax(-1) for one in scores)
    return (log_a.exp() * (log_a - log_b)).sum(-1)


def measure_divergence() -> DivergenceFigure:
    """Both, in turns, after one turn that is not counted."""
    pair = Pair()
    runs = [(seconds(pair.ours), seconds(pair.peer)) for _ in range(N_RUNS + 1)][1:]
    ours_s, peer_s = zip(*runs, strict=True)
    ours_mib, peer_mib = (peak_mib(name) for name in ("ours", "peer"))
    errors = pair.errors()
    figure = DivergenceFigure(
        ours_s=statistics.median(ours_s),
        peer_s=statistics.median(peer_s),
        time_ratio=statistics.median(a / b for a, b in runs),
        ours_mib=ours_mib,
        peer_mib=peer_mib,
        memory_ratio=ours_mib / peer_mib,
        error=errors["ours"],
        peer_error=errors["peer"],
    )
    print(
        f"divergence of {N_TOKENS:,} tokens over {VOCABULARY:,}: {figure.ours_s:.2f} s for nine quantities, "
        f"{figure.peer_s:.2f} s for KL by whole softmaxes, ratio {figure.time_ratio:.2f}; memory {figure.ours_mib:.0f} "
        f"and {figure.peer_mib:.0f} MiB, ratio {figure.memory_ratio:.3f}; greatest error {figure.error:.1e} and "
        f"{figure.peer_error:.1e}",
        flush=True,
    )
    return figure


def peak_mib(name: str) -> float:
    """The most memory that one of the two takes, in a process of its own."""
    command = [sys.executable, "-m", "benches.python.contrast", "--peak", name]
    return float(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)


def measure_peak(name: str) -> float:
    """What ``peak_mib`` runs."""
    pair = Pair()
    run: Callable[[], object] = getattr(pair, name)
    whole, pair.tokens = pair.tokens, pair.tokens[:4]
    states, pair.states = pair.states, tuple(one[:4] for one in pair.states)
    run()  # libraries are loaded
    pair.states, pair.tokens = states, whole
    return machine.peak_while(run)


def measure_generation() -> GenerationFigure:
    """A contrast, and both models after each other, in turns, after one turn that is not counted."""
    rng = random.Random(0)
    prompts = [[rng.randint(5, 99) for _ in range(rng.randint(5, 60))] for _ in range(N_TEXTS)]
    draw, limits = Draw(), Limits(MAX_TOKENS)

    def plain(loaded: Loaded) -> int:
        jobs = [Job(prompt, seed) for seed, prompt in enumerate(prompts)]
        return sum(one.n_tokens for _, one in write_texts(loaded, jobs, draw, limits, batch_size=BATCH_SIZE) if one)

    def contrast(speaker: Loaded, foil: Loaded) -> int:
        jobs = [ContrastJob(prompt, prompt, seed) for seed, prompt in enumerate(prompts)]
        written = write_contrasts(speaker, foil, jobs, Contrast(), draw, limits, batch_size=BATCH_SIZE)
        return sum(one.n_tokens for _, one in written if one)

    with tempfile.TemporaryDirectory() as folder, ModelManager("cpu", "float32") as manager:
        for name in "ab":
            save_deep(Path(folder) / name, 32_000, seed=ord(name))
        a, b = (manager.load(str(Path(folder) / name)) for name in "ab")
        runs = []
        for _ in range(N_RUNS + 1):
            start = time.perf_counter()
            n_contrast = contrast(a, b)
            between = time.perf_counter()
            n_plain = (plain(a) + plain(b)) / 2
            runs.append((n_contrast / (between - start), n_plain / (time.perf_counter() - between)))
    ours, plainly = zip(*runs[1:], strict=True)
    ratio = statistics.median(x / y for x, y in runs[1:])
    figure = GenerationFigure(statistics.median(ours), statistics.median(plainly), ratio)
    print(
        f"generation: {figure.contrast_tokens_per_s:.0f} tokens a second by a contrast, "
        f"{figure.plain_tokens_per_s:.0f} by both models after each other, ratio {figure.ratio:.2f}"
    )
    return figure


MEASURES: dict[str, Callable[[], DivergenceFigure | GenerationFigure]] = {
    "divergence": measure_divergence,
    "generation": measure_generation,
}


def seconds(run: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Measure, print, and with ``--record`` keep."""
    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--record", action="store_true", help="keep the figures in benches/record")
    parser.add_argument("--peak", choices=("ours", "peer"), help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of both")
    parser.add_argument("--only", choices=tuple(MEASURES), help="measure one of them")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        print(measure_peak(options.peak))
        return
    figures = {what: asdict(measure()) for what, measure in MEASURES.items() if options.only in (None, what)}
    if options.record:
        now = datetime.now(UTC)
        path = ROOT / "benches" / "record" / f"{now:%Y-%m-%d}-contrast.json"
        sizes = {"n_tokens": N_TOKENS, "vocabulary": VOCABULARY, "width": WIDTH, "n_texts": N_TEXTS}
        record = {
            "date": f"{now:%Y-%m-%d}",
            "commit": machine.commit(ROOT),
            "machine": machine.describe(LIBRARIES),
            "settings": {**sizes, "n_runs": N_RUNS, "threads": options.threads, "max_bytes": MAX_BYTES},
            **figures,
        }
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(f"kept in {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
