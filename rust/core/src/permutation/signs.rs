//! Sign flips of paired differences: `z_m = sum_i s_i d[i,m] / sqrt(sum_i d[i,m]^2)`.
//!
//! Under the null the two arms of a pair are exchangeable, so each difference may have either sign. `z` is monotone in
//! the studentised mean because `sum d^2` does not change under flips. A set bit means minus; drawn signs are
//! [`crate::stream::signs`], enumerated ones the bits of the resample's index.
//!
//! Columns on a grid are summed as integers (`grid`): below 2^40 in sum, their z differ by far more than the tolerance
//! of the comparison unless they are equal, so they are compared as integers. Other columns are scaled by a power
//! of two, so that squares neither overflow nor vanish.

use super::counting::Statistic;
use super::planes::LANES;
use super::sums::{Sums, Work};
use super::tables::Weights;
use super::{Draw, Matrix, PermutationError, grid};
use crate::stream;

const NAME: &str = "differences";
/// Up to this sum of magnitudes, unequal sums of integers have z further apart than 100 eps max(|z|, 1).
const EXACT: f64 = 1_099_511_627_776.0;

pub(super) struct Signs {
    sums: Sums,
    pairs: usize,
    /// `sqrt(sum d^2)` of each column, 1 where that is 0.
    norms: Vec<f64>,
    /// `sum |d|` of each column that is summed as integers: its z is `(sum |d| - 2 of the minus ones) / norm`.
    whole: Vec<Option<f64>>,
    draw: Draw,
}

impl Signs {
    /// And how many sign patterns there are, if each is taken.
    pub fn new(
        differences: Matrix<'_>,
        draw: Draw,
    ) -> Result<(Self, Option<u64>), PermutationError> {
        let Matrix { rows, columns, .. } = differences;
        differences.check(NAME)?;
        differences.check_finite(NAME, None)?;
        let total = match draw {
            Draw::Random { .. } => None,
            Draw::Each if rows > 62 => return Err(PermutationError::TooManyPairs { pairs: rows }),
            Draw::Each => Some(1 << rows),
        };
        let weights = Weights {
            drawn: -1.0,
            left: 1.0,
        };
        let mut signs = Self {
            sums: Sums::new(rows, weights),
            pairs: rows,
            norms: Vec::with_capacity(columns),
            whole: Vec::with_capacity(columns),
            draw,
        };
        differences.for_each_column(|_, values| signs.prepare(values));
        signs.sums.finish();
        Ok((signs, total))
    }

    fn prepare(&mut self, values: Vec<f64>) {
        let steps = grid::steps(&values, 0.0)
            .map(|steps| (steps.iter().map(|x| x.abs()).sum(), steps))
            .filter(|&(magnitude, _)| magnitude <= EXACT);
        let norm = |values: &[f64]| {
            let squares: f64 = values.iter().map(|x| x * x).sum();
            if squares > 0.0 { squares.sqrt() } else { 1.0 }
        };
        if let Some((magnitude, steps)) = steps {
            self.norms.push(norm(&steps));
            self.whole.push(Some(magnitude));
            self.sums.add_whole(steps.iter().copied());
        } else {
            let values = grid::scaled(values);
            self.norms.push(norm(&values));
            self.whole.push(None);
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
        match (resample, self.draw) {
            (None, _) => bits.fill(0),
            (Some(b), Draw::Each) => bits.fill(b),
            (Some(b), Draw::Random { seed }) => stream::signs_into(seed, b, self.pairs, bits),
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
        if let Some(all) = self.whole[measure] {
            for z in out {
                *z = (all - 2.0 * *z) / norm;
            }
        } else {
            let scale = 1.0 / norm;
            for z in out {
                *z *= scale;
            }
        }
    }
}
