"""MMD and the linear kernel of two samples, ours and in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diptych.bench.kernels.agreement import agrees
from diptych.bench.kernels.harness import Job, once_a_job

Answer = Callable[[], Any]


@once_a_job
def arms(job: Job) -> tuple[Any, Any, float]:
    """Vectors of both samples, who is in the first, and a bandwidth."""
    rng = np.random.default_rng(8)
    vectors = rng.normal(size=(2 * job["n"], job["width"])).astype(np.float32)
    vectors[job["n"] :, 0] += 0.11
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, np.arange(2 * job["n"]) < job["n"], 1.4


def shuffled(job: Job, first: Any, block: int = 500) -> Any:
    """Blocks of relabellings: rows of 0 and 1, float32."""
    rng = np.random.default_rng(9)
    for _ in range(0, job["resamples"], block):
        yield rng.permuted(np.tile(first.astype(np.float32), (block, 1)), axis=1)


def gram(vectors: Any, linear: bool, h: float) -> Any:
    """The kernel matrix, linear or RBF with bandwidth ``h``."""
    kernel = vectors @ vectors.T
    if linear:
        return kernel
    squares = (vectors**2).sum(axis=1)
    kernel *= 2.0
    kernel -= squares
    kernel -= squares[:, None]
    kernel *= 1 / (2 * h * h)
    return np.exp(kernel, out=kernel)


def kernel_numpy(*, linear: bool) -> Callable[[Job], Answer]:
    """The way of NumPy: centre the kernel once, then products with blocks of relabellings."""

    def start(job: Job) -> Answer:
        vectors, first, h = arms(job)

        def call() -> Any:
            kernel = gram(vectors, linear, h)
            means = kernel.mean(axis=0)
            kernel -= means
            kernel -= means[:, None]
            kernel += means.mean()
            scale = (2.0 / job["n"]) ** 2  # the weights are (2 s - 1) / n, and a centred kernel does not see the 1
            observed = scale * float(kernel[np.ix_(first, first)].sum(dtype=np.float64))
            exceed = 0
            for rows in shuffled(job, first):
                exceed += int((scale * ((rows @ kernel) * rows).sum(axis=1) >= observed).sum())
            return observed, (1 + exceed) / (1 + job["resamples"])

        return call

    return start


def kernel_ours(name: str, threads: int) -> Callable[[Job], Answer]:
    """The function of that name in ``stats.two_sample``."""

    def start(job: Job) -> Answer:
        from diptych.stats import two_sample

        vectors, first, h = arms(job)

        def call() -> Any:
            options: dict[str, Any] = {"n_resamples": job["resamples"], "seed": 7, "threads": threads}
            if name == "mmd_unpaired":
                options["bandwidth"] = h
            found = getattr(two_sample, name)(vectors, first, **options)
            return found.value, found.p_value

        return call

    return start


def kernel_check(*, linear: bool) -> Callable[[Job, Any], None]:
    """The statistic in float64, and p against a small run of another generator."""

    def check(job: Job, answer: Any) -> None:
        vectors, first, h = arms(job)
        kernel = gram(vectors.astype(np.float64), linear, h)
        w = np.where(first, 1.0, -1.0) / job["n"]
        assert abs(answer[0] - w @ kernel @ w) < 1e-3 * abs(w @ kernel @ w), (answer[0], w @ kernel @ w)
        rng, small = np.random.default_rng(10), 400
        drawn = rng.permuted(np.tile(w, (small, 1)), axis=1)
        null = ((drawn @ kernel) * drawn).sum(axis=1)
        agrees([answer[1]], [(null >= w @ kernel @ w).mean()], small, 0.02)

    return check


# --- limits ------------------------------------------------------------------------------------------------------
