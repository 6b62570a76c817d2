"""Texts that propose: what to look for in the responses, of which they are none."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from diptych._types import Json
from diptych.comparison.sources import load_arm
from diptych.data import Response, Responses
from diptych.utils.text import json_lines


@dataclass(frozen=True)
class Proposing:
    """Texts of two sides, such as a contrast of two models makes: what a likes and b does not, and the other way round.

    Parameters
    ----------
    a, b : texts that speak for the first arm, and for the second
    """

    a: Responses
    b: Responses

    @classmethod
    def load(cls, a: Any, b: Any) -> Self:
        """Read both.

        Parameters
        ----------
        a, b : as the arms of ``diptych.compare``

        Raises
        ------
        DataError
            If one cannot be read.
        """
        return cls(*(load_arm(one, arm=arm, prompt_field=None, response_field=None, threads=1)
                     for arm, one in (("a", a), ("b", b))))  # fmt: skip

    def as_json(self) -> Json:
        """Where they came from and what they are, for the manifest."""
        return {
            arm: {"source": one.source, "n_texts": len(one), "sha256": _sha256(one)}
            | ({} if one.origin is None else {"generated": one.origin})
            for arm, one in (("a", self.a), ("b", self.b))
        }

    def digests(self) -> Json:
        """Of their contents alone."""
        return {arm: entry["sha256"] for arm, entry in self.as_json().items()}

    def documents(self) -> dict[str, str]:
        """The files of a run's folder that hold them."""
        return {
            name: json_lines(_record(row) for row in one) for name, one in zip(FILES, (self.a, self.b), strict=True)
        }


LOG_RATIO = "log_ratio"
"""Field of a text: how much likelier the second model finds it than the first, in nats a token."""
FILES = ("proposing_a.jsonl", "proposing_b.jsonl")
"""Of a run's folder."""


def read_proposing(folder: Path) -> Proposing | None:
    """The texts of a run; None where it has none.

    Parameters
    ----------
    folder : of the run
    """
    paths = [folder / name for name in FILES]
    return Proposing.load(*paths) if all(path.is_file() for path in paths) else None


def _sha256(texts: Responses) -> str:
    """Of prompts and texts, wherever they were read from."""
    return hashlib.sha256(json_lines(_record(row) for row in texts).encode()).hexdigest()


def _record(row: Response) -> Json:
    record = {name: getattr(row, name) for name in ("prompt_id", "prompt", "system", "draw", "response")}
    ratio = row.meta.get(LOG_RATIO)
    return record if ratio is None else {**record, LOG_RATIO: ratio}
