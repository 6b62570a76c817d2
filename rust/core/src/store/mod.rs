//! Vectors on disk by (space, digest): append-only segment files, `SQLite` as the truth.
//!
//! # Format, version 2
//!
//! A store is a folder (mode 0700, its files 0600):
//!
//! | path | content |
//! |---|---|
//! | `index.sqlite` | `SQLite` 3, `application_id` 0x64697074 ("dipt"), `user_version` 2, WAL mode |
//! | `index.sqlite-wal`, `-shm` | its log; they belong to it and stay when the store is closed |
//! | `segments/NNNNNN.f32` | rows of one width, decimal number of at least six digits |
//!
//! A segment of width `d` is nothing but rows: row `r` is the bytes `4 d r .. 4 d (r + 1)`, `d` IEEE 754 binary32
//! values, little-endian. There is no header. Bytes beyond the committed rows are what a crashed writer left: they do
//! not exist and the next append overwrites them. A segment takes rows until the next would pass 1 GiB.
//!
//! | table | columns |
//! |---|---|
//! | `spaces` | `id`, `fingerprint` (text, unique), `dim`, `created` (seconds since 1970), `checksum` |
//! | `segments` | `id` (the number in the file name), `dim`, `rows` (committed) |
//! | `batches` | `id`, `space`, `segment`, `row` (where the first row lies), `entries`, `checksum`, `created` |
//! | `removals` | `count`: one line, how often rows were removed |
//!
//! `entries` is a blob of 40 bytes a row, for rows that lie one after another: the key's 32 bytes, then the row's
//! checksum as little-endian u64. That is XXH3-64 of the row's `4 d` bytes, its seed the XXH3-64 (seed 0) of the key's 32
//! bytes and `dim` as little-endian u32. `checksum` is XXH3-64 of `entries`, its seed the XXH3-64 (seed 0) of `space`,
//! `segment` and `row` as little-endian i64, stored as the two's-complement i64 of the same bits. A batch of the table
//! has at most 4,096 rows; a put enters as many as it needs. An SQL index over `batches (space)` finds those of a space.
//! `created` is when its rows were put in, in seconds since 1970. The checksum of a space is XXH3-64 of its fingerprint,
//! its seed the XXH3-64 (seed 0) of `id` and `dim` as little-endian 64 bits.
//!
//! Version 1 had neither `spaces.checksum` nor `batches.created` nor `removals`. A reader takes it as it is; who opens it
//! to write adds them.
//!
//! # Protocol
//!
//! A put is one `BEGIN IMMEDIATE` transaction (`synchronous = FULL`): append the new rows behind the last committed
//! one, `fdatasync` the segment (and the folder, when the segment is new), enter keys and checksums, commit.
//! Other writers, in this or any process, wait for `SQLite`'s write lock meanwhile. A crash at any point leaves what the last commit
//! describes. A row never changes: the first vector of a key is its vector until it is removed, because a
//! recomputed one differs in the last bits (it depends on the batch it was computed in). How rows are removed: `gc`.
//!
//! Each connection keeps the keys of the spaces it was asked for in memory. A put, and a get of a key that is not among
//! them, first reads the batches committed since, by number, in one snapshot; whose checksum is wrong, serves nothing. A get then reads the
//! segments without a lock, in order of place with adjacent rows in one vectored read, straight to where they were
//! asked for, and checks every checksum before anything is returned.
//!
//! # Cost
//!
//! For `n` keys: put and get O(n d) bytes and one look into a hash table a key; two syncs a put, whatever its size (rows
//! before the commit that names them; with one, a crash could leave a commit without its rows). The first call on a
//! space reads all its keys: O(N), about 0.1 µs and at most 160 bytes of memory a key (100,000 keys: 10 ms). For its work
//! a get needs at most 160 bytes a key.
//! On disk 4 d bytes and about 41 bytes of index a row, plus the log (at most about 4 MB).
//!
//! # Tried and dropped
//!
//! Memory-mapped reads: a file that shrinks kills the process by SIGBUS, and a full disk does so on a mapped write.
//! A table of one line a key, by (space, key): random inserts into a tree touch a page a key; writing took 2 to 5 times
//! as long, and looking 100,000 keys up by SQL longer than reading their vectors.
//! A system call a row, 1.2 µs of 2.0, is what scattered small requests cost (32 of 100,000 keys a call); mapped pages
//! need none, and reading them safely needs `process_vm_readv` and unsafe code. Asking `SQLite` for later commits on every get, also of known keys: 10 µs a call.
//! Reading runs into a buffer and copying rows out of it: 53 ms for 100,000 rows of 1,536 bytes, scattered by the system 54.
//! XXH3 at the width of the registers that every processor has: 110 ns a row, at the width that is there 58. A key's seed
//! where its row is checked, in order of place, not where it is looked up: a wait for memory a row.

