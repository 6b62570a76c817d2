//! Sums of measurements (floats) over the rows of 512 resamples, by tables.
//!
//! Every sum of a few rows is written down once and looked up for each resample (Arlazarov, Dinic, Kronrod and
//! Faradzhev 1970, "four Russians"), so that no product is formed and nothing is shuffled. Eight columns at a time take
//! tables of four rows (a quarter of the additions), a column of its own tables of eight; of a sparse column only the
//! nonzero values are rows.
//!
//! The order of additions is fixed: within 64 rows (or nonzero values) as a tree, then block after block, so that
//! rounding errors grow with the square root of 64 and of the number of blocks. It is the same in a tile and in a
//! column of its own, so other columns change no bit of a sum; nor does the width of a register.
//!
//! Dropped: adding each value to those of 64 counters whose resample drew its row. It takes no tables, but 0.16 ns a
//! value and resample (AVX2), where tables of eight take 0.08.

use super::planes::{LANES, Lanes, turn};

/// What a value counts in a resample that drew its row, and in one that did not.
#[derive(Clone, Copy)]
pub(super) struct Weights {
    pub drawn: f64,
    pub left: f64,
}

/// Columns of a tile.
pub(super) const TILE: usize = 8;
/// One row of a tile.
pub(super) type Cells = [f64; TILE];

/// Add up a tile of `64 * words` rows for each resample.
#[inline(always)]
pub(super) fn tile(
    rows: &[Cells],
    by_resample: &[u64],
    words: usize,
    weights: Weights,
    sums: &mut [Cells; LANES],
) {
    sums.fill([0.0; TILE]);
    for (word, rows) in rows.chunks_exact(64).enumerate() {
        add_rows(rows, &by_resample[word..], words, weights, sums);
    }
}

/// Add 64 rows of a tile; `bits` has their word of resample `i` at `i * stride`.
#[inline(always)]
pub(super) fn add_rows(
    rows: &[Cells],
    bits: &[u64],
    stride: usize,
    weights: Weights,
    sums: &mut [Cells],
) {
    let mut tables = [[[0.0; TILE]; 16]; 16];
    for (table, rows) in tables.iter_mut().zip(rows.chunks_exact(4)) {
        fill(table, rows, weights);
    }
    for (sum, &word) in sums.iter_mut().zip(bits.iter().step_by(stride)) {
        let at = |t: usize| &tables[t][(word >> (4 * t) & 15) as usize];
        let four = |t: usize| plus(&plus(at(t), at(t + 1)), &plus(at(t + 2), at(t + 3)));
        let all = plus(&plus(&four(0), &four(4)), &plus(&four(8), &four(12)));
        *sum = plus(sum, &all);
    }
}

/// Every sum of four rows: bit `i` of the place says whether row `i` is drawn.
#[inline(always)]
fn fill(table: &mut [Cells; 16], rows: &[Cells], weights: Weights) {
    let either = |i: usize, bit: usize| {
        let weight = if bit == 1 {
            weights.drawn
        } else {
            weights.left
        };
        rows[i].map(|x| x * weight)
    };
    let mut pairs = [[[0.0; TILE]; 4]; 2];
    for (half, sums) in pairs.iter_mut().enumerate() {
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum = plus(&either(2 * half, at & 1), &either(2 * half + 1, at >> 1));
        }
    }
    for (at, sum) in table.iter_mut().enumerate() {
        *sum = plus(&pairs[0][at & 3], &pairs[1][at >> 2]);
    }
}

#[inline(always)]
fn plus(a: &Cells, b: &Cells) -> Cells {
    let mut sum = [0.0; TILE];
    for i in 0..TILE {
        sum[i] = a[i] + b[i];
    }
    sum
}

/// What one thread reuses from column to column.
pub(super) struct Scratch {
    tables: [[f64; 256]; 8],
    square: [Lanes; 64],
}

