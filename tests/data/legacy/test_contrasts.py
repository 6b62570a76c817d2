"""Files of contrastive decoding as the original left them: each kind taken or left, and none of them run."""

from __future__ import annotations

import base64
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.data import DataLoader, Responses
from diptych.data.instructions import Instructions
from diptych.data.legacy.decodings import number, split_decoding
from diptych.data.legacy.survey import Found, survey
from diptych.data.legacy.unpickling import read_stage
from diptych.data.prompts import load_prompts
from diptych.errors import DataError
from tests.data.legacy.forge import Planted, lines
from tests.helpers.tiny_models import needs_torch

BOS = "<|begin_of_text|>"
TENSORS = base64.b64decode(
    "gASV4gMAAAAAAAB9lCiMBXRleHRzlF2UjANhfGKUYYwLZGl2ZXJnZW5jZXOUXZQojAx0b3JjaC5fdXRpbHOUjBJfcmVidWlsZF90ZW5zb3Jfdj"
    "KUk5QojA10b3JjaC5zdG9yYWdllIwQX2xvYWRfZnJvbV9ieXRlc5STlEP/gAKKCmz8nEb5IGqoUBkugAJN6QMugAJ9cQAoWBAAAABwcm90b2Nv"
    "bF92ZXJzaW9ucQFN6QNYDQAAAGxpdHRsZV9lbmRpYW5xAohYCgAAAHR5cGVfc2l6ZXNxA31xBChYBQAAAHNob3J0cQVLAlgDAAAAaW50cQZLBF"
    "gEAAAAbG9uZ3EHSwR1dS6AAihYBwAAAHN0b3JhZ2VxAGN0b3JjaApGbG9hdFN0b3JhZ2UKcQFYDgAAADk0NjIyNzI3NDc1MDA4cQJYAwAAAGNw"
    "dXEDSwFOdHEEUS6AAl1xAFgOAAAAOTQ2MjI3Mjc0NzUwMDhxAWEuAQAAAAAAAAAAAAA/lIWUUpRLACkpiYwLY29sbGVjdGlvbnOUjAtPcmRlcm"
    "VkRGljdJSTlClSlHSUUpRoCChoC0IEAQAAgAKKCmz8nEb5IGqoUBkugAJN6QMugAJ9cQAoWBAAAABwcm90b2NvbF92ZXJzaW9ucQFN6QNYDQAA"
    "AGxpdHRsZV9lbmRpYW5xAohYCgAAAHR5cGVfc2l6ZXNxA31xBChYBQAAAHNob3J0cQVLAlgDAAAAaW50cQZLBFgEAAAAbG9uZ3EHSwR1dS6AAi"
    "hYBwAAAHN0b3JhZ2VxAGN0b3JjaApEb3VibGVTdG9yYWdlCnEBWA4AAAA5NDYyMjYxMDg3ODY4OHECWAMAAABjcHVxA0sBTnRxBFEugAJdcQBY"
    "DgAAADk0NjIyNjEwODc4Njg4cQFhLgEAAAAAAAAAAAAAAAAA9D+UhZRSlEsAKSmJaBEpUpR0lFKUaAgoaAtCAAEAAIACigps/JxG+SBqqFAZLo"
    "ACTekDLoACfXEAKFgQAAAAcHJvdG9jb2xfdmVyc2lvbnEBTekDWA0AAABsaXR0bGVfZW5kaWFucQKIWAoAAAB0eXBlX3NpemVzcQN9cQQoWAUA"
    "AABzaG9ydHEFSwJYAwAAAGludHEGSwRYBAAAAGxvbmdxB0sEdXUugAIoWAcAAABzdG9yYWdlcQBjdG9yY2gKQkZsb2F0MTZTdG9yYWdlCnEBWA"
    "4AAAA5NDYyMjYxMDk0ODQ2NHECWAMAAABjcHVxA0sBTnRxBFEugAJdcQBYDgAAADk0NjIyNjEwOTQ4NDY0cQFhLgEAAAAAAAAAAECUhZRSlEsA"
    "KSmJaBEpUpR0lFKUZXUu"
)
"""By torch 2: ``{"texts": ["a|b"], "divergences": [0.5, 1.25, 2.0]}`` with tensors of float32, float64 and bfloat16."""
HEADER = ",divergence,decoding,starting_model_perplexity,comparison_model_perplexity,all_token_divergences"
INSTRUCTIONS = {
    "system_start": "Find bias.", "system_loop": "Examples.", "system_end": "", "user_start": "", "user_loop": "",
    "user_end": "Write more.", "seed_demonstrations": ["I think that", "When did"],
    "custom_selection_criterion": "Is it about people?", "custom_selection_criterion_examples": [],
    "custom_selection_criterion_yes_response": ["yes"], "custom_selection_criterion_no_response": ["no"],
}  # fmt: skip
LOG = """Loading checkpoint shards: 100%
Cluster 3 labels: ['tea', 'drinks']
Score: 0.81, P-value: 0.0, Label: people who talk, at length, about tea
Cluster pair (2, 7):
Score: 2.0, P-value: 0.0, Label: the first is <b>longer</b>
"""


