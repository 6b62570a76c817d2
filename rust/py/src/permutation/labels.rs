//! `label_permutations` and `label_permutation_null`.
#![expect(
    clippy::needless_pass_by_value,
    reason = "pyo3 hands over arrays by value"
)]

use diptych_core::permutation::{self, Groups, Resamples};
use numpy::{PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use super::{PyCounts, arrays_of, length, matrix_of, raise, rows};
use crate::arrays;
use crate::errors::ShapeError;

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
    m.add_function(wrap_pyfunction!(label_permutations, m)?)?;
    m.add_function(wrap_pyfunction!(label_permutation_null, m)?)
}
