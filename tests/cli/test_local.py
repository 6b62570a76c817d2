"""Weights in a folder, asked and compared by the command line, without any network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.cli import run_cli
from tests.helpers.records import jsonl, write
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
ASK = ("--prompts", "p.jsonl", "--max-tokens", "20", "--model-arg", "device=cpu")

pytestmark = [needs_torch, pytest.mark.timeout(240)]  # each command imports torch


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_tiny(root / "base")
    save_adapter(root / "base", root / "adapter")
    write(root, {"p.jsonl": jsonl([{"prompt": f"Question {i}?"} for i in range(40)])})
    return root


def test_generate_twice_by_other_batches_gives_the_same_file(folder: Path) -> None:
    for size in (7, 32):
        done = run_cli(
            "generate", "hf/base", *ASK, "--draws", "2", "--out", f"{size}.jsonl", "--model-arg", f"batch_size={size}",
            cwd=folder, env=OFFLINE, timeout_s=120,
        )  # fmt: skip
        assert done.code == 0, done.err
    assert (folder / "7.jsonl").read_bytes() == (folder / "32.jsonl").read_bytes()
    rows = [json.loads(line) for line in (folder / "7.jsonl").read_text().splitlines()]
    assert len(rows) == 80 and {row["model"] for row in rows} == {"hf/base"}
    assert {row["finish_reason"] for row in rows} == {"stop", "length"}
    again = run_cli(
        "generate", "hf/base", *ASK, "--draws", "2", "--out", "7.jsonl", cwd=folder, env=OFFLINE, timeout_s=120
    )
    assert "0 asked now" in again.out, again.err


def test_a_base_is_compared_with_its_adapter(folder: Path) -> None:
    done = run_cli(
        "compare", "hf/base", "hf/base+adapter", *ASK, "--out", "run", cwd=folder, env=OFFLINE, timeout_s=120
    )
    assert done.code == 0, done.err
    assert "hf/base+adapter" in done.out
    assert (folder / "run" / "report.html").is_file()


def test_a_model_that_cannot_be_asked_ends_in_a_message(folder: Path) -> None:
    for name, words in (("hf/nothing", "not on this machine"), ("hf/adapter", "no config.json"),
                        ("hf/base+base", "no adapter_config.json")):  # fmt: skip
        done = run_cli("generate", name, *ASK, "--out", "x.jsonl", cwd=folder, env=OFFLINE, timeout_s=120)
        assert done.code == 1 and words in done.err, done.err
        assert "Traceback" not in done.err
