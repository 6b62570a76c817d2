"""What came of comparing a model with itself: every finding is a false alarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from diptych import __version__
from diptych._types import Json
from diptych.comparison.config import CompareConfig
from diptych.comparison.findings import Finding
from diptych.comparison.pairing import Pairing
from diptych.stats.calibration import Share, Smallness, exact_share, smallness
from diptych.utils.hashing import derive_seed

SMALL_P = 0.05
LENS_ALPHA = 0.01
"""A lens whose p-values are smaller than they may be at this level is warned of."""
SCANS = frozenset({"phrases", "regions"})
"""Lenses whose p are corrected over all that they scan: the p of the first, the strongest, is that of the scan."""


@dataclass(frozen=True, slots=True)
class Split:
    """One comparison of the model with itself.

    Parameters
    ----------
    number : counted from 1
    seed : of the split and of everything random in its comparison
    findings : what was found, all of it false
    p_values : raw p of every measure, by lens, in the order of the tests
    """

    number: int
    seed: int
    findings: tuple[Finding, ...]
    p_values: Mapping[str, tuple[float, ...]]

    @property
    def n_tested(self) -> int:
        """Measures of all lenses."""
        return sum(map(len, self.p_values.values()))

    def as_json(self) -> Json:
        """As in ``--json``."""
        said = [
            {"id": finding.id, "statement": finding.statement, "q_value": finding.q_value} for finding in self.findings
        ]
        return {"number": self.number, "seed": self.seed, "n_tested": self.n_tested, "findings": said}


@dataclass(frozen=True, slots=True)
class LensCheck:
    """Raw p-values of one lens over all splits.

    Parameters
    ----------
    lens : its name
    n_tested : measures, over all splits
    n_small : of those, with p at most 0.05. Measures of one split depend on one another, so this is no sample
    p_values : one measure of each split in which the lens proposed any, chosen by the seed (of a scan, the strongest
        region, whose p is that of the whole scan): these are independent
    smallness : whether they are smaller than they may be; None without any
    """

    lens: str
    n_tested: int
    n_small: int
    p_values: tuple[float, ...]
    smallness: Smallness | None

    @property
    def is_suspect(self) -> bool:
        """Whether the p-values are too small, at 0.01."""
        return self.smallness is not None and self.smallness.p_value < LENS_ALPHA

    def as_json(self) -> Json:
        """As in ``--json``."""
        return {
            "lens": self.lens,
            "n_tested": self.n_tested,
            "share_small": self.n_small / self.n_tested if self.n_tested else None,
            "p_values": list(self.p_values),
            "excess": self.smallness.excess if self.smallness else None,
            "smallness_p_value": self.smallness.p_value if self.smallness else None,
        }


@dataclass(frozen=True)
class AAResult:
    """How often a model was found to differ from itself.

    Parameters
    ----------
    source : where the responses came from
    pairing : ``"paired"`` sets draws against draws of the same prompts, ``"unpaired"`` prompts against prompts, or
        groups against groups
    n_prompts, n_responses : that were split
    n_groups : of those prompts, where groups were split; else None
    config : of every comparison, but for the seed, which each split derives from this one
    splits : each comparison
    notices : what a reader should know about rows that were left out
    """

    source: str
    pairing: Pairing
    n_prompts: int
    n_responses: int
    config: CompareConfig
    splits: tuple[Split, ...]
    notices: tuple[str, ...]
    n_groups: int | None = None

    @cached_property
    def false_alarms(self) -> Share:
        """Share of splits with any finding, with its 95 % interval (Clopper-Pearson)."""
        return exact_share(sum(bool(split.findings) for split in self.splits), len(self.splits))

    @property
    def is_above_alpha(self) -> bool:
        """Whether the whole interval lies above the wanted alpha."""
        return self.false_alarms.low > self.config.alpha

    @cached_property
    def lenses(self) -> tuple[LensCheck, ...]:
        """Each lens by itself."""
        return tuple(_check(lens, self.splits) for lens in self.config.lenses)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong, if anything is."""
        above = (
            f"false alarms are more frequent than the wanted alpha = {self.config.alpha:g}; "
            "findings of such comparisons cannot be trusted"
        )
        suspects = [f"p-values of lens {check.lens} are too small" for check in self.lenses if check.is_suspect]
        return (*([above] if self.is_above_alpha else []), *suspects)

    def as_json(self) -> Json:
        """What ``diptych aa --json`` prints."""
        share = self.false_alarms
        return {
            "schema": 1,
            "diptych_version": __version__,
            "source": self.source,
            "pairing": self.pairing,
            "n_prompts": self.n_prompts,
            **({} if self.n_groups is None else {"n_groups": self.n_groups}),
            "n_responses": self.n_responses,
            "alpha": self.config.alpha,
            "n_splits": share.n,
            "n_false_alarms": share.n_hits,
            "false_alarm_rate": share.value,
            "ci_low": share.low,
            "ci_high": share.high,
            "is_above_alpha": self.is_above_alpha,
            "lenses": [check.as_json() for check in self.lenses],
            "warnings": list(self.warnings),
            "notices": list(self.notices),
            "splits": [split.as_json() for split in self.splits],
            "config": self.config.model_dump(mode="json"),
        }


def _check(lens: str, splits: Sequence[Split]) -> LensCheck:
    p_values = [p for split in splits for p in split.p_values[lens]]
    sample = tuple(_one_of(split.p_values[lens], split.seed, lens) for split in splits if split.p_values[lens])
    return LensCheck(
        lens=lens,
        n_tested=len(p_values),
        n_small=sum(p <= SMALL_P for p in p_values),
        p_values=sample,
        smallness=smallness(sample) if sample else None,
    )


def _one_of(p_values: Sequence[float], seed: int, lens: str) -> float:
    if lens in SCANS:
        return p_values[0]
    return p_values[derive_seed(seed, f"one measure of {lens}") % len(p_values)]
