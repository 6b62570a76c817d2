"""Answers as rows of the ledger, and rows as answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from diptych.models.requests import Answer, Failure, Reply, Usage
from diptych.utils.text import parse_json


def reply_columns(reply: Reply, usd: float | None) -> tuple[Any, ...]:
    """What the table of answers holds of a reply, in the order of its columns.

    Parameters
    ----------
    reply : half a surrogate pair in a text becomes U+FFFD
    usd : its price; None where it is not known

    Examples
    --------
    >>> reply_columns(Reply("Yes.", "stop"), 0.5)[:5]
    ('Yes.', 'stop', None, None, 0.5)
    """
    return (
        whole(reply.text),
        reply.finish_reason,
        reply.usage.input_tokens,
        reply.usage.output_tokens,
        usd,
        reply.model,
        reply.request_id,
        reply.n_attempts,
        whole(json.dumps(reply.sent, ensure_ascii=False)),
        whole(json.dumps(reply.details, ensure_ascii=False)),
        *_lost(reply),
    )


def failure_columns(failure: Failure, usd: float | None) -> tuple[Any, ...]:
    """What the table of failures holds of one, in the order of its columns.

    Parameters
    ----------
    failure : half a surrogate pair in its reason becomes U+FFFD
    usd : price of its calls; None where it is not known

    Examples
    --------
    >>> failure_columns(Failure("timeout", "no reply in time"), None)
    ('timeout', 'no reply in time', 1, None, None, None)
    """
    return (failure.kind, whole(failure.reason), failure.n_attempts, *_lost(failure), usd)


def read_reply(row: Sequence[Any]) -> Reply:
    """The reply in a row.

    Parameters
    ----------
    row : text, finish_reason, input_tokens, output_tokens, model, request_id, n_attempts, sent, details

    Examples
    --------
    >>> read_reply(("Yes.", "stop", 3, 1, None, None, 1, "{}", "{}")).usage
    Usage(input_tokens=3, output_tokens=1)
    """
    text, finish, n_in, n_out, model, request_id, n_attempts, sent, details = row
    usage = Usage(n_in, n_out)
    return Reply(text, finish, usage, model, request_id, parse_json(sent), n_attempts, parse_json(details))


def _lost(answer: Answer) -> tuple[int | None, int | None]:
    """Tokens of input and output of the calls that came to nothing; None where none of them says."""
    n_input = [usage.input_tokens for usage in answer.lost if usage.input_tokens is not None]
    n_output = [usage.output_tokens for usage in answer.lost if usage.output_tokens is not None]
    return sum(n_input) if n_input else None, sum(n_output) if n_output else None


def whole(text: str) -> str:
    r"""Text that UTF-8 can hold: halves of surrogate pairs are joined, or replaced.

    Parameters
    ----------
    text : any

    Examples
    --------
    >>> whole("\ud83d\ude00") == "\U0001f600", whole("\ud83d") == "\ufffd"
    (True, True)
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
