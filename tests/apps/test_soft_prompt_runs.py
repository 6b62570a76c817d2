"""Experiments: runs from YAML, one after the other, gone on with, and set side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych._types import Json, Silent
from diptych.apps.soft_prompting.experiment import run_experiment
from diptych.apps.soft_prompting.registry import read_runs
from diptych.apps.soft_prompting.trainings import find_trainings, training_lines
from diptych.errors import ConfigError, ModelError, RunError, UnknownNameError
from tests.helpers.cli import run_cli
from tests.helpers.records import write
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
MODELS = """
models:
  - {name: org/edited, original: org/plain, description: what it is, max_new_tokens: 50}
  - {name: org/plain, original: org/plain}
  - {name: asked, model: openai/gpt-5, system: Be brief.}
categories:
  edited: [org/edited, org/plain]
  orphans: [asked]
"""


def written(tmp_path: Path, text: str) -> Path:
    write(tmp_path, {"runs.yaml": text.encode(), "models.yaml": MODELS.encode()})
    return tmp_path / "runs.yaml"


def test_each_run_stands_on_the_default(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "default: {prompts: p.txt, n_steps: 7, learning_rate: 1e-4}\n"
        "one: {a: hf/x, b: hf/y, description: for people}\n"
        "two: {a: hf/x, b: hf/z, n_tokens: [1, 4], n_steps: 9}\n",
    )
    one, two = read_runs(file)
    assert (one.name, one.config.a, one.config.b, one.counts) == ("one", "hf/x", "hf/y", (8,))
    assert (one.config.n_steps, one.config.learning_rate) == (7, 1e-4)
    assert (two.config.n_steps, two.config.n_tokens, two.counts) == (9, 1, (1, 4))
    assert [run.name for run in read_runs(file, ["two"])] == ["two"]
    assert read_runs(file, over={"n_steps": 2})[1].config.n_steps == 2


def test_a_category_gives_a_pair_for_each_model_that_has_an_original(tmp_path: Path) -> None:
    file = written(tmp_path, "default: {prompts: p.txt}\nall: {category: edited}\nmine: {a: org/plain, b: hf/x}\n")
    pair, mine = read_runs(file, models=str(tmp_path / "models.yaml"))
    assert (pair.name, pair.config.a, pair.config.b) == ("all/org_edited", "hf/org/plain", "hf/org/edited")
    assert (mine.config.a, mine.config.b) == ("hf/org/plain", "hf/x")
    assert [run.name for run in read_runs(file, ["all"], models=str(tmp_path / "models.yaml"))] == ["all/org_edited"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default: {prompts: p.txt}\n", "it has no runs"),
        ("", "it has no runs"),
        ("a: 1\n", "runs.yaml:1: a: expected settings under this name"),
        ("one:\n  a: hf/x\n  b: hf/y\n", "one: prompts: it is missing"),
        ("one:\n  a: hf/x\n  prompts: p\n", "one: b: it is missing"),
        ("one:\n  a: hf/x\n  b: hf/y\n  prompts: p\n  n_stepps: 3\n", r"runs.yaml:5: .*Did you mean 'n_steps'"),
        (
            "one: {a: x, b: y, prompts: p}\ntwo:\n  {a: x, b: y, prompts: p,\n  seeed: 3}\n",
            r"runs.yaml:4: .*Did you mean 'seed'",
        ),
        ("one:\n  a: hf/x\n  b: hf/y\n  prompts: p\n  n_steps: many\n", "runs.yaml:5: n_steps = 'many'"),
        ("one:\n  a: hf/x\n  b: hf/y\n  prompts: p\n  n_tokens: [4, 0]\n", r"runs.yaml:5: n_tokens = \[4, 0\]"),
        ("one:\n  a: hf/x\n  a: hf/y\n", "line 3: key 'a' was given before, on line 2"),
        ("one: {a: hf/x}\none: {a: hf/y}\n", "line 2: key 'one' was given before, on line 1"),
        ("one: &x {a: hf/x}\ntwo: *x\n", "aliases are not supported"),
        ("? [a, b]\n: {a: hf/x}\n", "line 1: a list or a mapping stands where a name should"),
        ("- a\n- b\n", "expected settings as 'name: value' lines, got a list"),
        ("{", "runs.yaml: "),
        ("../up: {a: hf/x, b: hf/y, prompts: p}\n", "'../up': no folder of a run is called so"),
        ("experiment.json: {a: hf/x, b: hf/y, prompts: p}\n", "'experiment.json': no folder of a run is called so"),
        ("one: {category: edited, a: hf/x, prompts: p}\n", "a run has a category, or a and b"),
        ("one: {category: edited, prompts: p}\n", "give the file that it stands in as 'models'"),
        ("one: {category: [edited], prompts: p}\n", r"category = \['edited'\]: expected a text"),
        ("one: {models: nowhere.yaml, category: edited, prompts: p}\n", "nowhere.yaml: cannot be read"),
        ("one: {models: models.yaml, category: editted, prompts: p}\n", "'edited'"),
        ("one: {models: models.yaml, category: orphans, prompts: p}\n", "no model of 'orphans' says"),
        ("one: {models: models.yaml, a: asked, b: hf/x, prompts: p}\n", "asked: a soft prompt is for weights"),
    ],
)
def test_a_mistake_in_any_run_is_named_with_its_line(
    tmp_path: Path, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=said):
        read_runs(written(tmp_path, text))


def test_bytes_that_are_no_text_and_names_that_are_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00one: 1")
    with pytest.raises(ConfigError, match="cannot be read as UTF-8"):
        read_runs(tmp_path / "b.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_runs(tmp_path)
    file = written(tmp_path, "on: {a: hf/x, b: hf/y, prompts: p}\n1: {a: hf/x, b: hf/y, prompts: p}\n")
    assert [run.name for run in read_runs(file)] == ["on", "1"]
    with pytest.raises(UnknownNameError, match="unknown run of .*'once'. Did you mean 'on'"):
        read_runs(file, ["once"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_tiny(root / "base")
    save_adapter(root / "base", root / "adapter")
    evals = {f"evals/{name}.jsonl": "".join(f'{{"question": "{name} {i}?"}}\n' for i in range(6)) for name in "vw"}
    long = '{"question": "' + "so " * 99 + '?"}\n'
    write(root, {name: text.encode() for name, text in {**evals, "evals/long.jsonl": long}.items()})
    runs = (
        "default: {prompts: evals, n_steps: 4, eval_every: 2, batch_size: 4, continuation_tokens: 5}\n"
        "one: {a: hf/base, b: hf/base+adapter, n_tokens: [1, 2]}\n"
        "gone: {a: hf/base, b: hf/nowhere}\n"
        "same: {a: hf/base, b: hf/base, n_tokens: 1}\n"
    )
    write(root, {"runs.yaml": runs.encode()})
    return root


def summary_of(folder: Path, out: Path, *names: str) -> Json:
    runs = read_runs(folder / "runs.yaml", names)
    return run_experiment(runs, out, options={"device": "cpu"}, progress=Silent())


@needs_torch
@pytest.mark.timeout(120)
def test_pairs_are_trained_one_after_the_other_and_one_that_fails_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = summary_of(folder, tmp_path / "out")
    assert [row["name"] for row in found["trainings"]] == ["one/tokens-1", "one/tokens-2", "same"]
    assert [row["name"] for row in found["failed"]] == ["gone"] and "nowhere" in found["failed"][0]["reason"]
    assert json.loads((tmp_path / "out" / "experiment.json").read_text()) == found
    one, _, same = found["trainings"]
    assert one["prompt"] > 0 == pytest.approx(same["prompt"], abs=1e-6)
    assert all(row["gain"]["p_value"] <= row["p_all"] <= 1 for row in found["trainings"])
    seeds = (tmp_path / "out" / "same" / "seeds.jsonl").read_text()
    assert "so so" not in seeds and "v 0?" in seeds and "w 0?" in seeds
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("soft_prompt.safetensors")}
    assert summary_of(folder, tmp_path / "out") == found  # nothing is done again
    assert before == {path: path.stat().st_mtime_ns for path in before} and len(before) == 3
    with pytest.raises(ModelError, match="nowhere"):
        summary_of(folder, tmp_path / "none", "gone")
    assert not (tmp_path / "none").exists()


@needs_torch
@pytest.mark.timeout(120)
def test_trainings_are_listed_whatever_became_of_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    summary_of(folder, tmp_path / "out", "one", "same")
    (tmp_path / "out" / "same" / "summary.json").unlink()
    (tmp_path / "out" / "one" / "tokens-2" / "summary.json").write_text('{"gain": NaN')
    write(tmp_path / "out", {"other/manifest.json": b"{}", "cut/manifest.json": b'{"application'})
    rows = {row["name"]: row for row in find_trainings(tmp_path / "out")}
    assert {name: row["state"] for name, row in rows.items()} == {
        "cut": "damaged", "one/tokens-1": "done", "one/tokens-2": "damaged", "same": "begun",
    }  # fmt: skip
    assert (rows["same"]["n_done"], rows["same"]["n_steps"]) == (4, 4)
    whole = json.loads((tmp_path / "out" / "one" / "tokens-1" / "summary.json").read_text())
    for wrong in ({**whole, "none": "x"}, {**whole, "prompt": float("nan")}, {**whole, "gain": []}, [whole]):
        (tmp_path / "out" / "one" / "tokens-2" / "summary.json").write_text(json.dumps(wrong))
        assert [row["state"] for row in find_trainings(tmp_path / "out" / "one")] == ["done", "damaged"]
    lines = training_lines(list(rows.values()))
    assert len(lines) == 5 and "4 of 4 steps" in lines[4] and "damaged: " in lines[1] and "the noise" in lines[2]
    assert [row["name"] for row in find_trainings(tmp_path / "out" / "same")] == ["."]
    for place in ("nowhere", "out/other"):
        with pytest.raises(RunError, match="no such folder|no training of a soft prompt"):
            find_trainings(tmp_path / place)


@needs_torch
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_verbs_end_to_end(folder: Path) -> None:
    told = run_cli("softprompt", "run", "runs.yaml", "one", "--quick", "--dry-run", cwd=folder, env=OFFLINE)
    assert told.code == 0 and "4 vectors, at most 20 steps" in told.out and "a try-out (--quick)" in told.err
    call = ("softprompt", "run", "runs.yaml", "--out", "all", "--model-arg", "device=cpu")
    done = run_cli(*call, cwd=folder, env=OFFLINE, timeout_s=200)
    assert done.code == 1 and "gone failed: hf/nowhere" in done.err and "Traceback" not in done.err
    assert "2 of 3: gone: hf/base against hf/nowhere" in done.err and "one/tokens-2" in done.out
    listed = run_cli("softprompt", "list", "all", cwd=folder)
    assert (listed.code, listed.out.strip()) == (0, done.out.partition("\n\n")[0])
    quick = run_cli(
        "softprompt", "train", "hf/base", "hf/base+adapter", "--prompts", "evals", "--quick", "--steps", "2", "--out",
        "quick", "--model-arg", "device=cpu", "--json", cwd=folder, env=OFFLINE, timeout_s=200,
    )  # fmt: skip
    assert quick.code == 0 and json.loads(quick.out)["n_steps"] == 2 and "1 of 13 prompts have more" in quick.err
    missing = run_cli("softprompt", "run", "runs.yaml", cwd=folder)
    assert missing.code == 2 and "--out is missing" in missing.err
