"""The view model of what texts proposed, and what became of it in the responses."""

from __future__ import annotations

from dataclasses import dataclass

from diptych._types import Json
from diptych.comparison.folder import Documents
from diptych.comparison.proposed import LENSES, proposed_and_confirmed
from diptych.comparison.report import format as fmt
from diptych.comparison.report.format import Figure
from diptych.comparison.report.rows import Row
from diptych.comparison.report.text import visible

_SHARE = "share of responses"


@dataclass(frozen=True, slots=True)
class ProposedRow:
    """One hypothesis. ``texts`` proposed it; ``number`` is that of its finding, or 0."""

    statement: str
    by: str
    share_a: str
    share_b: str
    log_ratio: str
    rate_a: str
    rate_b: str
    effect: Figure
    q: Figure
    verdict: str
    number: int
    texts: tuple[str, ...]
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of one side, and where they came from."""

    n: str
    source: str


@dataclass(frozen=True, slots=True)
class Proposed:
    """The section. ``a`` and ``b`` are texts that proposed; None where responses did."""

    rows: tuple[ProposedRow, ...]
    n_confirmed: int
    a: Texts | None
    b: Texts | None
    has_ratios: bool
    notes: tuple[str, ...]


def build_proposed(documents: Documents, rows: tuple[Row, ...]) -> Proposed | None:
    """The section, from the documents of a run; None where no texts proposed anything.

    Parameters
    ----------
    documents : of the run
    rows : of all measures
    """
    measures = documents.measures["measures"]
    if not any(name in LENSES for name in documents.manifest["config"]["lenses"]):
        return None
    entries = proposed_and_confirmed(documents.findings, measures, documents.responses, documents.values)
    number = {row.id: row.number for row in rows if row.is_found}
    made = documents.manifest.get("proposing") or {}
    checks = documents.checks or {}
    return Proposed(
        rows=tuple(_row(entry, number.get(visible(entry["id"]), 0), checks) for entry in entries),
        n_confirmed=sum(entry["verdict"] == "confirmed" for entry in entries),
        a=_texts(made.get("a")),
        b=_texts(made.get("b")),
        has_ratios=any(entry["proposed"].get("log_ratio") is not None for entry in entries),
        notes=tuple(visible(str(note)) for note in checks.get("notes", ())),
    )


def _texts(entry: Json | None) -> Texts | None:
    return None if entry is None else Texts(fmt.count(entry["n_texts"]), visible(str(entry["source"])))


def _row(entry: Json, number: int, checks: Json) -> ProposedRow:
    proposed = entry["proposed"]
    ratio = proposed.get("log_ratio")
    scale = fmt.scale_for(_SHARE, entry["ci_low"], entry["ci_high"], (entry["effect"],))
    return ProposedRow(
        statement=visible(entry["statement"]),
        by=entry["by"],
        share_a=_percent(proposed["share_a"]),
        share_b=_percent(proposed["share_b"]),
        log_ratio="–" if ratio is None else f"{ratio:+.2f}".replace("-", "−"),
        rate_a=rate(entry["rate_a"]),
        rate_b=rate(entry["rate_b"]),
        effect=scale.difference(entry["effect"]),
        q=fmt.probability(entry["q_value"]),
        verdict=entry["verdict"],
        number=number,
        texts=tuple(visible(str(text)) for text in proposed["texts"]),
        checks=tuple(_checks(entry["id"], checks)),
    )


def _checks(name: str, checks: Json) -> list[str]:
    """What the further checks say of one hypothesis."""
    found = []
    again = checks.get("rephrased", {}).get("hypotheses", {}).get(name)
    if again is not None:
        found.append(
            f"on rephrased prompts {rate(again['rate_a'])} and {rate(again['rate_b'])}, "
            f"q {fmt.probability(again['q_value']).text}: {again['verdict']}"
        )
    written = checks.get("written", {}).get("hypotheses", {}).get(name)
    if written is not None:
        found.append(
            f"texts written to its description: AUC {written['auc']:.2f} "
            f"[{written['low']:.2f}, {written['high']:.2f}], q {fmt.probability(written['q_value']).text}"
        )
    return found


def _percent(share: float) -> str:
    return f"{fmt.significant(100.0 * share)} %"


def rate(entry: Json) -> str:
    """A rate with its interval: ``1.3 % [0.9, 1.9]``.

    Parameters
    ----------
    entry : ``rate``, ``low`` and ``high``, from 0 to 1
    """
    low, high = entry["low"], entry["high"]
    scale = fmt.scale_for(_SHARE, low, high, (entry["rate"],))
    bounds = [fmt.fixed(100.0 * bound, scale.decimals) for bound in (low, high)]
    return f"{scale.mean(entry['rate']).text} [{', '.join(bounds)}]"
