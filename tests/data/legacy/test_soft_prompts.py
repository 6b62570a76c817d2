"""Files of the original's soft prompts: results of any size as a stream, checkpoints, texts, experiments, registries."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from diptych.apps.soft_prompting.registry import read_runs
from diptych.data.legacy.streams import JsonStream, PlainJson, json_stream
from diptych.data.legacy.survey import Found, survey
from diptych.data.legacy.unpickling import read_torch
from diptych.data.prompts import load_prompts
from diptych.errors import DataError
from diptych.models.registry import Registry
from tests.data.legacy.forge import lines
from tests.helpers.cli import environment, run_cli
from tests.helpers.tiny_models import needs_torch

STEPS = [{"epoch": e, "step": e, "learning_rate": 1e-4, "kl_divergence": float("nan"), "optimization_loss": -1.0,
          "avg_kl_per_token": 0.1} for e in range(3)]  # fmt: skip


def results(n_texts: int = 2, vocabulary: int = 5) -> dict[str, Any]:
    """As the original wrote them: after each of three epochs a row for each text, with all the steps until then."""
    probabilities = [[1 / vocabulary] * vocabulary] * 3
    rows = [
        {
            "input_text": f'Say "NaN", {i}.',
            "metrics": {
                "kl_divergence": 0.5 * i + 0.001, "disagreement_positions": {}, "model1_probs": probabilities,
                "model2_probs": probabilities,
            },
            "training_history": STEPS[: epoch + 1],
        }
        for epoch in range(3)
        for i in range(n_texts)
    ]  # fmt: skip
    return {
        "metrics": {"kl_divergence": 0.001, "training_steps": 3}, "best_divergence": float("-inf"), "total_steps": 3,
        "dataset": rows, "analysis": {"summary": {"mean_divergence": float("nan")}},
        "model_pair": {"model_1": "org/edited", "model_2": "org/plain"},
    }  # fmt: skip


def taken(path: Path, content: Any) -> Found:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
    found = survey([path])
    assert not found.left, found.left
    return found


def left(path: Path, content: str | bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    [entry] = survey([path]).left
    return str(entry["reason"])


def test_results_give_each_text_once_and_each_step_once(tmp_path: Path) -> None:
    found = taken(tmp_path / "results_pair_0.json", results())
    assert found.taken[0]["what"] == "6 rows of 2 texts, 3 steps of a training"
    assert lines(found, "prompts/results_pair_0.jsonl") == [
        {"prompt": f'Say "NaN", {i}.', "kl_divergence": 0.5 * i + 0.001, "disagreement_positions": {}, "n_seen": 3}
        for i in range(2)
    ]
    assert [row["step"] for row in lines(found, "tables/results_pair_0-steps.jsonl")] == [0, 1, 2]
    assert lines(found, "tables/results_pair_0-steps.jsonl")[0]["kl_divergence"] is None
    [rest] = lines(found, "tables/results_pair_0.jsonl")
    assert rest["best_divergence"] is None and rest["model_pair"]["model_1"] == "org/edited"
    assert "no gradient ever reached" in found.notices[0]
    (tmp_path / "p.jsonl").write_bytes(found.files["prompts/results_pair_0.jsonl"])
    assert len(load_prompts(tmp_path / "p.jsonl")) == 2
    copied = taken(tmp_path / "run_20241101_1_ab" / "results.json", results())
    assert "prompts/run_20241101_1_ab_results.jsonl" in copied.files


@pytest.mark.parametrize("cut", [10, 200, -30, -1])
def test_results_that_are_cut_off_are_left_with_the_reason(tmp_path: Path, cut: int) -> None:
    whole = json.dumps(results(), indent=2)
    assert '"best_divergence"' in whole[:200]
    reason = left(tmp_path / "results_pair_0.json", whole[:cut] if cut != 10 else '{"best_divergence": 1')
    assert "not JSON, or cut off" in reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"best_divergence": 1, "dataset": 3}', "an array was expected, got 3"),
        ('{"best_divergence": 1, "dataset": [4]}', "an object was expected, got 4"),
        ('["best_divergence"]', "an object was expected"),
        ('{"best_divergence": ' + "[" * 100 + "]" * 100 + "}", "deeper or larger"),
        ('{"best_divergence": "' + "x" * (9 << 20), "a text of more than 4,194,304 bytes"),
        ('{"best_divergence": 1}}', "not JSON, or cut off"),
    ],
)
def test_results_of_another_shape_are_left_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    assert said in left(tmp_path / "results_pair_0.json", text)


CONSTANTS = {"NaN": None, "Infinity": None, "-Infinity": None}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.integers(1, 9), st.booleans())
def test_what_python_wrote_is_read_as_python_reads_it_wherever_chunks_end(value: Any, size: int, ascii_: bool) -> None:
    """But for bare words, which are null."""

    class Chunks(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            return super().read(size)

    text = json.dumps(value, ensure_ascii=ascii_, indent=1).encode("utf-8", "surrogatepass")
    plain = PlainJson(Chunks(text))
    made = b"".join(iter(lambda: plain.read(1), b""))
    assert json.loads(made) == json.loads(text, parse_constant=CONSTANTS.get)
    assert plain.read(0) == b""


def test_a_stream_gives_what_is_asked_for_and_skips_the_rest(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": [1, [2, {"b": "x"}]], "c": {"d": [NaN, 1.5]}, "e": "é"}')
    found = {}
    with json_stream(tmp_path / "a.json") as stream:
        for key in stream.fields():
            if key == "a":
                stream.skip()
            else:
                found[key] = stream.value()
    assert found == {"c": {"d": [None, 1.5]}, "e": "é"}
    with pytest.raises(DataError, match="ends too early"):
        JsonStream([("start_map", None)]).value()


MEASURE = """
import resource, sys
from pathlib import Path
from diptych.data.legacy.survey import survey
import ijson
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = survey([Path(sys.argv[1])])
print(found.taken[0]["what"], "|", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hundred_megabytes_are_read_in_little_memory(tmp_path: Path) -> None:
    """One text of 60 tokens under a vocabulary of 32,000."""
    path = tmp_path / "results_pair_0.json"
    numbers = np.random.default_rng(0).dirichlet(np.ones(32_000)).tolist()
    whole = json.dumps({"model1_probs": [numbers] * 60, "model2_probs": [numbers] * 60}, indent=2)
    with path.open("w") as file:
        file.write('{"best_divergence": NaN, "dataset": [')
        file.write(f'{{"input_text": "Why?", "metrics": {whole}, "training_history": {json.dumps(STEPS)}}}]}}')
    assert path.stat().st_size > 100_000_000
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], env=environment(), capture_output=True, text=True, check=True
    )
    what, mebibytes = done.stdout.split("|")
    assert what.strip() == "1 rows of 1 texts, 3 steps of a training"
    assert int(mebibytes) < 40, done.stdout


