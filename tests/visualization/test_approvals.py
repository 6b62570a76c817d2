"""Approvals: every number lands under the name it belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diptych.errors import ShapeError
from diptych.visualization.approvals import MAX_TABLE_ROWS, Approvals, approval_map, approval_scatter, approval_table
from diptych.visualization.shares import ClusterApprovals, approval_heatmap, cluster_bars
from diptych.visualization.trees import approval_tree, dendrogram
from tests.visualization.examples import LABELS, PLACES, TREE, approvals, cluster_approvals


def shown(fig: Any, button: Any) -> list[Any]:
    """The traces that a menu's entry leaves."""
    changes, numbers = button.args
    (kept,) = [values for name, values in changes.items() if name in {"visible", "opacity"}]
    return [fig.data[number] for number, one in zip(numbers, kept, strict=True) if one]


def test_a_panel_for_each_label_in_the_order_given_with_every_statement_once() -> None:
    fig = approval_map(PLACES, approvals())
    assert [one.text for one in fig.layout.annotations] == list(LABELS)
    models, answers = fig.layout.updatemenus
    for button in models.buttons:
        panels: dict[str, list[str]] = {}
        for trace in shown(fig, button):
            panels.setdefault(trace.xaxis, []).extend(trace.customdata or [])
        assert set(panels) == {"x1", "x2", "x3"} or set(panels) == {"x", "x2", "x3"}
        assert all(len(said) == 6 for said in panels.values())
    assert [button.label for button in answers.buttons] == ["All answers", "Approves", "Disapproves", "Gives no answer"]
    approving = [t for t in shown(fig, answers.buttons[1]) if t.visible]
    assert [len(trace.customdata or []) for trace in approving] == [6, 0, 2]


def test_marks_of_one_statement_stand_apart_round_its_place() -> None:
    fig = approval_scatter(PLACES, approvals(models=("m",) * 2))
    first = [t for t in fig.data if t.visible is True and t.customdata]
    of_statement = [(x, y) for t in first for x, y, said in zip(t.x, t.y, t.customdata, strict=True) if "0" in said]
    assert len(of_statement) == 3
    gaps = [np.hypot(*np.subtract(p, q)) for p in of_statement for q in of_statement if p != q]
    assert min(gaps) > 0.005
    assert np.allclose(np.mean(of_statement, axis=0), PLACES[0], atol=1e-6)


@pytest.mark.parametrize(("pivot", "names", "others"), [("labels", LABELS, "Model"), ("models", ("m1", "m2"), "Label")])
def test_the_scatter_compares_what_it_is_asked_to(pivot: Any, names: tuple[str, ...], others: str) -> None:
    fig = approval_scatter(PLACES, approvals(), pivot=pivot)
    assert tuple(trace.name for trace in fig.data if trace.name) == names
    assert all(button.label.startswith(others) for button in fig.layout.updatemenus[0].buttons)


def test_only_disagreements_leaves_what_is_answered_differently() -> None:
    values = np.array([[[1, 1]], [[1, 0]], [[-1, 0]]], dtype=np.int8)
    said = Approvals(values, ["alike", "apart", "silent"], ["m"], ["p", "q"])
    fig = approval_scatter(PLACES[:3], said)
    left = shown(fig, fig.layout.updatemenus[-1].buttons[1])
    assert {text.rpartition("<br>")[2] for trace in left for text in trace.customdata} == {"apart", "silent"}


def test_the_table_puts_divided_statements_first_and_turns_from_labels_to_models() -> None:
    values = np.array([[[1, 1], [1, 1]], [[1, 0], [-1, 1]]], dtype=np.int8)
    said = Approvals(values, ["alike", "apart"], ["m", "n"], ["p", "q"])
    fig = approval_table(said)
    assert [list(column) for column in fig.data[0].cells["values"]] == [
        ["apart", "alike"], ["approves", "approves"], ["disapproves", "approves"],
    ]  # fmt: skip
    buttons = {button.label: button.args[0] for button in fig.layout.updatemenus[0].buttons}
    assert list(buttons) == ["Model: m", "Model: n", "Label: p", "Label: q"]
    assert buttons["Label: p"]["header.values"] == [["statement", "m", "n"]]
    assert buttons["Label: p"]["cells.values"][0][2] == ["gives no answer", "approves"]


