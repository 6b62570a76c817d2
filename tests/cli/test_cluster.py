"""``diptych cluster`` and ``diptych match``: one stage on files, in and out again."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.cli import listing
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, write

TOPICS = (
    "rain cloud storm wind weather forecast",
    "bread butter oven flour dough bakery",
    "goal match team player stadium football",
)


def responses(arm: str, n: int = 45, *, shift: int = 0) -> list[dict[str, Any]]:
    """Of three topics by turns; with a shift the second topic takes over some of the first's prompts."""
    rng = random.Random(arm)
    made = []
    for i in range(n):
        topic = 1 if i % 3 == 0 and i < shift else i % 3
        made.append(
            {"prompt_id": f"p{i}", "prompt": f"Q{i}", "response": " ".join(rng.choices(TOPICS[topic].split(), k=12))}
        )
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"a.jsonl": jsonl(responses("a")), "b.jsonl": jsonl(responses("b", shift=30))})
    return tmp_path


def test_two_arms_are_clustered_together_and_tested_prompt_by_prompt(forge: Forge, folder: Path) -> None:
    outcome = forge.run("cluster", "a.jsonl", "b.jsonl", "--n-clusters", "3", "--n-seeds", "4", "--json", cwd=folder)
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert (found["n_items"], found["n_clusters"], found["n_noise"], found["arms"]) == (90, 3, 0, ["a", "b"])
    assert [cluster["size"] for cluster in found["clusters"]] == [40, 30, 20]
    assert [
        set(cluster["keywords"]) <= set(TOPICS[topic].split())
        for cluster, topic in zip(found["clusters"], (1, 2, 0), strict=True)
    ] == [True] * 3
    assert all(cluster["stability"] == 1.0 for cluster in found["clusters"])
    grown = found["clusters"][0]
    assert [share["share"] for share in grown["shares"]] == pytest.approx([15 / 45, 25 / 45])
    assert all(share["low"] < share["share"] < share["high"] for share in grown["shares"])
    assert grown["differences"][0]["paired"] is True
    assert grown["differences"][0]["p_value"] == pytest.approx(2 * 0.5**10)
    assert found["clusters"][1]["differences"][0]["p_value"] == 1.0
    assert len(found["tree"]["children"]) == 2
    assert found["tree"]["sizes"][-1] == 90


def test_a_table_for_people_and_a_file_with_the_cluster_of_each(forge: Forge, folder: Path) -> None:
    outcome = forge.run("cluster", "a.jsonl", "b.jsonl", "--n-clusters", "3", "--out", "c.csv", cwd=folder)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0] == "90 responses, 3 clusters (kmeans)"
    assert lines[1].split() == ["cluster", "size", "cohesion", "separation", "a", "b", "least", "q", "keywords"]
    assert lines[2].split()[:2] == ["0", "40"]
    assert "33.3 %" in lines[2] and "55.6 %" in lines[2]
    assert lines[-1] == "cluster of each: c.csv"
    assert max(map(len, lines)) < 140
    rows = (folder / "c.csv").read_text().splitlines()
    assert rows[:2] == ["arm,prompt_id,draw,cluster", "a,p0,0,2"]
    assert len(rows) == 91


def test_the_same_again_is_byte_for_byte_the_same_and_shuffled_rows_are_in_the_same_clusters(
    forge: Forge, folder: Path
) -> None:
    shuffled = responses("a")
    random.Random(1).shuffle(shuffled)
    (folder / "shuffled").mkdir()
    write(folder, {"shuffled/a.jsonl": jsonl(shuffled)})
    for source, out in (("a.jsonl", "1.json"), ("a.jsonl", "2.json"), ("shuffled/a.jsonl", "3.json")):
        outcome = forge.run("cluster", source, "--out", out, "--seed", "3", cwd=folder)
        assert outcome.code == 0, outcome.err
    first, again, other = (json.loads((folder / name).read_text()) for name in ("1.json", "2.json", "3.json"))
    assert (folder / "1.json").read_bytes() == (folder / "2.json").read_bytes()
    assert first == again

    def by_prompt(found: Any) -> dict[str, int]:
        return {row["prompt_id"]: row["cluster"] for row in found["rows"]}

    assert by_prompt(first) == by_prompt(other)


