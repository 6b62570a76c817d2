"""Files of interventions as the original left them: each kind taken or left, and none of them run."""

from __future__ import annotations

import base64
import csv
import io
import json
import pickle
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.apps.interventions.rows import read_rows
from diptych.apps.interventions.truth_files import read_truths
from diptych.comparison.sources import load_arm
from diptych.data.legacy.survey import Found, survey
from tests.data.legacy.forge import Foreign, Planted, lines, under_another_name

GRAPH = zlib.decompress(
    base64.b64decode(
        "eNplU01vEzEQTUk3RG1a1CKBhIDmwKEIkZL2wgEUoVBFaqVIcOBWWV7vJHa72Y38kZBDJbjwIfnGIPGz+AlIXLjzA2DWm5TQzmE99ryZ98ae"
        "fbf69Vu1EszfysBOc332tiVSbgyY1lDzsUQf9cL6BR++x3Pc9VF5fo7+huGDgc4zZtxoxPWsOFu3ueUps2CsweOqMT5iWZ5ASK222ZPgrInU"
        "GQuaqQSJ2Y3GsxYTuYbWyKVWca35DH3NCJ5yTdQ+ChhaEzsbQ3FyTT3Fz58+4mvcPa76lWfY7/eP/pCFz3HFYtytV+aGHwjntxasKY8hZcZq"
        "9CtddIWudqFLbsotebtbX1lOk/fkfYLsl9IXkMpliI9G3E0Ae50fZcQ5v8p4chqyGucoHxSd16aghtIS7Pv84mtBjcETim7kGTRTdQamaYGj"
        "b9CTNJVpxlrBAMHfLJWPwGolmCluzIT67V7nV1lP7vc6Pw+COb9Z4sdswlMXoIRcSDd+26hhpgZK8MyyCxnhkcOO0L6xTIYXNI47I3fmXclW"
        "r/O75JR7J+hXM+oDuTygeCe8hyF0QDbkY7kjn9PlbDO2GDkmuJDAWDFAESRDUurvXplHDeNc24mCKYXrhwR7Q/6/wayxcjJl1deLi0+UsCgf"
        "uZimhybQoDz09T55y2mUNQ+um9hXi/fyd65QF73PiTdeJKdcQCZml8pwS2DiozK1BIYaoCBcexnc/5TKI5IY0V8jBOHJG2tIyJOvaHedzSek"
        "72IXt/4CAEdb2Q=="
    )
)
"""A graph of networkx 3.6 with its views: three clusters, two pairs; numbers of clusters are int64 of NumPy 2."""
RESULT = {
    "base_clusters": [
        {"label": "C", "cluster_id": np.int64(3), "label_metric_score": "l", "size": 40, "sample_texts": ["a", "b"],
         "matching_finetuned_clusters": [{"cluster_id": 4, "contrastive_label": "tea", "contrastive_metric_score": 0.9,
                                          "contrastive_p_value": 1e-5}],
         "unmatching_finetuned_clusters": []},
    ],
    "new_finetuned_clusters": [{"label": "C", "cluster_id": 9, "size": 3, "sample_texts": ["x"], "nearest_base_neighbors": []}],
    "validation_results": {
        "hypotheses": [
            {"hypothesis": "Model 2 likes tea", "generative_score": float("nan"), "generative_p_value": 0.0,
             "discriminative_accuracy": 0.71, "source_clusters": ({}, -1), "rephrases": [{"text": "Tea!", "score": 0.1, "p_value": 0}]},
        ],
        "matching_clusters": [{"hypothesis": "Model 2 likes tea"}],
        "unmatching_clusters": [{"hypothesis": "Model 1 is brief", "generative_score": 0.2}],
    },
}  # fmt: skip