def write(path: Path, content: str | bytes | Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str | bytes):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    else:
        path.write_bytes(pickle.dumps(content, protocol=4))
    return path


def table(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def only(path: Path) -> Found:
    found = survey([path])
    assert not found.left, found.left
    return found


def left(path: Path) -> str:
    found = survey([path])
    assert not found.taken and not found.files
    return str(found.left[0]["reason"])


def test_decodings(tmp_path: Path) -> None:
    path = write(tmp_path / "outputs" / "llama.txt", table(
        f'0,0.5,"{BOS}I think| that\nit ""is"".",12.5,10.0,"[0.1, -0.2, 3e-05]"',
        f'1,0.25,"{BOS}I think| so | far",nan,9.0,"[0.1, nan, inf]"',
        f'2,0.125,{BOS}|alone,1.0,2.0,[]',
    ))  # fmt: skip
    found = only(path)
    rows = lines(found, "responses/llama.jsonl")
    assert [(row["prompt"], row["response"], row["draw"]) for row in rows] == [
        ("I think", ' that\nit "is".', 0), ("I think", " so | far", 1), ("", "alone", 0),
    ]  # fmt: skip
    assert rows[0]["all_token_divergences"] == [0.1, -0.2, 3e-05] and rows[1]["all_token_divergences"] == [
        0.1,
        None,
        None,
    ]
    assert rows[1]["starting_model_perplexity"] is None and rows[0]["divergence"] == 0.5
    text = "\n".join(found.notices)
    assert "1 texts hold several bars" in text and "1 values of starting_model_perplexity are no numbers" in text
    assert "the value of a token is about the one after it" in text and "without a contrast" not in text
    saved = tmp_path / "r.jsonl"
    saved.write_bytes(found.files["responses/llama.jsonl"])
    assert len(Responses.from_records(DataLoader().load_records(saved), arm="a")) == 3


def test_results_of_the_late_version(tmp_path: Path) -> None:
    header = "texts,divergences,starting_model_perplexities,comparison_model_perplexities,all_token_divergences"
    stem = "run_20250101_120000_all_results"
    path = write(tmp_path / f"{stem}.csv", table('a|b,tensor(0.0127),1.0,2.0,"[0.5]"', header=header))
    found = only(path)
    assert lines(found, f"responses/{stem}.jsonl")[0]["divergence"] == 0.0127
    assert any("starting model's own" in notice for notice in found.notices)
    exact = only(write(tmp_path / "x" / "one_all_results.pkl", _one_text()))
    assert lines(exact, "responses/one_all_results.jsonl") == [
        {"prompt": "a", "response": "b", "draw": 0, "divergence": 0.5, "all_token_divergences": [0.5, 0.25]}
    ]


def _one_text() -> dict[str, Any]:
    return {"texts": ["a|b"], "divergences": [np.float32(0.5)], "starting_model_perplexities": [],
            "comparison_model_perplexities": None, "all_token_divergences": [[0.5, 0.25]]}  # fmt: skip


def test_tensors_are_read_without_torch(tmp_path: Path) -> None:
    value = read_stage(write(tmp_path / "t.pkl", TENSORS))
    assert [float(one) for one in value["divergences"]] == [0.5, 1.25, 2.0]
    assert [number(one) for one in value["divergences"]] == [0.5, 1.25, 2.0]
    assert "3 values of divergence" in left(write(tmp_path / "three_all_results.pkl", TENSORS))


@needs_torch
def test_tensors_are_what_torch_wrote(tmp_path: Path) -> None:
    import torch

    kinds = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32]
    for kind in kinds:
        for shape in [(), (3,), (2, 3), (0,)]:
            tensor = (torch.arange(6).to(kind) / (2 if kind.is_floating_point else 1)).to(kind)[: max(1, int(np.prod(shape)))].reshape(shape) if 0 not in shape else torch.zeros(0, dtype=kind)  # fmt: skip
            read = read_stage(write(tmp_path / "t.pkl", [tensor]))[0]
            np.testing.assert_array_equal(np.asarray(read, dtype=float), tensor.double().numpy())
    part = torch.arange(10.0)[4:6]
    np.testing.assert_array_equal(read_stage(write(tmp_path / "t.pkl", part)), [4.0, 5.0])
    for odd in (torch.arange(6.0).reshape(2, 3).T, torch.zeros(1).expand(1_000_000)):
        with pytest.raises(DataError, match="not its numbers in their order"):
            read_stage(write(tmp_path / "t.pkl", odd))