def test_a_long_table_says_what_it_leaves_out() -> None:
    n = MAX_TABLE_ROWS + 1
    fig = approval_table(Approvals(np.ones((n, 1, 1), np.int8), ["s"] * n, ["m"], ["p"]))
    assert "The 500 of 501 statements" in fig.layout.title.subtitle.text
    assert len(fig.data[0].cells["values"][0]) == 500


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((2, 1, 1), np.int8), r"shape \(2, 1, 1\) do not fit 1 statements, 1 models and 1 labels"),
        (np.full((1, 1, 1), 2, np.int8), "an approval is 1, 0 or -1; 2 is none of them"),
    ],
)
def test_approvals_that_do_not_fit_are_refused(values: np.ndarray, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        Approvals(values, ["s"], ["m"], ["p"])


def test_places_and_statements_must_be_as_many() -> None:
    with pytest.raises(ShapeError, match="5 places do not fit 6 statements"):
        approval_map(PLACES[:5], approvals())


def test_statements_are_counted_by_cluster_model_and_label() -> None:
    counted = cluster_approvals()
    assert counted.approved[:, 0].tolist() == [[2, 0, 2], [2, 0, 0], [2, 0, 0]]
    assert counted.approved[:, 1].tolist() == [[0, 2, 0], [0, 2, 0], [0, 2, 2]]
    assert counted.asked.tolist() == [[[2] * 3] * 2] * 3
    assert counted.sizes.tolist() == [2, 2, 2]


def test_the_heatmap_has_a_column_for_each_label_of_each_model_in_their_order() -> None:
    fig = approval_heatmap(cluster_approvals())
    assert list(fig.layout.xaxis.ticktext) == [*LABELS, *LABELS]
    assert [one.text for one in fig.layout.annotations] == ["<b>m1</b>", "<b>m2</b>"]
    assert np.asarray(fig.data[0].z).tolist() == [[1, 0, 1, 0, 1, 0], [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 1, 1]]
    assert fig.data[0].customdata[2][5] == "<b>third</b><br>m2 · Aware<br>approves 100 % of 2"


def test_bars_have_their_intervals() -> None:
    share = np.array([[0.5, 0.2], [0.5, 0.8]])
    fig = cluster_bars(share, share - [[0.1, 0.2], [0.1, 0.2]], share + 0.1, arms=["a", "b"], names=["one", "one"])
    assert [trace.name for trace in fig.data] == ["a", "b"]
    assert np.allclose(fig.data[1].x, [20, 80])
    assert np.allclose(fig.data[1].error_x.arrayminus, [20, 20])
    assert np.allclose(fig.data[1].error_x.array, [10, 10])
    assert list(fig.data[0].y) == [0, 1]  # two clusters of one name stay two
    assert fig.data[0].customdata[0] == "<b>one</b><br>a: 50\xa0% [40\xa0%, 60\xa0%]"
    with pytest.raises(ShapeError, match="2 clusters, 1 arms"):
        cluster_bars(share, share, share, arms=["a"], names=["one", "two"])


@pytest.mark.parametrize("kind", ["treemap", "icicle"])
def test_each_label_of_a_tree_colours_it_by_its_own_shares(kind: Any) -> None:
    """Labels and counts must keep one order: "Unaware" of the first model approves of all, "Other AI" of nothing."""
    fig = approval_tree(TREE, cluster_approvals(), kind=kind)
    models, labels, _ = fig.layout.updatemenus
    assert [button.label for button in models.buttons] == ["Model: m1", "Model: m2"]
    assert [button.label for button in labels.buttons] == [f"Label: {name}" for name in LABELS]
    colours = [button.args[0]["marker.colors"] for button in labels.buttons]
    assert colours[0] == [[1.0] * 5, [0.0] * 5]
    assert colours[1] == [[0.0] * 5, [1.0] * 5]
    assert colours[2] == [[1.0, 0.0, 0.0, 0.0, 1 / 3], [0.0, 0.0, 1.0, 0.5, 1 / 3]]
    assert list(fig.data[0].marker.colors) == colours[0][0]
    assert labels.buttons[2].args[0]["text"][0][4] == "33 % of 6"
    assert "Aware: approves 33 % of 6" in fig.data[0].customdata[4]


def test_parts_of_a_tree_add_up_and_hang_together() -> None:
    tree = approval_tree(TREE, cluster_approvals()).data[0]
    assert list(tree.ids) == ["0", "1", "2", "3", "4"]
    assert list(tree.parents) == ["4", "3", "3", "4", ""]
    assert list(tree["values"]) == [2, 2, 2, 4, 6]
    assert tree.labels[3] == "1: second + 2: third"
    assert tree.branchvalues == "total"


def test_a_menu_chooses_the_depth_of_a_deep_tree() -> None:
    from diptych.clustering.hierarchy import Hierarchy

    k = 16
    chain = np.array([[0, 1], *[[i + 2, k + i] for i in range(k - 2)]])
    tree = Hierarchy(np.sort(chain, axis=1), np.arange(1.0, k), np.arange(2, k + 1))
    counts = np.ones((k, 1, 1), np.int64)
    fig = approval_tree(tree, ClusterApprovals(counts, counts, counts[:, 0, 0], ["c"] * k, ["m"], ["p"]))
    (depths,) = fig.layout.updatemenus
    assert [button.label for button in depths.buttons] == [*(f"{n} levels" for n in range(2, 11)), "All levels"]
    assert depths.buttons[depths.active].args[0] == {"maxdepth": [4]} and fig.data[0].maxdepth == 4
    assert depths.buttons[-1].args[0] == {"maxdepth": [-1]}


def test_the_dendrogram_stands_at_the_heights_of_the_merges() -> None:
    fig = dendrogram(TREE, cluster_approvals())
    branches = fig.data[0]
    assert [x for x in branches.x if x is not None] == [0, 1.5, 1.5, 0, 0, 4, 4, 1.5]
    assert [y for y in branches.y if y is not None] == [1, 1, 2, 2, 0, 0, 1.5, 1.5]
    assert list(fig.layout.yaxis.ticktext) == ["0: first", "1: second", "2: third"]
    assert min(fig.layout.xaxis.tickvals) == 0 and max(fig.layout.xaxis.tickvals) == 4


def test_every_node_of_the_dendrogram_has_a_bar_for_each_label() -> None:
    fig = dendrogram(TREE, cluster_approvals())
    bars = {(trace.name, trace.visible): trace for trace in fig.data if trace.name}
    full = np.ptp([x for x in fig.data[1].x[:5] if x is not None])

    def widths(label: str, visible: bool) -> list[float]:
        x = np.array(bars[label, visible].x, dtype=float).reshape(-1, 6)
        return ((x[:, 1] - x[:, 0]) / full).round(3).tolist()

    assert widths("Unaware", True) == [1.0] * 5
    assert widths("Other AI", True) == [0.0] * 5
    assert widths("Aware", True) == [1.0, 0.0, 0.0, 0.0, 0.333]
    assert widths("Aware", False) == [0.0, 0.0, 1.0, 0.5, 0.333]


def test_a_single_cluster_is_a_tree_too() -> None:
    from diptych.clustering.hierarchy import Hierarchy

    tree = Hierarchy(np.zeros((0, 2), np.int64), np.zeros(0), np.zeros(0, np.int64))
    one = np.ones((1, 1, 1), np.int64)
    counted = ClusterApprovals(one, one, one[0, 0], ["only"], ["m"], ["p"])
    assert list(approval_tree(tree, counted).data[0].parents) == [""]
    assert dendrogram(tree, counted).layout.yaxis.ticktext == ("0: only",)


def test_what_was_not_asked_is_said_and_not_coloured() -> None:
    none = np.zeros((3, 1, 1), np.int64)
    counted = ClusterApprovals(none, none, np.array([2, 2, 2]), ["a", "b", "c"], ["m"], ["p"])
    tree = approval_tree(TREE, counted).data[0]
    assert np.isnan(np.array(tree.marker.colors, dtype=float)).all()
    assert set(tree.text) == {"not asked"}


def test_a_tree_of_other_clusters_is_refused() -> None:
    one = np.ones((2, 1, 1), np.int64)
    with pytest.raises(ShapeError, match="a tree of 3 clusters does not fit approvals of 2 clusters"):
        dendrogram(TREE, ClusterApprovals(one, one, one[:, 0, 0], ["a", "b"], ["m"], ["p"]))
