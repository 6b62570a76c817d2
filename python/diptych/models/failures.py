"""What went wrong with a call: to be made again, the end of one request, or the end of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from diptych._types import Json
from diptych.models.requests import FailureKind, Usage
from diptych.utils.retry import TryAgainError
from diptych.utils.text import parse_json, printable, shorten

Verdict = Literal["request", "run"]

MAX_REASON = 240
"""Longest reason, in characters."""

NO_CREDIT = {
    "billing_hard_limit_reached", "billing_not_active", "credit_balance_exhausted", "enforced_spend_limit_reached",
    "insufficient_quota", "quota_exceeded", "spend_limit_reached",
}  # fmt: skip
"""Codes of a 429 that no wait mends."""

_MOST_TOKENS = 10**12

TOO_LONG = {"context_length_exceeded", "request_too_large", "string_above_max_length"}
BAD_PARAMETER = {"unsupported_parameter", "unsupported_value", "unknown_parameter", "invalid_value"}
NO_MODEL = {"model_not_found", "not_found_error"}

NO_SUCH_MODEL = "there is no such model"
_STOPS = {
    401: "the key was refused",
    402: "there is no credit",
    403: "the key may not ask this",
    404: f"{NO_SUCH_MODEL}, or no such address",
}


class AgainError(TryAgainError):
    """The call may be made again.

    Parameters
    ----------
    kind : of the failure, if it does not get better
    reason : what went wrong
    after_s : seconds that the provider asked to wait
    slow_down : whether fewer calls should be out at once
    """

    def __init__(self, kind: FailureKind, reason: str, *, after_s: float = 0.0, slow_down: bool = False) -> None:
        self.kind, self.slow_down = kind, slow_down
        super().__init__(reason, after_s=after_s)


class GivenUpError(Exception):
    """The call must not be made again.

    Parameters
    ----------
    kind : of the failure
    reason : what went wrong
    ends : only this request, or the run: the next would fail the same way
    """

    def __init__(self, kind: FailureKind, reason: str, *, ends: Verdict = "request") -> None:
        self.kind, self.reason, self.ends = kind, reason, ends
        super().__init__(kind, reason)


Trouble = AgainError | GivenUpError


def of_error(error: Exception) -> Trouble:
    """Sort an exception of OpenAI's or Anthropic's SDK.

    Both are made by one generator: a reply with a bad status has ``status_code``, ``response`` and ``body``; without
    a reply the class is ``APITimeoutError`` or ``APIConnectionError``.

    Parameters
    ----------
    error : as the SDK raised it
    """
    response = getattr(error, "response", None)
    if response is not None:
        return of_status(int(response.status_code), getattr(error, "body", None), response.headers)
    if "Timeout" in type(error).__name__:
        return AgainError("timeout", "no reply in time")
    cause = type(error.__cause__ or error).__name__
    return AgainError("connection", f"the connection failed ({cause})")


def of_status(status: int, body: object, headers: Mapping[str, str]) -> Trouble:
    """Sort a reply that refuses.

    Parameters
    ----------
    status : of HTTP, or the code of an error that came with status 200
    body : the JSON value of the reply, or its text
    headers : of the reply, by lower-case name
    """
    codes, message = _codes_and_message(body)
    reason = shorten(
        f"HTTP {status} {' '.join(sorted(codes))}".rstrip() + (f": {message}" if message else ""), MAX_REASON
    )
    if status == 429 or codes & {"rate_limit_error", "rate_limit_exceeded"}:
        return _of_429(codes, message, reason, headers)
    if codes & TOO_LONG or (status in (400, 413, 422) and _says_too_long(message)) or status == 413:
        return GivenUpError("context_length", reason)
    if status == 403 and _is_flagged(body):
        return GivenUpError("bad_request", reason)
    if status in _STOPS or codes & NO_MODEL:
        return GivenUpError("bad_request", f"{_STOPS.get(status, _STOPS[404])} ({reason})", ends="run")
    if status in (408, 409, 425) or status >= 500:
        slow_down = "slow_down" in codes or "slow_down" in message
        return AgainError("server", reason, after_s=retry_after_s(headers), slow_down=slow_down)
    ends: Verdict = "run" if codes & BAD_PARAMETER or "credit balance" in message else "request"
    return GivenUpError("bad_request", reason, ends=ends)


def _of_429(codes: set[str], message: str, reason: str, headers: Mapping[str, str]) -> Trouble:
    if codes & NO_CREDIT or any(code in message for code in NO_CREDIT):
        return GivenUpError("rate_limit", f"there is no credit ({reason})", ends="run")
    return AgainError("rate_limit", reason, after_s=retry_after_s(headers), slow_down=True)


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds of the header ``retry-after-ms`` or ``retry-after``; 0 without them, and for a date.

    Parameters
    ----------
    headers : of the reply, by lower-case name

    Examples
    --------
    >>> retry_after_s({"retry-after": "1.5"}), retry_after_s({"retry-after": "tomorrow"})
    (1.5, 0.0)
    """
    for name, per_s in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / per_s
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    return 0.0