def test_small_records_are_tables(tmp_path: Path) -> None:
    records: dict[str, dict[str, Any]] = {
        "analysis_pair_0/analysis_report.json": {"divergence_patterns": {"mean_semantic_diff": float("nan")}},
        "run_1/metadata.json": {"run_id": "1", "test_mode": True, "model_pair": {"model_1": "a", "model_2": "b"}},
        "best_checkpoint.meta.json": {"global_step": 3, "best_divergence": 1e-5, "config": {"name": "x"}},
        "metrics/metrics_3.json": {"timestamp": "t", "step": 3, "train/kl": 0.5},
        "all/experiment_summary.json": {"results": []},
    }
    for name, content in records.items():
        found = taken(tmp_path / name, content)
        [table] = [lines(found, file)[0] for file in found.files]
        assert table.keys() == content.keys() and len(found.taken) == 1
    assert "not JSON" in left(tmp_path / "run_2" / "metadata.json", '{"run_id": ')
    assert "expected an object" in left(
        tmp_path / "analysis_report.json", '["divergence_patterns", 1, "\\"divergence_patterns\\""]'
    )


EXPERIMENT = """
name: trojans
description: Which prompts?
output_dir: out
model_pairs:
- {model_1: org/trojan1, model_2: org/plain, intervention: trojan}
- {model_1: org/trojan2, model_2: org/plain, intervention: trojan}
training: {num_soft_prompt_tokens: 16, learning_rate: 1e-4, batch_size: 6, seed: 42, early_stopping_patience: 3}
data: {categories: persona/power-seeking, max_texts_per_category: 1500, train_split: 0.9, max_text_length: 150}
generation: {temperature: 0.8}
metrics: {kl_weight: 2.0}
"""


def test_an_experiment_is_runs_that_can_be_run(tmp_path: Path) -> None:
    found = taken(tmp_path / "trojan_detection.yaml", EXPERIMENT)
    assert found.taken[0]["what"] == "an experiment of 2 pairs"
    path = tmp_path / "ours.yaml"
    path.write_bytes(found.files["pairs/trojan_detection.yaml"])
    first, second = read_runs(path)
    assert (first.name, first.config.a, first.config.b) == ("trojan", "hf/org/trojan1", "hf/org/plain")
    assert (second.name, second.config.a) == ("trojan-2", "hf/org/trojan2")
    config = first.config
    assert (config.n_tokens, config.batch_size, config.seed, config.patience) == (16, 6, 42, 3)
    assert (config.prompts, config.limit, config.held_out) == ("data/evals/persona/power-seeking.jsonl", 1500, 0.1)
    [notice] = found.notices
    for name in ("training.learning_rate", "data.max_text_length", "generation.temperature", "metrics.kl_weight"):
        assert name in notice


