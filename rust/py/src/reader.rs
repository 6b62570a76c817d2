//! `JsonlReader`: a path and keys in; the wanted fields, window by window, as lists or as offsets and bytes.

use std::mem::take;
use std::path::Path;

use diptych_core::jsonl::{Item, ReadError, Reader, TextColumn, Window};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::files::raise;
use crate::jsonl::{Builder, options, record_error};
use crate::lines::{Counts, Rejects, line_array, rejects};
use crate::texts::{Shared, share};

type Read<'py> = (Vec<Column<'py>>, Bound<'py, PyArray1<i64>>, Rejects, Counts);

/// A field of all objects of a window; text as offsets and bytes.
#[derive(IntoPyObject)]
enum Column<'py> {
    Objects(Bound<'py, PyList>),
    Text(Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<u8>>),
}

/// Wanted fields of a file of JSON lines.
#[pyclass(module = "diptych._core")]
struct JsonlReader {
    path: String,
    reader: Reader,
    text: bool,
    /// Short values that were made before, of each key.
    shared: Vec<Shared>,
}

#[pymethods]
impl JsonlReader {
    #[new]
    fn new(
        py: Python<'_>,
        path: String,
        keys: Vec<String>,
        text: bool,
        on_bad_line: &str,
        max_line_bytes: i64,
        threads: i64,
    ) -> PyResult<Self> {
        let options = options(on_bad_line, max_line_bytes, threads)?;
        let shared = keys.iter().map(|_| Shared::new()).collect();
        let reader = py
            .detach(|| Reader::open(Path::new(&path), keys, options, text))
            .map_err(|error| raise((&path).into(), error))?;
        Ok(Self {
            path,
            reader,
            text,
            shared,
        })
    }

    /// Seconds that `read` has spent without the interpreter's lock.
    #[getter]
    fn unlocked_s(&self) -> f64 {
        self.reader.elapsed().as_secs_f64()
    }

    /// The columns of the next lines, one a key; None at the end.
    fn read<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Read<'py>>> {
        let window = py
            .detach(|| self.reader.next_window())
            .map_err(|error| match error {
                ReadError::File(error) => raise((&self.path).into(), error),
                ReadError::Jsonl(error) => record_error(self.path.clone(), error),
            })?;
        let Some(window) = window else {
            return Ok(None);
        };
        let columns = if self.text {
            let columns = window.columns.drain(..);
            columns.map(|column| text(py, column)).collect()
        } else {
            objects(py, window, &mut self.shared)?
        };
        let lines = line_array(py, take(&mut window.lines))?;
        let counts = (window.n_lines, window.n_blank, window.byte_order_mark);
        let bad = rejects(take(&mut window.rejects));
        Ok(Some((columns, lines, bad, counts)))
    }
}

fn text(py: Python<'_>, TextColumn { offsets, bytes }: TextColumn) -> Column<'_> {
    let offsets = PyArray1::from_vec(py, offsets);
    Column::Text(offsets, PyArray1::from_vec(py, bytes))
}

fn objects<'py>(
    py: Python<'py>,
    window: &Window,
    shared: &mut [Shared],
) -> PyResult<Vec<Column<'py>>> {
    let (n, n_keys) = (window.lines.len(), shared.len());
    let mut builder = Builder::new(py);
    let mut columns: Vec<Vec<_>> = (0..n_keys).map(|_| Vec::with_capacity(n)).collect();
    for (i, item) in window.items().enumerate() {
        let column = i % n_keys;
        columns[column].push(match item {
            Item::Text(text) => share(py, &mut shared[column], text)?.into_any(),
            Item::Value(value) => builder.value(value.clone())?,
        });
    }
    let lists = columns.into_iter().map(|column| PyList::new(py, column));
    lists.map(|list| list.map(Column::Objects)).collect()
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<JsonlReader>()
}
