//! `str` objects of a column: short texts that come again, such as labels, are one object.

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Short texts of a column that are shared: those last seen, by a few of their bytes.
const SHARED_TEXTS: usize = 1 << 6;
/// 2^64 by the golden ratio: the high bits of a product depend on all bits of what it multiplies (Knuth).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
const MAX_SHARED_BYTES: usize = 32;

pub type Shared = Vec<Option<Py<PyString>>>;

/// A `str` of this text: the one of before, where it is short and was seen lately.
pub fn share<'py>(
    py: Python<'py>,
    shared: &mut Shared,
    text: &[u8],
) -> PyResult<Bound<'py, PyString>> {
    if text.len() > MAX_SHARED_BYTES {
        return PyString::from_bytes(py, text);
    }
    shared.resize_with(SHARED_TEXTS, || None);
    let ends = text.iter().take(4).chain(text.iter().rev().take(4));
    let mixed = ends.fold(text.len() as u64, |sum, byte| sum * 31 + u64::from(*byte));
    let slot = &mut shared[(mixed.wrapping_mul(MULTIPLIER) >> 58) as usize];
    if let Some(known) = slot.as_ref().map(|known| known.bind(py))
        && known.to_str().is_ok_and(|known| known.as_bytes() == text)
    {
        return Ok(known.clone());
    }
    let new = PyString::from_bytes(py, text)?;
    *slot = Some(new.clone().unbind());
    Ok(new)
}