def read_object(content: bytes) -> Json:
    """The JSON object of a reply with status 200.

    Parameters
    ----------
    content : its bytes

    Raises
    ------
    AgainError
        ``bad_response``: another page, broken JSON, or another JSON value.
    AgainError, GivenUpError
        As `of_status`, for an object with an ``error``.
    """
    try:
        value = parse_json(content)
    except ValueError:
        what = "no JSON"
        if content.lstrip()[:1] == b"<":
            what = "a web page: is the address right, and does no proxy stand before it?"
        raise AgainError("bad_response", f"the reply is {what} ({len(content)} bytes)") from None
    if not isinstance(value, dict):
        raise AgainError("bad_response", f"the reply is a JSON {type(value).__name__}, not an object")
    if value.get("error"):
        raise of_status(_code_of(value["error"]), value, {})
    return value


def usage_in(value: Json) -> list[Usage]:
    """Tokens of a reply that is of no use, in either dialect: one entry, or none where it does not say.

    Parameters
    ----------
    value : the JSON object of the reply

    Examples
    --------
    >>> usage_in({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 0}})
    [Usage(input_tokens=3, output_tokens=0)]
    """
    said = value.get("usage")
    if not isinstance(said, dict):
        return []
    counts = (
        next((n for n in map(said.get, names) if type(n) is int and 0 <= n <= _MOST_TOKENS), None)
        for names in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    )
    usage = Usage(*counts)
    return [] if usage == Usage() else [usage]


def malformed(error: ValidationError) -> AgainError:
    """A reply without the fields that it must have; ``error`` is told by place and kind, never by what stood there."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"])) or "the reply"
    return AgainError("bad_response", f"the reply is not what was asked for: {place}: {first['type']}")


def _code_of(error: Any) -> int:
    """The status that an error with HTTP status 200 would have had."""
    code = error.get("code") if isinstance(error, dict) else None
    return int(str(code)) if str(code).isdecimal() and 400 <= int(str(code)) < 600 else 502


def _codes_and_message(body: object) -> tuple[set[str], str]:
    """Machine-readable codes and the words of an error, in either dialect; never what else the body holds."""
    inner = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(inner, dict):
        return set(), ""
    details = inner.get("details")
    named = [inner.get("code"), inner.get("type"), details.get("error_code") if isinstance(details, dict) else None]
    message = inner.get("message", inner.get("detail"))  # FastAPI's word for it
    codes = {name for name in named if isinstance(name, str) and name.isascii() and len(name) < 64}
    return codes, printable(message) if isinstance(message, str) else ""


def _is_flagged(body: object) -> bool:
    """Whether a router's moderation refused this one prompt (it names reasons), not the key."""
    inner = body.get("error", body) if isinstance(body, dict) else body
    return isinstance(inner, dict) and isinstance(inner.get("metadata"), dict) and "reasons" in inner["metadata"]


def _says_too_long(message: str) -> bool:
    words = message.lower()
    return any(
        phrase in words
        for phrase in ("context length", "context window", "maximum context", "prompt is too long", "too many tokens")
    )
