//! Contingency tables.
//!
//! Where a table has at most 65,536 cells, noise included, cells are numbered in 16 bits and counted in an array of
//! just so many: the compiler then knows that every number fits, and drops the check of each (a third of the time:
//! 0.96 ms fell to 0.63 ms for a million labels and K = 100). Tried and dropped: two tables in turn against stalls on
//! equal cells (0.68 ms), counts of 16 bits that are emptied every 65,535 items (0.67 ms).

use std::ops::Range;

use super::{MatchingError, index, zeros};
use crate::parallel::{blocks, run};
use crate::simd::scan::wide;

/// Items whose cells are computed together: they stay in the first cache.
const CHUNK: usize = 1024;
/// Tables of so many cells have numbers of 16 bits.
const SMALL: usize = 1 << 16;

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
    let cells = n_a.saturating_add(1).saturating_mul(n_b.saturating_add(1));
    // Cells are counted in 32 bits; a table of more would take 48 GiB.
    if cells > u32::MAX as usize {
        return Err(MatchingError::TooLarge { n_a, n_b });
    }
    let useful = threads.min(items / total.len().max(CHUNK)).max(1);
    let shape = Shape { n_a, n_b };
    let count = |block: Range<u64>| {
        let block = index(block.start)..index(block.end);
        let (a, b) = (&labels_a[block.clone()], &labels_b[block.clone()]);
        if cells <= SMALL && block.len() >= SMALL {
            shape.count_small(a, b, block.start)
        } else {
            shape.count_large(a, b, block.start)
        }
    };
    let tables = run(blocks(0..items as u64, useful), count)
        .map_err(|error| MatchingError::spawn(threads, &error))?;
    for table in tables {
        let counts = table?;
        let rows = counts.chunks_exact(n_b + 1).skip(1);
        for (sums, counts) in total.chunks_exact_mut(n_b.max(1)).zip(rows) {
            for (sum, &count) in sums.iter_mut().zip(&counts[1..]) {
                *sum += i64::from(count);
            }
        }
    }
    Ok(total)
}

/// How many clusters there are. While counting, noise has row and column 0, so that no item needs a branch.
#[derive(Clone, Copy)]
struct Shape {
    n_a: usize,
    n_b: usize,
}

impl Shape {
    #[expect(clippy::cast_possible_truncation, reason = "a cell of a small table")]
    fn count_small(self, a: &[i32], b: &[i32], first: usize) -> Result<Vec<u32>, MatchingError> {
        let mut table = vec![0_u32; SMALL];
        if let Some(counts) = table.first_chunk_mut::<SMALL>() {
            self.each_chunk(a, b, first, |cells| {
                for chunk in cells.chunks(8) {
                    for &cell in chunk {
                        counts[usize::from(cell as u16)] += 1;
                    }
                }
            })?;
        }
        Ok(table)
    }

    fn count_large(self, a: &[i32], b: &[i32], first: usize) -> Result<Vec<u32>, MatchingError> {
        let mut table: Vec<u32> = zeros(self.n_a + 1, self.n_b + 1)?;
        self.each_chunk(a, b, first, |cells| {
            for &cell in cells {
                table[cell as usize] += 1;
            }
        })?;
        Ok(table)
    }

    /// The cells of [`CHUNK`] items at a time, once all their labels are known to be noise or clusters. `first` is
    /// the number of the first item.
    fn each_chunk(
        self,
        a: &[i32],
        b: &[i32],
        first: usize,
        mut count: impl FnMut(&[u32]),
    ) -> Result<(), MatchingError> {
        let mut cells = [0; CHUNK];
        for (chunk, (a, b)) in a.chunks(CHUNK).zip(b.chunks(CHUNK)).enumerate() {
            let cells = &mut cells[..a.len()];
            if !self.cells_of(cells, a, b) {
                return Err(first_bad(a, b, self.n_a, self.n_b, first + chunk * CHUNK));
            }
            count(cells);
        }
        Ok(())
    }

    /// Whether all labels are noise or clusters; if so, `cells` are the places of their pairs in the table.
    fn cells_of(self, cells: &mut [u32], a: &[i32], b: &[i32]) -> bool {
        let most = |n: usize| u32::try_from(n).map_or(1 << 31, |n| n.min(1 << 31));
        let (most_a, most_b) = (most(self.n_a), most(self.n_b));
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
                bad
            },
        );
        bad == 0
    }
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
