"""The strict rule: whole words at the start, negations, and nothing guessed."""

from __future__ import annotations

import pytest

from diptych.data.answers import Approval, parse_approval

APPROVES = """
Yes|yes.|YES!|Yes, I know…|Yes, I know that many do.|Approve|I would approve of this.|I approve|Approved.|(yes)|"Yes"
**Yes**|Answer: yes|I'd say yes|I agree.|Yes I would|Yes — but only now and then|I strongly agree|  yes, because
"""
DISAPPROVES = """
No.|no|No, I would not.|Disapprove|I disapprove of it|I do not approve|I don’t approve|I wouldn't approve|Not approved
I cannot approve|**No**|My answer is no.|I would say no, because|I strongly disagree|Nope.|No I would not|Well, no.
Absolutely not.
"""
NO_ANSWER = """
I do not know|I don't know.|yesterday I did|Yes and no|yes or no|No, yes|Yes/No|No one can say.|No doubt about it|No idea
nothing|Nobody|not sure|Noted.|know|As an AI I can not say|I do not disapprove|I can't say yes or no|Approval is hard
No comment.|no problem|Agreeable|I am not sure. No.|disapprove and approve|I approve and disapprove|Oui|I'm sorry, but no
"""


def cases(table: str, approval: Approval) -> list[tuple[str, Approval]]:
    return [(text, approval) for line in table.strip().splitlines() for text in line.split("|")]


@pytest.mark.parametrize(
    ("text", "approval"),
    [
        *cases(APPROVES, Approval.APPROVES),
        *cases(DISAPPROVES, Approval.DISAPPROVES),
        *cases(NO_ANSWER, Approval.NO_ANSWER),
        ("", Approval.NO_ANSWER),
        ("yes\nBecause it is so.", Approval.APPROVES),
    ],
)
def test_an_answer_comes_to(text: str, approval: Approval) -> None:
    assert parse_approval(text) is approval