mod append;
mod batch;
mod error;
mod gather;
mod gc;
mod index;
mod schema;
mod segment;
mod session;
mod space;
mod table;
mod verify;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use error::StoreError;
pub use gc::{Removal, Removed};
pub use space::SpaceStats;

use crate::finite::first_odd;
use append::Appender;
use error::{index_error, io_error};
use gc::Steps;
use segment::Location;
use session::Session;
use table::{Folding, Table};

/// Bytes of a key: a 256-bit digest.
pub const KEY_BYTES: usize = 32;
/// Largest width of a vector.
pub const MAX_DIM: usize = 1 << 20;
/// A segment grows to at most this many bytes.
pub const SEGMENT_BYTES: u64 = 1 << 30;
/// `user_version` of the format described above.
pub const VERSION: i64 = 2;
/// `application_id` of the format: "dipt".
pub const APPLICATION_ID: i64 = 0x6469_7074;

const VALUE_BYTES: usize = size_of::<f32>();

/// A digest.
pub type Key = [u8; KEY_BYTES];

/// How to open a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Create nothing and write nothing.
    pub read_only: bool,
    /// A segment grows to at most this many bytes (but holds one row at least).
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_only: false,
            segment_bytes: SEGMENT_BYTES,
        }
    }
}

/// An open store. All methods take `&self`; threads and processes may share one.
///
/// In a forked child the first call closes the inherited connection and opens one of the child's own.
///
/// # Examples
///
/// ```
/// use diptych_core::store::{Options, Store};
///
/// let folder = tempfile::tempdir()?;
/// let store = Store::open(folder.path(), Options::default())?;
/// assert_eq!(store.put("model@1", &[[7; 32]], 2, &[0.5, -1.0])?, 1);
/// let (mut vectors, mut found) = ([0.0; 4], [false; 2]);
/// let threads = std::num::NonZeroUsize::MIN;
/// store.get("model@1", &[[9; 32], [7; 32]], 2, &mut vectors, &mut found, threads)?;
/// assert_eq!((vectors, found), ([0.0, 0.0, 0.5, -1.0], [false, true]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Store {
    session: Session,
    segment_bytes: u64,
}

impl Store {
    /// Open the store at `folder`; create it unless `options.read_only`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`], [`NotAStore`](StoreError::NotAStore), [`NewerVersion`](StoreError::NewerVersion),
    /// [`Corrupt`](StoreError::Corrupt), or what the file system says. Nothing that was there is changed.
    pub fn open(folder: &Path, options: Options) -> Result<Self, StoreError> {
        // A relative path would mean another folder after a change of directory.
        let folder: PathBuf =
            std::path::absolute(folder).map_err(io_error(".", "resolving the path"))?;
        Ok(Self {
            session: Session::new(folder, options.read_only)?,
            segment_bytes: options.segment_bytes,
        })
    }

