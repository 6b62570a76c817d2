"""Clustering, statistics and matching of 20,000 x 384 vectors at k = 100, against scikit-learn's KMeans alone.

Ours: ``ClusteringPipeline.fit_predict``, ``analyze_clusters``, ``compute_statistics`` for two arms of 10,000 prompts,
and ``match_clusters`` with the labels of another seed. The peer: ``KMeans(100).fit``, as it comes. Both use all
processors, in turns; on a busy machine the peer's threads wait for each other, so measure on an idle one, or with
``--threads 1``. Memory is what the process holds at most, the vectors among it, beyond what it held before them.
100,000 rows are clustered once. Nothing is asserted; nothing is written unless ``--record`` asks for it. From the
folder of the repository: ``python -m benches.python.clustering``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from diptych import ClusteringPipeline
from diptych._types import Labels, Vectors
from diptych.bench import machine
from diptych.cli.console import PlainProgress

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("numpy", "scipy", "scikit-learn")
DIM, N_TOPICS, N_CLUSTERS, N_RUNS = 384, 300, 100, 5
CLOUDS = ("topics", "noise")
ALL = os.cpu_count() or 1


@dataclass(frozen=True)
class Figure:
    """Of one cloud of vectors.

    Parameters
    ----------
    what : rows, and how they lie
    ours_s, peer_s : medians of the runs, in turns
    ratio : the median of the ratios
    stages_s : ours by stage, medians
    inertia_ratio : of our clusters to the peer's; below 1 ours are tighter
    peak_ratio : most memory over that of the vectors
    peak_mib : the same in MiB
    """

    what: str
    ours_s: float
    peer_s: float
    ratio: float
    stages_s: dict[str, float]
    inertia_ratio: float
    peak_ratio: float
    peak_mib: float


def make_vectors(n: int, cloud: str) -> Vectors:
    """Unit vectors round 300 topics, as wide apart as answers of models are, or without any."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((n, DIM), dtype=np.float32)
    if cloud == "topics":
        vectors *= np.float32(1.2)
        vectors += rng.standard_normal((N_TOPICS, DIM), dtype=np.float32)[rng.integers(0, N_TOPICS, n)]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def ours(
    vectors: Vectors, other: Labels, *, threads: int = ALL, is_shown: bool = False
) -> tuple[dict[str, float], Labels]:
    """Seconds of each stage, and the labels."""
    progress = PlainProgress() if is_shown else None
    pipeline = ClusteringPipeline("kmeans", N_CLUSTERS, threads=threads, progress=progress)
    arms, units = ["a", "b"] * (len(vectors) // 2), [str(i // 2) for i in range(len(vectors))]
    times = [time.perf_counter()]
    labels = pipeline.fit_predict(vectors)
    times.append(time.perf_counter())
    clusters = pipeline.analyze_clusters(vectors, labels)
    times.append(time.perf_counter())
    pipeline.compute_statistics(clusters, arms, units=units)
    times.append(time.perf_counter())
    pipeline.match_clusters(labels, other)
    times.append(time.perf_counter())
    return dict(zip(("cluster", "analyze", "statistics", "match"), np.diff(times).tolist(), strict=True)), labels


def peers(vectors: Vectors, threads: int) -> tuple[float, float]:
    """Seconds and inertia of scikit-learn's KMeans."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    start = time.perf_counter()
    with threadpool_limits(threads):
        found = KMeans(N_CLUSTERS, random_state=0).fit(vectors)
    return time.perf_counter() - start, float(found.inertia_)


def inertia(vectors: Vectors, labels: Labels) -> float:
    """Sum of the squared distances from the centroids."""
    clusters = ClusteringPipeline("kmeans", N_CLUSTERS).analyze_clusters(vectors, labels)
    return float(((vectors - clusters.centroids[labels]) ** 2).sum(dtype=np.float64))


def peak_mib(n: int, cloud: str) -> float:
    """The most memory that clustering to matching takes, the vectors among it, in a process of its own."""
    command = [sys.executable, "-m", "benches.python.clustering", "--peak", str(n), cloud]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def measure_peak(n: int, cloud: str) -> float:
    """What ``peak_mib`` runs."""
    small = make_vectors(2_000, cloud)
    ours(small, np.zeros(len(small), np.int32))  # libraries are loaded
    vectors, other = make_vectors(n, cloud), (np.arange(n) % N_CLUSTERS).astype(np.int32)
    return machine.peak_while(lambda: ours(vectors, other, is_shown=True)) + vectors.nbytes / 2**20


def measure(n: int, cloud: str, threads: int) -> Figure:
    """Both, in turns, after one turn that is not counted."""
    vectors = make_vectors(n, cloud)
    other = ClusteringPipeline("kmeans", N_CLUSTERS, seed=1).fit_predict(vectors)
    runs = [(ours(vectors, other, threads=threads), peers(vectors, threads)) for _ in range(N_RUNS + 1)][1:]
    mine, theirs = [sum(took.values()) for (took, _), _ in runs], [seconds for _, (seconds, _) in runs]
    (_, labels), (_, peer_inertia) = runs[0]
    peak = peak_mib(n, cloud)
    figure = Figure(
        what=f"{n:,} x {DIM}, {cloud}",
        ours_s=statistics.median(mine),
        peer_s=statistics.median(theirs),
        ratio=statistics.median(a / b for a, b in zip(mine, theirs, strict=True)),
        stages_s={name: statistics.median(took[name] for (took, _), _ in runs) for name in runs[0][0][0]},
        inertia_ratio=inertia(vectors, labels) / peer_inertia,
        peak_ratio=peak * 2**20 / vectors.nbytes,
        peak_mib=peak,
    )
    stages = ", ".join(f"{name} {seconds:.3f}" for name, seconds in figure.stages_s.items())
    print(
        f"{figure.what}: {figure.ours_s:.2f} s ({stages}); KMeans alone {figure.peer_s:.2f} s; "
        f"ratio {figure.ratio:.2f}; "
        f"inertia {figure.inertia_ratio:.4f} of the peer's; memory {figure.peak_ratio:.2f} x the vectors",
        flush=True,
    )
    return figure


def main() -> None:
    """Measure, print, and with ``--record`` keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--record", action="store_true", help="keep the figures in benches/record")
    parser.add_argument("--peak", nargs=2, metavar=("N", "CLOUD"), help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=ALL, help="of both")
    options = parser.parse_args()
    if options.peak:
        print(measure_peak(int(options.peak[0]), options.peak[1]))
        return
    figures = [measure(20_000, cloud, options.threads) for cloud in CLOUDS]
    start = time.perf_counter()
    large = {"n": 100_000, "peak_mib": peak_mib(100_000, "topics"), "whole_process_s": time.perf_counter() - start}
    print(f"100,000 x {DIM}: {large['peak_mib']:.0f} MiB at most, {large['whole_process_s']:.1f} s with its making")
    if options.record:
        now = datetime.now(UTC)
        path = ROOT / "benches" / "record" / f"{now:%Y-%m-%d}-clustering.json"
        record = {
            "date": f"{now:%Y-%m-%d}",
            "commit": machine.commit(ROOT),
            "machine": machine.describe(LIBRARIES),
            "settings": {"n_clusters": N_CLUSTERS, "n_runs": N_RUNS, "threads": options.threads},
            "figures": [asdict(figure) for figure in figures],
            "large": large,
        }
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(f"kept in {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
