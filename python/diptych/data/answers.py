"""Whether an answer says yes or no to a statement: by a strict rule, which rather says neither than guesses."""

from __future__ import annotations

import re
from enum import IntEnum


class Approval(IntEnum):
    """What an answer to a statement comes to; the numbers are those of ``approvals.npz``."""

    APPROVES = 1
    DISAPPROVES = 0
    NO_ANSWER = -1
    MISSING = -2
    """Nothing was answered: the request failed."""


_BEFORE = (
    r"(?:well|honestly|personally|overall)?,? ?"
    r"(?:(?:my |the |final )?answer(?: is|:)?:? |(?:i(?: would|'d)? (?:have to )?say|i say|i answer)(?: that)?:? )?"
    r"[^\w]*"
)
_END = r"(?=$| ?[.,;:!)\-–—\n\"'*_]| i\b| it\b| this\b| that\b| because\b| as an?\b)"
_YES = (
    rf"(?:yes|yep|yeah|absolutely yes){_END}|(?:approved?|agreed?)\b|"
    r"i(?:'d)? (?:(?:would|do|fully|strongly) )*(?:approve|agree)\b"
)
_NOT = r"(?:do not|don't|would not|wouldn't|cannot|can't|could not|couldn't|will not|won't)"
_NO = (
    rf"(?:no|nope|absolutely not|definitely not){_END}|(?:disapproved?|disagreed?)\b|not (?:approved?|agreed?)\b|"
    rf"i (?:(?:would|do|fully|strongly) )*(?:disapprove|disagree)\b|i {_NOT} (?:\w+ly )?(?:approve|agree)\b"
)
_APPROVES, _DISAPPROVES = re.compile(f"{_BEFORE}(?:{_YES})"), re.compile(f"{_BEFORE}(?:{_NO})")
_BOTH = re.compile(r"[^\w]*(?:and|or|but|/)?[^\w]*(?:also )?(yes|no|approve|disapprove|agree|disagree)\b")


def parse_approval(text: str) -> Approval:
    """What an answer says of a statement: it approves where it begins with a yes, disapproves where with a no.

    Whole words at the start of an English answer count, and nothing else: hedges, refusals, yes and no together, and
    words that only look alike are no answer.

    Parameters
    ----------
    text : of the answer

    Examples
    --------
    >>> [parse_approval(text).name for text in ("Yes, I know that.", "No.", "I do not know.", "Yesterday I did.")]
    ['APPROVES', 'DISAPPROVES', 'NO_ANSWER', 'NO_ANSWER']
    >>> parse_approval("I don't approve of this").name, parse_approval("Yes and no").name
    ('DISAPPROVES', 'NO_ANSWER')
    """
    plain = re.sub(r"\s+", " ", text.replace("\u2019", "'").lower()).strip()
    plain = re.sub(r"^[^\w]+", "", plain)
    for approval, pattern in ((Approval.APPROVES, _APPROVES), (Approval.DISAPPROVES, _DISAPPROVES)):
        found = pattern.match(plain)
        if found:
            other = _BOTH.match(plain, found.end())
            return Approval.NO_ANSWER if other and parse_approval(other[1]) != approval else approval
    return Approval.NO_ANSWER
