//! Rows go behind the last committed one, in as many segments as they need.

use std::path::Path;

use rusqlite::Connection;

use super::Key;
use super::error::StoreError;
use super::index;
use super::segment;
use super::space::Space;

/// Appends within one transaction.
pub(super) struct Appender<'a> {
    pub folder: &'a Path,
    pub transaction: &'a Connection,
    /// A segment grows to at most this many bytes.
    pub segment_bytes: u64,
    /// Segments up to this number take no more rows.
    pub beyond: i64,
    /// Segments with rows that are not yet durable, and whether their file is new.
    touched: Vec<(i64, bool)>,
}

impl<'a> Appender<'a> {
    pub(super) fn new(folder: &'a Path, transaction: &'a Connection, segment_bytes: u64) -> Self {
        Self {
            folder,
            transaction,
            segment_bytes,
            beyond: 0,
            touched: Vec::new(),
        }
    }

    /// Append the rows `items` of the arrays, ascending, and enter them as put in at `created`.
    pub(super) fn append(
        &mut self,
        space: Space,
        arrays: (&[Key], &[f32]),
        items: &[usize],
        created: i64,
    ) -> Result<(), StoreError> {
        let capacity = (self.segment_bytes / segment::bytes_of(1, space.dim)).max(1);
        let mut rest = items;
        while !rest.is_empty() {
            let target =
                index::segment_with_room(self.transaction, space.dim, capacity, self.beyond)?;
            let room = usize::try_from(capacity - target.rows).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(room.min(rest.len()));
            let end = (target.id, target.rows);
            let entries = segment::append(self.folder, end, space.dim, arrays, now)?;
            index::enter(self.transaction, space, target, &entries, created)?;
            if self.touched.last().is_none_or(|(id, _)| *id != target.id) {
                self.touched.push((target.id, target.rows == 0));
            }
            rest = later;
        }
        Ok(())
    }

    /// Make the rows durable, which must be done before the commit that names them.
    pub(super) fn sync(self) -> Result<(), StoreError> {
        for &(segment, new) in &self.touched {
            segment::sync(self.folder, segment, new)?;
        }
        Ok(())
    }
}
