//! Sign flips of paired differences: `z_m = sum_i s_i d[i,m] / sqrt(sum_i d[i,m]^2)`.
//!
//! Under the null the two arms of a pair are exchangeable, so each difference may have either sign. `z` is monotone in
//! the studentised mean because `sum d^2` does not change under flips. A set bit means minus; drawn signs are
//! [`crate::stream::signs`], enumerated ones the bits of the resample's index.
//!
//! Columns on a grid are summed as integers (`grid`): below 2^40 in sum, their z differ by far more than the tolerance
//! of the comparison unless they are equal, so they are compared as integers. Other columns are scaled by a power
//! of two, so that squares neither overflow nor vanish.

use super::counting::{self, Statistic};
use super::planes::LANES;
use super::sums::{Sums, Work};
use super::tables::Weights;
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
    sums: Sums,
    pairs: usize,
    /// `sqrt(sum d^2)` of each column, 1 where that is 0.
    norms: Vec<f64>,
    /// `sum |d|` of each column that is summed as integers: its z is `(sum |d| - 2 of the minus ones) / norm`.
    whole: Vec<Option<f64>>,
    seed: u64,
    exact: bool,
}

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
        let weights = Weights {
            drawn: -1.0,
            left: 1.0,
        };
        let mut signs = Self {
            sums: Sums::new(pairs, weights),
            pairs,
            norms: vec![1.0; columns],
            whole: vec![None; columns],
            seed: resamples.seed,
            exact: resamples.exact,
        };
        for (column, values) in differences.by_column().into_iter().enumerate() {
            signs.prepare(column, values);
        }
        signs.sums.finish();
        Ok(signs)
    }

    fn prepare(&mut self, column: usize, values: Vec<f64>) {
        let magnitude = |steps: &[f64]| steps.iter().map(|x| x.abs()).sum::<f64>();
        let steps = grid::steps(&values, 0.0).filter(|steps| magnitude(steps) <= EXACT);
        self.whole[column] = steps.as_deref().map(magnitude);
        let whole = steps.is_some();
        let values = steps.unwrap_or_else(|| grid::scaled(values));
        let squares: f64 = values.iter().map(|x| x * x).sum();
        if squares > 0.0 {
            self.norms[column] = squares.sqrt();
        }
        if whole {
            self.sums.add_whole(values.iter().copied());
        } else {
            self.sums.add_floats(values);
        }
    }
}

impl Statistic for Signs {
    fn measures(&self) -> usize {
        self.norms.len()
    }

    fn sums(&self) -> &Sums {
        &self.sums
    }

    #[inline(always)]
    fn draw(&self, resample: Option<u64>, bits: &mut [u64]) {
        match resample {
            None => bits.fill(0),
            Some(b) if self.exact => bits.fill(b),
            Some(b) => stream::signs_into(self.seed, b, self.pairs, bits),
        }
    }

    fn single(&self, measure: usize) -> Option<usize> {
        self.whole[measure].map(|_| measure)
    }

    #[inline(always)]
    fn at_count(&self, measure: usize, count: u64) -> f64 {
        (self.whole[measure].unwrap_or(0.0) - 2.0 * count as f64) / self.norms[measure]
    }

    #[inline(always)]
    fn values(&self, measure: usize, work: &mut Work, out: &mut [f64; LANES]) {
        self.sums.numbers(measure, work, out);
        let norm = self.norms[measure];
        match self.whole[measure] {
            Some(all) => out.iter_mut().for_each(|z| *z = (all - 2.0 * *z) / norm),
            None => out.iter_mut().for_each(|z| *z /= norm),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::width::Width;

    #[test]
    fn every_register_width_gives_the_same_counts() {
        let cell = |i: u32, m: u32| match m % 3 {
            0 => f64::from(i * 37 % 101) / 97.0 - 0.5,
            1 => f64::from(i * 13 % 11) - 5.0,
            _ => f64::from(u8::from(i.is_multiple_of(20 + m))) * f64::from(i * 31 % 17).sin(),
        };
        let data: Vec<f64> = (0..200)
            .flat_map(|i| (0..30).map(move |m| cell(i, m)))
            .collect();
        let matrix = Matrix {
            data: &data,
            rows: 200,
            columns: 30,
        };
        let some = Resamples {
            seed: 3,
            start: 1,
            stop: 700,
            exact: false,
        };
        let signs = Signs::new(matrix, &some, 1).unwrap();
        let plain = counting::count_at(Width::Portable, &signs, &some, 1).unwrap();
        #[cfg(target_arch = "x86_64")]
        for width in [Width::Avx2, Width::Avx512] {
            assert_eq!(counting::count_at(width, &signs, &some, 1).unwrap(), plain);
        }
        assert!(plain.exceed.iter().any(|&count| count > 0));
    }
}
