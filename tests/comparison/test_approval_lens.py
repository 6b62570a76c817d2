"""Lens ``approval``: a planted change of opinion is found, and none where there is none."""

from __future__ import annotations

import numpy as np

import diptych
from diptych.comparison.lenses.approval import ApprovalProposal
from diptych.data import Response


def answers(words: list[str]) -> list[dict[str, str]]:
    return [{"prompt": f"Do you approve of number {i}?", "response": word} for i, word in enumerate(words)]


def test_an_arm_that_says_yes_more_often_is_found() -> None:
    before = ["No, I do not.", "I do not know.", "Yes."] * 40
    after = ["Yes, I do.", "I do not know.", "Yes."] * 40
    result = diptych.compare(answers(before), answers(after), lenses="approval")
    assert {finding.id: round(finding.effect, 3) for finding in result.findings} == {
        "approval.approves": 0.333,
        "approval.disapproves": -0.333,
    }
    assert result.findings[0].statement.endswith("statements")


def test_other_words_for_the_same_opinion_are_no_difference() -> None:
    result = diptych.compare(answers(["Yes."] * 60), answers(["I approve."] * 60), lenses="approval")
    assert not result.findings


def test_each_response_is_one_kind_of_answer_and_an_empty_one_is_none() -> None:
    texts = ["Yes.", "No.", "", "Perhaps."]
    rows = [Response(str(i), "?", text, "a") for i, text in enumerate(texts)]
    values = ApprovalProposal().values(rows)
    assert values.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
    assert np.asarray(ApprovalProposal().values([])).shape == (0, 3)
