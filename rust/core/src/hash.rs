//! BLAKE3 digests of rows of text fields: the keys of the embedding store and of every record.
//!
//! `digest = BLAKE3( len(domain) | domain | for each field: len(field) | field )`
//!
//! where every `len` is a `u64`, little-endian, counting UTF-8 bytes. The encoding can be read back field by field, so two
//! different rows never share an encoding; the domain names what is hashed and the version of its layout. Text is hashed as
//! it is, without Unicode normalisation. BLAKE3 is the crate `blake3` (<https://github.com/BLAKE3-team/BLAKE3-specs>).
//!
//! O(bytes) time. A row of up to 1,024 encoded bytes waits for others of as many blocks, and as many rows as the processor has
//! lanes are hashed at once (`simd`); a longer row is hashed alone. Memory: below 160 KiB a thread. Threads take runs of rows of
//! about equal bytes; a digest depends on its row alone, so the result is the same for every thread count.

use std::num::NonZeroUsize;
use std::thread;

use thiserror::Error;

use crate::simd::blake3::{self as simd, BLOCK_BYTES, CHUNK_BYTES};

/// Bytes in a digest.
pub const DIGEST_BYTES: usize = blake3::OUT_LEN;

/// Fewer bytes than this are not worth another thread.
const BYTES_PER_THREAD: usize = 1 << 18;

/// Why rows cannot be hashed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HashError {
    /// No column was given, so there is no row count.
    #[error(
        "columns: expected at least one list of strings, got none; pass one list for each field"
    )]
    NoColumns,
    /// A column does not have as many rows as the first.
    #[error(
        "columns[{column}]: has {found} rows, columns[0] has {expected}; pass lists of one length"
    )]
    Lengths {
        /// Index of the column.
        column: usize,
        /// Its rows.
        found: usize,
        /// Rows of the first column.
        expected: usize,
    },
}

/// One digest for each row; row `i` is `columns[0][i], columns[1][i], ...`.
///
/// # Errors
///
/// [`HashError::NoColumns`] without columns, [`HashError::Lengths`] if they differ in length.
///
/// # Examples
///
/// ```
/// use diptych_core::hash::hash_rows;
/// use std::num::NonZeroUsize;
///
/// let digests = hash_rows("example/1", &[vec!["a", "b"], vec!["x", "x"]], NonZeroUsize::MIN)?;
/// assert_eq!(digests.len(), 2);
/// assert_ne!(digests[0], digests[1]);
/// # Ok::<(), diptych_core::hash::HashError>(())
/// ```
pub fn hash_rows<S: AsRef<str> + Sync>(
    domain: &str,
    columns: &[Vec<S>],
    threads: NonZeroUsize,
) -> Result<Vec<[u8; DIGEST_BYTES]>, HashError> {
    let n_rows = check_lengths(columns.iter().map(Vec::len))?;
    let mut digests = vec![[0; DIGEST_BYTES]; n_rows];
    hash_rows_into(domain, columns, threads, &mut digests);
    Ok(digests)
}

/// How many rows columns of these lengths have.
///
/// # Errors
///
/// As [`hash_rows`].
pub fn check_lengths(lengths: impl IntoIterator<Item = usize>) -> Result<usize, HashError> {
    let mut lengths = lengths.into_iter();
    let expected = lengths.next().ok_or(HashError::NoColumns)?;
    match lengths.enumerate().find(|(_, found)| *found != expected) {
        Some((index, found)) => Err(HashError::Lengths {
            column: index + 1,
            found,
            expected,
        }),
        None => Ok(expected),
    }
}

/// [`hash_rows`] into memory of the caller's.
///
/// # Panics
///
/// If a column has fewer rows than `out`.
pub fn hash_rows_into<S: AsRef<str> + Sync>(
    domain: &str,
    columns: &[Vec<S>],
    threads: NonZeroUsize,
    out: &mut [[u8; DIGEST_BYTES]],
) {
    let mut prefix = Vec::new();
    push_field(&mut prefix, domain);
    let ends = runs(columns, out.len(), threads);
    if ends.len() < 2 {
        return hash_run(&prefix, columns, 0, out);
    }
    thread::scope(|scope| {
        let (mut first, mut rest) = (0, out);
        for end in ends {
            let (run, tail) = rest.split_at_mut(end - first);
            let prefix = &prefix;
            scope.spawn(move || hash_run(prefix, columns, first, run));
            (first, rest) = (end, tail);
        }
    });
}

