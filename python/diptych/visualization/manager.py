"""Figures of one folder, under the names that programs use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.errors import ConfigError
from diptych.utils.files import write_atomic, writing
from diptych.utils.names import slug
from diptych.visualization.images import ImageFormat, missing_for_images, write_images
from diptych.visualization.maps import Points, cluster_map, response_map
from diptych.visualization.pages import page_of
from diptych.visualization.reduction import Method, Reduction, reduce_to_plane

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_CAPTIONS = {"pca": "First two principal components", "tsne": "t-SNE", "umap": "UMAP"}


@dataclass(frozen=True, slots=True)
class SavedPlot:
    """Where a figure lies.

    Parameters
    ----------
    html : the page
    images : PNG and SVG, as far as they could be made
    archived : where files of the same name were moved
    note : why there are no images, or nothing
    """

    html: Path
    images: tuple[Path, ...]
    archived: tuple[Path, ...]
    note: str


class VisualizationManager:
    """Makes figures and keeps them in a folder, one subfolder for each category.

    Parameters
    ----------
    folder : made when the first figure is saved
    seed : of t-SNE and UMAP

    Examples
    --------
    >>> manager = VisualizationManager("plots")
    >>> rows = np.eye(6, dtype=np.float32)
    >>> fig = manager.plot_embeddings(rows, ["a", "b"] * 3)
    >>> [trace.name for trace in fig.data if trace.name]
    ['a', 'b']
    >>> manager.save_plot(fig, "six", "maps", images=()).html.name
    'six.html'
    """

    def __init__(self, folder: str | Path = "plots", *, seed: int = 0) -> None:
        self.folder, self.seed = Path(folder), seed

    def plot_embeddings(
        self,
        embeddings: NDArray[np.floating],
        labels: Sequence[str],
        method: Method = "pca",
        *,
        texts: Sequence[str] | None = None,
        title: str = "Map of the embeddings",
    ) -> Any:
        """A map of vectors, coloured by label.

        Parameters
        ----------
        embeddings : float (n, d), finite
        labels : n names, for example of who answered
        method : ``"pca"``, ``"tsne"`` or ``"umap"``, see `reduction.reduce_to_plane`
        texts : n, shown under the pointer
        title : above the map

        Returns
        -------
        ``plotly.graph_objects.Figure``

        Raises
        ------
        ConfigError
            If the method is unknown.
        DataError
            If there are not as many labels or texts as vectors.
        ShapeError
            If the embeddings are no matrix of finite numbers.
        MissingExtraError
            Without plotly, or ``umap`` for its method.
        """
        reduced = reduce_to_plane(embeddings, method, seed=self.seed)
        columns: dict[str, Sequence[Any]] = {
            "x": reduced.places[:, 0].tolist(),
            "y": reduced.places[:, 1].tolist(),
            "arm": [str(one) for one in labels],
            "prompt": [""] * len(reduced.places),
            "response": [""] * len(reduced.places) if texts is None else texts,
        }
        return response_map(Points.from_columns(columns), title=title, note=_caption(reduced))

    def plot_clusters(
        self,
        data: NDArray[np.floating],
        cluster_labels: NDArray[np.integer] | Sequence[int],
        *,
        method: Method = "pca",
        texts: Sequence[str] | None = None,
        names: Mapping[int, str] | None = None,
        title: str = "Map of the clusters",
    ) -> Any:
        """A map of vectors, coloured by cluster.

        Parameters
        ----------
        data : float (n, d); two columns are places, more are reduced to two
        cluster_labels : n whole numbers, -1 for noise
        method : of reducing them, as in ``plot_embeddings``
        texts : n, shown under the pointer
        names : of clusters
        title : above the map

        Returns
        -------
        ``plotly.graph_objects.Figure``

        Raises
        ------
        ConfigError
            If the method is unknown.
        ShapeError
            If lengths differ, or the data are no matrix of finite numbers.
        MissingExtraError
            Without plotly, or ``umap`` for its method.
        """
        places, note = data, ""
        if np.ndim(data) != 2 or np.shape(data)[1] != 2:
            reduced = reduce_to_plane(data, method, seed=self.seed)
            places, note = reduced.places, _caption(reduced)
        return cluster_map(places, cluster_labels, texts=texts, names=names, title=title, note=note)

    def create_interactive_plot(
        self, data: Mapping[str, Sequence[Any]], *, title: str = "Map of the responses", note: str = ""
    ) -> Any:
        """A map of responses by arm, with prompt and response under the pointer, and a symbol for each run.

        Parameters
        ----------
        data : a mapping or a DataFrame with columns ``x``, ``y``, ``arm``, ``prompt``, ``response``, and where wanted
            ``run`` and ``answer``; with answers, a menu keeps the prompts that arms of a run answer differently
        title, note : above the map

        Returns
        -------
        ``plotly.graph_objects.Figure``

        Raises
        ------
        DataError
            If a column is missing, or one is longer than another.
        MissingExtraError
            Without plotly.
        """
        return response_map(Points.from_columns(data), title=title, note=note)

    def save_plot(
        self, fig: Any, name: str, category: str, *, images: Sequence[ImageFormat] | None = None
    ) -> SavedPlot:
        """Write a figure as a page that works offline, and as images where that is possible.

        Files of the same name are moved to ``archive`` beside them, with the time in their names; nothing is lost.

        Parameters
        ----------
        fig : ``plotly.graph_objects.Figure``
        name : of the files, without an ending
        category : of the subfolder
        images : ``"png"``, ``"svg"``, both or none; None: both if kaleido and a Chrome or Chromium are installed

        Raises
        ------
        ConfigError
            If a name is not one of a file.
        MissingExtraError
            If images are asked for without kaleido.
        RunError
            If images are asked for and no browser is found or it fails, or the folder cannot be written. The page is
            there all the same.
        """
        for what, given in (("name", name), ("category", category)):
            if not _NAME.fullmatch(given):
                raise ConfigError(
                    f"{what} {given!r} is not the name of a file: up to 120 letters, digits, '-', '_' and '.', "
                    f"beginning with a letter or digit. For example: {slug(given) or 'plot'!r}."
                )
        note = missing_for_images() if images is None else ""
        formats = (() if note else ("png", "svg")) if images is None else tuple(images)
        folder = self.folder / category
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            archived = _archive(folder, name)
            page = folder / f"{name}.html"
            write_atomic(page, page_of(fig, unescape(fig.layout.title.text or name)).encode())
        drawn = tuple(folder / f"{name}.{one}" for one in formats)
        if drawn:
            write_images(fig, drawn)
        return SavedPlot(page, drawn, archived, note)


def _caption(reduced: Reduction) -> str:
    return "; ".join(filter(None, [_CAPTIONS[reduced.method], reduced.note]))


def _archive(folder: Path, name: str) -> tuple[Path, ...]:
    """Move earlier files of the name out of the way."""
    earlier = [path for path in (folder / f"{name}.{kind}" for kind in ("html", "png", "svg")) if path.exists()]
    if not earlier:
        return ()
    archive = folder / "archive"
    archive.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return tuple(path.rename(archive / f"{path.stem}-{stamp}{path.suffix}") for path in earlier)
