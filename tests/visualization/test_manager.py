"""The folder of figures: files whole, old ones kept, images where they can be."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diptych
from diptych.errors import ConfigError, DataError, MissingExtraError, RunError
from diptych.visualization import images
from tests.visualization.examples import PLACES
from tests.visualization.pages import needs_chromium

VECTORS = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)


@pytest.fixture
def manager(tmp_path: Path) -> diptych.VisualizationManager:
    return diptych.VisualizationManager(tmp_path / "plots")


@pytest.fixture
def fig(manager: diptych.VisualizationManager) -> Any:
    return manager.plot_embeddings(VECTORS, ["a", "b"] * 6)


def test_embeddings_are_placed_by_the_method_and_the_figure_says_so(manager: diptych.VisualizationManager) -> None:
    pca = manager.plot_embeddings(VECTORS, ["a", "b"] * 6, texts=["t"] * 12)
    tsne = manager.plot_embeddings(VECTORS, ["a", "b"] * 6, "tsne")
    assert pca.layout.title.subtitle.text == "First two principal components"
    assert tsne.layout.title.subtitle.text == "t-SNE"
    assert not np.array_equal(pca.data[2].x, tsne.data[2].x)
    with pytest.raises(DataError, match="column 'arm' has 1 rows, column 'x' has 12"):
        manager.plot_embeddings(VECTORS, ["a"])


def test_two_columns_are_places_and_more_are_reduced(manager: diptych.VisualizationManager) -> None:
    as_given = manager.plot_clusters(PLACES, [0] * 6)
    assert as_given.data[0].x.tolist() == PLACES[:, 0].tolist()
    reduced = manager.plot_clusters(VECTORS, [0, 1] * 6)
    assert reduced.layout.title.subtitle.text == "First two principal components"


def test_a_figure_saved_again_moves_the_older_files_aside(manager: diptych.VisualizationManager, fig: Any) -> None:
    first = manager.save_plot(fig, "map", "maps", images=())
    content = first.html.read_bytes()
    second = manager.save_plot(fig, "map", "maps", images=())
    third = manager.save_plot(fig, "map", "maps", images=())
    assert first.archived == () and second.html == first.html
    (kept,) = second.archived
    assert kept.read_bytes() == content and kept.parent.name == "archive" and kept.name.startswith("map-2")
    assert len(set(second.archived + third.archived)) == 2


@pytest.mark.parametrize("name", ["", "../map", "a/b", ".hidden", "x" * 121, "ü"])
def test_what_is_no_name_of_a_file_is_refused(manager: diptych.VisualizationManager, fig: Any, name: str) -> None:
    for names in ((name, "maps"), ("map", name)):
        with pytest.raises(ConfigError, match="is not the name of a file.*For example"):
            manager.save_plot(fig, *names)
    assert not manager.folder.exists()


def test_a_folder_that_cannot_be_made_is_named(manager: diptych.VisualizationManager, fig: Any) -> None:
    manager.folder.write_text("a file")
    with pytest.raises(RunError, match=r"plots/maps cannot be written: (Not a directory|File exists)"):
        manager.save_plot(fig, "map", "maps", images=())


def test_without_kaleido_or_a_browser_the_page_is_written_and_the_reason_given(
    manager: diptych.VisualizationManager, fig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "_browser", lambda: None)
    saved = manager.save_plot(fig, "map", "maps")
    assert saved.html.exists() and saved.images == ()
    assert "no Chrome or Chromium was found" in saved.note
    with pytest.raises(RunError, match="no Chrome or Chromium was found"):
        manager.save_plot(fig, "map", "maps", images=("png",))
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "kaleido" else found(name))
    monkeypatch.setattr(images, "find_spec", importlib.util.find_spec)
    monkeypatch.setattr("diptych.utils.extras.find_spec", importlib.util.find_spec)
    assert "pip install 'diptych[plots]'" in manager.save_plot(fig, "map", "maps").note
    with pytest.raises(MissingExtraError, match="kaleido"):
        manager.save_plot(fig, "map", "maps", images=("svg",))
    assert (manager.folder / "maps" / "map.html").exists()


@needs_chromium
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.enable_socket
def test_images_are_drawn_by_the_browser_of_this_machine(manager: diptych.VisualizationManager, fig: Any) -> None:
    pytest.importorskip("kaleido")
    saved = manager.save_plot(fig, "map", "maps")
    png, svg = saved.images
    width, height = struct.unpack(">II", png.read_bytes()[16:24])
    assert (width, height) == (2400, 2 * fig.layout.height)
    assert svg.read_text(encoding="utf-8").startswith("<svg")
    assert "principal components" in svg.read_text(encoding="utf-8")
