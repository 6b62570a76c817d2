//! The keys of a space in memory: loaded once, then followed by the number of the last batch that was seen.
//!
//! Rows never change and never go, so a table may lack the latest commits, which the next look brings, but is
//! never wrong.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use rusqlite::Connection;

use super::Key;
use super::error::StoreError;
use super::index::{self, Space};
use super::segment::Location;

/// Keys are digests already: folding their words spreads them.
#[derive(Default)]
pub(super) struct Fold(u64);

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.as_chunks().0 {
            self.write_u64(u64::from_le_bytes(*word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        // Knuth's multiplier; the shift brings the well mixed half down.
        let mixed = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }

    /// The length that stands before every key says nothing.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// How sets and maps of keys hash them.
pub(super) type Folding = BuildHasherDefault<Fold>;

/// The rows of one space in order of commit, which is their order on disk, and the number of each key.
#[derive(Debug, Default)]
pub(super) struct Table {
    last: i64,
    numbers: HashMap<Key, u32, Folding>,
    locations: Vec<Location>,
}

impl Table {
    /// Take in what was committed since.
    fn follow(&mut self, connection: &Connection, space: i64) -> Result<(), StoreError> {
        index::each_batch_of(connection, space, self.last, |batch| {
            if let Some(fault) = batch.fault() {
                return Err(StoreError::corrupt(fault));
            }
            self.locations.reserve(batch.len());
            for (key, location) in batch.rows() {
                let number = u32::try_from(self.locations.len())
                    .map_err(|_| StoreError::corrupt("index.sqlite: more than 2^32 rows"))?;
                // Of a key that stands there twice, which no writer does, the first counts.
                if let Entry::Vacant(free) = self.numbers.entry(key) {
                    free.insert(number);
                }
                self.locations.push(location);
            }
            self.last = batch.id;
            Ok(())
        })
    }

    /// Whether the key is stored.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.numbers.contains_key(key)
    }

    /// Where the keys lie, with the position of each in `keys`, in order of place; keys not stored are left out.
    pub(super) fn locate(&self, keys: &[Key]) -> Vec<(Location, usize)> {
        let number = |(item, key)| Some((*self.numbers.get(key)?, item));
        self.in_order(keys.iter().enumerate().filter_map(number).collect())
    }

    /// The same, if every key is known already: a row stays where it is, so no look at the disk is needed.
    fn locate_all(&self, keys: &[Key]) -> Option<Vec<(Location, usize)>> {
        let number = |(item, key)| Some((*self.numbers.get(key)?, item));
        let found: Option<Vec<_>> = keys.iter().enumerate().map(number).collect();
        found.map(|found| self.in_order(found))
    }

    fn in_order(&self, mut found: Vec<(u32, usize)>) -> Vec<(Location, usize)> {
        found.sort_unstable();
        found
            .into_iter()
            .map(|(number, item)| (self.locations[number as usize], item))
            .collect()
    }
}

/// The tables of the spaces that were asked for.
#[derive(Debug, Default)]
pub(super) struct Tables {
    // A space never changes, so it is looked up once.
    spaces: HashMap<String, (Space, Table)>,
}

impl Tables {
    /// Where all the keys lie, if memory alone can tell and the width is the space's.
    pub(super) fn known(
        &self,
        fingerprint: &str,
        dim: usize,
        keys: &[Key],
    ) -> Option<Vec<(Location, usize)>> {
        let (space, table) = self.spaces.get(fingerprint)?;
        (space.dim == dim).then(|| table.locate_all(keys)).flatten()
    }

    /// The space of that fingerprint with its table as of now, if there is one, provided that its width is `dim`.
    ///
    /// One statement each: a snapshot of its own, without a transaction round it.
    pub(super) fn current(
        &mut self,
        connection: &Connection,
        fingerprint: &str,
        dim: usize,
    ) -> Result<Option<&Table>, StoreError> {
        if !self.spaces.contains_key(fingerprint) {
            let Some(space) = index::find_space(connection, fingerprint)? else {
                return Ok(None);
            };
            self.spaces
                .insert(fingerprint.to_owned(), (space, Table::default()));
        }
        let Some((space, table)) = self.spaces.get_mut(fingerprint) else {
            return Ok(None);
        };
        space.with_width(fingerprint, dim)?;
        table.follow(connection, space.id)?;
        Ok(Some(table))
    }
}