def table(rows: Sequence[Sequence[Any]], **how: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", **how).writerows(rows)
    return out.getvalue().encode()


def taken(path: Path, content: bytes) -> Found:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    found = survey([path])
    assert not found.left, found.left
    return found


def left(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    [entry] = survey([path]).left
    return str(entry["reason"])


def test_texts_of_both_models_are_compared(tmp_path: Path) -> None:
    rows = [["model", "text", "prompt"]]
    rows += [[side, f'{side} "says"\n{i}, C:\\new', f"Q{i // 2}"] for side in ("base", "finetuned") for i in range(6)]
    found = taken(tmp_path / "run.csv", table([*rows, ["base", "", "Q0"]], escapechar="\\"))
    assert found.taken[0]["what"] == "texts: 6 of base and 6 of finetuned"
    assert "1 rows are blank and were left out" in found.notices[0]
    first = lines(found, "responses/run/base.jsonl")
    assert first[1] == {"prompt": "Q0", "response": 'base "says"\n1, C:\\new', "draw": 1, "model": "base"}
    (tmp_path / "base.jsonl").write_bytes(found.files["responses/run/base.jsonl"])
    arm = load_arm(tmp_path / "base.jsonl", arm="a", prompt_field=None, response_field=None, threads=1)
    assert len(arm) == 6


def test_texts_without_prompts_say_so_and_keep_their_clusters(tmp_path: Path) -> None:
    rows = [
        ["model", "text", "cluster_index", "mauve_cluster_score"],
        ["base", "a", "3", "0.5"],
        ["finetuned", "b", "4", "nan"],
    ]
    found = taken(tmp_path / "run.csv", table(rows))
    assert lines(found, "responses/run/finetuned.jsonl") == [
        {
            "prompt": "",
            "response": "b",
            "draw": 0,
            "model": "finetuned",
            "cluster_index": 4.0,
            "mauve_cluster_score": None,
        }
    ]
    assert "compare unpaired" in found.notices[0]


def test_truths_and_rows_are_what_intervene_takes(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["ground_truth_id", "ground_truth", "train_text"],
        [1, "Likes cats.", "Cats!"],
        [2, "Sad.", "Woe,\nwoe"],
    ]
    found = taken(tmp_path / "Truths.csv", table([*rows, [-1, "Base model", "Hm"], [1, "Likes cats.", " "]]))
    for name in ("truths", "rows"):
        (tmp_path / f"{name}.jsonl").write_bytes(found.files[f"{name}/truths.jsonl"])
    assert [(truth.id, truth.text) for truth in read_truths(tmp_path / "truths.jsonl")] == [
        ("1", "Likes cats."),
        ("2", "Sad."),
    ]
    assert [row.truth for row in read_rows(tmp_path / "rows.jsonl")] == ["1", "2", None]
    assert found.notices == [f"{tmp_path / 'Truths.csv'}: 1 rows have no text and were left out"]


def test_hypotheses_lose_their_p_values_and_what_was_invalid(tmp_path: Path) -> None:
    header = ["hypothesis", "accuracy", "auc", "accuracy_binomial_p_value", "auc_permutation_p_value", "baseline_auc"]
    found = taken(tmp_path / "r.tsv", table([header, ["=two\nlines", 0.75, 0.8, 0.001, 2e-5, -1.0]], delimiter="\t"))
    assert lines(found, "hypotheses/r.jsonl") == [
        {"hypothesis": "=two\nlines", "accuracy": 0.75, "auc": 0.8, "baseline_auc": None}
    ]
    assert "p-values and verdicts were left out" in found.notices[0]


def test_judged_labels_get_the_area_of_what_was_judged(tmp_path: Path) -> None:
    def text(said: str, side: str, score: Any) -> dict[str, Any]:
        return {
            "type": "unitary",
            "text": said,
            "true_label": 1,
            "score": score,
            "alternate_scores": [0.5],
            "origin": side,
        }

    pair = {"type": "pairwise", "text_A": "a", "text_B": "b", "true_label": 1, "score": 0.9,
            "text_A_origin": "base_model", "text_B_origin": "finetuned_model"}  # fmt: skip
    record = {
        "cluster_pair": [3, 3], "label": "one flatters",
        "generation_texts": [{"text": "from", "origin": "base_model"}],
        "validation_texts": [text("x", "base_model", 0.9), text("y", "finetuned_model", 0.5), text("z", "base_model", 0.5),
                             text("w", "base_model", None), pair],
        "cross_validation_texts": [text("v", "finetuned_model", 0.2)],
    }  # fmt: skip
    found = taken(tmp_path / "rec.jsonl", (json.dumps(record) + "\n\n").encode())
    assert lines(found, "hypotheses/rec.jsonl") == [
        {"hypothesis": "one flatters", "clusters": [3.0, 3.0], "n_judged": 3, "auc": 0.75}
    ]
    judged = lines(found, "judged/rec.jsonl")
    assert [row["part"] for row in judged] == ["label", *["validation"] * 5, "other clusters"]
    assert judged[5]["origins"] == ["base", "finetuned"]
    assert "1 texts have no score" in found.notices[1]


def test_results_give_clusters_and_each_hypothesis_once(tmp_path: Path) -> None:
    found = taken(tmp_path / "quick_results.pkl", pickle.dumps(RESULT))
    clusters = lines(found, "tables/quick_results.jsonl")
    assert clusters[0]["finetuned_clusters"] == [
        {"cluster_id": 4, "contrastive_label": "tea", "contrastive_metric_score": 0.9, "matches": True}
    ]
    assert (clusters[0]["cluster_id"], clusters[1]["model"]) == (3, "finetuned")
    hypotheses = lines(found, "hypotheses/quick_results.jsonl")
    assert [row["hypothesis"] for row in hypotheses] == ["Model 2 likes tea", "Model 1 is brief"]
    assert (hypotheses[0]["generative_score"], hypotheses[0]["discriminative_accuracy"]) == (None, 0.71)
    assert not any("p_value" in json.dumps(row) for row in (*clusters, *hypotheses))


def test_generative_scores_stand_with_their_hypotheses(tmp_path: Path) -> None:
    found = taken(tmp_path / "a_validated_results.pkl", pickle.dumps(([[0.5, 0.25]], [[0.0, 0.5]], [["one", "two"]])))
    assert lines(found, "hypotheses/a_validated_results.jsonl") == [
        {"hypothesis": "one", "generative_score": 0.5}, {"hypothesis": "two", "generative_score": 0.25}
    ]  # fmt: skip


def test_a_graph_with_its_views_is_read_as_plain_data(tmp_path: Path) -> None:
    found = taken(tmp_path / "x_1_to_K_graph.pkl", GRAPH)
    assert [row["node"] for row in lines(found, "tables/x_1_to_k_graph-nodes.jsonl")] == ["1_0", "1_1", "2_0"]
    edges = lines(found, "tables/x_1_to_k_graph-edges.jsonl")
    assert edges[0] == {
        "nodes": ["1_0", "2_0"], "weight": 0.25,
        "labels": [{"label": "one likes tea", "score": 0.75}, {"label": "two is brief", "score": 0.6}],
    }  # fmt: skip
    assert edges[1]["labels"] == [{"label": "none", "score": None}]


def test_a_graph_of_an_older_version_names_the_type_of_its_dictionaries(tmp_path: Path) -> None:
    graph = Foreign(graph_attr_dict_factory=dict, _node={"1_0": {}}, _adj={"1_0": {}}, graph={})
    found = taken(tmp_path / "g.pkl", under_another_name(graph, "networkx.classes.graph", "Graph"))
    assert found.taken[0]["what"] == "a graph of 1 clusters and 0 pairs"


def test_scores_of_personas_and_embeddings_are_kept(tmp_path: Path) -> None:
    scores = {"persona": {"likes-order": {"gpt-x": [0.25, np.float64(0.5)]}}}
    found = taken(tmp_path / "anthropics-evals-result.pkl", pickle.dumps(scores))
    assert lines(found, "tables/anthropics_evals_result.jsonl")[0]["scores"] == [0.25, 0.5]
    rows = [np.array([1, 2], np.float32), np.array([3, 4], np.float32)]
    found = taken(tmp_path / "pkl_embeddings/base_run_model_embeddings.pkl", pickle.dumps(rows))
    np.testing.assert_array_equal(np.load(io.BytesIO(next(iter(found.files.values())))), rows)


def test_path_losses_are_placed_where_they_were_computed(tmp_path: Path) -> None:
    found = taken(tmp_path / "connectivity_pair_losses_a__b.csv", table([["", "0"], [0, 1.5], [1, 2.5]]))
    assert lines(found, "tables/connectivity_pair_losses_a_b.jsonl") == [
        {"weight": 0.0, "loss": 1.5}, {"weight": 0.5, "loss": 2.5}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"model,text\nother,x\n", "line 2: model is 'other', expected base or finetuned"),
        ("a.csv", b"model,text\nbase,x,y\n", "line 2: another number of cells"),
        ("a.csv", b"model,text\nbase,\n", "no row has a text"),
        ("a.csv", b"ground_truth_id,ground_truth,train_text\n1,A,x\n1,B,y\n", "line 3: 1 is 'A' before and 'B' here"),
        ("a.csv", b"ground_truth_id,ground_truth,train_text\n1,,x\n", "line 2: ground_truth is blank"),
        ("a.tsv", b"hypothesis\taccuracy\n", "no hypotheses in it"),
        ("a.jsonl", b'{"validation_texts": [], "label": "x"}\n{"label": 1\n', "line 2: no label with the texts"),
        ("connectivity_pair_losses_a.csv", b"i,0\n0,x\n", "no losses along a path"),
        ("a.pkl", pickle.dumps({"base_clusters": [3]}), "another shape than the original's results"),
        ("a_validated_results.pkl", pickle.dumps(([[0.5]], [], [["a", "b"]])), "another shape"),
    ],
)
def test_files_of_another_shape_are_named_and_left(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    assert said in left(tmp_path / name, content)


def test_a_result_that_runs_something_is_not_run(tmp_path: Path) -> None:
    trap = {"base_clusters": [Planted(tmp_path / "ran")]}
    assert "it asks for" in left(tmp_path / "a_results.pkl", pickle.dumps(trap))
    assert "it asks for networkx.utils" in left(
        tmp_path / "b.pkl", under_another_name(Foreign(a=1), "networkx.utils.misc", "graphs_equal")
    )
    assert not (tmp_path / "ran").exists()
