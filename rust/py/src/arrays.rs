//! `NumPy` in: dtype, rank, C order, checked once and named in the error.

use diptych_core::store::{KEY_BYTES, Key};
use numpy::{Element, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::{Bound, PyResult};

use crate::errors::ShapeError;

/// The rows of a C-contiguous matrix as one slice.
pub fn matrix<'a, T: Element>(name: &str, array: &'a PyReadonlyArray2<'_, T>) -> PyResult<&'a [T]> {
    // `as_slice` alone would hand out a Fortran-ordered matrix with its rows and columns exchanged.
    let rows = if array.is_c_contiguous() {
        array.as_slice().ok()
    } else {
        None
    };
    rows.ok_or_else(|| {
        ShapeError::new_err(format!(
            "{name}: expected a C-contiguous array, got shape {:?} with other strides; pass numpy.ascontiguousarray({name})",
            array.shape()
        ))
    })
}

/// A contiguous vector as a slice.
pub fn vector<'a, T: Element>(name: &str, array: &'a PyReadonlyArray1<'_, T>) -> PyResult<&'a [T]> {
    array.as_slice().map_err(|_| {
        ShapeError::new_err(format!(
            "{name}: expected a contiguous array of shape ({},), got one with strides; pass numpy.ascontiguousarray({name})",
            array.len()
        ))
    })
}

/// The width of the rows of both.
pub fn width(
    name_a: &str,
    a: &PyReadonlyArray2<'_, f32>,
    name_b: &str,
    b: &PyReadonlyArray2<'_, f32>,
) -> PyResult<usize> {
    let (dim, other) = (a.shape()[1], b.shape()[1]);
    if dim == other {
        return Ok(dim);
    }
    Err(ShapeError::new_err(format!(
        "{name_a} has {dim} columns, {name_b} has {other}; pass vectors of one encoder"
    )))
}

/// `out`, if it has that shape and its rows lie one after another.
pub fn fits(
    out: Bound<'_, PyArray2<f32>>,
    shape: [usize; 2],
) -> PyResult<Bound<'_, PyArray2<f32>>> {
    if out.shape() == shape && out.is_c_contiguous() {
        return Ok(out);
    }
    Err(ShapeError::new_err(format!(
        "out: expected a C-contiguous float32 array of shape {shape:?}, got shape {:?}; pass numpy.empty({shape:?}, 'f4')",
        out.shape()
    )))
}

/// The rows of `keys` as digests.
pub fn digests<'a>(keys: &'a PyReadonlyArray2<'_, u8>) -> PyResult<&'a [Key]> {
    let width = keys.shape()[1];
    if width != KEY_BYTES {
        let shape = keys.shape();
        return Err(ShapeError::new_err(format!(
            "keys: expected shape (n, {KEY_BYTES}), got {shape:?}; pass the digests of diptych.utils.hashing"
        )));
    }
    Ok(matrix("keys", keys)?.as_chunks().0)
}
