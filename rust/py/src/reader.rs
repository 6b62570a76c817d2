//! `JsonlReader`: a path and keys in; the wanted fields, window by window, as lists or as offsets and bytes.

use std::path::Path;

use diptych_core::jsonl::{Parsed, ReadError, Reader, TextColumn, Value, text_columns};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::files::raise;
use crate::jsonl::{Builder, Reject, line_array, options, record_error, rejects};

/// Short texts of a column that are shared: those last seen, by a few of their bytes.
const SHARED_TEXTS: usize = 1 << 6;
/// 2^64 by the golden ratio: the six high bits of a product depend on all bits of what it multiplies (Knuth).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
const MAX_SHARED_BYTES: usize = 32;

type Shared = Vec<Option<Py<PyString>>>;
type Lines<'py> = Bound<'py, PyArray1<i64>>;
type Lists<'py> = (Vec<Bound<'py, PyList>>, Lines<'py>, Vec<Reject>);
type Text<'py> = (Lines<'py>, Bound<'py, PyArray1<u8>>);
type Texts<'py> = (Vec<Text<'py>>, Lines<'py>, Vec<Reject>);

/// Wanted fields of a file of JSON lines, in memory for one window.
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
        let shared = keys.iter().map(|_| Shared::new());
        Ok(Self {
            shared: shared.collect(),
            reader: py
                .detach(|| Reader::open(Path::new(&path), keys, options))
                .map_err(|error| raise((&path).into(), error))?,
            path,
        })
    }

    /// Lists of the next lines, one a key; None at the end.
    fn read<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Lists<'py>>> {
        let Some(parsed) = window(py, &self.path, &mut self.reader, false)? else {
            return Ok(None);
        };
        let (n, n_keys) = (parsed.lines.len(), self.shared.len());
        let mut builder = Builder::new(py);
        let mut columns: Vec<Vec<_>> = (0..n_keys).map(|_| Vec::with_capacity(n)).collect();
        for (i, value) in parsed.records.into_iter().enumerate() {
            let column = i % n_keys;
            columns[column].push(match value {
                Value::String(text) => share(py, &mut self.shared[column], &text).into_any(),
                value => builder.value(value)?,
            });
        }
        let columns = columns.into_iter().map(|column| PyList::new(py, column));
        let columns = columns.collect::<PyResult<_>>()?;
        Ok(Some((
            columns,
            line_array(py, parsed.lines)?,
            rejects(parsed.rejects),
        )))
    }

    /// (offsets, bytes) of the next lines, one pair a key; None at the end. A value that is not text makes a bad line.
    fn read_text<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Texts<'py>>> {
        let n_keys = self.shared.len();
        let Some(parsed) = window(py, &self.path, &mut self.reader, true)? else {
            return Ok(None);
        };
        let columns = py.detach(|| text_columns(&parsed.records, n_keys));
        let array = |column: TextColumn| {
            (
                PyArray1::from_vec(py, column.offsets),
                PyArray1::from_vec(py, column.bytes),
            )
        };
        let columns = columns.into_iter().map(array).collect();
        Ok(Some((
            columns,
            line_array(py, parsed.lines)?,
            rejects(parsed.rejects),
        )))
    }
}

fn window<'a>(
    py: Python<'_>,
    path: &str,
    reader: &'a mut Reader,
    text_only: bool,
) -> PyResult<Option<Parsed<Value<'a>>>> {
    py.detach(|| reader.next_window(text_only))
        .map_err(|error| match error {
            ReadError::File(error) => raise(path.into(), error),
            ReadError::Jsonl(error) => record_error(path.to_owned(), error),
        })
}

/// A `str` of this text: the one of before, where it is short and was seen lately.
fn share<'py>(py: Python<'py>, shared: &mut Shared, text: &str) -> Bound<'py, PyString> {
    let bytes = text.as_bytes();
    shared.resize_with(SHARED_TEXTS, || None);
    if bytes.len() > MAX_SHARED_BYTES {
        return PyString::new(py, text);
    }
    let ends = bytes.iter().take(4).chain(bytes.iter().rev().take(4));
    let mixed = ends.fold(bytes.len() as u64, |mixed, byte| {
        mixed * 31 + u64::from(*byte)
    });
    let slot = &mut shared[(mixed.wrapping_mul(MULTIPLIER) >> 58) as usize];
    if let Some(known) = slot.as_ref().map(|known| known.bind(py))
        && known.to_str().is_ok_and(|known| known == text)
    {
        return known.clone();
    }
    let new = PyString::new(py, text);
    *slot = Some(new.clone().unbind());
    new
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<JsonlReader>()
}
