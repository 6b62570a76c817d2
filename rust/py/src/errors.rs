//! Core errors become the exceptions of `diptych.errors`, which Python defines and Rust only raises.

use pyo3::import_exception;

import_exception!(diptych.errors, RecordError);
import_exception!(diptych.errors, TruncatedTail);
import_exception!(diptych.errors, ShapeError);
import_exception!(diptych.errors, StoreError);
import_exception!(diptych.errors, CorruptStoreError);
import_exception!(diptych.errors, StoreVersionError);
import_exception!(diptych.errors, ConfigError);
