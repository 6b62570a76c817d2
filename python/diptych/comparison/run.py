"""The whole comparison, from two sources to a result."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, Json, Labels, Mask, Progress, Silent, Vectors
from diptych.comparison import inference
from diptych.comparison.config import CompareConfig, CompareOptions
from diptych.comparison.evidence import with_examples
from diptych.comparison.findings import Finding, build_findings
from diptych.comparison.hypotheses import Ledger
from diptych.comparison.lenses import make_lens
from diptych.comparison.lenses.clusters import ClustersProposal
from diptych.comparison.lenses.scores import check_scores
from diptych.comparison.manifest import build_manifest
from diptych.comparison.measures import Measure, Proposal, Tools
from diptych.comparison.pairing import Table, pair_arms
from diptych.comparison.result import Result
from diptych.comparison.sources import load_arm
from diptych.comparison.split import discovery_view, split_units
from diptych.embeddings.service import EmbeddingService
from diptych.stats.two_sample import GlobalTest, median_bandwidth, mmd_paired, mmd_unpaired
from diptych.utils.hashing import content_hash, derive_seed
from diptych.utils.logging import EventLog
from diptych.utils.text import json_line

_GLOBAL_RESAMPLES = 10_000
_GLOBAL_PROMPTS = 2_000
"""The global test takes at most so many validation prompts: its kernel matrix grows with their square."""
_BANDWIDTH_ROWS = 1_000
_ROWS_AT_A_TIME = 256


@dataclass(frozen=True)
class Prepared:
    """Two arms that were read, brought together and split, before anything was computed.

    Parameters
    ----------
    config : the settings
    table : the responses
    discovery : bool (n_units,)
    manifest : inputs with hashes, settings, versions
    rejects : lines that were left out, as JSON lines; None where none may be
    """

    config: CompareConfig
    table: Table
    discovery: Mask
    manifest: Json
    rejects: str | None = None

    def n_prompts(self, mask: Mask) -> int:
        """Different prompts among the units of a mask."""
        return len({unit for unit, chosen in zip(self.table.units, mask, strict=True) if chosen})


def compare(
    a: Any,
    b: Any,
    *,
    threads: int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **settings: Unpack[CompareOptions],
) -> Result:
    """Compare two arms: how do their responses differ?

    Parameters
    ----------
    a, b : file of responses (.jsonl, .json, .csv, .parquet, each optionally .gz or .zst), list of dicts, pandas or
        polars data frame, or ``Responses``
    threads : for parsing and testing, by default one per processor; the result is the same for every value
    cache_dir : folder of the embedding store; by default nothing is kept
    progress : where it says how far it is
    **settings : fields of ``CompareConfig``, such as ``lenses``, ``seed``, ``alpha``, ``resamples``, ``name_a``

    Returns
    -------
    Result
        ``.findings``, ``.to_pandas()``, ``.to_html()``, ``.save(folder)``

    Raises
    ------
    DataError
        If an input cannot be read or does not fit.
    ConfigError
        If a setting does not fit.

    Examples
    --------
    >>> a = [{"prompt": f"Question {i}?", "response": f"Yes, {i}."} for i in range(60)]
    >>> b = [{"prompt": f"Question {i}?", "response": f"Yes, I do think that it is {i}."} for i in range(60)]
    >>> result = compare(a, b, name_b="polite")
    >>> "polite writes more words" in [finding.statement for finding in result.findings]
    True
    """
    threads = threads or os.cpu_count() or 1
    config = CompareConfig.parse(dict(settings), source="compare")
    prepared = prepare(a, b, config=config, threads=threads)
    return analyse(prepared, threads=threads, cache_dir=cache_dir, progress=progress)


def prepare(a: Any, b: Any, *, config: CompareConfig, threads: int = 1) -> Prepared:
    """Read, pair and split; compute nothing.

    Parameters
    ----------
    a, b : as for ``compare``
    config : of the whole comparison
    threads : for parsing; the result is the same for every value

    Raises
    ------
    DataError
        If an input cannot be read or does not fit.
    """
    arms = [
        load_arm(
            source,
            arm=arm,
            prompt_field=config.prompt_field,
            response_field=config.response_field,
            threads=threads,
            on_bad_line=config.on_bad_line,
            max_bad=config.max_bad,
        )
        for source, arm in ((a, "a"), (b, "b"))
    ]
    check_scores(arms, config.score_fields)
    table = pair_arms(
        arms[0],
        arms[1],
        names=(config.name_a, config.name_b),
        pairing=config.pairing,
        limit=config.limit,
        seed=config.seed,
    )
    discovery = split_units(table, fraction=config.discovery_fraction, seed=config.seed)
    rejects = "".join(json_line(bad.as_json(arm.source)) for arm in arms for bad in arm.rejects)
    kept = rejects if config.on_bad_line == "skip" else None
    return Prepared(config, table, discovery, build_manifest((a, b), arms, config), kept)


def analyse(
    prepared: Prepared,
    *,
    threads: int,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Result:
    """Propose, measure, test.

    Parameters
    ----------
    prepared : what ``prepare`` gave
    threads, cache_dir, progress : as for ``compare``
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # sums over several BLAS threads differ in the last digits
        return _Analysis(prepared, threads, cache_dir, progress or Silent()).result()


