//! Bytes that are read into without being zeroed each time: what was once initialised stays so.

use std::ops::Deref;

/// The first `len` of initialised bytes.
#[derive(Debug, Default)]
pub(super) struct Bytes {
    storage: Vec<u8>,
    len: usize,
}

impl Bytes {
    /// Forget the bytes, not their memory.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Keep the first `len` bytes of those there.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Add bytes at the end.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.space(bytes.len()).copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// The `n` bytes behind the last, with anything in them; [`Bytes::add`] makes the first of them count.
    pub(super) fn space(&mut self, n: usize) -> &mut [u8] {
        let end = self.len + n;
        if self.storage.len() < end {
            self.storage.resize(end, 0);
        }
        &mut self.storage[self.len..end]
    }

    /// Count `n` more bytes, which were written to [`Bytes::space`].
    pub(super) fn add(&mut self, n: usize) {
        self.len = (self.len + n).min(self.storage.len());
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.storage[..self.len]
    }
}
