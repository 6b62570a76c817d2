"""``diptych import``: a folder of ours from one of the original's, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from diptych.apps.behavioural_clustering.config import parse_config, read_named_run
from diptych.data.catalogue import Catalogue
from diptych.data.instructions import Instructions
from diptych.embeddings.cache import EmbeddingCache
from tests.data.legacy.forge import PERSONAS, STATEMENTS, Planted, results, whole_run, write_stage
from tests.helpers.cli import invoke, listing


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return whole_run(tmp_path / "data")


def test_a_run_is_brought_along_and_its_responses_are_compared(data: Path) -> None:
    write_stage(data, "all_query_results", "bad", Planted(data / "ran"))
    write_stage(data, "all_query_results", "many", results([f"Statement {i}." for i in range(20)]))
    done = invoke("import", data, "--out", "new")
    assert done.code == 0, done.err
    assert not (data / "ran").exists()
    assert "bad.pkl: it asks for" in done.err.replace(" is not plain data", "")
    summary = json.loads(Path("new/summary.json").read_text())
    for entry in summary["taken"]:
        assert all((Path("new") / name).is_file() for name in entry["files"])
    cache = EmbeddingCache("new/vectors", read_only=True)
    vectors, found = cache.get_many("original/text-embedding-ada-002", [*STATEMENTS[:2], "1 on I like tea."], 2)
    assert found.all()
    np.testing.assert_array_equal(vectors, [[1, 2], [2, 2], [2, 4]])
    assert summary["n_vectors"] == 6
    stage = Path("new/responses/all_query_results_many")
    compared = invoke("compare", *sorted(stage.iterdir()), "--lenses", "surface", "--dry-run")
    assert compared.code == 0, compared.err
    assert Path("new").stat().st_mode & 0o777 == 0o755


def test_single_files_and_a_store_of_ones_own(data: Path) -> None:
    done = invoke("import", data / "statement_embeddings.json", "--out", "new", "--cache-dir", "store", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["n_vectors"] == 2
    assert sorted(listing(Path("new"))) == ["summary.json"]
    assert len(EmbeddingCache("store", read_only=True).stats()) == 1


def test_named_runs_and_the_catalogue_are_read_by_approve(data: Path) -> None:
    assert invoke("import", data, "--out", "new").code == 0
    config = parse_config(*read_named_run("new/settings.yaml", "quick"))
    assert (config.models, config.limit, config.max_chars) == (("hf/org/small",), 60, 149)
    assert config.question == "Yes or no: {statement}"
    assert [persona.label for persona in Catalogue.load("new/catalogue.json").personas][:2] == list(PERSONAS)


def test_vectors_of_another_width_are_left_and_the_rest_is_taken(data: Path) -> None:
    old = json.loads((data / "statement_embeddings.json").read_text())
    for entry in old.values():
        entry["embedding"].append(3.0)
    (data / "statement_embeddings.json").write_text(json.dumps(old))
    done = invoke("import", data, "--out", "new")
    assert done.code == 0, done.err
    assert "vectors were left out, as they do not fit" in done.err
    assert json.loads(Path("new/summary.json").read_text())["n_vectors"] == 2


def test_a_folder_in_use_is_left_alone(data: Path) -> None:
    Path("new").mkdir()
    Path("new/mine").write_text("x")
    before = listing(Path("new"))
    done = invoke("import", data, "--out", "new")
    assert (done.code, "not empty" in done.err) == (2, True)
    assert listing(Path("new")) == before


def test_where_nothing_can_be_taken_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("- 1")
    done = invoke("import", "a.yaml", "--out", "new")
    assert done.code == 2
    assert "nothing can be taken of 1 files; the first is a.yaml: expected a mapping" in done.err
    assert sorted(listing(tmp_path)) == ["a.yaml"]


def test_files_of_contrastive_decoding_are_taken_on_by_our_verbs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old = tmp_path / "old"
    (old / "outputs").mkdir(parents=True)
    header = ",divergence,decoding,all_token_divergences\n"
    for name in ("base", "tuned"):
        rows = "".join(f'{i},0.{i},"<|begin_of_text|>Say {i}| {name} ""{i}""","[0.1, 0.2]"\n' for i in range(10, 40))
        (old / "outputs" / f"{name}.txt").write_text(header + rows)
    (old / "found.tsv").write_text("Divergence\tText\tResponse\tCSB\tCycle\n0.5\tI think\tx\t1\t0\n")
    told = {"system_start": "a", "user_end": "b", "seed_demonstrations": ["c"]}
    (old / "told.json").write_text(json.dumps(told))
    (old / "api_key.txt").write_text("sk-CANARY-0123456789abcdef")
    done = invoke("import", old, "--out", "new")
    assert done.code == 0, done.err
    assert "CANARY" not in done.out + done.err + Path("new/summary.json").read_text()
    assert "api_key.txt: it looks like a file of keys" in done.err
    responses = "new/responses/base.jsonl", "new/responses/tuned.jsonl"
    compared = invoke("compare", *responses, "--lenses", "surface", "--dry-run")
    assert compared.code == 0 and "30 prompts" in compared.out, compared.err + compared.out
    asked = invoke("generate", "scripted/echo", "--prompts", "new/prompts/found.jsonl", "--out", "e.jsonl")
    assert asked.code == 0, asked.err
    assert json.loads(Path("e.jsonl").read_text())["response"] == "I think"
    assert Instructions.load("new/instructions/told.json").seed_demonstrations == ("c",)
