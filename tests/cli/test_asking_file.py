"""Settings of asking in a YAML file: behind flags and the environment, refused with their line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.cli import run_cli
from tests.helpers.records import write

FILE = """prompts: p.txt
max_tokens: 3
draws: 2
model_arg:
  concurrency: 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"p.txt": b"one two three four\nfive six seven eight nine\n", "c.yaml": FILE.encode()})
    return tmp_path


def test_a_file_a_variable_and_a_flag_in_their_order(folder: Path) -> None:
    def answers(*more: str, env: dict[str, str] | None = None) -> list[str]:
        out = f"{len(list(folder.iterdir()))}.jsonl"
        done = run_cli("generate", "scripted/echo", "-c", "c.yaml", "--out", out, *more, cwd=folder, env=env)
        assert done.code == 0, done.err
        return [json.loads(line)["response"] for line in (folder / out).read_text().splitlines()]

    assert answers() == ["one two three"] * 2 + ["five six seven"] * 2
    assert answers(env={"DIPTYCH_MAX_TOKENS": "2"}) == ["one two"] * 2 + ["five six"] * 2
    assert answers("--max-tokens", "1", "--draws", "1", env={"DIPTYCH_MAX_TOKENS": "2"}) == ["one", "five"]


def test_compare_takes_both_kinds_of_settings_from_one_file(folder: Path) -> None:
    prompts = "".join(f"Question {i} of them\n" for i in range(20))
    write(folder, {"both.yaml": f"{FILE}alpha: 0.2\nsystem_b: Be brief.\n".encode(), "p.txt": prompts.encode()})
    call = ("compare", "scripted/echo", "scripted/echo", "-c", "both.yaml")
    plan = run_cli(*call, "--dry-run", cwd=folder)
    assert plan.code == 0 and "20 prompts, 2 answers each" in plan.out and "3 at once" in plan.out, plan.err
    done = run_cli(*call, "--out", "run", cwd=folder)
    assert done.code == 0, done.err
    manifest = json.loads((folder / "run" / "manifest.json").read_text())
    assert manifest["config"]["alpha"] == 0.2
    assert manifest["inputs"][1]["generated"]["sampling"]["max_tokens"] == 3


@pytest.mark.parametrize(
    ("verb", "line", "says"),
    [
        ("generate", "draws: two", "c.yaml:2: draws = 'two': it should be a valid integer"),
        ("generate", "max_token: 7", "c.yaml:2: unknown setting 'max_token'. Did you mean 'max_tokens'"),
        ("generate", "alpha: 0.1", "c.yaml:2: unknown setting 'alpha'"),
        ("generate", "system_a: Hm.", "c.yaml:2: system_a: generate has no such setting"),
        ("generate", "temperature: -1", "c.yaml:2: temperature = -1.0: it should be greater than or equal to 0"),
        ("compare", "alhpa: 0.1", "c.yaml:2: unknown setting 'alhpa'. Did you mean 'alpha'"),
        ("compare", "max_cost: -3", "c.yaml:2: max_cost = -3.0: it should be at least 0"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(folder: Path, verb: str, line: str, says: str) -> None:
    write(folder, {"c.yaml": f"prompts: p.txt\n{line}\n".encode()})
    arms = ["scripted/echo"] * (2 if verb == "compare" else 1)
    done = run_cli(verb, *arms, "-c", "c.yaml", "--out", "x.jsonl", "--dry-run", cwd=folder)
    assert done.code == 2 and says in done.err, done.err
    assert "Traceback" not in done.err and not (folder / "x.jsonl").exists()
