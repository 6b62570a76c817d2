from __future__ import annotations

import pytest

pytest.importorskip("plotly")

from diptych.visualization.cluster_graph import Dot, Line, cluster_graph


def test_a_row_is_a_cluster_and_a_line_goes_from_one_to_the_other() -> None:
    dots = [Dot(0, 3, "tea", 0.4, "matching"), Dot(1, 3, "tea", 0.1, "matching"), Dot(1, 7, "<b>$x$</b>", 0.2, "new")]
    lines = [Line(3, 3, False, "alike"), Line(3, 7, True, "far"), Line(3, 7, None, "?")]
    drawn = cluster_graph(dots, lines, arms=["A", "B"])
    by_name = {trace.name: trace for trace in drawn.data if trace.name}
    assert list(by_name) == ["alike", "told apart", "not known", "matching", "new"]
    assert by_name["told apart"].y == (0, -1, None) and by_name["alike"].y == (0, 0, None)
    assert by_name["matching"].x == (0.0, 1.0) and by_name["matching"].y == (0, 0)
    assert by_name["matching"].marker.size[0] > by_name["matching"].marker.size[1] * 1.4
    assert "<b>" not in by_name["new"].text[0] and "$" not in by_name["new"].text[0]


def test_nothing_to_join_is_drawn_too() -> None:
    assert [trace.name for trace in cluster_graph([Dot(0, 0, "a", 0.0, "gone")], [], arms=["A", "B"]).data] == ["gone"]