    /// Store the rows whose key is not in the space yet, durably, all or nothing; return how many were new.
    ///
    /// `vectors` holds one row of `dim` values for each key. Of equal keys in one call the first wins.
    ///
    /// # Errors
    ///
    /// A width that is not the space's, a wrong number of values, a value that is not finite, a store opened
    /// read-only, a full disk, damage. Nothing of the batch is stored then.
    pub fn put(
        &self,
        space: &str,
        keys: &[Key],
        dim: usize,
        vectors: &[f32],
    ) -> Result<usize, StoreError> {
        check_shape(keys.len(), dim, vectors.len())?;
        if let Some(at) = first_odd(vectors) {
            return Err(StoreError::NotFinite {
                row: at / dim,
                column: at % dim,
                value: vectors[at],
            });
        }
        if self.session.read_only {
            return Err(StoreError::ReadOnly);
        }
        self.session.with(|index| {
            let transaction = locked(&mut index.connection)?;
            // Before anything is written, so that the table knows of nothing that may be rolled back.
            let table = index.tables.current(&transaction, space, dim)?;
            let fresh = fresh_items(table, keys);
            if fresh.is_empty() {
                return Ok(0);
            }
            let space = space::of_width(&transaction, space, dim)?;
            let mut appender =
                Appender::new(&self.session.folder, &transaction, self.segment_bytes);
            appender.append(space, (keys, vectors), &fresh, schema::now())?;
            appender.sync()?;
            transaction.commit().map_err(index_error("committing"))?;
            Ok(fresh.len())
        })
    }

    /// Copy the vectors of `keys` into `vectors` (row-major, `dim` values each) and set `found`.
    ///
    /// Rows that are not stored are left as they are, or zero where another process is removing rows meanwhile.
    ///
    /// # Errors
    ///
    /// A width that is not the space's, wrong lengths, or damage; on an error nothing in `vectors` may be used.
    pub fn get(
        &self,
        space: &str,
        keys: &[Key],
        dim: usize,
        vectors: &mut [f32],
        found: &mut [bool],
        threads: NonZeroUsize,
    ) -> Result<(), StoreError> {
        check_shape(keys.len(), dim, vectors.len())?;
        check_shape(keys.len(), 1, found.len())?;
        let look = |vectors: &mut [f32], found: &mut [bool]| -> Result<(), StoreError> {
            found.fill(false);
            let places = self.session.with(|index| {
                Ok(match index.tables.known(space, dim, keys) {
                    Some(places) => places,
                    None => index
                        .tables
                        .current(&index.connection, space, dim)?
                        .map_or_else(Vec::new, |table| table.locate(keys, dim)),
                })
            })?;
            for part in segment::parts(&places) {
                let reader = self
                    .session
                    .with(|index| index.tables.files.reader(dim, part))?;
                gather::gather(&reader, part, dim, vectors, threads)?;
            }
            for wanted in &places {
                found[wanted.item] = true;
            }
            Ok(())
        };
        loop {
            let done = look(vectors, found);
            // Of rows that were removed meanwhile the checksum is wrong, or there is no file.
            let gone = matches!(done, Err(StoreError::Corrupt { .. }))
                && self
                    .session
                    .with(|index| index.tables.outdated(&index.connection))?;
            if !gone {
                return done;
            }
            vectors.fill(0.0);
        }
    }

    /// Every key of a space, in order of commit; none if there is no such space.
    ///
    /// # Errors
    ///
    /// If the index cannot be read, or a batch of it is damaged.
    pub fn keys(&self, space: &str) -> Result<Vec<Key>, StoreError> {
        self.session.with(|index| {
            let mut keys = Vec::new();
            if let Some(space) = space::find(&index.connection, space)? {
                index::each_batch_of(&index.connection, space.id, 0, |batch| {
                    if let Some(fault) = batch.fault() {
                        return Err(StoreError::corrupt(fault));
                    }
                    keys.extend(batch.rows().map(|(key, _)| key));
                    Ok(())
                })?;
            }
            Ok(keys)
        })
    }

