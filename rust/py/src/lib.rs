//! The door between Python and `diptych-core`: each file registers its own names, nothing is computed here.
//!
//! Every wrapper is the same four steps: convert and check (`arrays`) → release the GIL → core call →
//! map the error (`errors`). No function takes a single item.

use pyo3::prelude::*;

mod arrays;
mod errors;
mod files;
mod hash;
mod jsonl;
mod kmeans;
mod lines;
mod matching;
mod permutation;
mod reader;
mod store;
mod texts;

#[pymodule(gil_used = false)]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    hash::register(m)?;
    files::register(m)?;
    jsonl::register(m)?;
    reader::register(m)?;
    store::register(m)?;
    matching::register(m)?;
    kmeans::register(m)?;
    permutation::register(m)
}
