"""Pages: offline, inert, readable in the dark; every kind of figure in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.utils.text import printable
from diptych.visualization.maps import Points, response_map
from diptych.visualization.pages import LIBRARY, Picture, files_of, page_of
from diptych.visualization.themes import DARK, figure, layout
from tests.visualization.examples import every_figure, points
from tests.visualization.pages import HOSTILE, browse, needs_chromium

KINDS = sorted(every_figure("x"))


def data_of(page: str) -> Any:
    (block,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(block)


def many(n: int) -> Points:
    places = np.random.default_rng(0).normal(size=(n, 2))
    return Points(places, ["a", "b"] * (n // 2), ["p"] * n, ["r"] * n, [""] * n, None)


@pytest.fixture(scope="module")
def hostile() -> dict[str, str]:
    return {kind: page_of(fig, HOSTILE) for kind, fig in every_figure(HOSTILE).items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_holds_the_figure_and_nothing_that_a_text_could_add(kind: str, hostile: dict[str, str]) -> None:
    page = hostile[kind]
    assert data_of(page)["figure"]["data"]
    assert len(re.findall(r"<script", page.partition("<script>")[0])) == 1  # the data; then the library
    assert page.count("</script>\n") == 3
    assert "OWNED" not in re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL).replace(
        "document.title=&quot;OWNED&quot;", ""
    ).replace("onerror=document.title=&#x27;OWNED&#x27;", "")
    assert "default-src 'none'" in page and "unsafe-eval" not in page


@pytest.mark.parametrize("kind", KINDS)
def test_every_colour_of_a_figure_has_a_partner_in_the_dark(kind: str) -> None:
    text = every_figure("x")[kind].to_json()
    colours = set(re.findall(r'"(#[0-9a-f]{6})"', text))
    assert len(colours) > 3
    assert colours <= set(DARK)
    assert "rgb" not in text


def test_pages_of_one_folder_share_the_library_and_nothing_else() -> None:
    pictures = [Picture.of(kind, HOSTILE, fig) for kind, fig in every_figure(HOSTILE).items()]
    files = files_of(pictures)
    assert set(files) == {*(f"{kind}.html" for kind in KINDS), LIBRARY}
    assert files_of([]) == {}
    for picture in pictures:
        assert re.findall(r"<script src=[^>]*>", picture.page) == [f'<script src="{LIBRARY}">']
        assert "script-src 'self' file: 'sha256-" in picture.page and "default-src 'none'" in picture.page
        assert len(picture.page) < len(files[LIBRARY]) / 20
        assert data_of(picture.page) == data_of(page_of(every_figure(HOSTILE)[picture.file[:-5]], HOSTILE))


@needs_chromium
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_in_a_browser_pages_with_a_library_beside_them_work_from_the_disk(tmp_path: Path) -> None:
    figures = {"few": response_map(Points.from_columns(points())), "many": response_map(many(6_000))}
    for name, data in files_of([Picture.of(name, HOSTILE, fig) for name, fig in figures.items()]).items():
        (tmp_path / name).write_bytes(data)
    for name in figures:
        seen = browse(tmp_path / f"{name}.html")
        assert seen.console == []
        assert seen.title == printable(HOSTILE)
        assert "<svg" in seen.dom
    (tmp_path / LIBRARY).unlink()
    assert browse(tmp_path / "few.html").console  # it needs that file


def test_webgl_is_let_run_only_where_it_draws() -> None:
    assert "'unsafe-eval'" in page_of(response_map(many(6_000)), "many")
    assert "'unsafe-eval'" not in page_of(response_map(Points.from_columns(points())), "few")


@needs_chromium
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", KINDS)
def test_in_a_browser_hostile_text_stands_as_it_is_and_the_console_is_silent(
    kind: str, hostile: dict[str, str], tmp_path: Path
) -> None:
    page = tmp_path / "figure.html"
    page.write_text(hostile[kind], encoding="utf-8")
    seen = browse(page)
    assert seen.console == []
    assert seen.title == printable(HOSTILE)
    figure = seen.dom[seen.dom.index('<main id="figure"') : seen.dom.index('<script type="application/json"')]
    assert not re.search(r"<(?:img|script|iframe|a)\b|evil\.example['\"]", figure)
    assert any(text.startswith(printable(HOSTILE)[:30]) for text in seen.texts), seen.texts


@needs_chromium
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_in_a_browser_many_marks_are_drawn_and_the_dark_is_dark(tmp_path: Path) -> None:
    page = tmp_path / "many.html"
    page.write_text(page_of(response_map(many(100_000)), "many"), encoding="utf-8")
    seen = browse(page, "--blink-settings=preferredColorScheme=0")
    assert seen.console == []
    assert "<canvas" in seen.dom
    assert "rgb(23, 25, 27)" in seen.dom


@needs_chromium
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_in_a_browser_a_figure_cannot_fetch(tmp_path: Path) -> None:
    fetching = figure(
        [], layout("t", height=300) | {"images": [{"source": "https://evil.example/x.png", "x": 0, "y": 1}]}
    )
    page = tmp_path / "figure.html"
    page.write_text(page_of(fetching, "t"), encoding="utf-8")
    assert any("Content Security Policy" in line for line in browse(page).console)
