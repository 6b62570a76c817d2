//! `sign_flips` and `sign_flip_null`.
#![expect(
    clippy::needless_pass_by_value,
    reason = "pyo3 hands over arrays by value"
)]

use diptych_core::permutation::{self, Resamples};
use numpy::{PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;

use super::{PyCounts, arrays_of, length, matrix_of, raise, rows};

#[pyfunction]
fn sign_flips<'py>(
    py: Python<'py>,
    differences: PyReadonlyArray2<'py, f64>,
    seed: u64,
    start: u64,
    stop: u64,
    exact: bool,
    threads: usize,
) -> PyResult<PyCounts<'py>> {
    let matrix = rows("differences", &differences)?;
    let resamples = Resamples {
        seed,
        start,
        stop,
        exact,
    };
    let counts = py
        .detach(|| permutation::sign_flips(matrix, &resamples, threads))
        .map_err(raise)?;
    Ok(arrays_of(py, counts))
}

#[pyfunction]
fn sign_flip_null<'py>(
    py: Python<'py>,
    differences: PyReadonlyArray2<'py, f64>,
    seed: u64,
    start: u64,
    stop: u64,
    exact: bool,
    threads: usize,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let matrix = rows("differences", &differences)?;
    let resamples = Resamples {
        seed,
        start,
        stop,
        exact,
    };
    let null = py
        .detach(|| permutation::sign_flip_null(matrix, &resamples, threads))
        .map_err(raise)?;
    matrix_of(py, null, length(&resamples), matrix.columns)
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(sign_flips, m)?)?;
    m.add_function(wrap_pyfunction!(sign_flip_null, m)?)
}
