"""Two coordinates for each vector, for pictures. The same vectors in another order get the same places, bit for bit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, FloatVector, Vectors
from diptych.errors import ConfigError, ShapeError
from diptych.utils.blas import one_thread
from diptych.utils.extras import require_extra
from diptych.utils.hashing import derive_seed

Method = Literal["pca", "tsne", "umap"]

MAX_NEIGHBOUR_ROWS = 20_000
"""t-SNE and UMAP place at most so many distinct vectors."""
_FEWEST = {"pca": 1, "tsne": 4, "umap": 16}
"""Distinct vectors below which a method says nothing that the principal components do not say better."""
_COMPONENTS = 50
_PERPLEXITY = 30.0
_NEIGHBOURS = 15


@dataclass(frozen=True, slots=True)
class Reduction:
    """A map of vectors.

    Parameters
    ----------
    places : float32 (n, 2); NaN for what was not placed
    method : what placed them in the end
    note : what a reader of the picture must know besides, or nothing
    """

    places: Vectors
    method: Method
    note: str


def reduce_to_plane(vectors: NDArray[np.floating], method: Method = "pca", *, seed: int = 0) -> Reduction:
    """Places in the plane: near means alike, at least with t-SNE and UMAP; the two directions mean nothing.

    Parameters
    ----------
    vectors : float (n, d), finite
    method : ``"pca"``, the first two principal components; ``"tsne"``; ``"umap"``, of the extra ``umap``
    seed : of t-SNE and UMAP

    Raises
    ------
    ConfigError
        If the method is unknown.
    ShapeError
        If there are no vectors, or values that are not finite.
    MissingExtraError
        Without ``umap``.

    Notes
    -----
    Equal vectors are placed once, at one place. t-SNE (van der Maaten & Hinton 2008) and UMAP (McInnes et al. 2018)
    see the first 50 principal components. t-SNE begins with two of them; perplexity ``min(30, (m - 1) / 3)`` for m
    distinct vectors. Beyond 20,000 distinct vectors both place 20,000 drawn by lot, and warn. With too few vectors for
    them (4 and 16) the places are the principal components.

    Examples
    --------
    >>> reduce_to_plane(np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])).places.round(3).tolist()
    [[-5.0, 0.0], [0.0, 0.0], [5.0, 0.0]]
    """
    if method not in get_args(Method):
        raise ConfigError(f"method {method!r} is unknown. Choose one of {', '.join(get_args(Method))}.")
    if method == "umap":
        require_extra("umap", extra="umap")
    distinct, row_of, counts = _distinct(vectors)
    used: Method = method if len(distinct) >= _FEWEST[method] else "pca"
    note = "" if used == method else f"too few different vectors for {method}: principal components"
    with one_thread():
        axes = _principal(distinct, counts, 2 if used == "pca" else _COMPONENTS)
    if used == "pca":
        return Reduction(_two_columns(axes)[row_of].astype(np.float32), used, note)
    drawn = _by_lot(len(distinct), seed)
    if len(drawn) < len(distinct):
        note = f"{len(drawn):,} of {len(distinct):,} different vectors, drawn by lot"
        warnings.warn(f"{method} places {note}; principal components would place all", stacklevel=2)
    places = np.full((len(distinct), 2), np.nan, np.float32)
    places[drawn] = _PLACERS[used](axes[drawn], derive_seed(seed, used) % 2**32)
    return Reduction(places[row_of], used, note)


def _distinct(vectors: NDArray[np.floating]) -> tuple[FloatMatrix, NDArray[np.intp], NDArray[np.int64]]:
    """Different rows in an order of their own, the one of each row given, and how often each occurs."""
    rows = np.asarray(vectors)
    if rows.ndim != 2 or 0 in rows.shape or not np.issubdtype(rows.dtype, np.floating):
        raise ShapeError(f"a map needs floats of shape (n, d), both at least 1; these are {rows.dtype} {rows.shape}")
    wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(wrong):
        raise ShapeError(f"row {wrong[0]} of {len(rows)} holds a value that is not finite. Leave such rows out.")
    rows = np.ascontiguousarray(rows + 0.0)  # so that -0.0 and 0.0 are the same bytes
    raw = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    _, first, row_of, counts = np.unique(raw, return_index=True, return_inverse=True, return_counts=True)
    return rows[first].astype(np.float64), row_of, counts.astype(np.int64)


def _principal(distinct: FloatMatrix, counts: NDArray[np.int64], n_axes: int) -> FloatMatrix:
    """Coordinates on the first principal axes, at most ``n_axes``; in each axis the largest loading is positive."""
    weights: FloatVector = counts / counts.sum()
    centred = distinct - weights @ distinct
    scaled = centred * np.sqrt(weights)[:, None]
    if len(distinct) < distinct.shape[1]:
        axes = np.linalg.svd(scaled, full_matrices=False)[2][:n_axes]
    else:
        axes = np.linalg.eigh(scaled.T @ scaled)[1].T[::-1][:n_axes]
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return np.asarray(centred @ (axes * np.sign(largest)[:, None]).T)


def _two_columns(axes: FloatMatrix) -> FloatMatrix:
    return np.pad(axes, ((0, 0), (0, max(0, 2 - axes.shape[1]))))


def _by_lot(n: int, seed: int) -> NDArray[np.intp]:
    if n <= MAX_NEIGHBOUR_ROWS:
        return np.arange(n)
    lot = np.random.Generator(np.random.Philox(key=derive_seed(seed, "map sample")))
    return np.sort(lot.choice(n, MAX_NEIGHBOUR_ROWS, replace=False))


def _tsne(axes: FloatMatrix, seed: int) -> Vectors:
    from sklearn.manifold import TSNE

    start = _two_columns(axes)[:, :2]
    start = start / max(float(start[:, 0].std()), 1e-12) * 1e-4
    tsne = TSNE(perplexity=min(_PERPLEXITY, (len(axes) - 1) / 3), init=start.astype(np.float32), random_state=seed)
    return np.asarray(tsne.fit_transform(axes.astype(np.float32)), np.float32)


def _umap(axes: FloatMatrix, seed: int) -> Vectors:
    from umap import UMAP

    umap = UMAP(n_neighbors=_NEIGHBOURS, random_state=seed, n_jobs=1)
    return np.asarray(umap.fit_transform(axes.astype(np.float32)), np.float32)


_PLACERS: dict[str, Callable[[FloatMatrix, int], Vectors]] = {"tsne": _tsne, "umap": _umap}
