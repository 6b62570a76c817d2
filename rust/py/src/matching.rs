//! `contingency` and `assign`.
#![expect(
    clippy::needless_pass_by_value,
    reason = "pyo3 hands over arrays by value"
)]

use diptych_core::matching::{self, MatchingError};
use numpy::{
    PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::arrays;
use crate::errors::ShapeError;

type Pairs<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

fn raise(error: MatchingError) -> PyErr {
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

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(contingency, m)?)?;
    m.add_function(wrap_pyfunction!(assign, m)?)
}
