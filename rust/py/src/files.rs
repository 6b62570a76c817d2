//! `read_file`: a path in, bytes out; operating-system errors become the builtin ones, with `errno` and `filename`.

use std::io;
use std::path::PathBuf;

use diptych_core::files::{self, FileError};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::RecordError;

/// `OSError(errno, text, filename)`: Python picks the subclass, such as `FileNotFoundError`, from `errno`.
fn os_error(path: PathBuf, error: &io::Error) -> PyErr {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(errno) => {
            let text = text
                .split(" (os error")
                .next()
                .unwrap_or_default()
                .to_owned();
            PyOSError::new_err((errno, text, path.into_os_string()))
        }
        None if error.kind() == io::ErrorKind::InvalidInput => {
            PyValueError::new_err(format!("{}: {text}", path.to_string_lossy().escape_debug()))
        }
        None => PyOSError::new_err(format!("{}: {text}", path.display())),
    }
}

pub fn raise(path: PathBuf, error: FileError) -> PyErr {
    match error {
        FileError::Io(error) => os_error(path, &error),
        error => RecordError::new_err((path.display().to_string(), 0, 0, error.to_string())),
    }
}

#[pyfunction]
fn read_file(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyBytes>> {
    let bytes = py.detach(|| files::read_file(&path));
    let bytes = bytes.map_err(|error| raise(path, error))?;
    Ok(PyBytes::new(py, &bytes))
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(read_file, m)?)
}