    /// What each space holds, in order of creation.
    ///
    /// # Errors
    ///
    /// If the index cannot be read.
    pub fn stats(&self) -> Result<Vec<SpaceStats>, StoreError> {
        self.session.with(|index| space::stats(&index.connection))
    }

    /// Read every row and check it: one sentence a fault, empty when all is well.
    ///
    /// # Errors
    ///
    /// If the index or a file cannot be read at all.
    pub fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.session.with(|index| {
            loop {
                let transaction = snapshot(&mut index.connection, "reading every row")?;
                let faults = verify::faults(&self.session.folder, &transaction);
                drop(transaction);
                // Files that were removed meanwhile are no fault.
                let whole = faults.as_ref().is_ok_and(Vec::is_empty);
                if whole || !index.tables.outdated(&index.connection)? {
                    return faults;
                }
            }
        })
    }

    /// Remove rows, and files that no row lies in; with `dry_run` only say which.
    ///
    /// Whole batches go, as they were put in. Other processes may read and write meanwhile; a row that is removed may be
    /// served once more by one that has its segment open.
    ///
    /// # Errors
    ///
    /// A store opened read-only, a full disk, or damage to a row that has to be moved; what is removed by then is
    /// removed, everything else intact.
    pub fn gc(&self, removal: &Removal, dry_run: bool) -> Result<Removed, StoreError> {
        let folder = &self.session.folder;
        if dry_run {
            return self.session.with(|index| {
                let transaction = snapshot(&mut index.connection, "reading the index")?;
                gc::plan(folder, &transaction, removal)
            });
        }
        if self.session.read_only {
            return Err(StoreError::ReadOnly);
        }
        let mut steps = Steps::new(folder, removal, self.segment_bytes);
        let mut more = true;
        while more {
            more = self.session.with(|index| {
                let transaction = locked(&mut index.connection)?;
                let more = steps.step(&transaction)?;
                transaction.commit().map_err(index_error("committing"))?;
                Ok(more)
            })?;
        }
        Ok(steps.removed)
    }
}

/// Version of the `SQLite` that is compiled in; before 3.51.3 a race could lose committed pages of the log.
///
/// # Examples
///
/// ```
/// assert!(diptych_core::store::sqlite_version() >= 3_051_003);
/// ```
#[must_use]
pub fn sqlite_version() -> i32 {
    rusqlite::version_number()
}

/// A transaction that holds the write lock.
fn locked(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(index_error("waiting for the write lock"))
}

/// A transaction that sees one state of the index.
fn snapshot<'a>(
    connection: &'a mut Connection,
    action: &'static str,
) -> Result<Transaction<'a>, StoreError> {
    connection
        .transaction_with_behavior(TransactionBehavior::Deferred)
        .map_err(index_error(action))
}

fn check_shape(keys: usize, dim: usize, given: usize) -> Result<(), StoreError> {
    if dim == 0 || dim > MAX_DIM {
        return Err(StoreError::Width { dim });
    }
    let expected = keys.saturating_mul(dim);
    if given == expected {
        Ok(())
    } else {
        Err(StoreError::Length {
            keys,
            dim,
            expected,
            given,
        })
    }
}

/// The positions of the keys that are neither stored nor earlier in the batch.
fn fresh_items(table: Option<&Table>, keys: &[Key]) -> Vec<usize> {
    let mut fresh = table.map_or_else(|| (0..keys.len()).collect(), |table| table.missing(keys));
    let mut seen = HashSet::<&Key, Folding>::default();
    seen.reserve(fresh.len());
    fresh.retain(|&item| seen.insert(&keys[item]));
    fresh
}

/// The sentence for a row whose bytes are not what was written.
fn wrong_checksum(place: Location, found: u64) -> String {
    let (name, row, expected) = (segment::name(place.segment), place.row, place.checksum);
    format!("{name} row {row}: checksum {found:#018x}, index.sqlite has {expected:#018x}")
}
