"""Models as arms of ``diptych.compare`` in Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import diptych
from diptych.comparison.named_models import AskOptions
from diptych.errors import BudgetError, ConfigError, DataError
from tests.helpers.records import jsonl, write

PROMPTS = [f"Question {i}?" for i in range(60)]
SCRIPT = "rules:\n  - system: brief\n    answers: ['No.', 'Yes.']\notherwise: ['No, and let me say at length why I think so.']\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"s.yaml": (SCRIPT + "calls: calls\n").encode(), "p.txt": "\n".join(PROMPTS).encode()})
    return tmp_path


def n_calls(folder: Path) -> int:
    path = folder / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_two_models_are_asked_once_and_compared(folder: Path) -> None:
    ask: AskOptions = {"prompts": "p.txt", "system_b": "Be brief."}
    for _ in range(2):
        result = diptych.compare(
            "scripted/s.yaml", "scripted/s.yaml", ask=ask, ledger="l.sqlite", name_a="plain", name_b="brief"
        )
        assert "brief writes fewer words" in [finding.statement for finding in result.findings]
        assert n_calls(folder) == 120
    assert result.manifest["inputs"][1]["generated"]["model"] == "scripted/s"


def test_a_model_is_asked_the_prompts_of_the_other_arm(folder: Path) -> None:
    rows = [{"prompt": prompt, "response": "Well."} for prompt in PROMPTS]
    write(folder, {"b.jsonl": jsonl(rows)})
    for other in (rows, "b.jsonl", Path("b.jsonl")):
        result = diptych.compare("scripted/s.yaml", other, name_b="b")
        assert "b writes fewer words" in [finding.statement for finding in result.findings]
        assert result.to_json()["pairing"] == "paired"
    assert n_calls(folder) == 180  # without a ledger nothing is kept


def test_what_does_not_fit_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="models need prompts"):
        diptych.compare("scripted/s.yaml", "scripted/echo")
    with pytest.raises(ConfigError, match="asked the same in the same way"):
        diptych.compare("scripted/s.yaml", "scripted/s.yaml", ask={"prompts": PROMPTS})
    for name, hint in (("promts", "Did you mean 'prompts'?"), ("max_tokens", "It is a field of 'sampling'.")):
        with pytest.raises(ConfigError, match=re.escape(f"ask: unknown name {name!r}. {hint} Known: prompts, draws")):
            diptych.compare("scripted/s.yaml", "scripted/echo", ask={"prompts": PROMPTS, name: 1})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="neither arm is a model"):
        diptych.compare([], [], ask={"draws": 2})
    with pytest.raises(ConfigError, match="temperatur"):
        diptych.compare("scripted/s.yaml", "scripted/echo", ask={"prompts": PROMPTS, "sampling": {"temperatur": 1}})
    with pytest.raises(ConfigError, match="no such file"):
        diptych.compare("scripted/none.yaml", "scripted/echo", ask={"prompts": PROMPTS})
    with pytest.raises(DataError, match="no such file"):
        diptych.compare("scripted/s.yaml", "nothing.jsonl", ask={"prompts": PROMPTS})
    monkeypatch.setenv("OPENAI_API_KEY", "none-that-counts")
    with pytest.raises(BudgetError):
        diptych.compare("openai/gpt-4o", "scripted/echo", ask={"prompts": PROMPTS, "max_cost": 0.0}, ledger="o.sqlite")
    assert n_calls(folder) <= 60