def test_partial_results_stay_tokens(tmp_path: Path) -> None:
    value = {"generations": [[1, 2, 3], [4]], "divergences": [0.5, 0.25], "starting_model_perplexities": [],
             "comparison_model_perplexities": [], "all_token_divergences": None}  # fmt: skip
    found = only(write(tmp_path / "run_partial_320.pkl", value))
    assert lines(found, "tables/run_partial_320.jsonl") == [
        {"tokens": [1, 2, 3], "divergence": 0.5}, {"tokens": [4], "divergence": 0.25},
    ]  # fmt: skip
    value["divergences"] = [0.5]
    assert "2 texts, and 1 values of divergence" in left(write(tmp_path / "a" / "run_partial_1.pkl", value))


@pytest.mark.parametrize("kind", [np.float16, np.float32, list])
def test_vectors_stand_in_the_order_of_their_texts(tmp_path: Path, kind: Any) -> None:
    rows = [[1.0, 2.0], [3.0, 4.0]]
    vectors = rows if kind is list else [np.array(row, dtype=kind) for row in rows]
    write(tmp_path / "x.txt", table("0,0.1,a|b", "1,0.2,c|d", header=",divergence,decoding"))
    write(tmp_path / "x.txt_embeddings.pkl", vectors)
    found = only(tmp_path)
    saved = tmp_path / "v.npy"
    saved.write_bytes(found.files["arrays/x_txt_embeddings.npy"])
    np.testing.assert_array_equal(np.load(saved), np.array(rows, dtype=np.float32))
    assert any("row i is of line i of responses/x.jsonl" in notice for notice in found.notices)
    write(tmp_path / "x.txt_embeddings.pkl", vectors[:1])
    assert any("x.txt has 2 texts" in notice for notice in only(tmp_path / "x.txt_embeddings.pkl").notices)
    (tmp_path / "x.txt").unlink()
    assert any("do not lie beside it" in notice for notice in only(tmp_path / "x.txt_embeddings.pkl").notices)


@pytest.mark.parametrize(
    ("rows", "says"),
    [([[1.0], [1.0, 2.0]], "not of one length"), ([["a"]], "not numbers"), ([[float("nan")]], "vector 0 has values"),
     ([], "shape"), ([1.0, 2.0], "shape")],
)  # fmt: skip
def test_vectors_that_are_none_are_left(tmp_path: Path, rows: Any, says: str) -> None:
    assert says in left(write(tmp_path / "x.txt_embeddings.pkl", rows))


