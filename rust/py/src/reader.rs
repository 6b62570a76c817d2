//! `JsonlReader`, `JsonlTextReader`: a path and keys in; the wanted fields, window by window, as lists or as offsets and bytes.

use std::mem::take;
use std::path::Path;

use diptych_core::jsonl::{Item, Options, ReadError, Reader, TextColumn, Window};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::files::raise;
use crate::jsonl::{Builder, Reject, line_array, options, record_error, rejects};
use crate::texts::{Shared, share};

type Lines<'py> = Bound<'py, PyArray1<i64>>;
type Lists<'py> = (Vec<Bound<'py, PyList>>, Lines<'py>, Vec<Reject>);
type Text<'py> = (Lines<'py>, Bound<'py, PyArray1<u8>>);
type Texts<'py> = (Vec<Text<'py>>, Lines<'py>, Vec<Reject>);

/// Wanted fields of a file of JSON lines, as objects.
#[pyclass(module = "diptych._core")]
struct JsonlReader {
    path: String,
    reader: Reader,
    shared: Vec<Shared>,
}

#[pymethods]
impl JsonlReader {
    #[new]
    fn new(
        py: Python<'_>,
        path: String,
        keys: Vec<String>,
        on_bad_line: &str,
        max_line_bytes: i64,
        threads: i64,
    ) -> PyResult<Self> {
        let options = options(on_bad_line, max_line_bytes, threads)?;
        let shared = keys.iter().map(|_| Shared::new()).collect();
        let reader = open(py, &path, keys, options, false)?;
        Ok(Self {
            path,
            reader,
            shared,
        })
    }

    /// Lists of the next lines, one a key; None at the end.
    fn read<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Lists<'py>>> {
        let Some(window) = next(py, &self.path, &mut self.reader)? else {
            return Ok(None);
        };
        let (n, n_keys) = (window.lines.len(), self.shared.len());
        let mut builder = Builder::new(py);
        let mut columns: Vec<Vec<_>> = (0..n_keys).map(|_| Vec::with_capacity(n)).collect();
        for (i, item) in window.items().enumerate() {
            let column = i % n_keys;
            columns[column].push(match item {
                Item::Text(text) => share(py, &mut self.shared[column], text)?.into_any(),
                Item::Value(value) => builder.value(value.clone())?,
            });
        }
        let lists = columns.into_iter().map(|column| PyList::new(py, column));
        let columns = lists.collect::<PyResult<_>>()?;
        numbers(py, window).map(|(lines, bad)| Some((columns, lines, bad)))
    }
}

/// Wanted texts of a file of JSON lines, as columns.
#[pyclass(module = "diptych._core")]
struct JsonlTextReader {
    path: String,
    reader: Reader,
}

#[pymethods]
impl JsonlTextReader {
    #[new]
    fn new(
        py: Python<'_>,
        path: String,
        keys: Vec<String>,
        on_bad_line: &str,
        max_line_bytes: i64,
        threads: i64,
    ) -> PyResult<Self> {
        let options = options(on_bad_line, max_line_bytes, threads)?;
        open(py, &path, keys, options, true).map(|reader| Self { path, reader })
    }

    /// (offsets, bytes) of the next lines, one pair a key; None at the end.
    fn read<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Texts<'py>>> {
        let Some(window) = next(py, &self.path, &mut self.reader)? else {
            return Ok(None);
        };
        let array = |TextColumn { offsets, bytes }| {
            let offsets = PyArray1::from_vec(py, offsets);
            (offsets, PyArray1::from_vec(py, bytes))
        };
        let columns = window.columns.drain(..).map(array).collect();
        numbers(py, window).map(|(lines, bad)| Some((columns, lines, bad)))
    }
}

fn open(
    py: Python,
    path: &str,
    keys: Vec<String>,
    options: Options,
    text: bool,
) -> PyResult<Reader> {
    py.detach(|| Reader::open(Path::new(path), keys, options, text))
        .map_err(|error| raise(path.into(), error))
}

fn next<'a>(
    py: Python<'_>,
    path: &str,
    reader: &'a mut Reader,
) -> PyResult<Option<&'a mut Window>> {
    py.detach(|| reader.next_window())
        .map_err(|error| match error {
            ReadError::File(error) => raise(path.into(), error),
            ReadError::Jsonl(error) => record_error(path.to_owned(), error),
        })
}

fn numbers<'py>(py: Python<'py>, window: &mut Window) -> PyResult<(Lines<'py>, Vec<Reject>)> {
    let lines = line_array(py, take(&mut window.lines))?;
    Ok((lines, rejects(take(&mut window.rejects))))
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<JsonlReader>()?;
    m.add_class::<JsonlTextReader>()
}
