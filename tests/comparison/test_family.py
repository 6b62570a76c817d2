"""All measures of a run as one family: how the rate is held, and what a run could not have found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

import diptych
from diptych import Result
from tests.helpers.records import Record, records


def similar(n: int = 40) -> tuple[list[Record], list[Record]]:
    """Two arms of which the second asks back in half of its answers, and differs in little else."""
    a = records(n, answer="The answer to it is {i}.")
    return a, [{**row, "response": row["response"][:-1] + "?"} if i % 2 else row for i, row in enumerate(a)]


def compare(n: int = 40, **settings: Any) -> Result:
    return diptych.compare(*similar(n), threads=1, **{"lenses": ("surface", "phrases"), **settings})


@pytest.mark.parametrize(("fdr", "name"), [("bh", "Benjamini–Hochberg"), ("by", "Benjamini–Yekutieli")])
def test_q_and_report_follow_the_chosen_procedure(fdr: str, name: str) -> None:
    result = compare(fdr=fdr, resamples=1000)
    p = [finding.p_value for finding in result.tested]
    q = [finding.q_value for finding in result.tested]
    assert q == pytest.approx(multipletests(p, method=f"fdr_{fdr}")[1], abs=1e-12)
    assert result.findings
    assert result.to_json()["fdr"] == fdr
    assert [word in result.to_html() for word in ("Benjamini–Hochberg", "Benjamini–Yekutieli")] == [
        word == name for word in ("Benjamini–Hochberg", "Benjamini–Yekutieli")
    ]


def test_what_would_have_been_found_is_more_where_less_is_assumed() -> None:
    changes = [
        np.array([finding.minimum_detectable_effect for finding in compare(200, fdr=fdr).tested], dtype=np.float64)
        for fdr in ("bh", "by")
    ]
    known = ~np.isnan(changes[0])
    assert known.sum() >= 2
    assert (changes[1][known] > changes[0][known]).all()
