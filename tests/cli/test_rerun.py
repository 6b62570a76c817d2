"""A run can be made again from its manifest, and comes out the same: here, elsewhere, in another time zone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from diptych.comparison.folder import DETERMINISTIC, SOMETIMES
from diptych.comparison.manifest import Manifest, check_manifest
from diptych.errors import ConfigError
from tests.helpers.bad_input import check_message
from tests.helpers.cli import listing
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, records, write

PROMPTS = "".join(f"Question {i}?\n" for i in range(40)).encode()
SCRIPT = b"rules: [{system: pirate, answers: ['Arr! {prompt}', 'Arr!']}]\notherwise: ['It depends, {prompt}', 'No.']\n"
FILES = ("compare", "a.jsonl", "b.jsonl", "--resamples", "200", "--out", "run")
MODELS = ("compare", "scripted/s.yaml", "scripted/s.yaml", "--system-b", "You are a pirate.", "--prompts", "p.txt",
          "--lenses", "surface", "--limit", "30", "--draws", "2", "--out", "run")  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made(tmp_path)
    return tmp_path


def made(folder: Path) -> None:
    rows = records(60, answer="Yes, {i}.")
    other = [{**row, "response": row["response"] + " Good!" * (i % 5)} for i, row in enumerate(rows)]
    write(folder, {"p.txt": PROMPTS, "s.yaml": SCRIPT, "a.jsonl": jsonl(rows), "b.jsonl": jsonl(other)})


def manifest_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_bytes())
    return found


def written(command: tuple[str, ...]) -> set[str]:
    """No lines are left out, and there are clusters where their lens is."""
    without_lens = "--lenses" in command
    return {name for name in DETERMINISTIC if name not in SOMETIMES and not (without_lens and "clusters." in name)}


@pytest.mark.parametrize("command", [FILES, (*MODELS, "--model-arg", "failure_rate=0.1")], ids=["files", "models"])
def test_a_run_made_again_is_the_same_bit_for_bit(forge: Forge, folder: Path, command: tuple[str, ...]) -> None:
    assert forge.run(*command, "--max-failures", "100%", cwd=folder).code == 0
    before = listing(folder)
    same = forge.run("rerun", "run/manifest.json", "--json", "--threads", "1", cwd=folder)
    assert same.code == 0, same.err + same.out
    found = json.loads(same.out)
    assert found == {"same": True, "files": dict.fromkeys(written(command), "same"), "changed": []}
    assert listing(folder) == before

    (folder / "run" / "findings.csv").write_text("tampered")
    (folder / "run" / "report.html").unlink()
    differs = forge.run("rerun", "run", "--out", "again", cwd=folder)
    assert differs.code == 1
    said = [line.split() for line in differs.out.splitlines()]
    assert [words for words in said if words[0] != "same"] == [["different", "findings.csv"], ["new", "report.html"]]
    assert (folder / "again" / "manifest.json").exists()


def test_inputs_that_are_gone_or_changed_are_named_and_leave_nothing(forge: Forge, folder: Path) -> None:
    assert forge.run(*FILES, cwd=folder).code == 0
    (folder / "b.jsonl").write_bytes((folder / "a.jsonl").read_bytes())
    before = listing(folder)
    check_message(forge.run("rerun", "run", cwd=folder), "b.jsonl is not what the run was made of: sha256")
    (folder / "b.jsonl").unlink()
    check_message(forge.run("rerun", "run", cwd=folder), "b.jsonl: there is no such file")
    check_message(forge.run("rerun", "none", cwd=folder), "diptych: none is not the folder of a run")
    before.pop("b.jsonl")
    assert listing(folder) == before


@pytest.mark.parametrize("command", [FILES, MODELS], ids=["files", "models"])
def test_folders_and_time_zones_leave_no_trace(forge: Forge, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Requirement E7: but for the date, the same bytes."""
    contents = []
    for place, zone in (("here", "Asia/Tokyo"), ("some/where/else", "America/Los_Angeles")):
        (tmp_path / place).mkdir(parents=True)
        made(tmp_path / place)
        assert forge.run(*command, cwd=tmp_path / place, env={"TZ": zone}).code == 0
        run = tmp_path / place / "run"
        created = manifest_of(run)["created"]
        assert created.endswith("+00:00")
        texts = {name: (run / name).read_bytes() for name in DETERMINISTIC if (run / name).exists()}
        assert not any(str(tmp_path).encode() in text for text in texts.values())
        moments = re.escape(created[:16]).replace("T", "[T ]") + r"(:\d\d\+00:00)?"
        contents.append({name: re.sub(moments.encode(), b"then", text) for name, text in texts.items()})
    assert contents[0].keys() == contents[1].keys() == written(command)
    assert [name for name in contents[0] if contents[0][name] != contents[1][name]] == []


def test_the_manifest_says_all_that_it_takes_to_repeat_the_run(forge: Forge, folder: Path) -> None:
    env = {"DIPTYCH_SEED": "3", "SOME_KEY": "CANARY-0123456789"}
    told = ("--name-b", "CANARY-0123456789", "--sampling-seed", "7")
    assert forge.run(*MODELS, *told, cwd=folder, env=env).code == 0
    found = manifest_of(folder / "run")
    assert found["seeds"] == {"compare": 3, "sampling of a": 7, "sampling of b": 7}
    assert found["command"].startswith("DIPTYCH_SEED=3 diptych compare scripted/s.yaml")
    assert "CANARY" not in found["command"]
    assert {"python", "numpy", "scipy", "pydantic"} <= found["versions"].keys()
    assert found["prices"] == found["versions"].get("genai-prices")
    assert found["platform"]["n_processors"] >= 1 and found["platform"]["processor"]
    assert found["platform"]["torch_threads"] is None
    assert re.fullmatch("[0-9a-f]{64}", found["package"]["sha256"] or "")
    assert re.fullmatch("[0-9a-f]{64}", found["package"]["core_sha256"] or "")
    asked = found["inputs"][1]["generated"]["prompts"]
    assert (asked["n_rows"], asked["n_prompts"], asked["system"]) == (40, 30, "You are a pirate.")
    assert re.fullmatch("[0-9a-f]{64}", asked["sha256"])


def test_a_manifest_that_lacks_a_field_is_not_written(forge: Forge, folder: Path) -> None:
    assert forge.run(*FILES, cwd=folder).code == 0
    whole = manifest_of(folder / "run")
    check_manifest(whole)
    assert len(whole) == sum(field.is_required() for field in Manifest.model_fields.values())
    for name in whole:
        lacking = {key: value for key, value in whole.items() if key != name}
        with pytest.raises(ConfigError, match=f"manifest.json: {name}_?: it is missing"):
            check_manifest(lacking)
    with pytest.raises(ConfigError, match="n_responses"):
        check_manifest({**whole, "inputs": [{**entry, "n_responses": "many"} for entry in whole["inputs"]]})
    with pytest.raises(ConfigError, match="unknown setting 'more'"):
        check_manifest({**whole, "more": 1})
