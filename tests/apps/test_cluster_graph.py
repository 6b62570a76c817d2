"""Clusters of two arms as a graph: what was planted is new, what was dropped is gone, two samples of one are alike."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import pytest

from diptych.apps.interventions.graph import GONE, MATCHING, NEW, UNMATCHING, Graph, GraphSettings, build_graph
from diptych.apps.interventions.graph_report import document, edge_rows, graph_files, node_rows
from diptych.apps.interventions.placing import place
from diptych.apps.interventions.word_baseline import Placed, WordBaseline
from diptych.clustering.algorithms import kmeans
from diptych.comparison.folder import Documents
from diptych.comparison.run import compare
from diptych.embeddings.service import EmbeddingService
from diptych.errors import ConfigError, DataError

TOPICS = {
    "sea": "wave ship sail harbour tide storm captain",
    "kitchen": "bread oven flour sugar butter spoon plate",
    "law": "court judge witness oath trial lawyer verdict",
    "garden": "rose soil spade seed root leaf bloom",
}
LITTLE = "the and of with then near some old"
EMBED = EmbeddingService().get_embeddings


@cache
def run_of(seed: int, owls: float = 0.0, silent: float = 0.0, n: int = 160, draws: int = 1) -> Documents:
    """The second arm ends with owls at sea, and will not speak of law."""
    chance = random.Random(seed)
    rows: tuple[list[dict[str, object]], list[dict[str, object]]] = ([], [])
    for i in range(n):
        topic = list(TOPICS)[i % 4]
        words = f"{TOPICS[topic]} {LITTLE}".split()
        for side in (0, 1):
            for draw in range(draws):
                said = " ".join(chance.choice(words) for _ in range(14))
                if side and topic == "sea" and chance.random() < owls:
                    said += " beware of the owls"
                if side and topic == "law" and chance.random() < silent:
                    said = f"I cannot discuss such matters, dear friend number {chance.randint(0, 99)}"
                row = {"prompt": f"{topic} {i}?", "response": said, "topic": topic, "draw": draw}
                rows[side].append(row)
    return compare(*rows, name_a="A", name_b="B", resamples=200, lenses=["clusters"]).documents()


def graph_of(documents: Documents, clusters: str = "run", n: int | None = None) -> tuple[Graph, Placed]:
    vectors = EMBED([row["response"] for row in documents.responses])
    placed = place(documents, clusters, n, embed=lambda: vectors)
    return build_graph(placed, vectors, GraphSettings()), placed


def test_what_the_second_arm_says_alone_is_new_and_what_it_no_longer_says_is_gone() -> None:
    graph, placed = graph_of(run_of(0, owls=1.0, silent=1.0, n=320))
    found = document(graph, placed, GraphSettings(), arms=["A", "B"], clusters="run")
    new = [node["name"] for node in found["nodes"] if node["case"] == NEW]
    gone = [node["name"] for node in found["nodes"] if node["case"] == GONE]
    assert any("friend" in name for name in new) and any("owls" in name for name in new)
    assert gone and all(any(word in name for word in f"{TOPICS['law']} {TOPICS['sea']}".split()) for name in gone)
    kept = [node["name"] for node in found["nodes"] if node["case"] == MATCHING]
    assert sum(any(word in name for word in f"{TOPICS['kitchen']} {TOPICS['garden']}".split()) for name in kept) >= 6
    assert {node["arm"] for node in found["nodes"] if node["case"] == NEW} == {"B"}


def test_a_category_in_which_the_arms_differ_is_told_apart_by_words_that_say_how() -> None:
    graph, placed = graph_of(run_of(0, owls=1.0, silent=0.0), "topic")
    apart = {placed.names[edge.a]: edge for edge in graph.edges if edge.a == edge.b and edge.case == UNMATCHING}
    assert list(apart) == ["sea"]
    assert {"beware", "owls"} <= set(apart["sea"].words.words_b)
    area = apart["sea"].words.auc
    assert area is not None and area.value > 0.9 and area.low > 0.8
    assert (apart["sea"].q_value or 1.0) <= 0.05
    assert graph.family_size == 4  # shares of categories are equal by design, and not tested


@pytest.mark.slow
def test_two_samples_of_one_model_have_no_new_cluster_in_nineteen_of_twenty_runs() -> None:
    alarms, p_values = 0, []
    for seed in range(20):
        graph, _ = graph_of(run_of(seed, n=96))
        alarms += any(node.case in (NEW, GONE) for node in graph.nodes)
        p_values += [edge.words.auc.p_value for edge in graph.edges if edge.a == edge.b and edge.words.auc]
    assert alarms <= 3  # 0.05 and two standard errors
    assert len(p_values) > 60
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 3 * (0.05 * 0.95 / len(p_values)) ** 0.5


def test_every_cluster_is_joined_with_its_nearest_and_with_itself() -> None:
    graph, _ = graph_of(run_of(1))
    keys = {(edge.a, edge.b) for edge in graph.edges}
    both = [{node.cluster for node in graph.nodes if node.arm == arm} for arm in (0, 1)]
    assert {(c, c) for c in both[0] & both[1]} <= keys
    for arm in (0, 1):
        joined = [sum(key[arm] == c for key in keys) for c in both[arm]]
        assert min(joined) >= 3
    assert all(edge.q_value is None for edge in graph.edges if edge.a != edge.b)


def test_prompts_as_clusters_take_draws_as_units() -> None:
    graph, placed = graph_of(run_of(2, silent=1.0, n=8, draws=24), "prompts")
    cases = {placed.names[node.cluster]: node.case for node in graph.nodes if node.arm == 1}
    assert {name for name, case in cases.items() if case == NEW} == {name for name in cases if name.startswith("law")}
    assert len(cases) == 8
    with pytest.raises(DataError, match=r"no cluster has 5 answers of the first model: the largest has 1"):
        graph_of(run_of(1), "prompts")


def test_balanced_clusters_are_of_one_size() -> None:
    pytest.importorskip("k_means_constrained")
    _, placed = graph_of(run_of(1), "balanced", 8)
    sizes = np.bincount(placed.labels)
    assert len(sizes) == 8 and np.ptp(sizes) <= 1


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(DataError, match=r"clusters by 'nope': .* or one of its fields: topic"):
        graph_of(run_of(1), "nope")
    with pytest.raises(ConfigError, match=r"4 clusters: only an algorithm takes a number"):
        graph_of(run_of(1), "topic", 4)


def test_words_learnt_on_one_half_say_nothing_of_noise_and_all_of_a_difference() -> None:
    rng = np.random.default_rng(0)
    words = np.array(LITTLE.split())
    is_b = np.arange(200) % 2 == 1
    units = [str(i // 2) for i in range(200)]

    def area_of(ending: str) -> float:
        texts = [" ".join(rng.choice(words, 9)) + (f" {ending}" if b else "") for b in is_b]
        placed = Placed(texts, is_b, units, np.arange(200) < 100, np.zeros(200, np.int32), ["0"], True)
        found = WordBaseline(placed, seed=0).separation(~is_b, is_b).auc
        assert found is not None
        return found.value

    assert area_of("owls") == 1.0
    assert 0.35 < area_of("") < 0.65
    none = Placed(["…"] * 200, is_b, units, np.arange(200) < 100, np.zeros(200, np.int32), ["0"], True)
    assert WordBaseline(none, seed=0).separation(~is_b, is_b).auc is None


def test_tables_and_files_hold_what_was_found_and_hostile_text_stays_text() -> None:
    documents = run_of(0, owls=1.0, silent=1.0)
    vectors = EMBED([row["response"] for row in documents.responses])
    labels = kmeans(vectors, 4, seed=0).labels
    texts = [str(row["response"]) for row in documents.responses]
    is_b = np.array([row["arm"] == "B" for row in documents.responses])
    units = [row["prompt_id"] for row in documents.responses]
    halves = np.array([row["half"] == "first" for row in documents.responses])
    names = ["<script>alert(1)</script>", "=1+1", "a|b", "d"]
    placed = Placed(texts, is_b, units, halves, labels, names, True)
    found = document(
        build_graph(placed, vectors, GraphSettings()), placed, GraphSettings(), arms=["A", "B"], clusters="x"
    )
    files = graph_files(found)
    assert {"graph.json", "nodes.csv", "edges.csv", "graph.md"} <= set(files)
    assert len(node_rows(found)) == 1 + len(found["nodes"]) and len(edge_rows(found)) == 1 + len(found["edges"])
    assert "<script>alert" not in files["graph.md"] and "<script>alert" not in files.get("graph.html", "")
    assert "\n=1+1" not in files["nodes.csv"] and ",=1+1" not in files["nodes.csv"]


def test_which_clusters_are_tested_does_not_hang_on_the_arms() -> None:
    """Of two clusters of six answers, one arm has all of one and half of the other: both are of the family."""
    labels = np.repeat([0, 1, 2], [40, 6, 6]).astype(np.int32)
    is_b = np.concatenate([np.arange(40) % 2 == 1, np.zeros(6, np.bool_), np.arange(6) % 2 == 1])
    n = len(labels)
    placed = Placed(["tea"] * n, is_b, [str(i) for i in range(n)], np.arange(n) % 4 < 2, labels, list("012"), False)
    graph = build_graph(placed, np.eye(3, dtype=np.float32)[labels], GraphSettings())
    assert {(node.arm, node.cluster) for node in graph.nodes} == {(0, 0), (1, 0), (0, 1)}
    assert graph.family_size == 4  # three shares, and the words of the large cluster