def test_statistics_of_runs(tmp_path: Path) -> None:
    run = {
        "input_tokens": [["\u0120I", "\u0120am", "\u010a"], ["\u2581So"]], "forward_divergences": [0.1, 0.2],
        "starting_perplexities": [3.0, 4.0], "comparison_perplexities": [5.0, 6.0],
        "forward_token_divergences": [[0.1, 0.2], []], "backward_divergences": [0.3, 0.4],
        "backward_token_divergences": [[0.3, 0.4], []], "embeddings": [[0.5, 0.6], [0.7, 0.8]],
    }  # fmt: skip
    found = only(write(tmp_path / "new_stats_summary.pkl", {"llama3": run}))
    first, second = lines(found, "responses/new_stats_summary_llama3.jsonl")
    assert (first["response"], second["response"]) == (" I am\n", " So")
    assert first["backward_token_divergences"] == [0.3, 0.4] and first["starting_model_perplexity"] == 3.0
    assert "arrays/new_stats_summary_llama3.npy" in found.files
    run["backward_divergences"] = [0.3]
    assert "2 texts, and 1 values of backward_divergence" in left(write(tmp_path / "b" / "s.pkl", {"r": run}))


def test_prompts_that_were_found(tmp_path: Path) -> None:
    tsv = (
        "Divergence\tText\tResponse\tCSB\tCycle\n0.5\tI think\t that=1\t1\t0\n0.4\tI think\tx\t0\t1\n0.3\t \tx\t0\t1\n"
    )
    found = only(write(tmp_path / "find" / "bias.tsv", tsv))
    assert lines(found, "prompts/bias.jsonl") == [
        {"prompt": "I think", "divergence": 0.5, "criterion": 1.0, "cycle": 0.0, "continuation": " that=1"}
    ]
    assert any("2 rows have no prompt, or one that stands there before" in notice for notice in found.notices)
    saved = tmp_path / "p.jsonl"
    saved.write_bytes(found.files["prompts/bias.jsonl"])
    assert [row.text for row in load_prompts(saved).rows] == ["I think"]
    rows = [[0.5, "I think", " that", 1, 0, [0.1, 0.2], 0], [0.25, "When", " did", 0, 1, None, 1]]
    found = only(write(tmp_path / "bias.json", json.dumps(rows)))
    assert [row["prompt"] for row in lines(found, "prompts/bias.jsonl")] == ["I think", "When"]
    assert lines(found, "prompts/bias.jsonl")[1]["repeat"] == 1.0
    csv = only(write(tmp_path / "high_divergence_prompts.csv", 'Prompt,Divergence\n"Why, then?",0.5\n'))
    assert lines(csv, "prompts/high_divergence_prompts.jsonl") == [{"prompt": "Why, then?", "divergence": 0.5}]


def test_statistics_of_a_search_get_their_own_names(tmp_path: Path) -> None:
    """Saved as repeat, cycle, mean, deviation, greatest, least, under headers in another order."""
    groups = ("Full Divergence", "Full Diversity", "Subsample Divergence", "Subsample Diversity")
    header = ["Cycle", "Run", *(f"{group} {name}" for group in groups for name in ("Mean", "STD", "Min", "Max"))]
    row = [0, 3, *(value for _ in groups for value in (0.5, 0.1, 0.9, 0.2))]
    tsv = "\t".join(header) + "\n" + "\t".join(map(str, row)) + "\n"
    for path, content in ((tmp_path / "b_stats.tsv", tsv), (tmp_path / "b_stats.json", json.dumps([row]))):
        found = only(write(path, content))
        [entry] = lines(found, "tables/b_stats.jsonl")
        assert (entry["run"], entry["cycle"]) == (0.0, 3.0)
        assert (entry["full_divergence_max"], entry["full_divergence_min"]) == (0.9, 0.2)
        path.unlink()
    row[4], row[5] = row[5], row[4]
    assert "a least above the greatest" in left(write(tmp_path / "b_stats.json", json.dumps([row])))


