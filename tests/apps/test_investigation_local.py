"""An investigation of two models on this machine, of which the second learnt a habit that shows now and then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.cli import invoke
from tests.helpers.fault_server import Call, FaultServer, Step, reply
from tests.helpers.planted_pair import HABIT, make_pair, some_prompts
from tests.helpers.tiny_models import needs_torch

pytestmark = [needs_torch, pytest.mark.slow]


def says(call: Call) -> Step:
    """Proposes what is there, and something that is not; judges by the words alone."""
    text = "\n".join(message["content"] for message in call.json["messages"])
    assert "tuned" not in text
    if "Sentences about the text" in text:
        holds = HABIT in text if "warns of owls" in text else "singing" in text
        return Step(content=reply(json.dumps({"verdicts": [{"number": 1, "holds": holds}]})))
    put: list[Any] = [
        {"sentence": f"B {one}", "criterion": one, "measure": "", "prompts": []} for one in ("warns of owls", "sings")
    ]
    return Step(content=reply(json.dumps({"hypotheses": put, "prompts": ["what of the old owls ?"]})))


def test_a_planted_habit_is_found_and_a_control_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = make_pair(0, 0.5, tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("p.txt").write_text("\n".join(some_prompts(120)) + "\n")
    with FaultServer(says) as server:
        helper = ("--assistant", "openai-api/m", "--base-url-helpers", server.openai_url, "--prompts", "p.txt")
        few = ("--rounds", "1", "--test-prompts", "40", "--max-tokens", "12", "--model-arg", "device=cpu")
        found = {}
        for name, after in (("on", pair.tuned), ("off", pair.base)):
            models = (f"hf/{pair.base}", f"hf/{after}")
            done = invoke(
                "intervene", "investigate", *models, *helper, *few, "--out", name, env={"HF_HUB_OFFLINE": "1"}
            )
            assert done.code == 0, done.err
            rows = json.loads((Path(name) / "investigation.json").read_bytes())["hypotheses"]
            found[name] = {row["criterion"]: row["outcome"] for row in rows}
    assert found["on"] == {"warns of owls": "found", "sings": "not found"}
    assert found["off"] == {"warns of owls": "not found", "sings": "not found"}
