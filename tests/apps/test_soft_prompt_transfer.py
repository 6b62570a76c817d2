"""Prompts on pairs that they were not made for: which form each pair reads, the matrix, and what is specific."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from diptych._types import Silent
from diptych.apps.soft_prompting.found import Found, Wording, by_name, form_for, is_home
from diptych.apps.soft_prompting.sequences import Asking
from diptych.apps.soft_prompting.specificity import specificity
from diptych.apps.soft_prompting.transfer import check_pairs, transfer
from diptych.data.prompts import as_prompts
from diptych.errors import ConfigError, DataError
from diptych.models.providers.hf import HFModel
from diptych.models.registry import open_local
from diptych.models.requests import Message
from diptych.models.soft_prompts import SoftPrompt
from tests.helpers.cli import run_cli
from tests.helpers.records import write
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = [needs_torch, pytest.mark.timeout(240)]

OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
PROMPTS = as_prompts([f"Question {i}?" for i in range(10)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for name, width, seed in (("base", 96, 0), ("other", 96, 5), ("narrow", 64, 6)):
        save_tiny(root / name, width=width, seed=seed)
    save_adapter(root / "base", root / "adapter")
    save_adapter(root / "narrow", root / "narrow-adapter")
    write(root, {"p.txt": "".join(f"Question {i}?\n" for i in range(10)).encode()})
    return root


def pair(folder: Path, base: str = "base", adapter: str = "adapter") -> tuple[str, str]:
    return f"hf/{folder / base}", f"hf/{folder / base}+{folder / adapter}"


def opened(names: tuple[str, str]) -> tuple[HFModel, HFModel]:
    return open_local(names[0], {"device": "cpu"}), open_local(names[1], {"device": "cpu"})


def soft(folder: Path, **details: object) -> SoftPrompt:
    """Made for the pair, as its own say."""
    models = tuple({"name": one.name, "identity": one.source.identity} for one in opened(pair(folder)))
    vectors = np.random.default_rng(3).normal(0, 0.3, (3, 96)).astype(np.float32)
    return SoftPrompt((vectors,), "suffix", models, dict(details))


def test_a_pair_reads_vectors_of_its_width_and_else_the_nearest_tokens(folder: Path) -> None:
    own, narrow = opened(pair(folder)), opened(pair(folder, "narrow", "narrow-adapter"))
    prompt = soft(folder, nearest="abc")
    assert form_for(prompt, own) == (prompt, "vectors")
    words, form = form_for(prompt, narrow)
    assert isinstance(words, Wording) and (words.text, words.place, form) == ("abc", "suffix", "nearest tokens")
    assert words.put_into((Message("user", "Why?"),))[0].content == "Why?abc"
    assert is_home(prompt, own) and is_home(prompt, own[::-1]) and not is_home(prompt, narrow)
    with pytest.raises(DataError, match="width 64 and 64, the soft prompt has some of width 96, and does not say"):
        form_for(soft(folder), narrow)


def test_the_matrix_has_a_cell_for_each_prompt_and_pair(folder: Path) -> None:
    """Two models that are one are 0 apart under anything; the pair's own adapter is not."""
    prompts: dict[str, Found] = {
        "soft": soft(folder, nearest="abc"),
        "words": Wording("Be brief. ", details={"trained_on": []}),
    }
    base = f"hf/{folder / 'base'}"
    pairs = [pair(folder), (base, base), pair(folder, "narrow", "narrow-adapter")]
    found = transfer(
        prompts, pairs, PROMPTS.rows, options={"device": "cpu"}, asking=Asking(max_tokens=4), progress=Silent()
    )
    told = [(cell.prompt, cell.form, cell.is_home) for cell in found.cells]
    assert told == [
        ("soft", "vectors", True), ("soft", "vectors", False), ("soft", "nearest tokens", False),
        ("words", "words", False), ("words", "words", False), ("words", "words", False),
    ]  # fmt: skip
    own, same, narrow, *_ = found.cells
    assert own.none > 0.01 and own.under > 0.01 and narrow.none > 0.01
    assert same.none < 1e-6 and same.under < 1e-6 and abs(same.gain.mean) < 1e-6
    assert own.gain.mean == pytest.approx(own.under - own.none) == pytest.approx(found.gains[0].mean())
    assert all(cell.q_value >= cell.gain.p_value for cell in found.cells)
    assert list(found.specific) == ["soft"]
    others = (found.gains[1] + found.gains[2]).mean() / 2
    assert found.specific["soft"].excess.mean == pytest.approx(found.gains[0].mean() - others)
    with pytest.raises(ConfigError, match="is named twice"):
        check_pairs(list(prompts.values()), [pairs[0]] * 2, {"device": "cpu"})


def test_specific_is_what_does_more_to_its_own_pair_beyond_chance() -> None:
    rng = np.random.default_rng(0)
    own, others = rng.normal(1, 0.5, 30), rng.normal(0, 0.5, (2, 30))
    assert specificity(own, others, seed=0).is_specific
    alike = specificity(others[0], others[1:], seed=0)
    assert not alike.is_specific and alike.excess.low < 0 < alike.excess.high


def test_folders_of_one_name_go_by_their_paths(folder: Path, tmp_path: Path) -> None:
    for name in ("x/run", "y/run", "z"):
        soft(folder).save(tmp_path / name)
    assert list(by_name([tmp_path / "x/run", tmp_path / "z"])) == ["run", "z"]
    assert list(by_name([tmp_path / "x/run", tmp_path / "y/run"])) == [str(tmp_path / n) for n in ("x/run", "y/run")]
    with pytest.raises(ConfigError, match="is given twice"):
        by_name([tmp_path / "z", tmp_path / "z"])


@pytest.mark.slow
def test_the_verb_writes_the_matrix_and_says_what_is_wrong(folder: Path) -> None:
    soft(folder, nearest="<b>abc").save(folder / "found")
    call = ("softprompt", "transfer", "found", "--prompts", "p.txt", "--model-arg", "device=cpu", "--max-tokens", "4")
    pairs = (
        "--pair",
        "hf/base,hf/base+adapter",
        "--pair",
        "hf/other,hf/base",
        "--pair",
        "hf/narrow,hf/narrow+narrow-adapter",
    )
    done = run_cli(*call, *pairs, "--out", "matrix", cwd=folder, env=OFFLINE, timeout_s=200)
    assert done.code == 0, done.err
    assert "own pair" in done.out and "(nearest tokens)" in done.out and "specific to its own pair" in done.out
    summary = json.loads((folder / "matrix" / "transfer.json").read_text())
    rows = list(csv.DictReader((folder / "matrix" / "transfer.csv").read_text().splitlines()))
    assert [float(row["gain"]) for row in rows] == pytest.approx([one["gain"]["mean"] for one in summary["cells"]])
    assert len((folder / "matrix" / "prompts.jsonl").read_text().splitlines()) == 3 * summary["n_prompts"] == 30
    cases = [
        ((*call, "--pair", "hf/base", "--out", "x"), "--pair 'hf/base': give two models with a comma"),
        ((*call, "--pair", "hf/base,scripted/echo", "--out", "x"), "only where its weights are here"),
        ((*call, *pairs[:2], "--pair", "hf/base,hf/gone", "--out", "x"), "hf/gone"),
        ((*call, *pairs, "--out", "matrix"), "matrix"),
    ]
    for wrong, said in cases:
        done = run_cli(*wrong, cwd=folder, env=OFFLINE, timeout_s=60)
        assert done.code in (1, 2) and said in done.err and "Traceback" not in done.err, done.err
    assert not (folder / "x").exists()
