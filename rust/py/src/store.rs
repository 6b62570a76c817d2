//! `Store`: the vector store of `diptych_core::store`, for `diptych.embeddings.cache`.
#![allow(
    clippy::needless_pass_by_value,
    reason = "pyo3 extracts an array by value or not at all"
)]

use std::path::Path;

use diptych_core::store::{self, KEY_BYTES, Options, Removal, SpaceStats, StoreError as Fault};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::arrays::{digests, fits, matrix};
use crate::errors::{ShapeError, store_error};
use crate::hash::at_least_one;

/// Vectors on disk by (space, digest): append-only segment files, `SQLite` as the truth.
#[pyclass(frozen, module = "diptych._core")]
struct Store {
    path: String,
    store: store::Store,
}

static ZEROS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// (space, dim, rows, bytes).
type Entry = (String, usize, u64, u64);

type Gathered<'py> = (Bound<'py, PyArray2<f32>>, Bound<'py, PyArray1<bool>>);

#[pymethods]
impl Store {
    #[new]
    #[pyo3(signature = (path, *, read_only = false))]
    fn new(py: Python<'_>, path: String, read_only: bool) -> PyResult<Self> {
        let options = Options {
            read_only,
            ..Options::default()
        };
        let store = py
            .detach(|| store::Store::open(Path::new(&path), options))
            .map_err(|fault| store_error(&path, &fault))?;
        Ok(Self { path, store })
    }

    /// Store rows that are not there yet, durably, all or nothing; return how many were new.
    fn put(
        &self,
        py: Python<'_>,
        space: &str,
        keys: PyReadonlyArray2<'_, u8>,
        vectors: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<usize> {
        let dim = vectors.shape()[1];
        let (keys, vectors) = (digests(&keys)?, matrix("vectors", &vectors)?);
        py.detach(|| self.store.put(space, keys, dim, vectors))
            .map_err(|fault| store_error(&self.path, &fault))
    }

    /// Vectors of shape (n, dim) and which were found; rows not found are zero, or what `out` held.
    #[pyo3(signature = (space, keys, dim, threads = 1, *, out = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        space: &str,
        keys: PyReadonlyArray2<'py, u8>,
        dim: usize,
        threads: i64,
        out: Option<Bound<'py, PyArray2<f32>>>,
    ) -> PyResult<Gathered<'py>> {
        let (keys, threads) = (digests(&keys)?, at_least_one("threads", threads)?);
        if dim == 0 || dim > store::MAX_DIM {
            return Err(store_error(&self.path, &Fault::Width { dim }));
        }
        // NumPy's own call: it raises MemoryError where the crate's would panic.
        let zeros = ZEROS.import(py, "numpy", "zeros")?;
        let vectors = match out {
            Some(out) => fits(out, [keys.len(), dim])?,
            None => zeros.call1(((keys.len(), dim), "f4"))?.cast_into()?,
        };
        let found = zeros
            .call1((keys.len(), "?"))?
            .cast_into::<PyArray1<bool>>()?;
        {
            let mut rows = vectors.try_readwrite().map_err(|why| {
                ShapeError::new_err(format!("out: {why}; pass an array of your own"))
            })?;
            let mut flags = found.readwrite();
            let (rows, flags) = (rows.as_slice_mut()?, flags.as_slice_mut()?);
            py.detach(|| self.store.get(space, keys, dim, rows, flags, threads))
                .map_err(|fault| store_error(&self.path, &fault))?;
        }
        Ok((vectors, found))
    }

    /// Every key of a space, in order of commit: uint8 (n, 32).
    fn keys<'py>(&self, py: Python<'py>, space: &str) -> PyResult<Bound<'py, PyArray2<u8>>> {
        let keys = py
            .detach(|| self.store.keys(space))
            .map_err(|fault| store_error(&self.path, &fault))?;
        let shape = [keys.len(), KEY_BYTES];
        PyArray1::from_vec(py, keys.into_flattened()).reshape(shape)
    }

    /// (space, dim, rows, bytes) of each space, in order of creation.
    fn stats(&self, py: Python<'_>) -> PyResult<Vec<Entry>> {
        py.detach(|| self.store.stats())
            .map(entries)
            .map_err(|fault| store_error(&self.path, &fault))
    }

    /// Remove rows; what went by space, then how many files no row lay in, and their bytes.
    #[pyo3(signature = (spaces, before, most_bytes, *, dry_run = false))]
    fn gc(
        &self,
        py: Python<'_>,
        spaces: Option<Vec<String>>,
        before: Option<i64>,
        most_bytes: Option<u64>,
        dry_run: bool,
    ) -> PyResult<(Vec<Entry>, usize, u64)> {
        let removal = Removal {
            spaces,
            before,
            most_bytes,
        };
        py.detach(|| self.store.gc(&removal, dry_run))
            .map(|found| (entries(found.spaces), found.stray_files, found.stray_bytes))
            .map_err(|fault| store_error(&self.path, &fault))
    }

    /// Read every row and check it; one sentence per fault, empty when all is well.
    fn verify(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        py.detach(|| self.store.verify())
            .map_err(|fault| store_error(&self.path, &fault))
    }
}

fn entries(stats: Vec<SpaceStats>) -> Vec<Entry> {
    let entry = |entry: SpaceStats| (entry.space, entry.dim, entry.rows, entry.bytes);
    stats.into_iter().map(entry).collect()
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Store>()
}
