"""Structured events with structlog. Importing it configures nothing."""

from __future__ import annotations

import json
from typing import Any

import structlog


class EventLog:
    """Events of one run, kept as JSON lines until the run's folder is written.

    Events carry ids, sizes and times, never prompts, responses or keys.

    Examples
    --------
    >>> log = EventLog()
    >>> log.logger.info("stage", name="embed", seconds=1.5)
    >>> '"name": "embed"' in log.text()
    True
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.logger: Any = structlog.wrap_logger(
            self,
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(serializer=json.dumps),
            ],
        )

    def msg(self, line: str) -> None:
        """Take one rendered event (structlog's side of the logger)."""
        self._lines.append(line)

    debug = info = warning = error = msg

    def text(self) -> str:
        """All events so far, one JSON object a line."""
        return "".join(line + "\n" for line in self._lines)
