//! Core errors become the exceptions of `diptych.errors`, which Python defines and Rust only raises.

use diptych_core::store::StoreError as Fault;
use pyo3::{PyErr, import_exception};

import_exception!(diptych.errors, RecordError);
import_exception!(diptych.errors, TruncatedTail);
import_exception!(diptych.errors, ShapeError);
import_exception!(diptych.errors, StoreError);
import_exception!(diptych.errors, CorruptStoreError);
import_exception!(diptych.errors, StoreVersionError);
import_exception!(diptych.errors, ConfigError);

/// What is wrong with the store at `path`.
pub fn store_error(path: &str, fault: &Fault) -> PyErr {
    let reason = fault.to_string();
    match fault {
        fault if fault.is_about_arrays() => ShapeError::new_err(format!("{path}: {reason}")),
        Fault::Corrupt { .. } => CorruptStoreError::new_err((path.to_owned(), reason)),
        Fault::NewerVersion { .. } => StoreVersionError::new_err((path.to_owned(), reason)),
        _ => StoreError::new_err((path.to_owned(), reason)),
    }
}
