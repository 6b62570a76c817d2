"""One pair of arms on its way from responses to findings: propose, measure, test, conclude."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from diptych._types import FloatMatrix, Json, Labels, Progress, Vectors
from diptych.comparison import inference
from diptych.comparison.cluster_table import Answers, Said, build_table
from diptych.comparison.equivalence import Known, check_margins
from diptych.comparison.evidence import with_examples
from diptych.comparison.findings import Finding, build_findings, mark_replicated
from diptych.comparison.hypotheses import Ledger
from diptych.comparison.judges import Bench
from diptych.comparison.lenses import Lenses
from diptych.comparison.lenses.clusters import ClustersProposal
from diptych.comparison.measures import Measure, Proposal, Readers, Repeatable
from diptych.comparison.overall import compare_as_wholes, principal_axes
from diptych.comparison.pairing import Table
from diptych.comparison.parts import Part, propose_parts
from diptych.comparison.prepare import Prepared
from diptych.comparison.reach import out_of_reach
from diptych.comparison.readers import orders_found
from diptych.comparison.result import Result
from diptych.comparison.themes import name_themes, tell_apart
from diptych.comparison.units import UnitMeans, unit_means
from diptych.data import Response
from diptych.embeddings.service import EmbeddingService
from diptych.models.spending import Purse
from diptych.stats.multiplicity import resamples_for
from diptych.utils.hashing import derive_seed
from diptych.utils.logging import EventLog

_ROWS_AT_A_TIME = 256


@dataclass(frozen=True)
class MeasuredPart:
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
    means: UnitMeans
    tested: inference.Tested

    @property
    def measures(self) -> tuple[Measure, ...]:
        return tuple(measure for proposal in self.proposals for measure in proposal.measures)


def analyse_as_one_family(analyses: Sequence[Analysis]) -> list[Result]:
    """Propose in every pair of arms, test every measure, and correct for all of them together.

    Parameters
    ----------
    analyses : pairs of arms, under the same settings

    Returns
    -------
    list
        A result for each
    """
    proposed = [analysis.propose() for analysis in analyses]
    every_part = [part for parts in proposed for part in parts]
    config = analyses[0].config
    known = Known.before(config.lenses, config.score_fields)
    written_down = (measure for part in every_part for measure in part.hypotheses)
    check_margins(config.equivalent_within, known.and_proposed(written_down))
    family = sum(part.n_reported for part in every_part)
    measured = [
        analysis.test(parts, family, len(every_part)) for analysis, parts in zip(analyses, proposed, strict=True)
    ]
    fdr = config.fdr
    corrected = iter(inference.as_one_family([part.tested for parts in measured for part in parts], fdr))
    whole = [[replace(part, tested=next(corrected)) for part in parts] for parts in measured]
    size = sum(len(part.measures) for parts in whole for part in parts)
    return [analysis.conclude(parts, size) for analysis, parts in zip(analyses, whole, strict=True)]


class Analysis:
    """One pair's state. Everything is computed in the canonical order of the arms, and turned at the end."""

    def __init__(
        self,
        prepared: Prepared,
        lenses: Lenses,
        threads: int,
        cache_dir: str | os.PathLike[str] | None,
        progress: Progress,
        readers: Readers,
        purse: Purse | None = None,
        describes: bool = True,
    ) -> None:
        self.prepared, self.config = prepared, prepared.config
        self.lenses, self.threads, self.progress, self.readers = lenses, threads, progress, readers
        self.describes = describes
        self.swapped = not prepared.table.is_canonical()
        self.table = prepared.table.turned() if self.swapped else prepared.table
        self.service = prepared.vectors or EmbeddingService(
            os.fspath(cache_dir) if cache_dir is not None else None,
            self.config.embedder,
            options=self.config.embedder_args,
            progress=progress,
            purse=purse,
        )
        self.events, self.ledger = EventLog(), Ledger()
        self.vectors: Vectors = np.empty((0, 0), dtype=np.float32)

    def propose(self) -> list[Part]:
        """Embed, let the lenses propose, and write down what they say before anything is tested."""
        table = self.table
        with self._stage("embed"):
            self.vectors = self.service.get_embeddings([row.response for row in table.rows])
        index = {row.response: i for i, row in enumerate(table.rows)}
        with self._stage("propose"):
            parts = propose_parts(
                self.config,
                self.lenses,
                table,
                self.prepared.discovery,
                partial(self._embed, index),
                self.progress,
                self.threads,
                self.readers,
                self.prepared.proposing,
            )
        for part in parts:
            for measure in part.hypotheses:
                self.ledger.append(measure, seen=part.seen, tested_on=part.tested_on)
        return parts

    def _embed(self, index: Mapping[str, int], texts: Sequence[str]) -> Vectors:
        """Vectors of some texts, most of which are responses, whose rows are known."""
        others = list(dict.fromkeys(text for text in texts if text not in index))
        if not others:
            return self.vectors[[index[text] for text in texts]]
        place = {**index, **{text: len(self.vectors) + i for i, text in enumerate(others)}}
        return np.concatenate([self.vectors, self.service.get_embeddings(others)])[[place[text] for text in texts]]

    def test(self, parts: Sequence[Part], family: int, n_parts: int) -> list[MeasuredPart]:
        """Measure and test each part for itself.

        Parameters
        ----------
        parts : what was proposed
        family : how many measures the whole run tests
        n_parts : in how many parts
        """
        self.resampling = self._resampling(family, n_parts)
        return [self._measure_and_test(part) for part in parts]

    def conclude(self, measured: Sequence[MeasuredPart], family: int) -> Result:
        """Findings in words, with what belongs to them.

        Parameters
        ----------
        measured : the parts, corrected for the family
        family : how many measures the whole run has tested
        """
        prepared, table = self.prepared, self.table
        parts = [part.part for part in measured]
        tested = inference.join([part.tested for part in measured])
        with self._stage("global"):
            global_test = compare_as_wholes(table, self.vectors, seed=self.config.seed, threads=self.threads)
        with self._stage("examples"):
            findings = self._findings(measured, tested)
        clusters = _clusters(parts, table)
        described = self._cluster_table(clusters, parts, findings)
        notices = [*table.notices, *self.service.notices]
        notices += out_of_reach(parts, table, replace(self.resampling, family=family))
        if self.readers.labeller is not None or self.readers.judge is not None:
            notices += orders_found(table)
        notices += self.readers.notices()
        return Result(
            table=replace(prepared.table, notices=tuple(notices)),
            measures=tuple(measure for part in measured for measure in part.measures),
            values=np.concatenate([part.values for part in measured], axis=1),
            tested=tuple(findings),
            family_size=family,
            global_test=global_test,
            coordinates=principal_axes(self.vectors),
            clusters=clusters,
            discovery=prepared.discovery,
            n_discovery=prepared.n_prompts(prepared.discovery),
            n_validation=prepared.n_prompts(~prepared.discovery),
            n_resamples=tested.test.n_resamples,
            manifest=prepared.manifest,
            hypotheses=self.ledger.to_jsonl(),
            events=self.events.text(),
            rejects=prepared.rejects,
            cluster_table=described,
            proposing=prepared.proposing,
            judges=[entry for part in parts for entry in Bench(table, self.swapped, self.resampling).figures(part)],
        )

    def _cluster_table(self, labels: Labels, parts: Sequence[Part], tested: Sequence[Finding]) -> Json | None:
        """None without the lens, and where nobody reads it."""
        if not self.describes or (labels < 0).any():
            return None
        table = self.prepared.table
        names = [arm.name for arm in table.arms]
        with self._stage("describe clusters"):
            answers = Answers(
                arms=[names[int(is_b)] for is_b in table.is_b],
                units=[table.units[unit] for unit in table.unit_of_row],
                prompts=[row.prompt for row in table.rows],
                responses=[row.response for row in table.rows],
                labels=labels,
                vectors=self.vectors,
            )
            return build_table(answers, names, self._said(answers, parts, tested))

    def _said(self, answers: Answers, parts: Sequence[Part], tested: Sequence[Finding]) -> Said:
        """What models say of clusters, asked in the canonical order of the arms."""
        seed = derive_seed(self.config.seed, "cluster table") % 2**32
        named = name_themes(answers, self.readers, ("inputs", "interactions"), seed=seed)
        cluster_of = {one.id: one.definition["cluster"] for one in _cluster_measures(parts)}
        share_q = {cluster_of[one.id]: one.q_value for one in tested if one.id in cluster_of}
        found = tell_apart(answers, self.table.is_b, share_q, self.readers, alpha=self.config.alpha, seed=seed)
        names = [arm.name for arm in self.table.arms]
        contrasts = {
            c: [
                {"arm": names[side], "other": names[1 - side], "label": told}
                for side, told in list(enumerate(sides))[:: -1 if self.swapped else 1]
                if told is not None
            ]
            for c, sides in found.items()
        }
        return Said({**named, "responses": _names(parts)}, contrasts)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.events.logger.info("stage", name=name, seconds=round(time.perf_counter() - start, 3))

    def _resampling(self, family: int, n_parts: int) -> inference.Resampling:
        """How to test, given how many measures the whole run tests."""
        alpha, fdr = self.config.alpha, self.config.fdr
        return inference.Resampling(
            seed=self.config.seed,
            n_resamples=self.config.resamples or resamples_for(family, alpha, method=fdr),
            alpha=alpha,
            family=family,
            threads=self.threads,
            progress=self.progress,
            fdr=fdr,
            early=self.config.resamples is None,
            joint_alpha=(1.0 - inference.LEVEL) / n_parts if self.config.wants_simultaneous else None,
        )

    def _measure_and_test(self, part: Part) -> MeasuredPart:
        table = self.table
        seed = derive_seed(self.config.seed, f"part {part.name}")
        resampling = replace(self.resampling, seed=seed, together=part.scan is not None)
        if part.scan is not None:
            with self._stage(f"measure {part.name}"):
                values = self._values(part.scan.values, part.scan.n_measures)
            with self._stage(f"test {part.name}"):
                chosen, tested = inference.infer_scan(table, values, part.scan, part.tested, resampling)
            values = values[:, chosen]
            means = unit_means(table, values)
            return MeasuredPart(part, (part.scan.chosen(chosen.tolist()),), values, means, tested)
        with self._stage(f"measure {part.name}"):
            columns = [self._values(proposal.values, len(proposal.measures)) for proposal in part.proposals]
        values = np.concatenate([np.empty((len(table.rows), 0)), *columns], axis=1)
        measures = tuple(part.hypotheses)
        inference.check_finite(values, table, measures)
        with self._stage(f"test {part.name}"):
            means = unit_means(table, values)
            tested = inference.infer(table, means, part.tested, measures, resampling)
        return MeasuredPart(part, part.proposals, values, means, tested)

    def _values(self, take: Callable[[Sequence[Response]], FloatMatrix], n_measures: int) -> FloatMatrix:
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

    def _findings(self, measured: Sequence[MeasuredPart], tested: inference.Tested) -> list[Finding]:
        table = self.prepared.table
        findings = build_findings(
            [measure for part in measured for measure in part.measures],
            tested,
            [part.part.tested_on for part in measured for _ in part.measures],
            table=table,
            swapped=self.swapped,
            margins=self.config.equivalent_within,
        )
        start = 0
        for part in measured:
            stop = start + len(part.measures)
            findings[start:stop] = self._illustrated(part, findings[start:stop])
            start = stop
        return mark_replicated(findings, self.config.alpha)

    def _illustrated(self, part: MeasuredPart, findings: Sequence[Finding]) -> Iterator[Finding]:
        """Those that passed, with the responses behind them."""
        means = part.means.prompts
        a, b = (means.second, means.first) if self.swapped else (means.first, means.second)
        proposal_of = {measure.id: proposal for proposal in part.proposals for measure in proposal.measures}
        for j, (measure, finding) in enumerate(zip(part.measures, findings, strict=True)):
            if finding.q_value > self.config.alpha:
                yield finding
                continue
            proposal = proposal_of[measure.id]
            if isinstance(proposal, Repeatable):
                survival = proposal.survival(measure)
                finding = replace(finding, n_survived=survival.n, n_repetitions=survival.of)
            mark = partial(proposal.evidence, measure)
            yield with_examples(finding, self.prepared.table, a[:, j], b[:, j], part.part.tested, mark)


def _names(parts: Sequence[Part]) -> dict[int, Json]:
    """What the lens ``clusters`` had its clusters called."""
    definitions = (measure.definition for measure in _cluster_measures(parts))
    return {one["cluster"]: one["label"] for one in definitions if "label" in one}


def _cluster_measures(parts: Sequence[Part]) -> Iterator[Measure]:
    return (measure for part in parts for measure in part.hypotheses if measure.lens == "clusters")


def _clusters(parts: Sequence[Part], table: Table) -> Labels:
    for proposal in (proposal for part in parts for proposal in part.proposals):
        if isinstance(proposal, ClustersProposal):
            return proposal.labels(table.rows)
    return np.full(len(table.rows), -1, dtype=np.int32)
