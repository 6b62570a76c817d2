//! Exact nearest neighbours by inner product.
//!
//! Rounded rows bound every product (see [`super::rounded`]): a target whose bound stays below the present k-th best
//! similarity cannot be a neighbour. All others get an inner product in f64, summed in a fixed order: neighbours and
//! bits depend neither on the instructions, nor on the number of steps, nor on the threads.

use std::ops::Range;

use super::rounded::{Packed, Rounded, SLACK, UNDERFLOW, bound, round, side_by_side};
use super::{MatchingError, check_finite, check_vectors, index};
use crate::parallel::{blocks, run};
use crate::simd::scan::{GROUP, Query, Step, TILE, steps, survivors, wide};

/// Queries that share one read of the targets.
const BLOCK: usize = 32 * GROUP;
/// Independent partial sums of an exact product.
const LANES: usize = 16;

/// The `k` targets with the largest inner product of every query, largest first, equal ones by index; and the products.
///
/// The products are taken in f64 and compared so; they are rounded to f32 on the way out. Cost: an int8 product for
/// each pair, an exact one for the few that survive it; O(targets dim + queries k) bytes of memory beyond the input.
///
/// # Errors
///
/// [`MatchingError`]: a length that is not a multiple of `dim`, a value that is not finite, `k` of 0 or more than
/// there are targets, `threads` of 0.
///
/// # Examples
///
/// ```
/// let (indices, similarities) =
///     diptych_core::matching::nearest_neighbours(&[1.0, 0.0], &[0.5, 9.0, 2.0, 0.0, 0.5, 7.0], 2, 2, 1)?;
/// assert_eq!((indices, similarities), (vec![1, 0], vec![2.0, 0.5]));
/// # Ok::<(), diptych_core::matching::MatchingError>(())
/// ```
pub fn nearest_neighbours(
    queries: &[f32],
    targets: &[f32],
    dim: usize,
    k: usize,
    threads: usize,
) -> Result<(Vec<i64>, Vec<f32>), MatchingError> {
    if threads == 0 {
        return Err(MatchingError::NoThreads);
    }
    let n = check_vectors("queries", queries, None, dim)?;
    let count = check_vectors("targets", targets, None, dim)?;
    check_finite("queries", queries, dim)?;
    check_finite("targets", targets, dim)?;
    if k == 0 || k > count {
        return Err(MatchingError::Neighbours { k, targets: count });
    }
    let mut indices: Vec<i64> = super::zeros(n, k)?;
    let mut similarities: Vec<f32> = super::zeros(n, k)?;
    let packed = Packed::new(targets, dim, None, steps(), threads)?;
    let (mut own_indices, mut own_values) = (indices.as_mut_slice(), similarities.as_mut_slice());
    let mut work = Vec::new();
    for range in blocks(0..n as u64, threads) {
        let range = index(range.start)..index(range.end);
        let (i, later) = own_indices.split_at_mut(range.len() * k);
        own_indices = later;
        let (v, later) = own_values.split_at_mut(range.len() * k);
        own_values = later;
        work.push((range, i, v));
    }
    let search = |(range, indices, values): (Range<usize>, &mut [i64], &mut [f32])| {
        let own = &queries[range.start * dim..range.end * dim];
        let parts = own.chunks(BLOCK * dim);
        for (block, (i, v)) in parts.zip(
            indices
                .chunks_mut(BLOCK * k)
                .zip(values.chunks_mut(BLOCK * k)),
        ) {
            search_block(block, targets, &packed, k, i, v);
        }
    };
    run(work, search).map_err(|error| MatchingError::spawn(threads, &error))?;
    Ok((indices, similarities))
}

/// Every dimension has a code.
const NO_TAIL: [f32; TILE] = [0.0; TILE];

/// The best targets of one query so far, best first.
struct Best {
    found: Vec<(f64, usize)>,
    k: usize,
    threshold: f32,
}

impl Best {
    /// Targets come in ascending order, so an equal one that comes later stands behind.
    #[expect(clippy::cast_possible_truncation, reason = "rounded down afterwards")]
    fn offer(&mut self, similarity: f64, target: usize) {
        if self.found.len() == self.k {
            if similarity <= self.found[self.k - 1].0 {
                return;
            }
            self.found.pop();
        }
        let place = self.found.partition_point(|found| found.0 >= similarity);
        self.found.insert(place, (similarity, target));
        if self.found.len() == self.k {
            let least = self.found[self.k - 1].0;
            let lower = least - least.abs() * SLACK - UNDERFLOW;
            self.threshold = (lower as f32).next_down();
        }
    }
}

fn search_block(
    queries: &[f32],
    targets: &[f32],
    packed: &Packed,
    k: usize,
    indices: &mut [i64],
    values: &mut [f32],
) {
    let rows: Vec<&[f32]> = queries.chunks_exact(packed.dim).collect();
    let rounded: Vec<Rounded> = rows
        .iter()
        .map(|row| round(row, packed.width, packed.steps))
        .collect();
    let mut best: Vec<Best> = rows
        .iter()
        .map(|_| Best {
            found: Vec::with_capacity(k),
            k,
            threshold: f32::NEG_INFINITY,
        })
        .collect();
    let mut bounds: Vec<Query> = rounded.iter().map(|row| bound(row, packed.steps)).collect();
    let codes: Vec<Vec<Step<GROUP>>> = rounded.chunks(GROUP).map(side_by_side).collect();
    for first in (0..packed.count).step_by(TILE) {
        let tile = packed.tile(first / TILE, &NO_TAIL);
        for start in (0..rows.len()).step_by(GROUP) {
            let group: [Query; GROUP] =
                std::array::from_fn(|i| bounds[(start + i).min(rows.len() - 1)]);
            let members = start..rows.len().min(start + GROUP);
            for (query, mut bits) in members.zip(survivors(tile, &codes[start / GROUP], &group)) {
                while bits != 0 {
                    let target = first + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    if target < packed.count {
                        let row = &targets[target * packed.dim..(target + 1) * packed.dim];
                        best[query].offer(similarity(rows[query], row), target);
                    }
                }
                bounds[query].threshold = best[query].threshold;
            }
        }
    }
    write(&best, indices, values);
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "f32 is what is returned; an index of a slice fits 63 bits"
)]
fn write(best: &[Best], indices: &mut [i64], values: &mut [f32]) {
    let found = best.iter().flat_map(|best| &best.found);
    for ((index, value), &(similarity, target)) in indices.iter_mut().zip(values).zip(found) {
        *index = target as i64;
        *value = similarity as f32;
    }
}

fn similarity(a: &[f32], b: &[f32]) -> f64 {
    wide(
        #[inline(always)]
        || {
            let ((left, a), (right, b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
            let mut lanes = [0.0; LANES];
            for (x, y) in left.iter().zip(right) {
                for lane in 0..LANES {
                    lanes[lane] += f64::from(x[lane]) * f64::from(y[lane]);
                }
            }
            for (lane, (&x, &y)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                *lane += f64::from(x) * f64::from(y);
            }
            lanes.iter().sum()
        },
    )
}