class _Analysis:
    """One run's state. Everything is computed in the canonical order of the arms, and turned at the end."""

    def __init__(
        self, prepared: Prepared, threads: int, cache_dir: str | os.PathLike[str] | None, progress: Progress
    ) -> None:
        self.prepared, self.config = prepared, prepared.config
        self.threads, self.progress = threads, progress
        self.swapped = not prepared.table.is_canonical()
        self.table = prepared.table.turned() if self.swapped else prepared.table
        self.service = EmbeddingService(
            os.fspath(cache_dir) if cache_dir is not None else None, self.config.embedder, progress=progress
        )
        self.events = EventLog()

    def result(self) -> Result:
        prepared, table = self.prepared, self.table
        with self.stage("embed"):
            vectors = self.service.get_embeddings([row.response for row in table.rows])
        index = {row.response: i for i, row in enumerate(table.rows)}
        with self.stage("propose"):
            proposals = self.propose(lambda texts: vectors[[index[text] for text in texts]])
        measures = tuple(measure for proposal in proposals for measure in proposal.measures)
        ledger = self.write_down(measures)
        with self.stage("measure"):
            values = self.measure(proposals)
        inference.check_finite(values, table, measures)
        means = inference.unit_means(table, values)
        with self.stage("test"):
            resampling = inference.Resampling(
                seed=self.config.seed,
                n_resamples=self.config.resamples,
                alpha=self.config.alpha,
                threads=self.threads,
                progress=self.progress,
            )
            tested = inference.infer(table, means, ~prepared.discovery, measures, resampling)
        with self.stage("global"):
            global_test = self.global_test(vectors)
        with self.stage("examples"):
            findings = self.findings(measures, proposals, tested, means)
        return Result(
            table=prepared.table,
            measures=measures,
            values=values,
            tested=tuple(findings),
            global_test=global_test,
            coordinates=_map(vectors),
            clusters=_clusters(proposals, table),
            discovery=prepared.discovery,
            n_discovery=prepared.n_prompts(prepared.discovery),
            n_validation=prepared.n_prompts(~prepared.discovery),
            n_resamples=tested.test.n_resamples,
            manifest=prepared.manifest,
            hypotheses=ledger.to_jsonl(),
            events=self.events.text(),
            rejects=prepared.rejects,
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.events.logger.info("stage", name=name, seconds=round(time.perf_counter() - start, 3))

    def propose(self, embed: Callable[[Sequence[str]], Vectors]) -> list[Proposal]:
        view = discovery_view(self.table, self.prepared.discovery)
        self.progress.start("propose", len(self.config.lenses))
        proposals = []
        for name in self.config.lenses:
            seed = derive_seed(self.config.seed, f"lens {name}") % 2**32
            tools = Tools(embed, seed, self.progress, self.config.score_fields, self.threads)
            proposals.append(make_lens(name).propose(view, tools))
            self.progress.advance()
        self.progress.finish()
        return proposals

    def write_down(self, measures: Sequence[Measure]) -> Ledger:
        seen = [u for u, chosen in zip(self.table.units, self.prepared.discovery, strict=True) if chosen]
        ledger = Ledger(discovery_hash=content_hash("diptych/discovery/1", sorted(set(seen))))
        for measure in measures:
            ledger.append(measure)
        return ledger

    def measure(self, proposals: Sequence[Proposal]) -> FloatMatrix:
        rows = self.table.rows
        self.progress.start("measure", len(proposals) * len(rows))
        values = np.empty((len(rows), sum(len(proposal.measures) for proposal in proposals)))
        column = 0
        for proposal in proposals:
            end = column + len(proposal.measures)
            for start in range(0, len(rows), _ROWS_AT_A_TIME):
                batch = rows[start : start + _ROWS_AT_A_TIME]
                values[start : start + len(batch), column:end] = proposal.values(batch)
                self.progress.advance(len(batch))
            column = end
        self.progress.finish()
        return values

    def global_test(self, vectors: Vectors) -> GlobalTest:
        """MMD² on the validation prompts, with the bandwidth chosen on the discovery prompts."""
        table, discovery = self.table, self.prepared.discovery
        rng = np.random.Generator(np.random.Philox(key=derive_seed(self.config.seed, "global sample")))
        seen = _at_most(np.flatnonzero(discovery[table.unit_of_row]), _BANDWIDTH_ROWS, rng)
        chosen = _at_most(np.flatnonzero(~discovery), _GLOBAL_PROMPTS, rng)
        bandwidth, seed = median_bandwidth(vectors[seen]), derive_seed(self.config.seed, "global")
        first, second = (side[chosen] for side in _unit_vectors(vectors, table))
        if table.pairing == "paired":
            return mmd_paired(first, second, bandwidth=bandwidth, n_resamples=_GLOBAL_RESAMPLES, seed=seed)
        in_first = table.first_units[chosen]
        pooled = np.where(in_first[:, None], first, second)
        return mmd_unpaired(pooled, in_first, bandwidth=bandwidth, n_resamples=_GLOBAL_RESAMPLES, seed=seed)

    def findings(
        self,
        measures: Sequence[Measure],
        proposals: Sequence[Proposal],
        tested: inference.Tested,
        means: inference.UnitMeans,
    ) -> list[Finding]:
        table = self.prepared.table
        findings = build_findings(
            measures,
            tested,
            arm_b=table.arms[1].name,
            swapped=self.swapped,
            paired=table.pairing == "paired",
        )
        a, b = (means.second, means.first) if self.swapped else (means.first, means.second)
        proposal_of = {measure.id: proposal for proposal in proposals for measure in proposal.measures}
        for j, (measure, finding) in enumerate(zip(measures, findings, strict=True)):
            if finding.q_value <= self.config.alpha:
                findings[j] = with_examples(
                    finding,
                    table,
                    a[:, j],
                    b[:, j],
                    ~self.prepared.discovery,
                    lambda text, m=measure: proposal_of[m.id].evidence(m, text),  # type: ignore[misc]
                )
        return findings


def _at_most(indices: NDArray[np.intp], n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """All of them, or ``n`` drawn at random, ascending."""
    return indices if len(indices) <= n else np.sort(rng.choice(indices, n, replace=False))


def _unit_vectors(vectors: Vectors, table: Table) -> tuple[Vectors, Vectors]:
    """Mean vector of each unit in each arm, zero where the arm did not answer: float32 (n_units, d) each."""
    sums = np.zeros((2, len(table.units), vectors.shape[1]))
    counts = np.zeros((2, len(table.units), 1))
    where = (table.is_b.astype(np.int64), table.unit_of_row)
    np.add.at(sums, where, vectors.astype(np.float64))
    np.add.at(counts, where, 1.0)
    first, second = (sums / np.maximum(counts, 1.0)).astype(np.float32)
    return first, second


def _map(vectors: Vectors) -> Vectors:
    """Two coordinates for each row: the first two principal components."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.where(axes.sum(axis=0) < 0, -1.0, 1.0)  # an eigenvector's sign is arbitrary: fix it
    return np.asarray(centred @ axes, dtype=np.float32)


def _clusters(proposals: Sequence[Proposal], table: Table) -> Labels:
    for proposal in proposals:
        if isinstance(proposal, ClustersProposal):
            return proposal.labels(table.rows)
    return np.full(len(table.rows), -1, dtype=np.int32)
