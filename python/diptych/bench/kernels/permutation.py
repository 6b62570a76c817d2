"""Permutation tests of all measures at once, against numpy, numba and scipy.

Every peer gets the cheapest statistic that its resampling allows, and reports what ours reports: how often each
measure alone, and how often the step-down maximum, reaches the observed value. The oracles are exact tails, the normal
limit and a small Monte-Carlo run of another generator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diptych.bench.kernels.agreement import agrees
from diptych.bench.kernels.harness import MIB, Competitor, Job, Row, Target, once_a_job
from diptych.bench.kernels.two_sample import kernel_check, kernel_numpy, kernel_ours

Answer = Callable[[], Any]


def _peaks(z: Any, nulls: Any) -> tuple[Any, Any]:
    """Shares alone and by the step-down maximum, from blocks of |z*|."""
    order = np.argsort(np.abs(z), kind="stable")
    least = np.abs(z)[order] * (1 - 1e-6) - 1e-5  # float32 sums miss ties by so much
    alone, joint, total = np.zeros(len(z)), np.zeros(len(z)), 0
    for null in nulls:
        null = null[:, order]
        alone += (null >= least).sum(axis=0)
        np.maximum.accumulate(null, axis=1, out=null)
        joint += (null >= least).sum(axis=0)
        total += len(null)
    back = np.argsort(order)
    return alone[back] / total, joint[back] / total


@once_a_job
def _samples(job: Job) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    first = np.arange(job["n"]) % 2 == 0
    values = rng.normal(size=job["n"])
    return values + np.where(first, 0.0, 1.6 / np.sqrt(job["n"])), first


def _means_ours(threads: int) -> Callable[[Job], Answer]:
    def start(job: Job) -> Answer:
        from diptych import _native

        values, first = _samples(job)
        present = np.ones((len(first), 1), bool)

        def call() -> float:
            test = _native.PermutationTest.label_permutations(values[:, None], present, first, 7, False)
            exceed, _ = test.count(0, job["resamples"], threads)
            return float(exceed[0]) / float(job["resamples"])

        return call

    return start


def _means_numba(job: Job) -> Answer:
    import numba  # type: ignore[import-not-found,import-untyped,unused-ignore]

    numba.set_num_threads(2)
    values, first = _samples(job)

    @numba.njit(parallel=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
    def count(x: Any, k: int, observed: float, total: float, resamples: int) -> int:
        hits = np.zeros(64, np.int64)
        for worker in numba.prange(64):
            np.random.seed(worker)  # noqa: NPY002 - what numba offers
            mine = x.copy()
            for _ in range(resamples * worker // 64, resamples * (worker + 1) // 64):
                chosen = 0.0
                for i in range(k):
                    j = np.random.randint(i, len(mine))  # noqa: NPY002
                    mine[i], mine[j] = mine[j], mine[i]
                    chosen += mine[i]
                hits[worker] += abs(chosen / k - (total - chosen) / (len(mine) - k)) >= observed
        return int(hits.sum())

    k, total = int(first.sum()), float(values.sum())
    observed = abs(values[first].mean() - values[~first].mean()) * (1 - 1e-12)
    count(values, k, observed, total, 64)
    return lambda: count(values, k, observed, total, job["resamples"]) / job["resamples"]


def _means_scipy(job: Job) -> Answer:
    from scipy import stats

    values, first = _samples(job)

    def difference(x: Any, y: Any, axis: int) -> Any:
        return np.abs(x.mean(axis=axis) - y.mean(axis=axis))

    def call() -> float:
        arms = (values[first], values[~first])
        found = stats.permutation_test(arms, difference, vectorized=True, n_resamples=job["resamples"], batch=100,
                                       alternative="greater", rng=np.random.default_rng(3))  # fmt: skip
        return float(found.pvalue)

    return call


def _means_check(job: Job, answer: Any) -> None:
    from scipy import stats

    values, first = _samples(job)
    agrees([answer], [stats.ttest_ind(values[first], values[~first]).pvalue], job["resamples"], 0.002)


# --- shares in clusters ------------------------------------------------------------------------------------------


@once_a_job
def _clusters(job: Job) -> tuple[Any, Any]:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, job["clusters"], job["n"])
    first = rng.permutation(job["n"]) < job["n"] // 2
    moved = (labels == 0) & (rng.random(job["n"]) < 0.15)
    return labels, first | moved


@once_a_job
def _tables(job: Job) -> tuple[Any, list[Any], Any]:
    """Sizes of the clusters; Welch's |t| for every count that the first group may have; the counts observed."""
    labels, first = _clusters(job)
    sizes = np.bincount(labels, minlength=job["clusters"])
    n_1, n_2 = int(first.sum()), int((~first).sum())
    tables = []
    for size in sizes:
        p, q = np.arange(size + 1) / n_1, (size - np.arange(size + 1)) / n_2
        tables.append(np.abs(q - p) / np.sqrt(p * (1 - p) / (n_1 - 1) + q * (1 - q) / (n_2 - 1)))
    return sizes, tables, np.bincount(labels[first], minlength=job["clusters"])


