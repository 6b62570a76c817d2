//! `kmeans` and `nearest_centroids`.
#![expect(
    clippy::needless_pass_by_value,
    reason = "pyo3 hands over arrays by value"
)]

use diptych_core::matching::{self, Options};
use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::arrays;
use crate::matching::raise;

type Vector<'py, T> = Bound<'py, PyArray1<T>>;
type Partition<'py> = (Bound<'py, PyArray2<f32>>, Vector<'py, i32>, f64, usize);

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "rows and six options")]
fn kmeans<'py>(
    py: Python<'py>,
    rows: PyReadonlyArray2<'py, f32>,
    clusters: usize,
    starts: usize,
    max_iterations: usize,
    tolerance: f64,
    seed: u64,
    threads: usize,
) -> PyResult<Partition<'py>> {
    let (values, dim) = (arrays::matrix("rows", &rows)?, rows.shape()[1]);
    let options = Options {
        clusters,
        starts,
        max_iterations,
        tolerance,
        seed,
        threads,
    };
    let found = py
        .detach(|| matching::kmeans(values, dim, &options))
        .map_err(raise)?;
    let centroids = PyArray1::from_vec(py, found.centroids).reshape([clusters, dim])?;
    let labels = found.labels.into_pyarray(py);
    Ok((centroids, labels, found.inertia, found.iterations))
}

#[pyfunction]
fn nearest_centroids<'py>(
    py: Python<'py>,
    rows: PyReadonlyArray2<'py, f32>,
    centroids: PyReadonlyArray2<'py, f32>,
    threads: usize,
) -> PyResult<(Vector<'py, i32>, Vector<'py, f64>)> {
    let dim = arrays::width("rows", &rows, "centroids", &centroids)?;
    let values = arrays::matrix("rows", &rows)?;
    let centres = arrays::matrix("centroids", &centroids)?;
    let (labels, squares) = py
        .detach(|| matching::nearest_centroids(values, centres, dim, threads))
        .map_err(raise)?;
    Ok((labels.into_pyarray(py), squares.into_pyarray(py)))
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(kmeans, m)?)?;
    m.add_function(wrap_pyfunction!(nearest_centroids, m)?)
}
