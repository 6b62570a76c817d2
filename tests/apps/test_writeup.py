"""The write-up of disagreements: in parts, with the true names, quoting only what exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from diptych.apps.behavioural_clustering.approvals import Approvals
from diptych.apps.behavioural_clustering.writeup import CHUNK, disagreements, write_up
from diptych.data.catalogue import Persona
from diptych.data.statements import Statement, Statements
from diptych.models.assistant import Assistant
from diptych.models.ledger import Ledger
from diptych.models.providers.scripted import Script, ScriptedModel
from diptych.models.requests import Deliver, Reply, Request, Sampling

N = 120


class Reader(ScriptedModel):
    """Makes one point of all it is shown, with one id that does not exist, and one point of such ids alone."""

    def __init__(self) -> None:
        super().__init__("reader", Script())
        self.shown: list[dict[str, object]] = []

    def answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver) -> None:
        for index, request in enumerate(requests):
            material = json.loads(request.messages[-1].content.split("\n\n", 1)[1])
            self.shown.append(material)
            records = material.get("statements") or [
                {"id": name} for point in material["points"] for name in point["statements"]
            ]
            points = [
                {
                    "claim": "They *differ* <b>here</b>",
                    "statements": [one["id"] for one in records] + ["feedfeedfeedfeed"],
                },
                {"claim": "invented", "statements": ["0000000000000000"]},
            ]
            deliver(index, Reply(json.dumps({"points": points}), "stop"))


@pytest.fixture
def approvals() -> Approvals:
    rows = tuple(Statement(f"{i:016x}", f"Statement | {i}", "c") for i in range(1, N + 1))
    personas = tuple(Persona(section, label, label) for section in ("s", "t") for label in ("plain", "odd"))
    values = np.ones((N, 2, 4, 1), dtype=np.int8)
    values[:, 1, 1] = 0  # in section s, the second model disapproves when it is odd
    values[:10, 0, 3] = -1  # in section t, the first model has no answer to ten
    return Approvals(Statements(rows), ("x/one", "x/two"), personas, values, {})


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[tuple[Reader, Assistant]]:
    reader = Reader()
    with Ledger(tmp_path / "ledger.sqlite", {}) as ledger:
        yield reader, Assistant(reader, ledger, Sampling())


def test_models_and_labels_go_by_their_names(approvals: Approvals) -> None:
    records = list(disagreements(approvals, "s"))
    assert len(records) == N
    assert records[0]["answers"] == {
        "x/one": {"plain": "approves", "odd": "approves"},
        "x/two": {"plain": "approves", "odd": "disapproves"},
    }
    assert len(list(disagreements(approvals, "t"))) == 10


def test_every_disagreement_is_read_in_parts_and_parts_are_brought_together(
    approvals: Approvals, assistant: tuple[Reader, Assistant]
) -> None:
    reader, writer = assistant
    done = write_up(writer, approvals)
    sizes = [len(one["statements"]) for one in reader.shown if "statements" in one]  # type: ignore[arg-type]
    assert sizes == [CHUNK, CHUNK, N - 2 * CHUNK, 10]
    assert sum("points" in one for one in reader.shown) == 2  # the parts of s; then s and t
    assert list(done.sections) == ["", "s", "t"]
    assert len(done.sections["s"][0].statements) == N


def test_what_does_not_exist_is_removed_and_reported(approvals: Approvals, assistant: tuple[Reader, Assistant]) -> None:
    done = write_up(assistant[1], approvals)
    text = done.to_markdown(approvals, "x/reader")
    assert (done.n_removed, done.n_dropped, done.n_unread) == (12, 6, 0)
    assert [notice.split(" ")[0] for notice in done.notices("x/reader")] == ["x/reader", "6"]
    ids = set(re.findall(r"`([0-9a-f]{16})`", text))
    assert ids
    assert ids <= {row.statement_id for row in approvals.statements.rows}
    assert "feedfeed" not in text
    assert "invented" not in text


def test_what_the_model_writes_cannot_be_taken_for_markdown(
    approvals: Approvals, assistant: tuple[Reader, Assistant]
) -> None:
    text = write_up(assistant[1], approvals).to_markdown(approvals, "x/reader")
    assert r"They \*differ\* \<b\>here\</b\>" in text
    assert "<b>" not in text


def test_answers_that_cannot_be_read_are_missing_and_said(approvals: Approvals, tmp_path: Path) -> None:
    mute = ScriptedModel("mute", Script(otherwise=("I would rather not.",)))
    with Ledger(tmp_path / "other.sqlite", {}) as ledger:
        done = write_up(Assistant(mute, ledger, Sampling()), approvals)
    assert done.n_unread == 4
    assert done.sections == {"": (), "s": (), "t": ()}
