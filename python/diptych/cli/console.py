"""What every verb prints with: results to stdout, everything else to stderr, hostile text made harmless."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

from diptych.errors import BudgetError, DiptychError, LedgerError, ModelError, StoreError
from diptych.utils.secrets import without_keys
from diptych.utils.text import printable

if TYPE_CHECKING:
    from rich.progress import TaskID

    from diptych._types import Progress

_PLAIN_INTERVAL_S = 5.0
_PLAIN_SHORTEST_S = 0.5


class Exit(IntEnum):
    """Exit codes; scripts rely on them."""

    DONE = 0
    ERROR = 1
    BAD_INPUT = 2
    BUDGET = 3
    DIFFERENCES = 100
    INTERRUPTED = 130
    TERMINATED = 143


class _Terminated(KeyboardInterrupt):
    """Someone asked this process to end."""


def say(text: str = "") -> None:
    """A line of the result, to stdout."""
    typer.echo(printable(text))


def note(text: str) -> None:
    """A line about the work, to stderr."""
    typer.echo(printable(text), err=True)


def typed() -> str:
    """The command that is running, as it may be typed again: with the settings of its environment, without keys."""
    settings = [f"{name}={shlex.quote(value)}" for name, value in sorted(os.environ.items()) if _is_setting(name)]
    return without_keys(" ".join([*settings, shlex.join(["diptych", *sys.argv[1:]])]))


def _is_setting(name: str) -> bool:
    return name.startswith("DIPTYCH_") and name != "DIPTYCH_DEBUG"


@contextmanager
def errors_as_messages(*, resumes: bool = False) -> Iterator[None]:
    """Turn what diptych raises on purpose into a message of a few lines and an exit code; never a traceback.

    Parameters
    ----------
    resumes : whether the same command goes on where it was interrupted, rather than start again

    Notes
    -----
    ``DIPTYCH_DEBUG=1`` prints the traceback too. What it warns of becomes a note.
    """
    try:
        with _warnings_as_notes(), _termination_as_interrupt():
            yield
    except KeyboardInterrupt as error:
        kept = "what was answered is kept. The same command goes on:"
        note(f"interrupted; {kept if resumes else 'nothing was left half-written. The same command starts again:'}")
        note(f"  {typed()}")
        raise typer.Exit(Exit.TERMINATED if isinstance(error, _Terminated) else Exit.INTERRUPTED) from None
    except (DiptychError, MemoryError) as error:
        if os.environ.get("DIPTYCH_DEBUG"):
            traceback.print_exc()
        note(f"diptych: {str(error) or 'out of memory'}")
        raise typer.Exit(_exit_code(error)) from None


def _exit_code(error: DiptychError | MemoryError) -> Exit:
    if isinstance(error, BudgetError):
        return Exit.BUDGET
    failed = isinstance(error, StoreError | LedgerError | ModelError | MemoryError)
    return Exit.ERROR if failed else Exit.BAD_INPUT


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """SIGTERM ends the work as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    with warnings.catch_warnings():
        show = warnings.showwarning

        def as_note(
            message: Warning | str, category: type[Warning], filename: str, lineno: int, *to: Any, **options: Any
        ) -> None:
            if category is UserWarning:
                note(f"note: {message}")
            else:
                show(message, category, filename, lineno, *to, **options)

        warnings.showwarning = as_note
        yield


@contextmanager
def progress_on_stderr() -> Iterator[Progress]:
    """A progress bar on a terminal, plain lines elsewhere."""
    if sys.stderr.isatty():
        with _bar() as bar:
            yield bar
    else:
        yield PlainProgress()


class PlainProgress:
    """A line every few seconds of a stage that lasts, and one when it is done; none for what takes no time."""

    def __init__(self) -> None:
        self._stages: list[_Stage] = []

    def start(self, stage: str, total: int) -> None:
        now = time.monotonic()
        self._stages.append(_Stage(stage, total, now, now))

    def advance(self, steps: int = 1) -> None:
        if not self._stages:
            return
        stage, now = self._stages[-1], time.monotonic()
        stage.done += steps
        if now - stage.said >= _PLAIN_INTERVAL_S and stage.done < stage.total:
            per_s = stage.done / (now - stage.start)
            left = (stage.total - stage.done) / per_s
            note(f"{stage.name}: {100 * stage.done // stage.total} %, {per_s:,.3g} a second, about {left:.0f} s left")
            stage.said = now

    def say(self, text: str) -> None:
        note(f"{self._stages[-1].name}: {text}" if self._stages else text)

    def finish(self) -> None:
        if self._stages:
            stage = self._stages.pop()
            took_s = time.monotonic() - stage.start
            if took_s >= _PLAIN_SHORTEST_S:
                note(f"{stage.name}: done in {took_s:.1f} s")


@dataclass
class _Stage:
    """One that is under way; another may begin and end inside it."""

    name: str
    total: int
    start: float
    said: float
    done: int = 0


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.3g} a second" if task.speed else "")

    columns = (TextColumn("{task.description:<8}", markup=False), BarColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _RichProgress(bar)


class _RichProgress:
    def __init__(self, bar: object) -> None:
        from rich.progress import Progress

        assert isinstance(bar, Progress)
        self._bar = bar
        self._tasks: list[TaskID] = []

    def start(self, stage: str, total: int) -> None:
        self._tasks.append(self._bar.add_task(stage, total=max(total, 1)))

    def advance(self, steps: int = 1) -> None:
        if self._tasks:
            self._bar.advance(self._tasks[-1], steps)

    def say(self, text: str) -> None:
        self._bar.console.print(printable(text), markup=False, highlight=False)

    def finish(self) -> None:
        if self._tasks:
            self._bar.remove_task(self._tasks.pop())