def test_vectors_are_clustered_by_themselves(forge: Forge, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", 5 * np.eye(3)[np.arange(30) % 3])
    outcome = forge.run("cluster", "v.npy", "--algorithm", "hdbscan", "--out", "c.csv", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("30 vectors, 3 clusters (hdbscan)")
    assert (tmp_path / "c.csv").read_text().startswith("row,cluster\n0,")
    labels = [int(line.split(",")[1]) for line in (tmp_path / "c.csv").read_text().splitlines()[1:]]
    assert len({labels[i] for i in range(3)}) == 3
    assert labels == [labels[i % 3] for i in range(30)]


def test_what_embed_wrote_is_clustered_with_its_texts_and_names(forge: Forge, folder: Path) -> None:
    assert forge.run("embed", "a.jsonl", "--out", "v.npz", cwd=folder).code == 0
    outcome = forge.run("cluster", "v.npz", "--n-clusters", "3", "--out", "v.csv", cwd=folder)
    assert outcome.code == 0, outcome.err
    assert "football" in outcome.out
    assert (folder / "v.csv").read_text().splitlines()[0] == "id,cluster"
    assert forge.run("cluster", "a.jsonl", "--n-clusters", "3", "--out", "a.csv", cwd=folder).code == 0
    found = [
        sorted(line.split(",")[-1] for line in (folder / name).read_text().splitlines()[1:])
        for name in ("v.csv", "a.csv")
    ]
    assert found[0] == found[1]


def test_clusterings_of_the_same_responses_are_matched(forge: Forge, folder: Path) -> None:
    for out, k in (("3.csv", "3"), ("2.json", "2")):
        assert forge.run("cluster", "a.jsonl", "--n-clusters", k, "--out", out, cwd=folder).code == 0
    outcome = forge.run("match", "3.csv", "2.json", "--json", cwd=folder)
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert (found["n_common"], found["n_agreeing"], found["n_clustered_in_both"]) == (45, 30, 45)
    assert 0 < found["adjusted_rand"] < 1
    assert found["p_value"] == 0.001
    assert len(found["pairs"]) == 2
    assert len(found["unmatched_a"]) == 1
    lines = forge.run("match", "3.csv", "2.json", cwd=folder).out.splitlines()
    assert lines[1] == "30 of 45 that are in a cluster of both are in partners (p 0.001)"


def test_any_table_with_a_column_of_clusters_is_matched_by_what_tells_items_apart(forge: Forge, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.csv": b"id,label\nx,red\ny,red\nz,blue\nonly,blue\n",
            "b.jsonl": b'{"id":"z","cluster":7}\n{"id":"x","cluster":10}\n{"id":"y","cluster":10}\n',
        },
    )
    outcome = forge.run("match", "a.csv", "b.jsonl", "--by", "id", "--json", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert (found["n_only_a"], found["n_only_b"], found["adjusted_rand"]) == (1, 0, 1.0)
    assert [(pair["a"], pair["b"], pair["n_shared"]) for pair in found["pairs"]] == [("blue", "7", 1), ("red", "10", 2)]


def test_names_that_a_spreadsheet_or_a_terminal_would_obey_are_made_harmless(forge: Forge, tmp_path: Path) -> None:
    rows = [{**row, "prompt_id": f"=cmd|{i}"} for i, row in enumerate(responses("a", 12))]
    write(tmp_path, {"a.jsonl": jsonl(rows), "x.csv": b"id,cluster\n1,\x1b[31mred\n2,\x1b[31mred\n"})
    assert forge.run("cluster", "a.jsonl", "--out", "c.csv", cwd=tmp_path).code == 0
    assert "a,'=cmd|0,0," in (tmp_path / "c.csv").read_text()
    outcome = forge.run("match", "x.csv", "x.csv", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert "\x1b" not in outcome.out
    assert forge.run("match", "c.csv", "c.csv", cwd=tmp_path).code == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("cluster", "nope.jsonl"), "nope.jsonl: no such file"),
        (("cluster", "v.npy", "a.jsonl"), "v.npy holds vectors, which have no arms; give it by itself"),
        (("cluster", "nan.npy"), "nan.npy: row 1 (counted from 0) has a value that is not finite"),
        (("cluster", "junk.npy"), "junk.npy is no file of plain NumPy arrays"),
        (("cluster", "objects.npy"), "objects.npy is no file of plain NumPy arrays"),
        (("cluster", "v.npy", "--n-clusters", "9"), "cannot make 9 clusters of 4 rows; ask for 1 to 4"),
        (("cluster", "v.npy", "--n-clusters", "some"), "n_clusters = 'some': expected a number, 'rule', 'silhouette' or 'gap'"),
        (("cluster", "v.npy", "--algorithm", "kmean"), "unknown clustering algorithm 'kmean'. Did you mean 'kmeans'"),
        (("cluster", "v.npy", "--algorithm", "optics", "--n-clusters", "2"), "optics finds the number of clusters itself"),
        (("cluster", "a.jsonl", "--out", "c.txt"), "c.txt: clusters are written as .csv or .json"),
        (("cluster", "a.csv", "--out", "a.csv"), "--out = 'a.csv' is one of the files that are read"),
        (("cluster", "a.jsonl", "--out", "no/c.csv"), "no/c.csv: there is no folder"),
        (("match", "a.csv", "nope.csv"), "nope.csv: no such file"),
        (("match", "a.csv", "a.jsonl"), "a.jsonl: expected the fields 'cluster' or 'label' and one of id, row"),
        (("match", "a.csv", "a.csv", "--by", "name"), "expected the fields 'cluster' or 'label' and 'name'; found 'id', 'cluster'"),
        (("match", "a.csv", "rows.csv"), "items are told apart by id in a.csv, by row in rows.csv"),
        (("match", "a.csv", "others.csv"), "have no item in common, told apart by id"),
        (("match", "a.csv", "twice.csv"), "id 'x' stood at line 2 already; an item has one cluster"),
        (("match", "a.csv", "float.jsonl"), "'cluster' is 0.5, expected text or a whole number"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_nothing_is_written(
    forge: Forge, tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    np.save(tmp_path / "v.npy", np.eye(4))
    np.save(tmp_path / "nan.npy", np.array([[1.0], [np.nan]]))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    write(
        tmp_path,
        {
            "a.jsonl": jsonl(responses("a", 6)),
            "junk.npy": b"junk",
            "a.csv": b"id,cluster\nx,1\ny,2\n",
            "rows.csv": b"row,cluster\n1,1\n",
            "others.csv": b"id,cluster\nz,1\n",
            "twice.csv": b"id,cluster\nx,1\nx,2\n",
            "float.jsonl": b'{"id":"x","cluster":0.5}\n',
        },
    )
    before = listing(tmp_path)
    outcome = forge.run(*arguments, cwd=tmp_path)
    assert outcome.code == 2, outcome.err
    assert text in outcome.err
    assert "Traceback" not in outcome.err
    assert not outcome.out
    assert listing(tmp_path) == before
