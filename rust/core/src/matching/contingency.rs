//! Contingency tables.

use std::ops::Range;

use super::{MatchingError, zeros};
use crate::parallel::{blocks, run};
use crate::simd::wide;

/// Labels that are checked together before they are counted: they stay in the first cache.
const CHUNK: usize = 2048;
/// Items counted in 32 bits before they are added to the 64-bit table.
const SPELL: usize = 1 << 30;

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
    let useful = threads.min(items / total.len().max(CHUNK)).max(1);
    let count = |block| count_block(labels_a, labels_b, n_a, n_b, block);
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
fn count_block(
    a: &[i32],
    b: &[i32],
    n_a: usize,
    n_b: usize,
    block: Range<u64>,
) -> Result<Vec<i64>, MatchingError> {
    let mut total = zeros::<i64>(n_a, n_b)?;
    let mut table = zeros::<u32>(n_a.saturating_add(1), n_b.saturating_add(1))?;
    let (start, end) = (block.start as usize, block.end as usize);
    for spell in (start..end).step_by(SPELL) {
        let last = end.min(spell + SPELL);
        table.fill(0);
        for first in (spell..last).step_by(CHUNK) {
            let items = first..last.min(first + CHUNK);
            let (a, b) = (&a[items.clone()], &b[items]);
            if !(within(a, n_a) && within(b, n_b)) {
                return Err(first_bad(a, b, n_a, n_b, first));
            }
            count_chunk(&mut table, a, b, n_b + 1);
        }
        for (sums, counts) in total
            .chunks_exact_mut(n_b.max(1))
            .zip(table.chunks_exact(n_b + 1).skip(1))
        {
            for (sum, &count) in sums.iter_mut().zip(&counts[1..]) {
                *sum += i64::from(count);
            }
        }
    }
    Ok(total)
}

/// Labels are at least -1, so `label + 1` is a row or column.
fn count_chunk(table: &mut [u32], a: &[i32], b: &[i32], width: usize) {
    let place = |label: i32| label.wrapping_add(1).cast_unsigned() as usize;
    for (&a, &b) in a.iter().zip(b) {
        table[place(a) * width + place(b)] += 1;
    }
}

fn within(labels: &[i32], n: usize) -> bool {
    let most = i32::try_from(n).map_or(i32::MAX, |n| n - 1);
    wide(
        #[inline(always)]
        || {
            let outside = |bad, &label: &i32| bad | u32::from(label < -1) | u32::from(label > most);
            labels.iter().fold(0, outside) == 0
        },
    )
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
