//! `sign_flips`, `label_permutations` and their null matrices.

use diptych_core::permutation::{self, Counts, Groups, Matrix, PermutationError, Resamples};
use numpy::{
    PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::arrays;
use crate::errors::ShapeError;

type PyCounts<'py> = (
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
);

fn raise(error: PermutationError) -> PyErr {
    ShapeError::new_err(error.to_string())
}

fn rows<'a>(name: &str, array: &'a PyReadonlyArray2<'_, f64>) -> PyResult<Matrix<'a>> {
    let shape = array.shape();
    Ok(Matrix {
        data: arrays::matrix(name, array)?,
        rows: shape[0],
        columns: shape[1],
    })
}

fn groups<'a>(
    values: &'a PyReadonlyArray2<'_, f64>,
    present: &'a PyReadonlyArray2<'_, bool>,
    first: &'a PyReadonlyArray1<'_, bool>,
) -> PyResult<Groups<'a>> {
    if values.shape() != present.shape() {
        return Err(ShapeError::new_err(format!(
            "present: shape {:?}, expected that of values, {:?}; pass one flag for every value",
            present.shape(),
            values.shape()
        )));
    }
    Ok(Groups {
        values: rows("values", values)?,
        present: arrays::matrix("present", present)?,
        first: arrays::vector("first", first)?,
    })
}

fn arrays_of(py: Python<'_>, counts: Counts) -> PyCounts<'_> {
    (
        PyArray1::from_vec(py, counts.z),
        PyArray1::from_vec(py, counts.exceed),
        PyArray1::from_vec(py, counts.exceed_max),
    )
}

fn matrix_of(
    py: Python<'_>,
    null: Vec<f64>,
    rows: usize,
    columns: usize,
) -> PyResult<Bound<'_, PyArray2<f64>>> {
    PyArray1::from_vec(py, null).reshape([rows, columns])
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "as many rows were just allocated"
)]
fn length(resamples: &Resamples) -> usize {
    (resamples.stop - resamples.start) as usize
}

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

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the contract of the stub")]
fn label_permutations<'py>(
    py: Python<'py>,
    values: PyReadonlyArray2<'py, f64>,
    present: PyReadonlyArray2<'py, bool>,
    first: PyReadonlyArray1<'py, bool>,
    seed: u64,
    start: u64,
    stop: u64,
    exact: bool,
    threads: usize,
) -> PyResult<PyCounts<'py>> {
    let groups = groups(&values, &present, &first)?;
    let resamples = Resamples {
        seed,
        start,
        stop,
        exact,
    };
    let counts = py
        .detach(|| permutation::label_permutations(groups, &resamples, threads))
        .map_err(raise)?;
    Ok(arrays_of(py, counts))
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the contract of the stub")]
fn label_permutation_null<'py>(
    py: Python<'py>,
    values: PyReadonlyArray2<'py, f64>,
    present: PyReadonlyArray2<'py, bool>,
    first: PyReadonlyArray1<'py, bool>,
    seed: u64,
    start: u64,
    stop: u64,
    exact: bool,
    threads: usize,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let groups = groups(&values, &present, &first)?;
    let resamples = Resamples {
        seed,
        start,
        stop,
        exact,
    };
    let null = py
        .detach(|| permutation::label_permutation_null(groups, &resamples, threads))
        .map_err(raise)?;
    matrix_of(py, null, length(&resamples), groups.values.columns)
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(sign_flips, m)?)?;
    m.add_function(wrap_pyfunction!(sign_flip_null, m)?)?;
    m.add_function(wrap_pyfunction!(label_permutations, m)?)?;
    m.add_function(wrap_pyfunction!(label_permutation_null, m)?)
}
