"""Failures that say nothing about what was asked, where what is asked next hangs on the answer."""

from __future__ import annotations

from typing import Final

from diptych.errors import ModelError
from diptych.models.requests import Failure

PASSING: Final = ("rate_limit", "server", "timeout", "connection")
"""Kinds of failures after which the same command asks again, and may well get an answer."""


def refuse_passing(name: str, failure: Failure) -> None:
    """Stop where a failure says nothing about the question.

    What hangs on the answer would be another once it is there: a run that goes on must meet the same answers.

    Parameters
    ----------
    name : of the model
    failure : what came of a request

    Raises
    ------
    ModelError
        If its kind is one of ``PASSING``.

    Examples
    --------
    >>> refuse_passing("openai/m", Failure("bad_request", "no such thing"))
    >>> refuse_passing("openai/m", Failure("server", "status 503"))
    Traceback (most recent call last):
    ...
    diptych.errors.ModelError: openai/m: server: status 503.
    What was answered is kept; the same command goes on.
    """
    if failure.kind in PASSING:
        raise ModelError(
            f"{name}: {failure.kind}: {failure.reason}.\nWhat was answered is kept; the same command goes on."
        )
