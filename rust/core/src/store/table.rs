//! The keys of a space in memory: loaded once, then followed by the number of the last batch that was seen.
//!
//! A row never changes, so a table may lack the latest commits, which the next look brings. Removals are counted in the
//! index, and every look at it sees whether the count is still the one of the table, which begins anew if not: numbers
//! of batches and segments may then mean others. A table that has not looked may name rows that are gone: what is read
//! there has the right checksum, and is the vector, or it has not, and then the reader looks (`Store::get`).
//!
//! The numbers of the keys stand in a table of twice their number or more, a power of two, linear probing; beside each
//! number 32 bits of the key's hash, so that nearly every look compares one key, the right one. A look waits for memory
//! twice, so looks go through in blocks, first all slots, then all keys: the processor waits for many at a time. The
//! standard library's map in its place took 11 to 25 ms for 100,000 keys instead of 4.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::Path;

use rusqlite::Connection;

use super::Key;
use super::error::StoreError;
use super::index;
use super::segment::{self, Files, Location, Wanted};
use super::space::{self, Space};

/// Looks that go through together.
const BLOCK: usize = 64;

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

fn hash(key: &Key) -> u64 {
    let mut fold = Fold::default();
    fold.write(key);
    fold.finish()
}

/// A row of a space: one line of the processor's cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Entry {
    key: Key,
    place: Location,
}

/// The rows of one space in order of commit, which is their order on disk, and the number of each key.
#[derive(Debug, Default)]
pub(super) struct Table {
    last: i64,
    entries: Vec<Entry>,
    /// Upper half the hash's, lower half the number plus one; 0 is free.
    slots: Vec<u64>,
}

impl Table {
    /// Take in what was committed since.
    fn follow(&mut self, connection: &Connection, space: i64) -> Result<(), StoreError> {
        index::each_batch_of(connection, space, self.last, |batch| {
            if let Some(fault) = batch.fault() {
                return Err(StoreError::corrupt(fault));
            }
            self.reserve(batch.len())?;
            for (key, place) in batch.rows() {
                self.entries.push(Entry { key, place });
                enter(&mut self.slots, &self.entries, self.entries.len() - 1);
            }
            self.last = batch.id;
            Ok(())
        })
    }

    /// Make room for so many more keys.
    fn reserve(&mut self, more: usize) -> Result<(), StoreError> {
        let total = self.entries.len() + more;
        if u32::try_from(total).is_err() {
            return Err(StoreError::corrupt("index.sqlite: more than 2^32 rows"));
        }
        self.entries.reserve(more);
        if 2 * total > self.slots.len() {
            self.slots = vec![0; (2 * total).next_power_of_two()];
            for number in 0..self.entries.len() {
                enter(&mut self.slots, &self.entries, number);
            }
        }
        Ok(())
    }

    /// Call `take` with the position in `keys` of each key and its number, if it has one, until `take` says false.
    fn look(&self, keys: &[Key], mut take: impl FnMut(usize, Option<usize>) -> bool) {
        let mask = self.slots.len().wrapping_sub(1);
        for (block, keys) in keys.chunks(BLOCK).enumerate() {
            let mut firsts = [(0, 0); BLOCK];
            if !self.slots.is_empty() {
                for (first, key) in firsts.iter_mut().zip(keys) {
                    let hash = hash(key);
                    *first = (hash, self.slots[slot_of(hash, mask)]);
                }
            }
            for (i, (key, &(hash, first))) in keys.iter().zip(&firsts).enumerate() {
                if !take(BLOCK * block + i, self.number(key, hash, first)) {
                    return;
                }
            }
        }
    }

