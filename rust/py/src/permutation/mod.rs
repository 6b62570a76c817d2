//! What both permutation tests hand to Python: counts as three arrays, a null distribution as a matrix.

use diptych_core::permutation::{Counts, Matrix, PermutationError, Resamples};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arrays;
use crate::errors::ShapeError;

mod forms;
mod labels;
mod signs;

type PyCounts<'py> = (
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
);

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
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

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    signs::register(m)?;
    labels::register(m)?;
    forms::register(m)
}
