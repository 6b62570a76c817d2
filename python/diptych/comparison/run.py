"""The whole comparison, from two sources to a result."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, Json, Labels, Mask, Progress, Silent, Vectors
from diptych.comparison import inference
from diptych.comparison.config import CompareConfig, CompareOptions
from diptych.comparison.evidence import with_examples
from diptych.comparison.findings import Finding, build_findings, mark_replicated
from diptych.comparison.hypotheses import Ledger
from diptych.comparison.lenses.clusters import ClustersProposal
from diptych.comparison.lenses.scores import check_common_scores, check_scores
from diptych.comparison.manifest import build_manifest
from diptych.comparison.measures import Measure, Proposal
from diptych.comparison.pairing import Table, pair_arms
from diptych.comparison.parts import Part, propose_parts
from diptych.comparison.reach import out_of_reach
from diptych.comparison.result import Result
from diptych.comparison.sources import load_arm
from diptych.comparison.split import split_units
from diptych.data import Response, Responses
from diptych.embeddings.service import EmbeddingService
from diptych.stats.multiplicity import resamples_for
from diptych.stats.two_sample import GlobalTest, median_bandwidth, mmd_paired, mmd_unpaired
from diptych.utils.hashing import derive_seed
from diptych.utils.logging import EventLog
from diptych.utils.text import json_line

_GLOBAL_RESAMPLES = 10_000
_GLOBAL_PROMPTS = 2_000
"""The global test takes at most so many prompts: its kernel matrix grows with their square."""
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
    arms = [read_arm(source, arm, threads, config) for source, arm in ((a, "a"), (b, "b"))]
    check_scores(arms, config.score_fields)
    table = pair_arms(
        arms[0],
        arms[1],
        names=(config.name_a, config.name_b),
        pairing=config.pairing,
        limit=config.limit,
        seed=config.seed,
    )
    check_common_scores(table, config.score_fields)
    discovery = split_units(table, fraction=config.discovery_fraction, seed=config.seed)
    rejects = "".join(json_line(bad.as_json(arm.source)) for arm in arms for bad in arm.rejects)
    kept = rejects if config.on_bad_line == "skip" else None
    return Prepared(config, table, discovery, build_manifest((a, b), arms, config), kept)


def read_arm(source: Any, arm: str, threads: int, config: CompareConfig) -> Responses:
    """``load_arm`` by the settings of a comparison.

    Parameters
    ----------
    source, arm, threads : as for ``load_arm``
    config : names of fields, and which lines may be left out
    """
    return load_arm(
        source,
        arm=arm,
        prompt_field=config.prompt_field,
        response_field=config.response_field,
        threads=threads,
        on_bad_line=config.on_bad_line,
        max_bad=config.max_bad,
    )


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
            parts = propose_parts(
                self.config,
                table,
                prepared.discovery,
                lambda texts: vectors[[index[text] for text in texts]],
                self.progress,
                self.threads,
            )
        ledger = self.write_down(parts)
        measured = [self.measure_and_test(part, self.resampling(parts, part)) for part in parts]
        tested = inference.join([part.tested for part in measured], self.config.fdr)
        as_tested = replace(self.resampling(parts, parts[0]), family=len(tested.q_value))
        with self.stage("global"):
            global_test = self.global_test(vectors)
        with self.stage("examples"):
            findings = self.findings(measured, tested)
        return Result(
            table=replace(prepared.table, notices=(*table.notices, *out_of_reach(parts, table, as_tested))),
            measures=tuple(measure for part in measured for measure in part.measures),
            values=np.concatenate([part.values for part in measured], axis=1),
            tested=tuple(findings),
            global_test=global_test,
            coordinates=_map(vectors),
            clusters=_clusters(parts, table),
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

    def write_down(self, parts: Sequence[Part]) -> Ledger:
        ledger = Ledger()
        for part in parts:
            for measure in part.hypotheses:
                ledger.append(measure, seen=part.seen, tested_on=part.tested_on)
        return ledger

    def resampling(self, parts: Sequence[Part], part: Part) -> inference.Resampling:
        """How to test a part, given how many measures the whole run tests."""
        family, alpha, fdr = sum(part.n_reported for part in parts), self.config.alpha, self.config.fdr
        return inference.Resampling(
            seed=derive_seed(self.config.seed, f"part {part.name}"),
            n_resamples=self.config.resamples or resamples_for(family, alpha, method=fdr),
            alpha=alpha,
            family=family,
            threads=self.threads,
            progress=self.progress,
            fdr=fdr,
        )

    def measure_and_test(self, part: Part, resampling: inference.Resampling) -> _Measured:
        table = self.table
        if part.scan is not None:
            with self.stage(f"measure {part.name}"):
                values = self.values(part.scan.values, part.scan.n_measures)
            with self.stage(f"test {part.name}"):
                chosen, tested = inference.infer_scan(table, values, part.tested, resampling)
            values = values[:, chosen]
            means = inference.unit_means(table, values)
            return _Measured(part, (part.scan.chosen(chosen.tolist()),), values, means, tested)
        with self.stage(f"measure {part.name}"):
            columns = [self.values(proposal.values, len(proposal.measures)) for proposal in part.proposals]
        values = np.concatenate([np.empty((len(table.rows), 0)), *columns], axis=1)
        measures = tuple(part.hypotheses)
        inference.check_finite(values, table, measures)
        with self.stage(f"test {part.name}"):
            means = inference.unit_means(table, values)
            tested = inference.infer(table, means, part.tested, measures, resampling)
        return _Measured(part, part.proposals, values, means, tested)

    def values(self, take: Callable[[Sequence[Response]], FloatMatrix], n_measures: int) -> FloatMatrix:
        """Measure every response, some at a time."""
        rows = self.table.rows
        values = np.empty((len(rows), n_measures))
        self.progress.start("measure", len(rows))
        for start in range(0, len(rows), _ROWS_AT_A_TIME):
            batch = rows[start : start + _ROWS_AT_A_TIME]
            values[start : start + len(batch)] = take(batch)
            self.progress.advance(len(batch))
        self.progress.finish()
        return values

    def global_test(self, vectors: Vectors) -> GlobalTest:
        """MMD²; the bandwidth is that of the responses of both arms together, which exchanging them does not change."""
        table = self.table
        rng = np.random.Generator(np.random.Philox(key=derive_seed(self.config.seed, "global sample")))
        pooled = _at_most(np.arange(len(vectors)), _BANDWIDTH_ROWS, rng)
        chosen = _at_most(np.arange(len(table.units)), _GLOBAL_PROMPTS, rng)
        options: dict[str, Any] = {
            "bandwidth": median_bandwidth(vectors[pooled]),
            "seed": derive_seed(self.config.seed, "global"),
            "n_resamples": _GLOBAL_RESAMPLES,
            "threads": self.threads,
        }
        first, second = (side[chosen] for side in _unit_vectors(vectors, table))
        if table.pairing == "paired":
            return mmd_paired(first, second, **options)
        in_first = table.first_units[chosen]
        return mmd_unpaired(np.where(in_first[:, None], first, second), in_first, **options)

    def findings(self, measured: Sequence[_Measured], tested: inference.Tested) -> list[Finding]:
        table = self.prepared.table
        findings = build_findings(
            [measure for part in measured for measure in part.measures],
            tested,
            [part.part.tested_on for part in measured for _ in part.measures],
            arm_b=table.arms[1].name,
            swapped=self.swapped,
            paired=table.pairing == "paired",
        )
        start = 0
        for part in measured:
            stop = start + len(part.measures)
            findings[start:stop] = self.illustrated(part, findings[start:stop])
            start = stop
        return mark_replicated(findings, self.config.alpha)

    def illustrated(self, part: _Measured, findings: Sequence[Finding]) -> Iterator[Finding]:
        """Those that passed, with the responses behind them."""
        a, b = (part.means.second, part.means.first) if self.swapped else (part.means.first, part.means.second)
        proposal_of = {measure.id: proposal for proposal in part.proposals for measure in proposal.measures}
        for j, (measure, finding) in enumerate(zip(part.measures, findings, strict=True)):
            if finding.q_value > self.config.alpha:
                yield finding
                continue
            mark = partial(proposal_of[measure.id].evidence, measure)
            yield with_examples(finding, self.prepared.table, a[:, j], b[:, j], part.part.tested, mark)


@dataclass(frozen=True)
class _Measured:
    """A part after its test.

    Parameters
    ----------
    part : what was tested, and on which units
    proposals : of the measures that are reported
    values : float64 (n_rows, n_measures)
    means : of their draws, by unit and arm
    tested : one entry a measure
    """

    part: Part
    proposals: tuple[Proposal, ...]
    values: FloatMatrix
    means: inference.UnitMeans
    tested: inference.Tested

    @property
    def measures(self) -> tuple[Measure, ...]:
        return tuple(measure for proposal in self.proposals for measure in proposal.measures)


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


def _clusters(parts: Sequence[Part], table: Table) -> Labels:
    for proposal in (proposal for part in parts for proposal in part.proposals):
        if isinstance(proposal, ClustersProposal):
            return proposal.labels(table.rows)
    return np.full(len(table.rows), -1, dtype=np.int32)
