//! `hash_rows`: lists of `str` in, a matrix of digests out; the UTF-8 of each string is borrowed, not copied.

use std::num::NonZeroUsize;

use diptych_core::hash::{self, DIGEST_BYTES};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyList, PyString};

use crate::errors::{ConfigError, ShapeError};

/// A setting that counts something and cannot be zero.
pub fn at_least_one(name: &str, value: i64) -> PyResult<NonZeroUsize> {
    usize::try_from(value)
        .ok()
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| ConfigError::new_err(format!("{name}: got {value}; pass 1 or more")))
}

/// The strings of one column; they are kept alive while the GIL is released.
fn strings(index: usize, column: &Bound<'_, PyAny>) -> PyResult<Vec<PyBackedStr>> {
    let column = column
        .cast::<PyList>()
        .map_err(|_| wrong_type(&format!("columns[{index}]"), "a list of str", column))?;
    let text = |(row, item): (usize, Bound<'_, PyAny>)| {
        match item.cast::<PyString>() {
        Ok(text) => PyBackedStr::try_from(text.clone()).map_err(|_| {
            ShapeError::new_err(format!(
                "columns[{index}][{row}]: holds a lone surrogate, which has no UTF-8 form; replace it, for example with \
                 text.encode('utf-8', 'replace').decode()"
            ))
        }),
        Err(_) => Err(wrong_type(&format!("columns[{index}][{row}]"), "str", &item)),
    }
    };
    column.iter().enumerate().map(text).collect()
}

/// `TypeError` that names the argument, what it should be and what it is.
pub fn wrong_type(name: &str, expected: &str, found: &Bound<'_, PyAny>) -> PyErr {
    match found.get_type().name() {
        Ok(found) => PyTypeError::new_err(format!("{name}: expected {expected}, got {found}")),
        Err(error) => error,
    }
}

#[pyfunction]
fn hash_rows<'py>(
    py: Python<'py>,
    domain: &str,
    columns: &Bound<'py, PyAny>,
    threads: i64,
) -> PyResult<Bound<'py, PyArray2<u8>>> {
    let threads = at_least_one("threads", threads)?;
    let columns = columns
        .cast::<PyList>()
        .map_err(|_| wrong_type("columns", "a list of lists of str", columns))?;
    let columns = columns
        .iter()
        .enumerate()
        .map(|(i, column)| strings(i, &column))
        .collect::<PyResult<Vec<_>>>()?;
    let digests = py
        .detach(|| hash::hash_rows(domain, &columns, threads))
        .map_err(|error| ShapeError::new_err(error.to_string()))?;
    let n = digests.len();
    PyArray1::from_vec(py, digests.into_flattened()).reshape([n, DIGEST_BYTES])
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(hash_rows, m)?)
}
