"""Maps: which mark stands where, what a pointer shows, what a filter leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import diptych
from diptych.errors import DataError, ShapeError
from diptych.visualization import themes
from diptych.visualization.maps import MANY_MARKS, Points, cluster_map, response_map
from tests.visualization.examples import PLACES, points


def drawn(fig: Any) -> list[Any]:
    """The traces that have marks."""
    return [trace for trace in fig.data if trace.x is not None and len(trace.x) and trace.x[0] is not None]


def test_each_response_is_one_mark_of_its_arm_with_its_texts() -> None:
    fig = response_map(Points.from_columns(points()))
    assert [trace.name for trace in fig.data if trace.name] == ["a", "b"]
    marks = {
        (x, y, said) for trace in drawn(fig) for x, y, said in zip(trace.x, trace.y, trace.customdata, strict=True)
    }
    assert len(marks) == 6
    assert (1.0, 1.0, "<b>b: no</b><br><i>1 So.</i><br>So.") in marks
    assert {trace.marker.color for trace in drawn(fig)} == {themes.ARMS[0], themes.ARMS[1]}


def test_the_filter_leaves_the_prompts_that_arms_of_one_run_answer_differently() -> None:
    fig = response_map(Points.from_columns(points()))
    all_of_them, disagreements = fig.layout.updatemenus[0].buttons
    changes, traces = disagreements.args
    left = [fig.data[number] for number, seen in zip(traces, changes["opacity"], strict=True) if seen]
    assert {said for trace in left for said in trace.customdata} == {
        "<b>a: yes</b><br><i>1 So.</i><br>So.",
        "<b>b: no</b><br><i>1 So.</i><br>So.",
    }
    assert changes["hoverinfo"] == ["all" if seen else "skip" for seen in changes["opacity"]]
    assert set(all_of_them.args[0]["opacity"]) == {1.0}


def test_other_runs_are_no_disagreement_and_have_another_symbol() -> None:
    table = points() | {"run": ["r1", "r1", "r1", "r2", "r2", "r2"]}
    fig = response_map(Points.from_columns(table))
    assert len(fig.layout.updatemenus) == 0
    assert {trace.name: trace.marker.symbol for trace in fig.data if trace.name} == {
        "a · r1": "circle", "b · r1": "circle", "a · r2": "square", "b · r2": "square",
    }  # fmt: skip


def test_without_answers_there_is_no_filter() -> None:
    table = points()
    del table["answer"]
    assert len(response_map(Points.from_columns(table)).layout.updatemenus) == 0


def test_a_data_frame_will_do() -> None:
    manager = diptych.VisualizationManager()
    assert len(drawn(manager.create_interactive_plot(pd.DataFrame(points())))) == 4  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arm": ["a"]}, "column 'arm' has 1 rows, column 'x' has 6"),
        ({"x": ["?"] * 6}, "must hold numbers"),
    ],
)
def test_columns_that_do_not_fit_are_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Points.from_columns(points() | change)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match="column 'prompt' is missing; there are 'x', 'y', 'arm'"):
        Points.from_columns({"x": [], "y": [], "arm": []})


def test_from_five_thousand_marks_on_webgl_draws() -> None:
    def kinds(n: int) -> set[str]:
        columns = {"x": np.arange(n), "y": np.arange(n), "arm": ["a"] * n, "prompt": ["p"] * n, "response": ["r"] * n}
        return {trace.type for trace in drawn(response_map(Points.from_columns(columns)))}  # type: ignore[arg-type]

    assert kinds(MANY_MARKS) == {"scatter"}
    assert kinds(MANY_MARKS + 1) == {"scattergl"}


def test_clusters_have_their_numbers_at_their_medians_and_noise_has_none() -> None:
    fig = cluster_map(PLACES, [0, 0, 0, 7, 7, -1], names={7: "kind"})
    assert {trace.name: len(trace.x) for trace in fig.data} == {"in no cluster": 1, "0": 3, "7: kind": 2}
    assert [(one.text, one.x, one.y) for one in fig.layout.annotations] == [("0", 0.0, 0.0), ("7", 0.75, 0.75)]


def test_clusters_look_different_up_to_sixty_four_and_beyond_sixteen_have_no_legend() -> None:
    labels = np.arange(64)
    fig = cluster_map(np.random.default_rng(0).normal(size=(64, 2)), labels)
    assert len({(trace.marker.color, trace.marker.symbol) for trace in fig.data}) == 64
    assert fig.layout.showlegend is False
    assert cluster_map(PLACES, [0, 1, 2, 3, 4, 5]).layout.showlegend is True


def test_places_that_are_not_finite_move_no_number() -> None:
    places = np.vstack([PLACES, [[np.nan, np.nan]]])
    fig = cluster_map(places, [0] * 7)
    assert fig.layout.annotations[0].x == 0.5


@pytest.mark.parametrize(("places", "labels"), [(PLACES, [0, 1]), (np.zeros((6, 3)), [0] * 6), (np.zeros(6), [0] * 6)])
def test_lengths_that_do_not_fit_are_refused(places: np.ndarray, labels: list[int]) -> None:
    with pytest.raises(ShapeError):
        cluster_map(places, labels)


def test_the_first_two_colours_are_those_of_the_report_in_light_and_dark() -> None:
    from importlib.resources import files

    style = (files("diptych.comparison.report") / "templates" / "style.css").read_text()
    light, dark = style.split("@media", 1)
    for i, name in enumerate(("--a", "--b")):
        assert f"{name}: {themes.ARMS[i]};" in light
        assert f"{name}: {themes.DARK[themes.ARMS[i]]};" in dark


def luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first: str, second: str) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_arms_stand_out_from_the_page_and_text_can_be_read() -> None:
    for colour in themes.ARMS:
        assert contrast(colour, themes.PAGE) >= 3
        assert contrast(themes.DARK[colour], themes.DARK[themes.PAGE]) >= 3
    for colour in (themes.INK, themes.SOFT):
        assert contrast(colour, themes.PAGE) >= 4.5
        assert contrast(themes.DARK[colour], themes.DARK[themes.PAGE]) >= 4.5
