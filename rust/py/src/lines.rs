//! What is said of the lines of a file: numbers of the good ones, rejects, counts.

use std::borrow::Cow;

use diptych_core::jsonl::BadLine;
use numpy::PyArray1;
use pyo3::prelude::*;

/// Lines, byte columns, reasons, texts: lists of what the garbage collector does not look at, where tuples would call it.
pub type Rejects = (Vec<usize>, Vec<usize>, Vec<String>, Vec<Text>);
type Text = Option<Cow<'static, [u8]>>;

/// Physical lines, blank ones, whether a byte order mark was dropped.
pub type Counts = (usize, usize, bool);

pub fn line_array(py: Python<'_>, lines: Vec<usize>) -> PyResult<Bound<'_, PyArray1<i64>>> {
    let lines: Result<_, _> = lines.into_iter().map(i64::try_from).collect();
    Ok(PyArray1::from_vec(py, lines?))
}

pub fn rejects(bad: Vec<BadLine>) -> Rejects {
    let mut found = Rejects::default();
    for bad in bad {
        found.0.push(bad.line);
        found.1.push(bad.column);
        found.2.push(bad.reason);
        found.3.push(bad.text.map(Cow::Owned));
    }
    found
}