@pytest.mark.parametrize(
    ("categories", "prompts"), [("all", "data/evals"), (["all"], "data/evals"), (["a", "b"], "data/evals")]
)
def test_categories_of_an_experiment(tmp_path: Path, categories: Any, prompts: str) -> None:
    value = {"model_1_name": "a/b", "model_2_name": "c", "data": {"categories": categories, "train_split": "x"}}
    found = taken(tmp_path / "run_1" / "config.yaml", yaml.safe_dump(value))
    (tmp_path / "ours.yaml").write_bytes(found.files["pairs/run_1.yaml"])
    [run] = read_runs(tmp_path / "ours.yaml")
    assert (run.config.prompts, run.config.b) == (prompts, "hf/c")
    assert any("into one folder" in notice for notice in found.notices) == (categories == ["a", "b"])


@pytest.mark.parametrize("pairs", [[], "x", [["a"]], [{"model_1": 3, "model_2": "b"}], [None]])
def test_experiments_without_pairs_are_left(tmp_path: Path, pairs: Any) -> None:
    assert "pair" in left(tmp_path / "x.yaml", yaml.safe_dump({"model_pairs": pairs, "data": {"categories": None}}))


def test_a_registry_is_one_that_diptych_reads(tmp_path: Path) -> None:
    models = [
        {"name": "org/edited", "original": "org/plain", "description": "what", "odd": 1, "max_new_tokens": 50},
        {"name": "org/plain", "original": "org/plain"}, {"name": "org/plain"}, {"description": "none"},
    ]  # fmt: skip
    value = {"defaults": {"temperature": 0.7}, "models": models,
             "categories": {"edited": ["org/edited", "org/gone"], "none": ["org/gone"]}}  # fmt: skip
    found = taken(tmp_path / "model_registry.yaml", yaml.safe_dump(value))
    (tmp_path / "ours.yaml").write_bytes(found.files["models.yaml"])
    registry = Registry.load(tmp_path / "ours.yaml")
    assert registry.pairs("edited") == [("org/edited", "org/plain")] and registry.names == ["org/edited", "org/plain"]
    assert "2 models have no name" in found.notices[1]
    assert "without models" in left(tmp_path / "r.yaml", "models: [{name: 3}]")


@needs_torch
def test_checkpoints_and_texts_that_torch_wrote(tmp_path: Path) -> None:
    import torch

    module = torch.nn.Module()
    module.embeddings = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    optimizer = torch.optim.AdamW(module.parameters())
    module.embeddings.sum().backward()
    optimizer.step()
    state = {
        "soft_prompt": module.state_dict(), "optimizer": optimizer.state_dict(), "global_step": 3,
        "best_divergence": float("-inf"), "config": {"name": "x", "model_pairs": [{"model_1": "a", "model_2": "b"}]},
    }  # fmt: skip
    torch.save(state, tmp_path / "best_checkpoint.pt")
    said = [
        {"prompt": "Why?", "generation_1": f"Because {i}.", "generation_2": " " if i else "So.",
         "metrics": {"kl_divergence": torch.tensor(0.5), "disagreement_positions": {"a -> b/c": 2}}}
        for i in range(2)
    ]  # fmt: skip
    torch.save(said, tmp_path / "hard_prompts_x.pt")
    torch.save([{"prompt": "Q", "generation": "A", "metrics": {}}], tmp_path / "divergent_dataset.pt")
    torch.save(torch.zeros(2), tmp_path / "tensor.pt")
    torch.save(module, tmp_path / "module.pt")
    done = run_cli("import", tmp_path, "--out", tmp_path / "out", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "the noise that they began as" in done.err
    [array] = (tmp_path / "out" / "arrays").glob("*_best_checkpoint.npy")
    np.testing.assert_array_equal(np.load(array), module.embeddings.detach().numpy())
    [first] = (tmp_path / "out" / "responses").glob("*hard_prompts_x/a.jsonl")
    rows = [json.loads(line) for line in first.read_text().splitlines()]
    assert rows[1] == {"prompt": "Why?", "response": "Because 1.", "draw": 1, "kl_divergence": 0.5,
                       "disagreement_positions": {"a -> b/c": 2}}  # fmt: skip
    assert len((first.with_name("b.jsonl")).read_text().splitlines()) == 1
    reasons = {Path(one["source"]).name: one["reason"] for one in json.loads((tmp_path / "out" / "summary.json").read_text())["left"]}  # fmt: skip
    assert "asks for torch.nn.modules.module.Module" in reasons["module.pt"]
    assert "neither a checkpoint" in reasons["tensor.pt"]


@needs_torch
@pytest.mark.parametrize("where", ["cut", "bits", "empty", "no zip"])
def test_damaged_archives_are_refused(tmp_path: Path, where: str) -> None:
    import torch

    path = tmp_path / "a.pt"
    torch.save({"x": torch.arange(400.0)}, path)
    whole = bytearray(path.read_bytes())
    assert read_torch(path)["x"].shape == (400,)
    if where == "bits":
        whole[whole.index(np.arange(400, dtype=np.float32).tobytes()) + 8] ^= 1
    content: Sequence[int] = {"cut": whole[:-40], "bits": whole, "empty": b"", "no zip": b"x" * 100}[where]
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="is damaged"):
        read_torch(path)