def _clusters_ours(threads: int) -> Callable[[Job], Answer]:
    def start(job: Job) -> Answer:
        from diptych import _native

        labels, first = _clusters(job)
        values = (labels[:, None] == np.arange(job["clusters"])).astype(np.float64)
        present = np.ones(values.shape, bool)

        def call() -> Any:
            n = job["resamples"]
            test = _native.PermutationTest.label_permutations(values, present, first, 7, False)
            alone, joint = test.count(0, n, threads)
            return alone / n, joint / n

        return call

    return start


def _clusters_numpy(job: Job) -> Answer:
    _, first = _clusters(job)
    sizes, tables, observed = _tables(job)
    z = np.array([table[count] for table, count in zip(tables, observed, strict=True)])

    def call() -> Any:
        rng = np.random.default_rng(5)

        def nulls() -> Any:
            for start in range(0, job["resamples"], 2000):
                size = min(2000, job["resamples"] - start)
                counts = rng.multivariate_hypergeometric(sizes, int(first.sum()), size=size, method="marginals")
                yield np.stack([table[counts[:, c]] for c, table in enumerate(tables)], axis=1)

        return _peaks(z, nulls())

    return call


def _clusters_check(job: Job, answer: Any) -> None:
    from scipy import stats

    labels, first = _clusters(job)
    sizes, tables, observed = _tables(job)
    z = np.array([table[count] for table, count in zip(tables, observed, strict=True)])
    exact = []
    for size, table, least in zip(sizes, tables, z, strict=True):
        chances = stats.hypergeom(job["n"], size, int(first.sum())).pmf(np.arange(size + 1))
        exact.append(chances[table >= least * (1 - 1e-12)].sum())
    agrees(answer[0], exact, job["resamples"])
    rng, small = np.random.default_rng(6), 2000
    counts = [np.bincount(labels[rng.permutation(first)], minlength=job["clusters"]) for _ in range(small)]
    null = np.stack([table[np.array(counts)[:, c]] for c, table in enumerate(tables)], axis=1)
    agrees(answer[1], _peaks(z, [null])[1], small, 0.004)


# --- paired flips ------------------------------------------------------------------------------------------------


@once_a_job
def _pairs(job: Job) -> Any:
    rng = np.random.default_rng(4)
    shape = (job["prompts"], job["measures"])
    numbers = job["values"] != "indicators"
    differences = rng.normal(size=shape) if numbers else rng.choice([-1.0, 1.0], shape)
    differences *= rng.random(shape) < job["share"]
    differences[:, 0] = np.abs(differences[:, 0])
    return differences


def _flips_ours(threads: int) -> Callable[[Job], Answer]:
    def start(job: Job) -> Answer:
        from diptych import _native

        differences = _pairs(job)

        def call() -> Any:
            n = job["resamples"]
            test = _native.PermutationTest.sign_flips(differences, 7, False)
            alone, joint = test.count(0, n, threads)
            return test.statistic, alone / n, joint / n

        return call

    return start


