//! BLAKE3 digests of rows of text fields: the keys of the embedding store and of every record.
//!
//! `digest = BLAKE3( len(domain) | domain | for each field: len(field) | field )`
//!
//! where every `len` is a `u64`, little-endian, counting UTF-8 bytes. The encoding can be read back field by field, so two
//! different rows never share an encoding; the domain names what is hashed and the version of its layout. Text is hashed as
//! it is, without Unicode normalisation. BLAKE3 is the crate `blake3` (<https://github.com/BLAKE3-team/BLAKE3-specs>).
//!
//! O(bytes) time, one hasher and 32 bytes a row of memory. Rows are split into one run a thread; a digest depends on its row
//! alone, so the result is the same for every thread count.

use std::num::NonZeroUsize;
use std::thread;

use thiserror::Error;

/// Bytes in a digest.
pub const DIGEST_BYTES: usize = blake3::OUT_LEN;

/// Fewer rows than this are not worth another thread.
const ROWS_PER_THREAD: usize = 4096;

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
    let n_rows = check_lengths(columns)?;
    let mut prefix = blake3::Hasher::new();
    update_field(&mut prefix, domain);

    let mut digests = vec![[0; DIGEST_BYTES]; n_rows];
    let run = n_rows.div_ceil(threads.get()).max(ROWS_PER_THREAD);
    if run >= n_rows {
        hash_run(&prefix, columns, 0, &mut digests);
    } else {
        thread::scope(|scope| {
            for (i, out) in digests.chunks_mut(run).enumerate() {
                let prefix = &prefix;
                scope.spawn(move || hash_run(prefix, columns, i * run, out));
            }
        });
    }
    Ok(digests)
}

fn check_lengths<S>(columns: &[Vec<S>]) -> Result<usize, HashError> {
    let expected = columns.first().ok_or(HashError::NoColumns)?.len();
    match columns.iter().position(|column| column.len() != expected) {
        Some(column) => Err(HashError::Lengths {
            column,
            found: columns[column].len(),
            expected,
        }),
        None => Ok(expected),
    }
}

/// Digests of rows `first ..` into `out`.
fn hash_run<S: AsRef<str>>(
    prefix: &blake3::Hasher,
    columns: &[Vec<S>],
    first: usize,
    out: &mut [[u8; DIGEST_BYTES]],
) {
    for (i, digest) in out.iter_mut().enumerate() {
        let mut hasher = prefix.clone();
        for column in columns {
            update_field(&mut hasher, column[first + i].as_ref());
        }
        *digest = *hasher.finalize().as_bytes();
    }
}

fn update_field(hasher: &mut blake3::Hasher, field: &str) {
    hasher.update(&(field.len() as u64).to_le_bytes());
    hasher.update(field.as_bytes());
}
