//! `hash_rows`: lists of `str` in, a matrix of digests out; the UTF-8 of each string is borrowed, block by block.

use std::num::NonZeroUsize;

use diptych_core::hash::{self, DIGEST_BYTES};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::errors::{ConfigError, ShapeError};

/// Rows that a thread hashes while they are still in its cache.
const ROWS_PER_BLOCK: usize = 2048;

/// A setting that counts something and cannot be zero.
pub fn at_least_one(name: &str, value: i64) -> PyResult<NonZeroUsize> {
    usize::try_from(value)
        .ok()
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| ConfigError::new_err(format!("{name}: got {value}; pass 1 or more")))
}

/// The UTF-8 of some rows of one column, held by `rows`; `first` is the row of the first.
fn texts<'a>(column: usize, first: usize, rows: &'a [Bound<'_, PyAny>]) -> PyResult<Vec<&'a str>> {
    let text = |(i, item): (usize, &'a Bound<'_, PyAny>)| {
        let name = || format!("columns[{column}][{}]", first + i);
        let text = item
            .cast::<PyString>()
            .map_err(|_| wrong_type(&name(), "str", item))?;
        text.to_str().map_err(|_| {
            ShapeError::new_err(format!(
                "{}: holds a lone surrogate, which has no UTF-8 form; replace it, for example with \
                 text.encode('utf-8', 'replace').decode()",
                name()
            ))
        })
    };
    rows.iter().enumerate().map(text).collect()
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
        .map_err(|_| wrong_type("columns", "a list of lists of str", columns))?
        .iter()
        .enumerate()
        .map(|(i, column)| {
            column
                .cast_into::<PyList>()
                .map_err(|e| wrong_type(&format!("columns[{i}]"), "a list of str", &e.into_inner()))
        })
        .collect::<PyResult<Vec<_>>>()?;
    let n = hash::check_lengths(columns.iter().map(PyListMethods::len))
        .map_err(|error| ShapeError::new_err(error.to_string()))?;
    let mut digests = vec![[0; DIGEST_BYTES]; n];
    let rows_per_block = ROWS_PER_BLOCK * threads.get();
    for (block, out) in digests.chunks_mut(rows_per_block).enumerate() {
        let first = block * rows_per_block;
        let rows = first..first + out.len();
        // References of our own: without the GIL, others may change the lists.
        let held = columns
            .iter()
            .map(|column| rows.clone().map(|row| column.get_item(row)).collect())
            .collect::<PyResult<Vec<Vec<_>>>>()?;
        let texts = held
            .iter()
            .enumerate()
            .map(|(column, rows)| texts(column, first, rows))
            .collect::<PyResult<Vec<_>>>()?;
        py.detach(|| hash::hash_rows_into(domain, &texts, threads, out));
    }
    PyArray1::from_vec(py, digests.into_flattened()).reshape([n, DIGEST_BYTES])
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(hash_rows, m)?)
}