/// Where the run of each thread ends: runs of about equal bytes, never more of them than are worth a thread.
fn runs<S: AsRef<str>>(columns: &[Vec<S>], n_rows: usize, threads: NonZeroUsize) -> Vec<usize> {
    if threads == NonZeroUsize::MIN {
        return vec![n_rows];
    }
    let bytes = |row: usize| row_bytes(columns, row);
    let total: usize = (0..n_rows).map(bytes).sum();
    let each = total.div_ceil(threads.get()).max(BYTES_PER_THREAD);
    let (mut ends, mut taken) = (Vec::new(), 0);
    for row in 0..n_rows {
        taken += bytes(row);
        if taken >= each {
            ends.push(row + 1);
            taken = 0;
        }
    }
    if ends.last() != Some(&n_rows) {
        ends.push(n_rows);
    }
    ends
}

/// Bytes of the fields of a row with their lengths, as the encoding has them.
fn row_bytes<S: AsRef<str>>(columns: &[Vec<S>], row: usize) -> usize {
    let field = |column: &Vec<S>| size_of::<u64>() + column[row].as_ref().len();
    columns.iter().map(field).sum()
}

/// Digests of rows `first ..` into `out`.
fn hash_run<S: AsRef<str>>(
    prefix: &[u8],
    columns: &[Vec<S>],
    first: usize,
    out: &mut [[u8; DIGEST_BYTES]],
) {
    let mut waiting: [Waiting; CHUNK_BYTES / BLOCK_BYTES] = Default::default();
    let lanes = simd::lanes().max(1);
    for i in 0..out.len() {
        let length = prefix.len() + row_bytes(columns, first + i);
        if length > CHUNK_BYTES {
            out[i] = hash_alone(prefix, columns, first + i);
            continue;
        }
        // The prefix alone has 8 bytes, so there is always a block.
        let n_blocks = length.div_ceil(BLOCK_BYTES);
        let group = &mut waiting[n_blocks - 1];
        group.slots.extend_from_slice(prefix);
        for column in columns {
            push_field(&mut group.slots, column[first + i].as_ref());
        }
        group.rows.push(i);
        group.lengths.push(length);
        group
            .slots
            .resize(group.rows.len() * n_blocks * BLOCK_BYTES, 0);
        if group.rows.len() == lanes {
            group.hash(n_blocks, out);
        }
    }
    for (i, group) in waiting.iter_mut().enumerate() {
        group.hash(i + 1, out);
    }
}

/// Encoded rows of one block count that wait for a full group.
#[derive(Default)]
struct Waiting {
    slots: Vec<u8>,
    lengths: Vec<usize>,
    rows: Vec<usize>,
}

impl Waiting {
    /// Hash what waits, and start anew.
    fn hash(&mut self, n_blocks: usize, out: &mut [[u8; DIGEST_BYTES]]) {
        let digests = simd::hash_group(&simd::Group {
            n_blocks,
            slots: &self.slots,
            lengths: &self.lengths,
        });
        for (row, digest) in self.rows.drain(..).zip(digests) {
            out[row] = digest;
        }
        self.slots.clear();
        self.lengths.clear();
    }
}

/// A row of more than one chunk.
fn hash_alone<S: AsRef<str>>(prefix: &[u8], columns: &[Vec<S>], row: usize) -> [u8; DIGEST_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(prefix);
    for column in columns {
        let field = column[row].as_ref();
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finalize().into()
}

fn push_field(encoding: &mut Vec<u8>, field: &str) {
    encoding.extend_from_slice(&(field.len() as u64).to_le_bytes());
    encoding.extend_from_slice(field.as_bytes());
}
