//! `contingency`, `assign`, `cluster_sums`, `mean_similarity` and `nearest_neighbours`.
#![expect(
    clippy::needless_pass_by_value,
    reason = "pyo3 hands over arrays by value"
)]

use diptych_core::matching::{self, Clustering, MatchingError};
use numpy::{
    PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::arrays;
use crate::errors::ShapeError;

type Pairs<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

pub fn raise(error: MatchingError) -> PyErr {
    ShapeError::new_err(error.to_string())
}

#[pyfunction]
fn contingency<'py>(
    py: Python<'py>,
    labels_a: PyReadonlyArray1<'py, i32>,
    labels_b: PyReadonlyArray1<'py, i32>,
    n_a: usize,
    n_b: usize,
    threads: usize,
) -> PyResult<Bound<'py, PyArray2<i64>>> {
    let (a, b) = (
        arrays::vector("labels_a", &labels_a)?,
        arrays::vector("labels_b", &labels_b)?,
    );
    let counts = py
        .detach(|| matching::contingency(a, b, n_a, n_b, threads))
        .map_err(raise)?;
    PyArray1::from_vec(py, counts).reshape([n_a, n_b])
}

#[pyfunction]
#[expect(
    clippy::cast_possible_wrap,
    reason = "an index of an array in memory fits 63 bits"
)]
fn assign<'py>(
    py: Python<'py>,
    cost: PyReadonlyArray2<'py, f64>,
    maximize: bool,
) -> PyResult<Pairs<'py>> {
    let (costs, shape) = (arrays::matrix("cost", &cost)?, cost.shape());
    let pairs = py
        .detach(|| matching::assign(costs, shape[0], shape[1], maximize))
        .map_err(raise)?;
    let (rows, columns) = pairs
        .into_iter()
        .map(|(row, column)| (row as i64, column as i64))
        .unzip();
    Ok((
        PyArray1::from_vec(py, rows),
        PyArray1::from_vec(py, columns),
    ))
}

type Sums<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<i64>>);
type Neighbours<'py> = (Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<f32>>);

#[pyfunction]
fn cluster_sums<'py>(
    py: Python<'py>,
    labels: PyReadonlyArray1<'py, i32>,
    vectors: PyReadonlyArray2<'py, f32>,
    n: usize,
    threads: usize,
) -> PyResult<Sums<'py>> {
    let (own, dim) = (arrays::vector("labels", &labels)?, vectors.shape()[1]);
    let rows = arrays::matrix("vectors", &vectors)?;
    let (sums, counts) = py
        .detach(|| matching::cluster_sums(own, rows, dim, n, threads))
        .map_err(raise)?;
    let sums = PyArray1::from_vec(py, sums).reshape([n, dim])?;
    Ok((sums, PyArray1::from_vec(py, counts)))
}

#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    reason = "two clusterings, three values each"
)]
fn mean_similarity<'py>(
    py: Python<'py>,
    labels_a: PyReadonlyArray1<'py, i32>,
    vectors_a: PyReadonlyArray2<'py, f32>,
    labels_b: PyReadonlyArray1<'py, i32>,
    vectors_b: PyReadonlyArray2<'py, f32>,
    n_a: usize,
    n_b: usize,
    threads: usize,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let dim = arrays::width("vectors_a", &vectors_a, "vectors_b", &vectors_b)?;
    let a = Clustering {
        labels: arrays::vector("labels_a", &labels_a)?,
        vectors: arrays::matrix("vectors_a", &vectors_a)?,
        n: n_a,
    };
    let b = Clustering {
        labels: arrays::vector("labels_b", &labels_b)?,
        vectors: arrays::matrix("vectors_b", &vectors_b)?,
        n: n_b,
    };
    let means = py
        .detach(|| matching::mean_similarity(a, b, dim, threads))
        .map_err(raise)?;
    PyArray1::from_vec(py, means).reshape([n_a, n_b])
}

#[pyfunction]
fn nearest_neighbours<'py>(
    py: Python<'py>,
    queries: PyReadonlyArray2<'py, f32>,
    targets: PyReadonlyArray2<'py, f32>,
    k: usize,
    threads: usize,
) -> PyResult<Neighbours<'py>> {
    let dim = arrays::width("queries", &queries, "targets", &targets)?;
    let (x, y) = (
        arrays::matrix("queries", &queries)?,
        arrays::matrix("targets", &targets)?,
    );
    let (indices, similarities) = py
        .detach(|| matching::nearest_neighbours(x, y, dim, k, threads))
        .map_err(raise)?;
    let shape = [queries.shape()[0], k];
    let indices = PyArray1::from_vec(py, indices).reshape(shape)?;
    Ok((
        indices,
        PyArray1::from_vec(py, similarities).reshape(shape)?,
    ))
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(contingency, m)?)?;
    m.add_function(wrap_pyfunction!(assign, m)?)?;
    m.add_function(wrap_pyfunction!(cluster_sums, m)?)?;
    m.add_function(wrap_pyfunction!(mean_similarity, m)?)?;
    m.add_function(wrap_pyfunction!(nearest_neighbours, m)?)
}
