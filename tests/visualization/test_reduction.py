"""Places on a map: the same for every order of rows, defined for every number of them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from diptych.errors import ConfigError, MissingExtraError, ShapeError
from diptych.visualization import reduction
from diptych.visualization.reduction import reduce_to_plane


def blobs(n: int, d: int = 12, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(4, d))[rng.integers(4, size=n)] * 3 + rng.normal(size=(n, d))).astype(np.float32)


@pytest.mark.parametrize(("n", "d"), [(60, 12), (12, 60), (30, 30)])
def test_principal_components_are_those_of_scikit_learn_up_to_sign(n: int, d: int) -> None:
    vectors = blobs(n, d)
    ours, theirs = reduce_to_plane(vectors).places, PCA(2).fit_transform(vectors.astype(np.float64))
    assert np.allclose(np.abs(ours), np.abs(theirs), atol=1e-4)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_shuffled_rows_get_the_same_places_bit_for_bit(method: reduction.Method) -> None:
    vectors = blobs(70)
    vectors[10:20] = vectors[0]
    vectors[3, 0], vectors[4] = 0.0, vectors[3]
    vectors[4, 0] = -0.0
    order = np.random.default_rng(1).permutation(len(vectors))
    places = reduce_to_plane(vectors, method, seed=3).places
    assert np.array_equal(places[order], reduce_to_plane(vectors[order], method, seed=3).places)
    assert (places[10:20] == places[0]).all()
    assert (places[3] == places[4]).all()
    assert len(np.unique(places, axis=0)) == 70 - 10 - 1


def test_turning_all_vectors_round_turns_the_map_and_the_sign_is_that_of_the_largest_loading() -> None:
    vectors = np.zeros((5, 3), np.float32)
    vectors[:, 1] = [0, 1, 2, 3, 4]
    assert reduce_to_plane(vectors).places[:, 0].tolist() == [-2, -1, 0, 1, 2]
    assert reduce_to_plane(-vectors).places[:, 0].tolist() == [2, 1, 0, -1, -2]


def test_tsne_keeps_neighbours() -> None:
    vectors = blobs(120)
    assert trustworthiness(vectors, reduce_to_plane(vectors, "tsne").places, n_neighbors=8) > 0.85


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9])
def test_few_vectors_have_places(n: int) -> None:
    reduced = reduce_to_plane(blobs(n), "tsne")
    assert reduced.places.shape == (n, 2)
    assert np.isfinite(reduced.places).all()
    assert reduced.method == ("pca" if n < 4 else "tsne")
    assert bool(reduced.note) == (n < 4)


def test_equal_vectors_are_one_place_and_one_column_is_enough() -> None:
    assert (reduce_to_plane(np.ones((9, 5), np.float32), "tsne").places == 0).all()
    assert reduce_to_plane(np.array([[0.0], [2.0]])).places.tolist() == [[-1.0, 0.0], [1.0, 0.0]]


def test_of_too_many_some_are_drawn_by_lot_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reduction, "MAX_NEIGHBOUR_ROWS", 30)
    vectors = blobs(50)
    with pytest.warns(UserWarning, match="tsne places 30 of 50 different vectors, drawn by lot"):
        reduced = reduce_to_plane(vectors, "tsne")
    assert np.isfinite(reduced.places).all(axis=1).sum() == 30
    assert "30 of 50" in reduced.note
    order = np.random.default_rng(1).permutation(50)
    with pytest.warns(UserWarning, match="30 of 50"):
        again = reduce_to_plane(vectors[order], "tsne")
    assert np.array_equal(reduced.places[order], again.places, equal_nan=True)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.zeros((0, 3)), r"floats of shape \(n, d\).*\(0, 3\)"),
        (np.zeros(3), r"\(3,\)"),
        (np.zeros((3, 3), int), "int64"),
        (np.array([[0.0, 1.0], [np.nan, 0.0]]), "row 1 of 2 holds a value that is not finite"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_refused(vectors: np.ndarray, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        reduce_to_plane(vectors)


def test_an_unknown_method_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="'mds' is unknown. Choose one of pca, tsne, umap"):
        reduce_to_plane(blobs(5), "mds")  # type: ignore[arg-type]


def test_umap_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises((MissingExtraError, ValueError), match="umap"):
        reduce_to_plane(blobs(20), "umap")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_umap_keeps_neighbours_and_the_order_of_rows_does_not_matter() -> None:
    pytest.importorskip("umap")
    vectors = blobs(120)
    order = np.random.default_rng(1).permutation(120)
    places = reduce_to_plane(vectors, "umap").places
    again = reduce_to_plane(vectors[order], "umap").places
    assert np.array_equal(places[order], again)
    assert trustworthiness(vectors, places, n_neighbors=8) > 0.85
