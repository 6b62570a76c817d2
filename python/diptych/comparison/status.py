"""How a run stands: asking, comparing, or done; whether a process is at it; what it has taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from diptych._types import Json
from diptych.comparison.folder import LEDGER
from diptych.comparison.generated import ledger_of
from diptych.errors import RunError
from diptych.models.spending import Spent
from diptych.models.standing import ArmStanding, Standing, read_standing

Stage = Literal["asking", "comparing", "done"]


_RESULTS = ("manifest.json", "aa.json")
"""What stands in a folder that is complete."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a run stands.

    Parameters
    ----------
    run : its folder, or its file of responses
    stage : what it is at, or stopped at
    standing : of its models; None where it asks none
    """

    run: Path
    stage: Stage
    standing: Standing | None

    @property
    def is_running(self) -> bool:
        """Whether a process is at it now."""
        holder = None if self.standing is None else self.standing.holder
        return holder is not None and holder.alive

    def as_json(self) -> Json:
        """The same for scripts; a price that is not known is null."""
        found: Json = {"run": str(self.run), "stage": self.stage, "running": self.is_running, "arms": []}
        if self.standing is None:
            return found
        holder = self.standing.holder
        held = holder and {"pid": holder.pid, "host": holder.host, "since": holder.since, "alive": holder.alive}
        resume = None if self.stage == "done" else self.standing.command
        arms = [_arm(arm) for arm in self.standing.arms]
        return {
            **found,
            "arms": arms,
            "spent": _spent(self.standing.spent),
            "lock": held,
            "resume": resume,
            "folder": self.standing.folder,
        }


def read_status(run: Path) -> Status:
    """How a run stands, at any time: while it is made, after a crash, when it is over. Only reads.

    Parameters
    ----------
    run : folder of a comparison, or file of the responses that ``generate`` writes

    Raises
    ------
    RunError
        If there is no run.
    LedgerError
        If its ledger cannot be read.
    """
    if run.is_dir():
        ledger, is_written, is_comparison = run / LEDGER, any((run / name).is_file() for name in _RESULTS), True
    else:
        ledger, is_written, is_comparison = ledger_of(run), run.is_file(), False
    if not ledger.is_file():
        if is_comparison and is_written:
            return Status(run, "done", None)
        raise RunError(
            f"{run} is no run: there is neither {ledger.name} nor a finished comparison. Give the --out of a command.\n"
            "A comparison of files appears when it is complete."
        )
    standing = read_standing(ledger)
    return Status(run, _stage(standing, is_written, is_comparison), standing)


def _stage(standing: Standing, is_written: bool, is_comparison: bool) -> Stage:
    is_asked = all(arm.n_missing == 0 for arm in standing.arms) and bool(standing.arms)
    if is_written and (is_comparison or is_asked):
        return "done"
    return "comparing" if is_comparison and is_asked else "asking"


def _spent(spent: Spent) -> Json:
    return {
        "answers": spent.n_answers,
        "vectors": spent.n_texts,
        "input_tokens": spent.usage.input_tokens,
        "output_tokens": spent.usage.output_tokens,
        "usd": None if spent.n_unpriced else spent.usd,
    }


def _arm(arm: ArmStanding) -> Json:
    return {
        "arm": arm.arm,
        "model": arm.model,
        "requests": arm.n_wanted,
        "answered": arm.n_answered,
        "failed": arm.n_failed,
        "failures": dict(arm.failures),
        "missing": arm.n_missing,
        "input_tokens": arm.usage.input_tokens,
        "output_tokens": arm.usage.output_tokens,
        "usd": arm.usd,
    }
