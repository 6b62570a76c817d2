"""The cluster table: sizes, shares and themes of kinds of answers, of two arms and of several."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diptych
from diptych.comparison.arms import Comparisons, compare_each
from diptych.comparison.arms_folder import rewrite_arms
from diptych.comparison.cluster_table import Answers, build_table, table_files, table_rows, theme
from diptych.comparison.folder import read_run
from diptych.comparison.result import Result
from diptych.errors import ShapeError
from diptych.stats.share_intervals import wilson_intervals
from tests.visualization.pages import browse, needs_chromium

FOOD = ("pears and apples", "bread and cheese", "soup with onions", "rice and beans")
TRAINS = ("slow night trains", "old steam engines", "tall signal boxes", "long station platforms")


def arm(share: int, *, draws: int = 1) -> list[dict[str, Any]]:
    """Every so many prompts it tells of trains, else of food; prompts are of gardens and of harbours."""
    rows = []
    for i in range(120):
        subject = TRAINS[i // share % 4] if i % share == 0 else FOOD[i % 4]
        said = f"I would tell you about {subject}, again and again about {subject}, in {i % 7} words."
        place = "garden" if i % 2 else "harbour"
        rows += [
            {"prompt": f"What of the {place}, number {i}?", "response": said, "draw": draw} for draw in range(draws)
        ]
    return rows


@pytest.fixture(scope="module")
def planted() -> Result:
    return diptych.compare(arm(10), arm(2), name_a="calm", name_b="keen", lenses="clusters", threads=1)


def of_trains(table: Any) -> list[Any]:
    words = {word for one in TRAINS for word in one.split()}
    return [one for one in table["clusters"] if words & set(one["themes"]["responses"]["keywords"])]


def test_the_table_says_how_large_whose_and_what_about(planted: Result) -> None:
    table = planted.cluster_table
    assert table is not None
    sizes = [one["size"] for one in table["clusters"]]
    assert sizes == sorted(sizes, reverse=True) and sum(sizes) == 240
    trains = of_trains(table)
    assert 0 < len(trains) < len(sizes)
    calm, keen = ([one["shares"][place] for one in trains] for place in (0, 1))
    assert [share["arm"] for share in (calm[0], keen[0])] == ["calm", "keen"]
    assert sum(share["n"] for share in calm) == 12 and sum(share["n"] for share in keen) == 60
    assert sum(share["share"] for share in keen) == pytest.approx(0.5)
    for share in (*calm, *keen):
        interval = wilson_intervals(np.array([[share["n"] / 120]]), np.array([120]))
        assert (share["low"], share["high"]) == pytest.approx((interval.low[0, 0], interval.high[0, 0]))
    about = {word for one in table["clusters"] for word in one["themes"]["inputs"]["keywords"]}
    assert {"garden", "harbour"} <= about
    together = {word for one in trains for word in one["themes"]["interactions"]["keywords"]}
    assert {"trains", "harbour"} <= together


def test_intervals_go_by_prompt_and_not_by_draw() -> None:
    once, often = (
        diptych.compare(arm(10, draws=n), arm(2, draws=n), name_b="keen", lenses="clusters", threads=1).cluster_table
        for n in (1, 4)
    )
    assert once and often
    widths = [
        max(share["high"] - share["low"] for one in table["clusters"] for share in one["shares"])
        for table in (once, often)
    ]
    assert widths[1] > 0.8 * widths[0]


def test_exchanging_the_arms_exchanges_the_columns_and_nothing_else(planted: Result) -> None:
    turned = diptych.compare(arm(2), arm(10), name_a="keen", name_b="calm", lenses="clusters", threads=1).cluster_table
    assert turned and planted.cluster_table
    for one in turned["clusters"]:
        one["shares"].reverse()
    assert {**turned, "arms": turned["arms"][::-1]} == planted.cluster_table


def test_without_the_lens_there_is_no_table(tmp_path: Path) -> None:
    result = diptych.compare(arm(10), arm(2), lenses="surface", threads=1)
    assert result.cluster_table is None
    names = {path.name for path in result.save(tmp_path / "run").iterdir()}
    assert not any("clusters" in name or name == "plots" for name in names)
    assert 'id="clusters"' not in (tmp_path / "run" / "report.html").read_text()


def test_a_run_holds_the_table_as_csv_markdown_html_and_on_its_report(planted: Result, tmp_path: Path) -> None:
    folder = planted.save(tmp_path / "run")
    table = planted.cluster_table
    assert table and json.loads((folder / "clusters.json").read_text()) == table == read_run(folder).cluster_table
    with (folder / "clusters.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["cluster"]) for row in rows] == [one["cluster"] for one in table["clusters"]]
    assert float(rows[0]["keen: high"]) == table["clusters"][0]["shares"][1]["high"]
    assert rows[0]["inputs"] == ", ".join(table["clusters"][0]["themes"]["inputs"]["keywords"])
    lines = (folder / "clusters.md").read_text().splitlines()
    assert len(lines) == len(rows) + 2 and len({line.count("|") for line in lines}) == 1
    for name in ("clusters.html", "report.html"):
        page = (folder / name).read_text()
        for one in table["clusters"]:
            for kind in ("inputs", "responses", "interactions"):
                assert ", ".join(one["themes"][kind]["keywords"]) in page
    plots = {path.name for path in (folder / "plots").iterdir()}
    assert plots == {f"{name}.html" for name in ("models", "clusters", "shares", "tree", "treemap")} | {"plotly.min.js"}


def test_the_tree_and_the_treemap_count_the_responses_of_each_arm(planted: Result, tmp_path: Path) -> None:
    folder = planted.save(tmp_path / "run")
    (data,) = re.findall(r'id="data">(.*?)</script>', (folder / "plots" / "treemap.html").read_text(), re.DOTALL)
    (trace,) = json.loads(data)["figure"]["data"]
    table = planted.cluster_table
    assert table
    for one, text, hover in zip(table["clusters"], trace["text"], trace["customdata"], strict=False):
        share = 100 * one["shares"][0]["n"] / one["size"]
        assert text == f"{share:.0f} % of {one['size']}"
        assert f"keen: {100 * one['shares'][1]['n'] / one['size']:.0f} % of {one['size']}" in hover
    assert len(trace["ids"]) == 2 * len(table["clusters"]) - 1
    assert trace["text"][-1] == "50 % of 240"


@pytest.fixture(scope="module")
def several() -> Comparisons:
    return compare_each([arm(10), arm(2), arm(3)], names=["calm", "keen", "mild"], lenses="clusters", threads=1)


def test_several_arms_have_one_clustering_over_all(several: Comparisons, tmp_path: Path) -> None:
    joint = several.joint
    assert joint is not None
    assert joint.table["arms"] == ["calm", "keen", "mild"]
    assert sum(one["size"] for one in joint.table["clusters"]) == 360
    shares = [sum(one["shares"][place]["n"] for one in of_trains(joint.table)) for place in range(3)]
    assert shares == [12, 60, 40]
    folder = several.save(tmp_path / "runs")
    lines = [json.loads(line) for line in (folder / "clusters.jsonl").read_text().splitlines()]
    sizes = {one["cluster"]: one["size"] for one in joint.table["clusters"]}
    assert len(lines) == 360 and {c: sum(line["cluster"] == c for line in lines) for c in sizes} == sizes
    page = (folder / "report.html").read_text()
    assert 'id="clusters"' in page and 'href="plots/treemap.html"' in page
    assert rewrite_arms(folder).read_text() == page
    assert [str(path.relative_to(folder)) for path in folder.rglob("plotly.min.js")] == ["plots/plotly.min.js"]
    assert (folder / "calm-vs-keen" / "clusters.csv").is_file()


def test_the_order_of_several_arms_changes_their_columns_and_nothing_else(several: Comparisons) -> None:
    turned = compare_each([arm(3), arm(10), arm(2)], names=["mild", "calm", "keen"], lenses="clusters", threads=1).joint
    assert turned and several.joint
    for one in turned.table["clusters"]:
        one["shares"] = [*one["shares"][1:], one["shares"][0]]
    assert {**turned.table, "arms": ["calm", "keen", "mild"]} == several.joint.table


def test_against_the_rest_the_table_is_still_of_the_arms_themselves() -> None:
    sources = [arm(10), arm(2), arm(3)]
    found = compare_each(sources, names=["calm", "keen", "mild"], versus="rest", lenses="clusters", threads=1)
    assert found.joint and found.joint.table["arms"] == ["calm", "keen", "mild"]


def test_a_name_that_was_not_confirmed_says_so() -> None:
    label = {"text": "tells of trains", "is_validated": False}
    assert theme({"keywords": ["rails"], "label": label}) == "rails (called “tells of trains”, not confirmed)"
    assert theme({"label": label}) == "tells of trains (not confirmed)"
    assert theme({"keywords": ["trains"], "label": {**label, "is_validated": True}}) == "tells of trains"


def test_no_text_is_a_formula_a_mark_or_an_element(planted: Result) -> None:
    hostile = "=1+1 | <img src=x onerror=alert(1)>\x1b"
    label = {"text": hostile, "auc": None, "is_validated": True, "note": "", "n_missing": 0}
    table = json.loads(json.dumps(planted.cluster_table))
    table["arms"][0] = hostile
    table["clusters"][0]["themes"]["responses"]["label"] = label
    files = table_files(table)
    assert "\n=1" not in files["clusters.csv"] and ",=1" not in files["clusters.csv"]
    assert len({line.replace("\\|", "").count("|") for line in files["clusters.md"].splitlines()}) == 1
    assert "<img" not in files["clusters.html"] and "\\<img" in files["clusters.md"]
    assert "\x1b" not in "".join(files.values())
    assert table_rows(table)[1][-2] == hostile


def test_fields_of_unlike_length_are_refused() -> None:
    rows = np.eye(2, dtype=np.float32)
    with pytest.raises(ShapeError, match=r"of \[2, 2, 2, 1, 2, 2\]; give one a response"):
        Answers(["a", "b"], ["1", "2"], ["?", "?"], ["!"], np.zeros(2, np.int32), rows)


def test_one_cluster_is_a_table_too() -> None:
    answers = Answers(["a"], ["1"], ["Why?"], ["So."], np.zeros(1, np.int32), np.ones((1, 2), np.float32))
    table = build_table(answers, ["a"])
    assert table["tree"] == {"children": [], "heights": [], "sizes": []}
    assert table["clusters"][0]["themes"]["responses"]["keywords"] == []
    assert "no words of its own" in table_files(table)["clusters.csv"]


@needs_chromium
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_in_a_browser_the_pages_of_a_run_work_from_the_disk_and_the_console_is_silent(
    several: Comparisons, planted: Result, tmp_path: Path
) -> None:
    folders = (several.save(tmp_path / "several"), planted.save(tmp_path / "run"))
    pages = [page for folder in folders for page in sorted(folder.glob("*.html")) + sorted(folder.glob("plots/*.html"))]
    assert len(pages) == 2 * (2 + 5)
    for page in pages:
        seen = browse(page)
        assert seen.console == []
        assert "<svg" in seen.dom