impl Scratch {
    pub fn new() -> Box<Self> {
        Box::new(Self {
            tables: [[0.0; 256]; 8],
            square: [Lanes::default(); 64],
        })
    }
}

/// Add up one column of `64 * words` rows for each resample.
#[inline(always)]
pub(super) fn single(
    rows: &[f64],
    by_resample: &[u64],
    words: usize,
    weights: Weights,
    scratch: &mut Scratch,
    sums: &mut [f64; LANES],
) {
    sums.fill(0.0);
    for (word, rows) in rows.as_chunks::<64>().0.iter().enumerate() {
        let bits = |lane: usize| by_resample[lane * words + word];
        add_eights::<8>(rows, bits, weights, &mut scratch.tables, sums);
    }
}

/// Add up the nonzero values of a column for each resample: their bits are made a column of their own, 64 at a time.
#[inline(always)]
pub(super) fn sparse(
    values: &[(u32, f64)],
    by_row: &[Lanes],
    weights: Weights,
    scratch: &mut Scratch,
    sums: &mut [f64; LANES],
) {
    sums.fill(0.0);
    let Scratch { tables, square } = scratch;
    for values in values.chunks(64) {
        // What `square` held at other places meets zeros.
        let mut rows = [0.0; 64];
        for (i, &(row, x)) in values.iter().enumerate() {
            (rows[i], square[i]) = (x, by_row[row as usize]);
        }
        turn(square);
        let bits = |lane: usize| square[lane % 64][lane / 64];
        match values.len().div_ceil(8) {
            1 => add_eights::<1>(&rows, bits, weights, tables, sums),
            2 => add_eights::<2>(&rows, bits, weights, tables, sums),
            3 => add_eights::<3>(&rows, bits, weights, tables, sums),
            4 => add_eights::<4>(&rows, bits, weights, tables, sums),
            5 => add_eights::<5>(&rows, bits, weights, tables, sums),
            6 => add_eights::<6>(&rows, bits, weights, tables, sums),
            7 => add_eights::<7>(&rows, bits, weights, tables, sums),
            _ => add_eights::<8>(&rows, bits, weights, tables, sums),
        }
    }
}

/// Add the first `8 * N` of 64 rows of one column, in the order of [`add_rows`]; `bits` are those of a resample.
#[inline(always)]
fn add_eights<const N: usize>(
    rows: &[f64; 64],
    bits: impl Fn(usize) -> u64,
    weights: Weights,
    tables: &mut [[f64; 256]; 8],
    sums: &mut [f64; LANES],
) {
    for (table, rows) in tables.iter_mut().zip(rows.as_chunks::<8>().0).take(N) {
        fill_eight(table, rows, weights);
    }
    for (lane, sum) in sums.iter_mut().enumerate() {
        let word = bits(lane);
        // Adding -0.0 is no operation, so rows that are left out cost nothing.
        let at = |t: usize| {
            if t < N {
                tables[t][(word >> (8 * t) & 255) as usize]
            } else {
                -0.0
            }
        };
        let half = |t: usize| (at(t) + at(t + 1)) + (at(t + 2) + at(t + 3));
        *sum += half(0) + half(4);
    }
}

/// Every sum of eight rows, added up as two tables of four rows would be.
#[inline(always)]
fn fill_eight(table: &mut [f64; 256], rows: &[f64; 8], weights: Weights) {
    let mut fours = [[0.0; 16]; 2];
    for (sums, rows) in fours.iter_mut().zip(rows.as_chunks::<4>().0) {
        let either = |i: usize, at: usize| {
            rows[i]
                * if at >> i & 1 == 1 {
                    weights.drawn
                } else {
                    weights.left
                }
        };
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum = (either(0, at) + either(1, at)) + (either(2, at) + either(3, at));
        }
    }
    for (sums, high) in table.as_chunks_mut::<16>().0.iter_mut().zip(fours[1]) {
        for (sum, low) in sums.iter_mut().zip(fours[0]) {
            *sum = low + high;
        }
    }
}