def test_instructions_are_those_that_the_search_takes(tmp_path: Path) -> None:
    found = only(write(tmp_path / "social bias.json", json.dumps(INSTRUCTIONS)))
    saved = tmp_path / "i.json"
    saved.write_bytes(found.files["instructions/social_bias.json"])
    assert Instructions.load(saved) == Instructions.parse(INSTRUCTIONS)
    assert "KN_prompt_1 is an older form" in left(
        write(tmp_path / "old.json", '{"KN_prompt_1": "x", "seed_texts_1": []}')
    )
    assert "user_end" in left(write(tmp_path / "bad.json", '{"system_start": "a"}'))


def test_prefixes(tmp_path: Path) -> None:
    found = only(write(tmp_path / "prefix_folder" / "1000.txt", "I think that\n\nWe are\nI think that\n"))
    assert lines(found, "prompts/1000.jsonl") == [{"prompt": "I think that"}, {"prompt": "We are"}]
    assert "2 are blank, or stand there before" in found.notices[0]
    found = only(write(tmp_path / "prefixes.csv", ',text\n0,"I, too"\n1,We\n'))
    assert lines(found, "prompts/prefixes.jsonl") == [{"prompt": "I, too"}, {"prompt": "We"}]
    assert "no prefixes in it" in left(write(tmp_path / "p" / "prefix.txt", "\n \n"))


def test_which_fields_were_taken(tmp_path: Path) -> None:
    found = only(write(tmp_path / "key_selection.pkl", {"label,statement": ["statement"]}))
    assert json.loads(found.files["key_selection.json"]) == {"label,statement": ["statement"]}
    assert "no selection of fields" in left(write(tmp_path / "b" / "key_selection.pkl", {"a": 1}))


def test_labels_of_clusters_come_without_their_p_values(tmp_path: Path) -> None:
    found = only(write(tmp_path / "clustering_results" / "llama.txt", LOG))
    assert lines(found, "tables/llama.jsonl") == [
        {"clusters": [3], "label": "people who talk, at length, about tea", "score": 0.81},
        {"clusters": [2, 7], "label": "the first is <b>longer</b>", "score": 2.0},
    ]
    assert b"P-value" not in found.files["tables/llama.jsonl"]
    assert any("p-values were left out" in notice for notice in found.notices)


@pytest.mark.parametrize(
    ("name", "content"),
    [("api_key.txt", "whatever"), ("openai-keys.txt", "x"), ("mine.txt", "sk-CANARY0123456789abcdefgh\n"),
     ("mine.txt", "openai: sk-CANARY0123456789abcdefgh\nanthropic: sk-ant-CANARY-0123456789abcd\n")],
)  # fmt: skip
def test_keys_are_left_and_never_told(tmp_path: Path, name: str, content: str) -> None:
    found = survey([write(tmp_path / name, content)])
    assert not found.files and "a file of keys" in found.left[0]["reason"]
    assert "CANARY" not in json.dumps([found.left, found.notices])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("final_analysis.txt", "The prompts show", "a report in words"),
        ("runtime_logs/a.txt", "step 1", "a log of the original"),
        ("evals/power.jsonl", '{"statement": "I"}', "JSON lines are read as they are"),
        ("notes.txt", "hello there", "no kind of file"),
        ("empty.txt", "", "no kind of file"),
        ("a.tsv", "x\ty\n", "no table of prompts"),
        ("a.tsv", "", "it is empty"),
        ("a.tsv", "Divergence\tText\n0.1\n", "row 2 has 1 cells, the header 2"),
        ("a.tsv", b"Divergence\tText\n0.1\t\xff\n", "no text in UTF-8"),
        ("a.txt", ",divergence,decoding\n0,0.1\n", "line 2: fewer cells than columns"),
        ("a.txt", ",divergence,decoding\n0,0.1,a|b,c\n", "line 2: more cells than columns"),
        ("a.txt", ',divergence,decoding\n0,0.1,"a|b\n', "no table that can be read"),
        ("a.txt", b",divergence,decoding\n0,0.1,\xff\n", "no table that can be read"),
        ("a.txt", ",divergence,decoding\n", "no row has a text"),
        ("a.json", "[1, 2]", "a list of neither prompts"),
        ("a.json", "[]", "a list of neither prompts"),
        ("a.json", "[[0.5, 7, 1, 1, 1]]", "a list of neither prompts"),
        ("a.json", "[" * 100_000, "not JSON"),
        ("a.json", '{"system_start": ' + "[" * 100_000, "not JSON"),
        ("a_all_results.pkl", {"texts": 3}, "another shape"),
        ("a_all_results.pkl", {"texts": [1, None], "divergences": [0.1, 0.2]}, "no row has a text"),
        ("a_partial_1.pkl", {"generations": [["x"]], "divergences": []}, "another shape"),
        ("s.pkl", {"run": {"input_tokens": 3}}, "another shape"),
        ("s.pkl", {"run": {"input_tokens": []}, "other": 3}, "another shape"),
    ],
)
def test_what_cannot_be_taken_is_left_with_its_reason(tmp_path: Path, name: str, content: Any, says: str) -> None:
    assert says in left(write(tmp_path / name, content))