def _flips_numpy(job: Job) -> Answer:
    differences = _pairs(job)
    norms = np.sqrt((differences**2).sum(axis=0))
    z = differences.sum(axis=0) / np.where(norms > 0, norms, 1.0)
    scaled = (differences / np.where(norms > 0, norms, 1.0)).astype(np.float32)

    def call() -> Any:
        rng = np.random.default_rng(5)

        def nulls() -> Any:
            for start in range(0, job["resamples"], 1000):
                rows, width = min(1000, job["resamples"] - start), -(-len(differences) // 8)
                bits = np.frombuffer(rng.bytes(rows * width), np.uint8).reshape(rows, width)
                coins = np.unpackbits(bits, axis=1, count=len(differences))
                null = (1.0 - 2.0 * coins.astype(np.float32)) @ scaled
                yield np.abs(null, out=null)

        return z, *_peaks(z, nulls())

    return call


def _flips_check(job: Job, answer: Any) -> None:
    from scipy import special  # scipy.stats takes a second to import

    differences = _pairs(job)
    norms = np.sqrt((differences**2).sum(axis=0))
    z = differences.sum(axis=0) / np.where(norms > 0, norms, 1.0)
    np.testing.assert_allclose(answer[0], z, atol=1e-9)
    if job["values"] == "indicators":
        n_plus, n_any = (differences > 0).sum(axis=0), (differences != 0).sum(axis=0)
        tail = special.bdtr(np.minimum(n_plus, n_any - n_plus).astype(float), n_any, 0.5)
        agrees(answer[1], np.minimum(1.0, 2.0 * tail), job["resamples"])
    else:
        agrees(answer[1], 2.0 * special.ndtr(-np.abs(z)), job["resamples"], 0.01)
    rng, small = np.random.default_rng(6), 2000
    null = np.abs(rng.choice([-1.0, 1.0], (small, len(differences))) @ (differences / np.where(norms > 0, norms, 1.0)))
    agrees(answer[2], _peaks(z, [null])[1], small, 0.004)


# --- kernels of embeddings ---------------------------------------------------------------------------------------


def _random_words(job: Job) -> Answer:
    rng = np.random.Generator(np.random.SFC64(1))
    words = job["resamples"] * -(-job.get("n", job.get("prompts", 0)) // 64)
    return lambda: [rng.bytes(8 * min(1 << 20, words - start)) for start in range(0, words, 1 << 20)][-1:]


def _one_product(job: Job) -> Answer:
    rng = np.random.default_rng(1)
    signs = rng.choice(np.array([-1, 1], np.float32), (1000, job["prompts"]))
    table = rng.normal(size=(job["prompts"], job["measures"])).astype(np.float32)

    def call() -> None:
        for _ in range(job["resamples"] // 1000):
            signs @ table

    return call


def _memory(job: Job) -> float:
    """MiB that ``PermutationTest`` states for two threads: made ready, then counting."""
    p, m = job.get("prompts", job.get("n", 0)), job.get("measures", job.get("clusters", 1))
    share = job.get("share", 1.0 / m)
    ready = {"indicators": 4 * share * p * m, "sparse numbers": 16 * share * p * m, "numbers": 8.0 * p * m}
    kind = "indicators" if "clusters" in job else job.get("values", "numbers")
    return float(ready[kind] + 9_000 * m + max(1_024 * p, 2 * (128 * p + 4_096 * m + 65_536))) / MIB


def _forms_bytes(job: Job) -> int:
    """What ``resampled_forms`` states for two threads."""
    return 2 * (65_536 + 576 * 2 * int(job["n"])) + 8 * int(job["resamples"])


def _both(make: Callable[[int], Callable[[Job], Answer]], *, one_thread: int | None = None) -> list[Competitor]:
    """On two threads and on one, which has ``one_thread`` rounds at most."""
    return [
        Competitor("diptych, 2 threads", "ours", make(2)),
        Competitor("diptych, 1 thread", "ours", make(1), max_rounds=one_thread),
    ]


def _flips(key: str, title: str, values: str, share: float, ratio: float, *, peer_rounds: int | None = None) -> Row:
    full = {"prompts": 1000, "measures": 1000, "resamples": 100_000, "values": values, "share": share}
    return Row(
        key=f"permutation.flips.{key}",
        title=f"sign flips, 1,000 prompts x 1,000 measures, 10^5 resamples, joint max-|z|: {title}",
        full=full,
        quick={**full, "measures": 200, "resamples": 10_000},
        competitors=[
            *_both(_flips_ours, one_thread=0),
            Competitor("numpy, signs x differences in float32", "peer", _flips_numpy, max_rounds=peer_rounds),
            Competitor("the products alone (sgemm)", "limit", _one_product, max_rounds=0),
        ],
        check=_flips_check,
        targets=[Target("best peer", ratio)],
        memory_mib=_memory,
    )


_MILLION = {"prompts": 1000, "measures": 1000, "resamples": 1_000_000, "values": "indicators", "share": 0.05}

ROWS = [
    Row(
        key="permutation.means",
        title="difference of means, n = 20,000, 10^4 permutations",
        full={"n": 20_000, "resamples": 10_000},
        quick={"n": 5_000, "resamples": 4_000},
        competitors=[
            *_both(_means_ours),
            Competitor("numba, Fisher-Yates, 2 threads", "peer", _means_numba, ("numba",)),
            Competitor("scipy.stats.permutation_test", "peer", _means_scipy, ("scipy",), 1),
            Competitor("random words alone (numpy SFC64)", "limit", _random_words),
        ],
        check=_means_check,
        memory_mib=_memory,
        targets=[
            Target("numba, Fisher-Yates, 2 threads", 1 / 25),
            Target("scipy.stats.permutation_test", 1 / 100),
        ],
    ),
    Row(
        key="permutation.clusters",
        title="shares in 100 clusters, n = 20,000, 10^5 permutations, joint max-T",
        full={"n": 20_000, "clusters": 100, "resamples": 100_000},
        quick={"n": 5_000, "clusters": 50, "resamples": 10_000},
        competitors=[
            *_both(_clusters_ours),
            Competitor("numpy multivariate_hypergeometric", "peer", _clusters_numpy),
            Competitor("random words alone (numpy SFC64)", "limit", _random_words, max_rounds=2),
        ],
        check=_clusters_check,
        memory_mib=_memory,
        targets=[Target("best peer", 1 / 3.5)],
    ),
    _flips("dense", "numbers", "numbers", 1.0, 1.0),
    _flips("indicators", "indicators, 5 % non-zero", "indicators", 0.05, 1 / 8, peer_rounds=0),
    _flips("sparse", "numbers, 5 % non-zero", "sparse numbers", 0.05, 1 / 8),
    Row(
        key="permutation.flips.million",
        title="sign flips, 1,000 prompts x 1,000 indicators, 5 % non-zero, 10^6 resamples",
        full=_MILLION,
        quick={**_MILLION, "resamples": 50_000},
        competitors=_both(_flips_ours, one_thread=0),
        check=_flips_check,
        memory_mib=_memory,
    ),
    Row(
        key="permutation.mmd",
        title="MMD (RBF kernel), 2 x 2,000 x 384, 10^3 resamples, the kernel included",
        full={"n": 2_000, "width": 384, "resamples": 1_000},
        quick={"n": 500, "width": 384, "resamples": 1_000},
        competitors=[
            *_both(lambda threads: kernel_ours("mmd_unpaired", threads)),
            Competitor("numpy, centred kernel, products in float32", "peer", kernel_numpy(linear=False)),
        ],
        check=kernel_check(linear=False),
        memory_mib=lambda job: (8 * (2 * job["n"]) ** 2 + _forms_bytes(job)) / MIB,
        targets=[Target("numpy, centred kernel, products in float32", 1 / 1.2)],
    ),
    Row(
        key="permutation.linear",
        title="squared distance of means (linear kernel), 2 x 2,000 x 384, 10^3 resamples",
        full={"n": 2_000, "width": 384, "resamples": 1_000},
        quick={"n": 500, "width": 384, "resamples": 1_000},
        competitors=[
            *_both(lambda threads: kernel_ours("mean_distance", threads)),
            Competitor("numpy, centred kernel, products in float32", "peer", kernel_numpy(linear=True)),
        ],
        check=kernel_check(linear=True),
        memory_mib=lambda job: _forms_bytes(job) / MIB,
        targets=[Target("numpy, centred kernel, products in float32", 1 / 8)],
    ),
]