    /// The number of a key whose first slot holds `slot`.
    fn number(&self, key: &Key, hash: u64, mut slot: u64) -> Option<usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = slot_of(hash, mask);
        while slot != 0 {
            if slot & TAG == hash & TAG && self.entries[number_in(slot)].key == *key {
                return Some(number_in(slot));
            }
            at = (at + 1) & mask;
            slot = self.slots[at];
        }
        None
    }

    /// The positions of keys that are not stored.
    pub(super) fn missing(&self, keys: &[Key]) -> Vec<usize> {
        let mut missing = Vec::new();
        self.look(keys, |item, number| {
            if number.is_none() {
                missing.push(item);
            }
            true
        });
        missing
    }

    /// Where the keys lie, in order of place; keys not stored are left out.
    pub(super) fn locate(&self, keys: &[Key], dim: usize) -> Vec<Wanted> {
        let mut found = Vec::with_capacity(keys.len());
        self.look(keys, |item, number| {
            found.extend(number.map(|number| (number, item)));
            true
        });
        self.in_order(found, keys, dim)
    }

    /// The same, if every key is known already: a row stays where it is, so no look at the disk is needed.
    fn locate_all(&self, keys: &[Key], dim: usize) -> Option<Vec<Wanted>> {
        let mut found = Vec::with_capacity(keys.len());
        self.look(keys, |item, number| {
            found.extend(number.map(|number| (number, item)));
            number.is_some()
        });
        (found.len() == keys.len()).then(|| self.in_order(found, keys, dim))
    }

    fn in_order(&self, mut found: Vec<(usize, usize)>, keys: &[Key], dim: usize) -> Vec<Wanted> {
        found.sort_unstable();
        let wanted = |(number, item): (usize, usize)| Wanted {
            place: self.entries[number].place,
            item,
            seed: segment::seed(&keys[item], dim),
        };
        found.into_iter().map(wanted).collect()
    }
}

/// Enter the number of an entry. Of a key that stands there twice, which no writer does, the first counts.
fn enter(slots: &mut [u64], entries: &[Entry], number: usize) {
    let key = &entries[number].key;
    let (hash, mask) = (hash(key), slots.len() - 1);
    let mut at = slot_of(hash, mask);
    while slots[at] != 0 {
        if slots[at] & TAG == hash & TAG && entries[number_in(slots[at])].key == *key {
            return;
        }
        at = (at + 1) & mask;
    }
    slots[at] = (hash & TAG) | (number as u64 + 1);
}

/// The half of a slot that comes from the hash.
const TAG: u64 = !0 << 32;

/// Where the search for a hash begins.
#[allow(clippy::cast_possible_truncation, reason = "the mask cuts further")]
fn slot_of(hash: u64, mask: usize) -> usize {
    (hash as usize) & mask
}

#[allow(clippy::cast_possible_truncation, reason = "it is below 2^32")]
fn number_in(slot: u64) -> usize {
    (slot & !TAG) as usize - 1
}

/// The tables of the spaces that were asked for, and the segments that were read from.
#[derive(Debug)]
pub(super) struct Tables {
    // A space stays as it is until rows are removed, so it is looked up once.
    spaces: HashMap<String, (Space, Table)>,
    pub files: Files,
    /// How many removals they know of; none in version 1 of the format, which has no removals.
    removals: Option<i64>,
}

impl Tables {
    pub(super) fn new(folder: &Path, version: i64) -> Self {
        Self {
            spaces: HashMap::new(),
            files: Files::new(folder),
            removals: (version > 1).then_some(0),
        }
    }

    /// Forget everything if rows were removed since; whether that was so.
    pub(super) fn outdated(&mut self, connection: &Connection) -> Result<bool, StoreError> {
        let Some(known) = &mut self.removals else {
            return Ok(false);
        };
        let removals = index::removals(connection)?;
        let outdated = removals != *known;
        if outdated {
            *known = removals;
            self.spaces.clear();
            self.files.close();
        }
        Ok(outdated)
    }

    /// Where all the keys lie, if memory alone can tell and the width is the space's.
    pub(super) fn known(&self, fingerprint: &str, dim: usize, keys: &[Key]) -> Option<Vec<Wanted>> {
        let (space, table) = self.spaces.get(fingerprint)?;
        (space.dim == dim)
            .then(|| table.locate_all(keys, dim))
            .flatten()
    }

    /// The space of that fingerprint with its table as of now, if there is one, provided that its width is `dim`.
    ///
    /// One statement each: a snapshot of its own, without a transaction round it. The count of removals comes last: if
    /// it has not moved, nothing was removed before the other statements either.
    pub(super) fn current(
        &mut self,
        connection: &Connection,
        fingerprint: &str,
        dim: usize,
    ) -> Result<Option<&Table>, StoreError> {
        loop {
            if !self.spaces.contains_key(fingerprint) {
                let Some(space) = space::find(connection, fingerprint)? else {
                    return Ok(None);
                };
                self.spaces
                    .insert(fingerprint.to_owned(), (space, Table::default()));
            }
            if let Some((space, table)) = self.spaces.get_mut(fingerprint) {
                table.follow(connection, space.id)?;
            }
            if !self.outdated(connection)? {
                break;
            }
        }
        let Some((space, table)) = self.spaces.get(fingerprint) else {
            return Ok(None);
        };
        space.with_width(fingerprint, dim)?;
        Ok(Some(table))
    }
}
