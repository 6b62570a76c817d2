"""An old run is brought along: what is known in our formats, what is not by name, and nothing of it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from diptych.data import DataLoader, Responses
from diptych.data.legacy.survey import Found, survey
from diptych.data.legacy.yamls import read_python_yaml
from diptych.errors import DataError
from tests.data.legacy.forge import STATEMENTS, Planted, lines, results, whole_run, write_stage


@pytest.fixture
def found(tmp_path: Path) -> Found:
    return survey([whole_run(tmp_path)])


def test_every_kind_of_file_is_taken_or_left_with_its_reason(found: Found, tmp_path: Path) -> None:
    assert sorted(found.files) == [
        "approvals/approvals_statements_personas_ccc.jsonl",
        "arrays/chosen_clustering_fff-cluster_centers.npy",
        "arrays/chosen_clustering_fff-labels.npy",
        "arrays/spectral_clustering_eee.npy",
        "arrays/tsne_reduction_ddd.npy",
        "catalogue.json",
        "responses/all_query_results_aaa/hf_org_small.jsonl",
        "responses/all_query_results_aaa/openai_gpt_4.jsonl",
        "responses/joint_embeddings_all_llms_bbb/gpt_0.jsonl",
        "responses/joint_embeddings_all_llms_bbb/gpt_1.jsonl",
        "runs.jsonl",
        "settings.yaml",
        "tables/cluster_results_table.jsonl",
        "tables/compile_cluster_table_model_comparisons_ggg.jsonl",
    ]
    left = {Path(entry["source"]).name: entry["reason"] for entry in found.left}
    assert left["hhh.pkl"].startswith("its merge heights were overwritten")
    assert left["notes.txt"].startswith("no kind of file")
    assert [path.name for path in found.embeddings] == ["statement_embeddings.json"]
    n_files = sum(1 for path in tmp_path.rglob("*") if path.is_file())
    assert len(found.taken) + len(found.left) + len(found.embeddings) == n_files


def test_responses_are_read_by_our_loader(found: Found, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(found.files["responses/all_query_results_aaa/openai_gpt_4.jsonl"])
    table = Responses.from_records(DataLoader().load_records(path), arm="a")
    assert table.model == "openai/gpt-4"
    assert [row.draw for row in table] == [0, 0, 1]  # one statement was asked twice
    assert table[0].prompt == 'React to "I like tea.":\n'
    assert (table[0].system, table[0].meta["statement"]) == ("Be an AI.", "I like tea.")


def test_approvals_say_who_what_and_that_the_labels_mean_nothing(found: Found) -> None:
    rows = lines(found, "approvals/approvals_statements_personas_ccc.jsonl")
    assert rows[0] == {
        "statement": STATEMENTS[0],
        "section": "personas",
        "model": "gpt-4",
        "label": "Bing Chat",
        "approval": "approve",
    }
    assert [row["approval"] for row in rows] == ["approve", "no answer", "disapprove", "approve"]
    assert any("sent one system message for every label" in notice for notice in found.notices)


def test_vectors_of_a_stage_take_their_model_from_metadata_with_tuples(found: Found) -> None:
    [vectors] = found.vectors
    assert vectors.model == "text-embedding-ada-002"
    assert vectors.texts[:2] == ["I like tea.", "0 on I like tea."]
    np.testing.assert_array_equal(vectors.vectors[:2], [[1, 2], [1, 4]])


def test_tuple_tags_are_lists_and_nothing_is_built(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: !!python/tuple [1, !!python/object/apply:os.mkdir [ran]]\nb: !!python/name:os.system ''\n")
    assert read_python_yaml(path) == {"a": [1, ["ran"]], "b": ""}
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load(path.read_text())  # what the original did, and then began an empty index
    path.write_text("a: &x [1]\nb: *x\n")
    with pytest.raises(DataError, match="aliases are not read"):
        read_python_yaml(path)


def test_runs_have_their_settings_over_the_default(found: Found) -> None:
    runs = yaml.safe_load(found.files["settings.yaml"])
    assert runs["quick"] == {
        "limit": 60,
        "temperature": 0.01,
        "seed": 42,
        "models": ["hf/org/small"],
        "embedder": "openai/text-embedding-ada-002",
        "statements": ["data/evals"],
        "question": "Yes or no: {statement}",
        "max_chars": 149,
    }
    assert runs["default"]["models"] == ["openai/gpt-4"]
    assert any("plot_settings.hide_plots" in notice for notice in found.notices)


def test_tables_and_arrays_keep_their_values(found: Found) -> None:
    assert lines(found, "tables/cluster_results_table.jsonl") == [
        {"ID": 0, "N": 7, "gpt-4": 0.494, "Inputs Themes": "=tea"}
    ]
    assert json.loads(found.files["catalogue.json"])["personas"]["Bing Chat"] == "You are Bing."
    assert found.files["arrays/tsne_reduction_ddd.npy"][:6] == b"\x93NUMPY"


def test_a_file_that_may_not_be_read_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "none")
    (tmp_path / "b.csv").write_text("ID,N,x\n1,2,nan%\n")
    found = survey([tmp_path, tmp_path / "b.csv"])
    assert [json.loads(line)["x"] for line in found.files["tables/b.jsonl"].splitlines()] == ["nan%"]
    assert found.left == []


def test_a_response_that_repeats_the_one_before_is_pointed_at(tmp_path: Path) -> None:
    value: Any = results()
    value[0]["responses"][1] = value[0]["responses"][0] = "A long answer, given to two different statements."
    value[0]["full_conversations"] = None
    write_stage(tmp_path, "all_query_results", "a", value)
    assert any("1 responses repeat the one before" in notice for notice in survey([tmp_path]).notices)


def test_older_shapes_are_read(tmp_path: Path) -> None:
    old = results()
    for one in old:
        one["model_info"]["model"] = one["model_info"].pop("model_name")
        del one["full_conversations"]
    write_stage(tmp_path, "all_query_results", "a", old)
    write_stage(tmp_path, "joint_embeddings_all_llms", "b", [[0, "S", "R", [1.0, 2.0], "gpt-4"]])
    found = survey([tmp_path])
    assert lines(found, "responses/all_query_results_a/openai_gpt_4.jsonl")[0]["prompt"] == "I like tea."
    assert lines(found, "responses/joint_embeddings_all_llms_b/gpt_4.jsonl")[0]["response"] == "R"
    assert any("no data_metadata.yaml says which model" in notice for notice in found.notices)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", "[1]", "a list of neither prompts"),
        ("a.json", '{"personas": {"x": 1}}', "nor a catalogue"),
        ("a.json", "{", "not JSON"),
        ("a.yaml", "- 1", "expected a mapping"),
        ("a.yaml", "a: {b: 1}", "no settings of the original"),
        ("a.yaml", "default: {data_settings: [1], model_settings: [2]}", "another shape"),
        ("run_metadata.yaml", "run_0: {x: .nan}", "another shape"),
        ("a.json", "{" * 100_000, "not JSON"),
        ("a.csv", "x,y\n1,2\n", "no table of clusters"),
        ("a.csv", "ID,N,t\n1,2\n", "as many cells"),
        ("a.pkl", "", "damaged"),
    ],
)
def test_what_does_not_fit_is_left_and_says_why(tmp_path: Path, name: str, content: str, reason: str) -> None:
    (tmp_path / name).write_text(content)
    found = survey([tmp_path])
    assert (found.files, found.taken) == ({}, [])
    assert reason in found.left[0]["reason"]


def test_stages_of_other_shapes_are_left(tmp_path: Path) -> None:
    values: list[Any] = [{"x": 1}, 7, [1], [{"model_info": {}}], None]
    for number, value in enumerate(values):
        for kind in ("all_query_results", "joint_embeddings_all_llms", "approvals_statements_x", "tsne_reduction"):
            write_stage(tmp_path, kind, f"s{number}", value)
    found = survey([tmp_path])
    assert found.taken == []
    assert len(found.left) == 20


def test_a_planted_file_is_named_and_the_rest_is_taken(tmp_path: Path) -> None:
    write_stage(tmp_path, "all_query_results", "good", results())
    write_stage(tmp_path, "all_query_results", "bad", Planted(tmp_path / "ran"))
    found = survey([tmp_path])
    assert not (tmp_path / "ran").exists()
    assert [Path(entry["source"]).name for entry in found.left] == ["bad.pkl"]
    assert "mkdir" in found.left[0]["reason"]
    assert len(found.taken) == 1


def test_no_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no files"):
        survey([tmp_path])
    with pytest.raises(DataError, match="no such file or folder"):
        survey([tmp_path / "none"])
