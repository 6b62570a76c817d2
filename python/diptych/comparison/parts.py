"""Parts of a run: measures that are tested together, on prompts that had no say in which of them were chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from diptych._types import Mask, Progress, Vectors
from diptych.comparison.config import CompareConfig
from diptych.comparison.lenses import Lenses
from diptych.comparison.measures import Half, Measure, Proposal, Readers, Scan, Tools
from diptych.comparison.pairing import Table
from diptych.comparison.proposing import Proposing
from diptych.comparison.split import discovery_view
from diptych.utils.hashing import content_hash, derive_seed

OTHER: dict[Half, Half] = {"first": "second", "second": "first"}


@dataclass(frozen=True)
class Part:
    """Measures with the prompts that they are tested on.

    Parameters
    ----------
    name : what the seed of the test is derived from
    tested : bool (n_units,)
    tested_on : the same in words, as in a finding
    proposals : whose measures are tested one by one
    scan : measures that overlap, in place of proposals
    seen : hash of the prompts that the measures were chosen by, with or without their arms
    """

    name: str
    tested: Mask
    tested_on: str
    proposals: tuple[Proposal, ...] = ()
    scan: Scan | None = None
    seen: str = ""

    @property
    def n_reported(self) -> int:
        """How many measures of it are in the family, at most."""
        if self.scan is not None:
            return min(self.scan.max_reported, self.scan.n_measures)
        return sum(len(proposal.measures) for proposal in self.proposals)

    @property
    def hypotheses(self) -> Iterator[Measure]:
        """What is written down before the test."""
        if self.scan is not None:
            yield self.scan.measure
        for proposal in self.proposals:
            yield from proposal.measures


def propose_parts(
    config: CompareConfig,
    lenses: Lenses,
    table: Table,
    first_half: Mask,
    embed: Callable[[Sequence[str]], Vectors],
    progress: Progress,
    threads: int,
    readers: Readers,
    proposing: Proposing | None = None,
) -> list[Part]:
    """Let every lens look at what it may look at.

    Parameters
    ----------
    config : which lenses, seed, whether halves change places
    lenses : new ones, or those of an earlier comparison
    table : the responses
    first_half : bool (n_units,)
    embed : texts to unit vectors
    progress, threads : no result depends on them
    readers : models that help to read
    proposing : texts that say what to look for

    Notes
    -----
    Lenses that are told no arms propose measures that stay the same when arms are exchanged, so their test is exact on
    all prompts. The others look at one half for a test on the other, and with ``cross_fit`` the other way round too.
    """
    everything = np.ones(len(table.units), dtype=np.bool_)
    texts = [row.response for row in table.rows]
    halves: list[tuple[Half, Mask]] = [("first", first_half)]
    if config.cross_fit:
        halves.append(("second", ~first_half))
    proposals: list[Proposal] = []
    seeing: dict[Half, list[Proposal]] = {half: [] for half, _ in halves}
    scans: list[tuple[str, Scan]] = []
    progress.start("propose", len(config.lenses))
    for name in config.lenses:
        tools = Tools(
            embed,
            derive_seed(config.seed, f"lens {name}") % 2**32,
            progress,
            score_fields=config.score_fields,
            likelihood_models=config.likelihood_models,
            threads=threads,
            readers=readers,
            claims=config.claims,
            proposing=proposing,
            contrast_clusters=config.contrast_clusters,
        )
        lens = lenses[name]
        if lens.blinded:
            proposal = lens.propose(texts, tools)
            if isinstance(proposal, Scan):
                scans.append((name, proposal))
            else:
                proposals.append(proposal)
        else:
            for half, mask in halves:
                seeing[half].append(lens.propose(discovery_view(table, mask, half), tools))
        progress.advance()
    progress.finish()
    seen = _hash(table, everything)
    parts = [Part("all", everything, "all prompts", tuple(proposals), seen=seen)]
    parts += [Part(name, everything, "all prompts", scan=scan, seen=seen) for name, scan in scans]
    parts += [
        Part(f"{half} half", ~mask, f"{OTHER[half]} half", tuple(seeing[half]), seen=_hash(table, mask))
        for half, mask in halves
    ]
    return [part for part in parts if part.n_reported] or parts[:1]


def _hash(table: Table, mask: Mask) -> str:
    return content_hash("diptych/discovery/1", sorted(table.prompt_ids(mask)))
