//! `quadratic_forms`.
#![expect(
    clippy::needless_pass_by_value,
    reason = "pyo3 hands over arrays by value"
)]

use diptych_core::permutation::{self, Form};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use super::raise;
use crate::arrays;

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the contract of the stub")]
fn quadratic_forms<'py>(
    py: Python<'py>,
    values: PyReadonlyArray2<'py, f32>,
    kernel: bool,
    first: Option<PyReadonlyArray1<'py, bool>>,
    seed: u64,
    start: u64,
    stop: u64,
    threads: usize,
) -> PyResult<(f64, Bound<'py, PyArray1<f64>>)> {
    let first = first.as_ref().map(|first| arrays::vector("first", first));
    let form = Form {
        data: arrays::matrix("values", &values)?,
        rows: values.shape()[0],
        columns: values.shape()[1],
        kernel,
        first: first.transpose()?,
    };
    let (observed, null) = py
        .detach(|| permutation::quadratic_forms(form, seed, start..stop, threads))
        .map_err(raise)?;
    Ok((observed, PyArray1::from_vec(py, null)))
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(quadratic_forms, m)?)
}
