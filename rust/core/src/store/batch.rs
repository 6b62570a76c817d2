//! A line of the table `batches`: the keys and checksums of rows that lie one after another.

use twox_hash::XxHash3_64;

use super::segment::Location;
use super::{KEY_BYTES, Key};

/// Bytes of an entry: a key, and the checksum of its row.
const ENTRY_BYTES: usize = KEY_BYTES + size_of::<u64>();
/// More rows than this stand in several batches, so that a blob stays small.
pub(super) const BATCH_ROWS: usize = 4096;

/// A line of the table, as it is stored.
#[derive(Debug)]
pub(super) struct Batch {
    pub id: i64,
    pub space: i64,
    pub segment: i64,
    /// Where its first row lies.
    pub row: u64,
    pub entries: Vec<u8>,
    pub checksum: u64,
}

impl Batch {
    /// A batch without its number.
    pub(super) fn new(space: i64, segment: i64, row: u64, rows: &[(Key, u64)]) -> Self {
        let mut entries = Vec::with_capacity(rows.len() * ENTRY_BYTES);
        for (key, checksum) in rows {
            entries.extend_from_slice(key);
            entries.extend_from_slice(&checksum.to_le_bytes());
        }
        let mut batch = Self {
            id: 0,
            space,
            segment,
            row,
            entries,
            checksum: 0,
        };
        batch.checksum = batch.actual_checksum();
        batch
    }

    /// XXH3-64 of the entries, seeded by that of where they belong.
    fn actual_checksum(&self) -> u64 {
        let mut place = [0; 24];
        place[..8].copy_from_slice(&self.space.to_le_bytes());
        place[8..16].copy_from_slice(&self.segment.to_le_bytes());
        place[16..].copy_from_slice(&self.row.to_le_bytes());
        XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(&place), &self.entries)
    }

    /// What is wrong with it, in words.
    pub(super) fn fault(&self) -> Option<String> {
        let (id, length) = (self.id, self.entries.len());
        if length % ENTRY_BYTES != 0 {
            return Some(format!(
                "index.sqlite batch {id}: {length} bytes, expected a multiple of {ENTRY_BYTES}"
            ));
        }
        let (found, expected) = (self.actual_checksum(), self.checksum);
        (found != expected).then(|| {
            format!("index.sqlite batch {id}: checksum {found:#018x}, expected {expected:#018x}")
        })
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.entries.len() / ENTRY_BYTES
    }

    /// Each key, and where its row lies.
    pub(super) fn rows(&self) -> impl Iterator<Item = (Key, Location)> {
        let entries: &[[u8; ENTRY_BYTES]] = self.entries.as_chunks().0;
        entries.iter().zip(0_u64..).map(|(entry, i)| {
            let (mut key, mut checksum) = ([0; KEY_BYTES], [0; 8]);
            key.copy_from_slice(&entry[..KEY_BYTES]);
            checksum.copy_from_slice(&entry[KEY_BYTES..]);
            let location = Location {
                segment: self.segment,
                row: self.row.saturating_add(i),
                checksum: u64::from_le_bytes(checksum),
            };
            (key, location)
        })
    }
}
