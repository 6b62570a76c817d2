//! `parse_jsonl`: bytes in; dicts, their lines, the rejects and the counts out. Python objects are made after the GIL is taken back.

use std::borrow::Cow;
use std::collections::HashMap;

use diptych_core::jsonl::{self, JsonlError, OnBadLine, Options, Record, Value};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyList, PyString};

use crate::errors::{ConfigError, RecordError, TruncatedTail};
use crate::hash::{at_least_one, wrong_type};
use crate::lines::{Counts, Rejects, line_array, rejects};

/// Distinct keys that are shared between records.
const SHARED_KEYS: usize = 1024;

type Parsed<'py> = (
    Bound<'py, PyList>,
    Bound<'py, PyArray1<i64>>,
    Rejects,
    Counts,
);

/// Makes Python objects; equal keys become one `str`, as in Python's own reader.
pub struct Builder<'py, 'a> {
    py: Python<'py>,
    keys: HashMap<Cow<'a, str>, Bound<'py, PyString>>,
}

impl<'py, 'a> Builder<'py, 'a> {
    pub fn new(py: Python<'py>) -> Self {
        let keys = HashMap::new();
        Self { py, keys }
    }

    fn record(&mut self, record: Record<'a>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(self.py);
        for (key, value) in record {
            dict.set_item(self.key(key), self.value(value)?)?;
        }
        Ok(dict)
    }

    fn key(&mut self, key: Cow<'a, str>) -> Bound<'py, PyString> {
        if let Some(known) = self.keys.get(&key) {
            return known.clone();
        }
        let text = PyString::new(self.py, &key);
        if self.keys.len() < SHARED_KEYS {
            self.keys.insert(key, text.clone());
        }
        text
    }

    pub fn value(&mut self, value: Value<'a>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match value {
            Value::Null => self.py.None().into_bound(self.py),
            Value::Bool(value) => value.into_pyobject(self.py)?.to_owned().into_any(),
            Value::Int(value) => value.into_pyobject(self.py)?.into_any(),
            Value::UInt(value) => value.into_pyobject(self.py)?.into_any(),
            Value::BigInt(text) => self.py.get_type::<PyInt>().call1((text,))?,
            Value::Float(value) => value.into_pyobject(self.py)?.into_any(),
            Value::String(text) => PyString::new(self.py, &text).into_any(),
            Value::Array(items) => {
                let items = items.into_iter().map(|item| self.value(item));
                let items: Vec<_> = items.collect::<PyResult<_>>()?;
                PyList::new(self.py, items)?.into_any()
            }
            Value::Object(record) => self.record(record)?.into_any(),
        })
    }
}

fn on_bad_line(value: &str) -> PyResult<OnBadLine> {
    match value {
        "error" => Ok(OnBadLine::Error),
        "skip" => Ok(OnBadLine::Skip),
        other => Err(ConfigError::new_err(format!(
            "on_bad_line: got {other:?}; pass \"error\" or \"skip\""
        ))),
    }
}

pub fn record_error(path: String, error: JsonlError) -> PyErr {
    match error {
        JsonlError::BadLine(bad) if bad.truncated => {
            TruncatedTail::new_err((path, bad.line, bad.column, bad.reason))
        }
        JsonlError::BadLine(bad) => RecordError::new_err((path, bad.line, bad.column, bad.reason)),
        error @ JsonlError::Encoding { .. } => {
            RecordError::new_err((path, 0, 0, error.to_string()))
        }
    }
}

pub fn options(on_bad_line: &str, max_line_bytes: i64, threads: i64) -> PyResult<Options> {
    Ok(Options {
        on_bad_line: self::on_bad_line(on_bad_line)?,
        max_line_bytes: at_least_one("max_line_bytes", max_line_bytes)?.get(),
        threads: at_least_one("threads", threads)?,
        ..Options::default()
    })
}

#[pyfunction]
fn parse_jsonl<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
    path: String,
    on_bad_line: &str,
    max_line_bytes: i64,
    threads: i64,
) -> PyResult<Parsed<'py>> {
    let options = options(on_bad_line, max_line_bytes, threads)?;
    let bytes = data
        .cast::<PyBytes>()
        .map_err(|_| wrong_type("data", "bytes", data))?
        .as_bytes();
    let parsed = py
        .detach(|| jsonl::parse_jsonl(bytes, options))
        .map_err(|error| record_error(path, error))?;

    let records = PyList::empty(py);
    let mut builder = Builder::new(py);
    for record in parsed.records {
        records.append(builder.record(record)?)?;
    }
    let lines = line_array(py, parsed.lines)?;
    let counts = (parsed.n_lines, parsed.n_blank, parsed.byte_order_mark);
    Ok((records, lines, rejects(parsed.rejects), counts))
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(parse_jsonl, m)?)
}
