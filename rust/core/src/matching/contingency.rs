//! Contingency tables.
#![allow(
    clippy::inline_always,
    clippy::needless_range_loop,
    clippy::similar_names,
    clippy::type_complexity,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    clippy::too_many_arguments,
    reason = "lanes are written out so that wide vectors take them; indices fit a slice"
)]

use std::ops::{AddAssign, Range};

use super::{MatchingError, zeros};
use crate::parallel::{blocks, run};
use crate::simd::scan::wide;

/// Items whose cells are computed together: they stay in the first cache.
const CHUNK: usize = 1024;
/// Tables of so many cells are counted in 16 bits: they stay in the first cache, and are emptied often.
const SMALL: usize = 12_000;

/// Count items by pair of labels: `n_a` rows of `n_b` counts. Items with a label of -1 (noise) are not counted.
///
/// The result is the same for every value of `threads`.
///
/// # Errors
///
/// [`MatchingError`]: lengths that differ, a label below -1 or not below its `n` (the first such item is named),
/// `threads` of 0, a table too large for memory.
///
/// # Examples
///
/// ```
/// let counts = diptych_core::matching::contingency(&[0, 0, 1, -1], &[1, 1, 0, 0], 2, 2, 1)?;
/// assert_eq!(counts, [0, 2, 1, 0]);
/// # Ok::<(), diptych_core::matching::MatchingError>(())
/// ```
pub fn contingency(
    labels_a: &[i32],
    labels_b: &[i32],
    n_a: usize,
    n_b: usize,
    threads: usize,
) -> Result<Vec<i64>, MatchingError> {
    let items = labels_a.len();
    if items != labels_b.len() {
        return Err(MatchingError::Lengths {
            a: items,
            b: labels_b.len(),
        });
    }
    if threads == 0 {
        return Err(MatchingError::NoThreads);
    }
    let mut total = zeros::<i64>(n_a, n_b)?;
    // Cells are counted in 32 bits; a table of more would take 48 GiB.
    if n_a.saturating_add(1).saturating_mul(n_b.saturating_add(1)) > u32::MAX as usize {
        return Err(MatchingError::TooLarge { n_a, n_b });
    }
    let useful = threads.min(items / total.len().max(CHUNK)).max(1);
    let count = |block: Range<u64>| {
        if total.len() <= SMALL {
            count_block::<u16>(labels_a, labels_b, n_a, n_b, block)
        } else {
            count_block::<u32>(labels_a, labels_b, n_a, n_b, block)
        }
    };
    let tables = run(blocks(0..items as u64, useful), count)
        .map_err(|error| MatchingError::spawn(threads, &error))?;
    for table in tables {
        for (sum, count) in total.iter_mut().zip(table?) {
            *sum += count;
        }
    }
    Ok(total)
}

/// Noise has a row and a column of its own while counting, so that no item needs a branch.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the block lies within a slice"
)]
fn count_block<T: Count>(
    a: &[i32],
    b: &[i32],
    n_a: usize,
    n_b: usize,
    block: Range<u64>,
) -> Result<Vec<i64>, MatchingError> {
    let mut total = zeros::<i64>(n_a, n_b)?;
    let mut table = zeros::<T>(n_a.saturating_add(1), n_b.saturating_add(1))?;
    let (start, end) = (block.start as usize, block.end as usize);
    for spell in (start..end).step_by(T::MOST) {
        let last = end.min(spell.saturating_add(T::MOST));
        table.fill(T::default());
        for first in (spell..last).step_by(CHUNK) {
            let items = first..last.min(first + CHUNK);
            let (a, b) = (&a[items.clone()], &b[items]);
            if !count_chunk(&mut table, a, b, n_a, n_b) {
                return Err(first_bad(a, b, n_a, n_b, first));
            }
        }
        let counts = table.chunks_exact(n_b + 1).skip(1);
        for (sums, counts) in total.chunks_exact_mut(n_b.max(1)).zip(counts) {
            for (sum, &count) in sums.iter_mut().zip(&counts[1..]) {
                *sum += count.into();
            }
        }
    }
    Ok(total)
}

/// A count of few bits.
trait Count: Copy + Default + AddAssign + From<u8> + Into<i64> {
    /// So many items cannot overflow it.
    const MOST: usize;
}

impl Count for u16 {
    const MOST: usize = 0xffff;
}

impl Count for u32 {
    const MOST: usize = 0xffff_ffff;
}

/// Whether all labels are noise or clusters; if so, their pairs are counted.
fn count_chunk<T: Count>(table: &mut [T], a: &[i32], b: &[i32], n_a: usize, n_b: usize) -> bool {
    let mut cells = [0_u32; CHUNK];
    let cells = &mut cells[..a.len()];
    let most = |n: usize| u32::try_from(n).map_or(1 << 31, |n| n.min(1 << 31));
    let (most_a, most_b) = (most(n_a), most(n_b));
    let width = most_b + 1;
    let bad = wide(
        #[inline(always)]
        || {
            let mut bad = 0_u32;
            for ((cell, &a), &b) in cells.iter_mut().zip(a).zip(b) {
                // Noise, -1, becomes 0; what lies below it, a large number.
                let row = a.wrapping_add(1).cast_unsigned();
                let column = b.wrapping_add(1).cast_unsigned();
                bad |= u32::from(row > most_a) | u32::from(column > most_b);
                *cell = row.wrapping_mul(width).wrapping_add(column);
            }
            bad != 0
        },
    );
    if !bad {
        for &mut cell in cells {
            table[cell as usize] += T::from(1);
        }
    }
    !bad
}

/// The first item of a chunk with a label that is neither noise nor a cluster.
fn first_bad(a: &[i32], b: &[i32], n_a: usize, n_b: usize, first: usize) -> MatchingError {
    let bad = |label: i32, n: usize| label < -1 || usize::try_from(label).is_ok_and(|l| l >= n);
    let (mut at, mut found) = (0, ("labels_a", a, n_a));
    for item in 0..a.len() {
        if bad(a[item], n_a) || bad(b[item], n_b) {
            at = item;
            if !bad(a[item], n_a) {
                found = ("labels_b", b, n_b);
            }
            break;
        }
    }
    let (name, labels, n) = found;
    MatchingError::Label {
        name,
        item: first + at,
        label: labels[at],
        n,
    }
}
