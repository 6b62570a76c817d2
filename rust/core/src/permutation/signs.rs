//! Sign flips of paired differences: `z_m = sum_i s_i d[i,m] / sqrt(sum_i d[i,m]^2)`.
//!
//! Under the null the two arms of a pair are exchangeable, so each difference may have either sign. `z` is monotone in
//! the studentised mean because `sum d^2` does not change under flips. A set bit means minus; drawn signs are
//! [`crate::stream::signs`], enumerated ones the bits of the resample's index.
//!
//! Columns on a grid are summed as integers (`grid`): below 2^40 in sum, their z differ by far more than the tolerance
//! of the comparison unless they are equal, so they are compared as integers. Other columns are scaled by a power
//! of two, so that squares neither overflow nor vanish. Rows are summed in blocks of 64 and the blocks in order: a
//! fixed order, and rounding errors that grow with sqrt(64) and sqrt(p / 64) instead of sqrt(p).

use super::counting::{self, Statistic};
use super::{Counts, Matrix, PermutationError, Resamples, grid};
use crate::stream;

const NAME: &str = "differences";
/// Up to this sum of magnitudes, unequal sums of integers have z further apart than 100 eps max(|z|, 1).
const EXACT: f64 = 1_099_511_627_776.0;

/// Count the resamples at least as extreme as the data, for every measure.
///
/// `differences` has a row for each pair and a column for each measure, 0 for a missing pair. Where all of a column is
/// 0, z is 0 and every resample counts. The result is the same for every value of `threads`.
///
/// # Errors
///
/// [`PermutationError`]: a value that is not finite, a wrong length, `threads` of 0, `start` after `stop`; when exact,
/// more than 62 pairs or resamples beyond the `2^p` sign patterns.
///
/// # Examples
///
/// ```
/// use diptych_core::permutation::{Matrix, Resamples, sign_flips};
///
/// let differences = Matrix { data: &[1.0, 2.0, 3.0], rows: 3, columns: 1 };
/// let all = Resamples { seed: 0, start: 0, stop: 8, exact: true };
/// let counts = sign_flips(differences, &all, 1)?;
/// assert_eq!(counts.exceed, [2]); // +++ and ---
/// # Ok::<(), diptych_core::permutation::PermutationError>(())
/// ```
pub fn sign_flips(
    differences: Matrix<'_>,
    resamples: &Resamples,
    threads: usize,
) -> Result<Counts, PermutationError> {
    counting::count(
        &Signs::new(differences, resamples, threads)?,
        resamples,
        threads,
    )
}

/// The z* themselves: a row for each resample, a column for each measure.
///
/// # Errors
///
/// As [`sign_flips`], and where the matrix does not fit in memory.
pub fn sign_flip_null(
    differences: Matrix<'_>,
    resamples: &Resamples,
    threads: usize,
) -> Result<Vec<f64>, PermutationError> {
    counting::null(
        &Signs::new(differences, resamples, threads)?,
        resamples,
        threads,
    )
}

struct Signs {
    /// The columns as integers or scaled, row by row.
    rows: Vec<f64>,
    pairs: usize,
    /// `sqrt(sum d^2)` of each column, 1 where that is 0.
    norms: Vec<f64>,
    seed: u64,
    exact: bool,
}

/// Sign bits, and the sums of one block of rows.
type Scratch = (Vec<u64>, Vec<f64>);

impl Signs {
    fn new(
        differences: Matrix<'_>,
        resamples: &Resamples,
        threads: usize,
    ) -> Result<Self, PermutationError> {
        let Matrix {
            data,
            rows: pairs,
            columns,
        } = differences;
        resamples.check(threads)?;
        differences.check(NAME)?;
        if resamples.exact {
            if pairs > 62 {
                return Err(PermutationError::TooManyPairs { pairs });
            }
            resamples.check_end(1 << pairs)?;
        }
        if let Some(at) = data.iter().position(|d| !d.is_finite()) {
            let (row, column) = (at / columns, at % columns);
            return Err(PermutationError::NotFinite {
                name: NAME,
                row,
                column,
                value: data[at],
            });
        }
        let mut signs = Self {
            rows: data.to_vec(),
            pairs,
            norms: vec![1.0; columns],
            seed: resamples.seed,
            exact: resamples.exact,
        };
        for column in 0..columns {
            signs.prepare(column);
        }
        Ok(signs)
    }

    fn prepare(&mut self, column: usize) {
        let columns = self.norms.len();
        let values: Vec<f64> = self
            .rows
            .iter()
            .skip(column)
            .step_by(columns)
            .copied()
            .collect();
        let integers = grid::steps(&values, 0.0)
            .filter(|steps| steps.iter().map(|x| x.abs()).sum::<f64>() <= EXACT);
        let values = integers.unwrap_or_else(|| grid::scaled(values));
        let squares: f64 = values.iter().map(|x| x * x).sum();
        if squares > 0.0 {
            self.norms[column] = squares.sqrt();
        }
        for (place, value) in self
            .rows
            .iter_mut()
            .skip(column)
            .step_by(columns)
            .zip(values)
        {
            *place = value;
        }
    }

    fn flipped(&self, (bits, block): &mut Scratch, out: &mut [f64]) {
        out.fill(0.0);
        let columns = out.len().max(1);
        for (word, rows) in bits.iter().zip(self.rows.chunks(64 * columns)) {
            block.fill(0.0);
            for (i, row) in rows.chunks_exact(columns).enumerate() {
                let sign = if word >> i & 1 == 1 { -1.0 } else { 1.0 };
                for (sum, d) in block.iter_mut().zip(row) {
                    *sum += sign * d;
                }
            }
            for (total, sum) in out.iter_mut().zip(block.iter()) {
                *total += sum;
            }
        }
        for (z, norm) in out.iter_mut().zip(&self.norms) {
            *z /= norm;
        }
    }
}

impl Statistic for Signs {
    type Scratch = Scratch;

    fn measures(&self) -> usize {
        self.norms.len()
    }

    fn scratch(&self) -> Scratch {
        (
            vec![0; self.pairs.div_ceil(64)],
            vec![0.0; self.norms.len()],
        )
    }

    fn observed(&self, scratch: &mut Scratch, out: &mut [f64]) {
        scratch.0.fill(0);
        self.flipped(scratch, out);
    }

    fn resample(&self, b: u64, scratch: &mut Scratch, out: &mut [f64]) {
        if self.exact {
            scratch.0.fill(b);
        } else {
            stream::signs_into(self.seed, b, self.pairs, &mut scratch.0);
        }
        self.flipped(scratch, out);
    }
}