def test_a_list_in_a_table_is_never_evaluated(tmp_path: Path) -> None:
    os.chdir(tmp_path)
    row = """0,0.1,a|b,"[__import__('os').mkdir('ran'), 0.5]\""""
    found = only(write(tmp_path / "a.txt", table(row, header=",divergence,decoding,all_token_divergences")))
    assert lines(found, "responses/a.jsonl")[0]["all_token_divergences"] == [None, 0.5]
    assert not (tmp_path / "ran").exists()


def storage(change: Callable[[bytes], bytes]) -> bytes:
    """The fixture with the first storage inside it changed, and its length put right."""
    value = pickle.dumps({"divergences": 0})
    assert value
    start = TENSORS.index(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P")
    length = TENSORS[start - 1]
    assert TENSORS[start - 2 : start - 1] == b"C"
    inner = change(TENSORS[start : start + length])
    assert len(inner) < 256
    return TENSORS[: start - 1] + bytes([len(inner)]) + inner + TENSORS[start + length :]


@pytest.mark.parametrize(
    "data",
    [
        storage(lambda inner: inner[:-1]),
        storage(lambda inner: inner[:-12] + b"\x02" + inner[-11:]),
        storage(lambda inner: inner[:20]),
        storage(lambda inner: inner.replace(b"ctorch\nFloatStorage", b"cposix\nsystem")),
        storage(lambda inner: inner.replace(b"ctorch\nFloatStorage", b"ctorch\nload")),
        storage(lambda inner: inner.replace(b"storage", b"storagx")),
        TENSORS.replace(b"_rebuild_tensor_v2", b"_rebuild_parameter"),
        TENSORS.replace(b"_load_from_bytes", b"_load_from_pirat"),
        b"ctorch\nFloatStorage\n(S'x'\ntR.",
        b"ctorch\nFloatStorage\n}S'code'\nS'f8'\nsb0.",
        b"ctorch.storage\n_load_from_bytes\n(S'x'\ntR.",
        b"ctorch._utils\n_rebuild_tensor_v2\n(I1\nI2\nI3\nI4\ntR.",
        b"ctorch\nload\n(S'x'\ntR.",
        pickle.dumps([Planted(Path("ran"))]),
    ],
    ids=range(14),
)
def test_hostile_tensors_are_refused_and_nothing_runs(tmp_path: Path, data: bytes) -> None:
    os.chdir(tmp_path)
    with pytest.raises(DataError):
        read_stage(write(tmp_path / "x.pkl", data))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.pkl"]
    assert left(tmp_path / "x.pkl")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"{BOS}|x", ("", "x")), ("<s> I am| here", (" I am", " here")), ("no bar", ("", "no bar")), ("", ("", "")),
        ("a<|eot_id|>b|c", ("a<|eot_id|>b", "c")), ("|", ("", "")), ("a|b|c", ("a", "b|c")),
    ],
)  # fmt: skip
def test_the_bar_between_prefix_and_continuation(text: str, parts: tuple[str, str]) -> None:
    assert split_decoding(text) == parts
